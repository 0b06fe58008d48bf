#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/code/arena.h"

namespace tierjit {
namespace {

// The map of this process. A forked child has a file of its own, so the process id is looked at on every line.
class PerfMap {
 public:
  void Enable(bool on) {
    enabled_ = on;
    if (!on) Close();
  }

  void Append(const void* start, size_t size, std::string name) {
    if (!enabled_ || !Open()) return;
    std::replace(name.begin(), name.end(), '\n', ' ');
    std::string line = absl::StrCat(absl::Hex(reinterpret_cast<uintptr_t>(start)), " ", absl::Hex(size), " ", name, "\n");
    // One write a line: the interpreter's perf trampoline appends to the same file.
    if (write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) Close();
  }

 private:
  bool Open() {
    if (fd_ >= 0 && pid_ == getpid()) return true;
    Close();
    pid_ = getpid();
    std::string path = absl::StrCat("/tmp/perf-", pid_, ".map");
    // /tmp is everybody's: do not follow a link that somebody else has put there.
    fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd_ >= 0;
  }

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  bool enabled_ = false;
  int fd_ = -1;
  pid_t pid_ = 0;
};

PerfMap& TheMap() {
  static PerfMap& map = *new PerfMap;
  return map;
}

}  // namespace

void EnablePerfMap(bool on) { TheMap().Enable(on); }

void NoteCodeForPerf(const void* start, size_t size, const char* name) { TheMap().Append(start, size, name); }

}  // namespace tierjit
