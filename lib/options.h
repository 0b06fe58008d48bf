// Options: a table of keys over Policy. The C API, the Python API and the environment all go through it.
#ifndef TIERJIT_LIB_OPTIONS_H_
#define TIERJIT_LIB_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace tierjit {

enum class OptionType { kInt, kBool, kString, kRange };

struct Option {
  const char* key;
  OptionType type;
  int64_t min, max;  // of an integer
  void* field;       // int64_t*, bool*, std::string* or Range* inside policy()
  const char* doc;
};

const std::vector<Option>& AllOptions();

// TIERJIT_<KEY IN CAPITALS>.
std::string EnvironmentName(const Option& option);

// Sets an option and makes it effective. Errors: kNotFound (unknown key; the message names the nearest one),
// kInvalidArgument (wrong type), kOutOfRange. On an error nothing changes. [GIL]
absl::Status SetOption(std::string_view key, std::string_view value);
absl::Status SetOption(std::string_view key, int64_t value);
absl::Status SetOption(std::string_view key, double value);

// JSON of all options; see tj_get_config(). [GIL]
std::string OptionsJson(bool described);

// What the environment asks for in TIERJIT.
enum class Switch { kUnset, kOff, kOn };

// Reads TIERJIT and TIERJIT_<OPTION>; writes one warning line on stderr for each variable it does not understand. [GIL]
Switch LoadEnvironment();

// The known word nearest to `word` by edit distance; used for "did you mean".
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace tierjit

#endif  // TIERJIT_LIB_OPTIONS_H_
