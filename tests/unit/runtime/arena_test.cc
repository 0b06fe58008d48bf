#include "runtime/code/arena.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/cpython/python.h"

namespace tierjit {
namespace {

// mov eax, imm32; ret
void WriteReturn(uint8_t* at, int32_t value) {
  at[0] = 0xb8;
  memcpy(at + 1, &value, sizeof value);
  at[5] = 0xc3;
}

int Call(const void* code) { return reinterpret_cast<int (*)()>(const_cast<void*>(code))(); }

CodeBlock MakeReturn(int32_t value) {
  absl::StatusOr<CodeBlock> block = Arena::Get().Allocate(6, 8);
  REQUIRE(block.ok());
  Arena::WriteScope scope(*block);
  REQUIRE(scope.status().ok());
  WriteReturn(block->code, value);
  return *block;
}

bool WithinRel32(const void* a, const void* b) {
  int64_t distance = static_cast<const char*>(a) - static_cast<const char*>(b);
  return distance == static_cast<int32_t>(distance);
}

// What a child process returns in which `body` runs; -1 when a signal stops it.
template <typename Body>
int ExitCodeOf(Body body) {
  pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The signal that stops a child process which runs `body`; 0 if none does.
template <typename Body>
int SignalOf(Body body) {
  pid_t child = fork();
  if (child == 0) {
    for (int number : {SIGSEGV, SIGBUS, SIGILL}) signal(number, SIG_DFL);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("arena: code runs, data is zeroed and aligned, both are in reach") {
  CodeBlock block = MakeReturn(42);
  CHECK(Call(block.code) == 42);
  CHECK(reinterpret_cast<uintptr_t>(block.code) % 16 == 0);
  CHECK(reinterpret_cast<uintptr_t>(block.data) % 64 == 0);
  CHECK(std::all_of(block.data, block.data + 8, [](uint8_t byte) { return byte == 0; }));
  CHECK(WithinRel32(block.code, block.data));
  CHECK(WithinRel32(block.code, reinterpret_cast<const void*>(&PyLong_FromLong)));
  Arena::Get().Free(block);
}

TEST_CASE("arena: freed space is used again, neighbours are merged, data comes back zeroed") {
  Arena& arena = Arena::Get();
  const ArenaStats before = arena.stats();
  CodeBlock a = *arena.Allocate(100, 100), b = *arena.Allocate(100, 100), keep = *arena.Allocate(16, 64);
  CHECK(arena.stats().blocks == before.blocks + 3);
  CHECK(arena.stats().code_bytes_used == before.code_bytes_used + 112 + 112 + 16);
  CHECK(arena.stats().data_bytes_used == before.data_bytes_used + 128 + 128 + 64);
  memset(a.data, 0xff, 100);
  memset(b.data, 0xff, 100);
  arena.Free(b);
  arena.Free(a);
  CodeBlock both = *arena.Allocate(224, 256);
  CHECK(both.code == a.code);
  CHECK(both.data == a.data);
  CHECK(std::all_of(both.data, both.data + 256, [](uint8_t byte) { return byte == 0; }));
  arena.Free(both);
  arena.Free(keep);
  CHECK(arena.stats().code_bytes_used == before.code_bytes_used);
  CHECK(arena.stats().data_bytes_used == before.data_bytes_used);
}

TEST_CASE("arena: blocks never overlap under random allocation") {
  Arena& arena = Arena::Get();
  const ArenaStats before = arena.stats();
  struct Live {
    CodeBlock block;
    uint8_t tag;
  };
  std::vector<Live> live;
  uint32_t random = 12345;
  auto next = [&] { return (random = random * 1664525 + 1013904223) >> 8; };
  for (int i = 0; i < 2000; ++i) {
    if (live.size() > 100 || (next() % 3 == 0 && !live.empty())) {
      size_t victim = next() % live.size();
      const CodeBlock& block = live[victim].block;
      const uint8_t tag = live[victim].tag;
      REQUIRE(std::all_of(block.data, block.data + block.data_size, [&](uint8_t byte) { return byte == tag; }));
      arena.Free(block);
      live[victim] = live.back();
      live.pop_back();
    } else {
      CodeBlock block = *arena.Allocate(1 + next() % 5000, 1 + next() % 700);
      REQUIRE(std::all_of(block.data, block.data + block.data_size, [](uint8_t byte) { return byte == 0; }));
      memset(block.data, i & 0xff, block.data_size);
      live.push_back({block, static_cast<uint8_t>(i & 0xff)});
    }
  }
  for (const Live& one : live) arena.Free(one.block);
  CHECK(arena.stats().code_bytes_used == before.code_bytes_used);
  CHECK(arena.stats().blocks == before.blocks);
}

TEST_CASE("arena: a large freed block can be written and run again") {
  Arena& arena = Arena::Get();
  CodeBlock big = *arena.Allocate(4 << 20, 4 << 20);
  memset(big.data, 1, big.data_size);
  arena.Free(big);
  CodeBlock again = *arena.Allocate(4 << 20, 4 << 20);
  CHECK(std::all_of(again.data, again.data + again.data_size, [](uint8_t byte) { return byte == 0; }));
  {
    Arena::WriteScope scope(again);
    WriteReturn(again.code + again.code_size - 6, 7);
  }
  CHECK(Call(again.code + again.code_size - 6) == 7);
  arena.Free(again);
}

TEST_CASE("arena: the cap refuses, and only what goes over it") {
  Arena& arena = Arena::Get();
  const size_t used = arena.stats().code_bytes_used;
  arena.SetMaxCodeBytes(used + 1024);
  CHECK(arena.stats().capacity == used + 1024);
  CodeBlock fits = *arena.Allocate(1024, 0);
  CHECK(fits.data == nullptr);
  CHECK(arena.Allocate(1, 0).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(arena.Allocate(SIZE_MAX / 2, 0).status().code() == absl::StatusCode::kResourceExhausted);
  arena.Free(fits);
  arena.SetMaxCodeBytes(64 << 20);
}

TEST_CASE("arena: too much data is refused and its code given back") {
  Arena& arena = Arena::Get();
  const size_t used = arena.stats().code_bytes_used;
  CHECK(arena.Allocate(64, size_t{1} << 40).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(arena.stats().code_bytes_used == used);
}

TEST_CASE("arena: pages are writable or executable, never both") {
  CodeBlock block = MakeReturn(1);
  CHECK(SignalOf([&] { block.code[0] = 0x90; }) == SIGSEGV);
  CHECK(SignalOf([&] { Call(block.code); }) == 0);
  CHECK(SignalOf([&] {
          Arena::WriteScope scope(block);
          Call(block.code);
        }) == SIGSEGV);
  Arena::Get().Free(block);
}

TEST_CASE("arena: write scopes of one page nest") {
  CodeBlock a = MakeReturn(1), b = MakeReturn(2);
  {
    Arena::WriteScope outer(a);
    { Arena::WriteScope inner(b); }
    WriteReturn(a.code, 3);
  }
  CHECK(Call(a.code) == 3);
  CHECK(Call(b.code) == 2);
  Arena::Get().Free(a);
  Arena::Get().Free(b);
}

TEST_CASE("arena: a system without executable memory is reported, not run into") {
  // Linux 6.3: from now on nothing in this process may become executable. More than what is accessible already is asked
  // for.
  constexpr int kSetMdwe = 65, kRefuseExecGain = 1;
  constexpr int kNotSupported = 2, kPassed = 0;
  int result = ExitCodeOf([&] {
    if (prctl(kSetMdwe, kRefuseExecGain, 0, 0, 0) != 0) return kNotSupported;
    return Arena::Get().Allocate(32 << 20, 64).status().code() == absl::StatusCode::kUnavailable ? kPassed : 1;
  });
  if (result == kNotSupported) {
    MESSAGE("skipped: the kernel cannot refuse executable memory");
  } else {
    CHECK(result == kPassed);
  }
}

TEST_CASE("arena: a forked child goes on with its own copy") {
  CodeBlock block = MakeReturn(11);
  const int in_child = ExitCodeOf([&] {
    {
      Arena::WriteScope scope(block);
      WriteReturn(block.code, 12);
    }
    CodeBlock more = MakeReturn(20);
    return Call(block.code) + Call(more.code);
  });
  CHECK(in_child == 32);
  CHECK(Call(block.code) == 11);
  Arena::Get().Free(block);
}

TEST_CASE("arena: near targets stay, far ones get one thunk each that jumps to them") {
  Arena& arena = Arena::Get();
  CodeBlock block = MakeReturn(5);
  CHECK(arena.Reachable(block.code) == block.code);
  const void* near = reinterpret_cast<const void*>(&PyLong_FromLong);
  CHECK(arena.Reachable(near) == near);
  // Any address that is far away will do as long as it is not jumped to.
  const void* far = reinterpret_cast<const void*>(uintptr_t{0x10000});
  const void* thunk = arena.Reachable(far);
  REQUIRE(thunk != nullptr);
  CHECK(thunk != far);
  CHECK(WithinRel32(thunk, block.code));
  CHECK(arena.Reachable(far) == thunk);
  const void* other = arena.Reachable(reinterpret_cast<const void*>(uintptr_t{0x20000}));
  CHECK(other != thunk);
  // The thunk's bytes name the target: movabs r11, imm64; jmp r11.
  const uint8_t expected[] = {0x49, 0xbb, 0, 0, 1, 0, 0, 0, 0, 0, 0x41, 0xff, 0xe3};
  CHECK(memcmp(thunk, expected, sizeof expected) == 0);
  CHECK(SignalOf([&] { Call(thunk); }) == SIGSEGV);
  arena.Free(block);
}

TEST_CASE("perf map: lines have the form that perf reads, and only when it is on") {
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  NoteCodeForPerf(reinterpret_cast<const void*>(0x1000), 16, "off");
  EnablePerfMap(true);
  NoteCodeForPerf(reinterpret_cast<const void*>(0xabc0), 0x20, "tierjit.t1:mod.f\ng");
  EnablePerfMap(false);
  NoteCodeForPerf(reinterpret_cast<const void*>(0x1000), 16, "off");
  std::ifstream file(path);
  std::string line;
  REQUIRE(std::getline(file, line));
  CHECK(line == "abc0 20 tierjit.t1:mod.f g");
  CHECK(!std::getline(file, line));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace tierjit
