// How far the optimising tier gets with code that nobody has run: every function and loop that Tier 1 compiles is lifted with made-up
// feedback, taken through all passes with the verifier behind each, and lowered to machine code that is thrown away.
#ifndef TIERJIT_TESTS_SURVEY_SURVEY_H_
#define TIERJIT_TESTS_SURVEY_SURVEY_H_

#include <map>
#include <string>
#include <vector>

#include "runtime/cpython/python.h"

namespace tierjit::tier2::test {

// What the code is said to have done so far.
enum class Past {
  kNothing,  // nothing: all ways leave
  kObjects,  // everything, with objects of no known type: handlers do it all
  kInts,     // everything, with ints only
  kFloats,
  kRandom,   // something here and there, with values of all kinds
};
inline constexpr const char* kPastNames[] = {"nothing", "objects", "ints", "floats", "random"};
inline constexpr int kPasts = 5;

struct Survey {
  bool lower = true;       // to machine code; takes most of the time
  uint32_t seed = 1;       // of kRandom
  struct Row {
    int tried = 0, made = 0;
    int64_t nodes = 0, instructions = 0;
    std::map<std::string, int> refused;  // by reason
    std::map<std::string, std::string> example;
  };
  // Functions with a frame from their beginning on, loops from their header on, functions without a frame.
  enum Kind { kFunctions, kLoops, kFrameless, kKinds };
  Row rows[kPasts][kKinds];
  std::map<std::string, int> not_compiled;  // by Tier 1, by reason
  std::vector<std::string> wrong;           // what the verifier says

  void AddCode(PyCodeObject* code);         // and all code objects in it
  bool AddFile(const std::string& path);    // false: not Python source
  std::string Table() const;
};

}  // namespace tierjit::tier2::test

#endif  // TIERJIT_TESTS_SURVEY_SURVEY_H_
