// The places where optimised code is made to leave at random (option fail_guards), and how often it did. All of it: [GIL],
// but what ExitPointsOf() gives may be called on any thread.
#ifndef TIERJIT_LIB_EXIT_POINTS_H_
#define TIERJIT_LIB_EXIT_POINTS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/deopt/exit.h"

namespace tierjit {

// What a compilation asks for exit points of its own; empty while the option is off. They are numbered from 0 on, by `unit` and
// `version` each time the same, and live as long as the process: code that refers to them may still run when it has been replaced.
std::function<ExitPoint*(const char* operation, int32_t origin, ExitPoint::Kind kind)> ExitPointsOf(const std::string& name, int64_t unit,
                                                                                                    size_t version);

// {"points", "reached", "taken", "never": [text, ...], "made_to_fail": [text, ...]}: how many there are, how many the program came by, and
// where the code was left; those where it never was; and, if the option fail_only names a few, the others with how often it was.
std::string ExitPointsJson();

}  // namespace tierjit

#endif  // TIERJIT_LIB_EXIT_POINTS_H_
