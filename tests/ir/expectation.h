// What a text test expects of the text that a pass leaves behind.
//
//   CHECK: int_add_wrap {a} {b}    some line, below the one that the directive before has found, has this
//   NEXT: jump -> {exit}()         the line directly below has this
//   NOT: guard_int                 no line from there to what the next CHECK finds (to the end if there is none) has this
//
// A capture `{a}` stands for a name of the IR (`v7`, `b2`, `s0`). The first use of a capture takes any name, later ones that same one. `...` stands for
// anything within the line.
#ifndef TIERJIT_TESTS_IR_EXPECTATION_H_
#define TIERJIT_TESTS_IR_EXPECTATION_H_

#include <map>
#include <string>
#include <vector>

namespace tierjit::tier2::test {

struct Expectation {
  enum class Kind { kCheck, kNext, kNot } kind;
  std::string pattern;
};

// "" if `text` is as expected, else what is wrong with it.
std::string Match(const std::vector<Expectation>& expectations, const std::string& text);

// One test: a graph, what is done with it, and what has to come of it.
struct Case {
  std::string name;
  int line = 0;                      // in the file
  std::vector<std::string> passes;   // of RUN
  std::string error;                 // of ERROR: what the parser or the verifier says instead
  std::vector<Expectation> expectations;
  std::string graph;
};

// The cases of a file: each begins with `== name`; its directives stand in lines that begin with `;`.
std::vector<Case> ReadCases(const std::string& path);

}  // namespace tierjit::tier2::test

#endif  // TIERJIT_TESTS_IR_EXPECTATION_H_
