// The text tests of the lifter, *.lift beside this file: Python source of one function, what it is said to have done, the IR that comes of it.
//
//   == a name
//   ; RUN: loop, ints, raised, simplify     what is lifted, what values were seen everywhere, what else; passes
//   ; CHECK: ...                            as in expectation.h
//   def f(xs): ...
//
//   function, loop, frameless    from the beginning, from its first loop's header, without a frame
//   ints, floats, objects, nothing
//   mixed                        constants were seen to be stored as what they are
//   raised                       every protected instruction has raised, too
//   uncaught                     no handler was ever seen to run
//   range, list, iterator        what the loop is over; else a range
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/bytecode/loop_nest.h"
#include "runtime/cpython/opcode_info.h"
#include "tests/ir/expectation.h"
#include "tier2/ir/text.h"
#include "tier2/lift/lifter.h"
#include "tier2/passes/dce.h"
#include "tier2/passes/gvn.h"
#include "tier2/passes/simplify.h"

namespace tierjit::tier2::test {
namespace {

class LiftCase {
 public:
  explicit LiftCase(const Case& c) : case_(c) {}

  std::string Run(absl::Status* status) {
    std::string source;
    for (absl::string_view line : absl::StrSplit(case_.graph, '\n')) {
      if (line.empty() || line[0] != ';') absl::StrAppend(&source, line, "\n");
    }
    PyObject* module = Py_CompileString(source.c_str(), "lift", Py_file_input);
    REQUIRE_MESSAGE(module != nullptr, case_.name);
    std::string text = Lifted(FirstFunction(reinterpret_cast<PyCodeObject*>(module)), status);
    Py_DECREF(module);
    return text;
  }

 private:
  bool Has(const char* word) const { return std::find(case_.passes.begin(), case_.passes.end(), word) != case_.passes.end(); }

  static PyCodeObject* FirstFunction(PyCodeObject* module) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(module->co_consts); i++) {
      PyObject* o = PyTuple_GET_ITEM(module->co_consts, i);
      if (PyCode_Check(o)) return reinterpret_cast<PyCodeObject*>(o);
    }
    REQUIRE_MESSAGE(false, "no function");
    return nullptr;
  }

  uint32_t Seen() const { return Has("ints") ? kIntBit : Has("floats") ? kFloatBit : Has("objects") ? kOtherBit : 0; }
  uint32_t Iterator() const { return Has("list") ? kListIterBit : Has("iterator") ? kOtherBit : kRangeIterBit; }

  Feedback FeedbackFor(const DecodedCode& code, PyObject* consts) const {
    Feedback feedback(code.unit_count() + 1);
    for (const Instruction& in : code.instructions()) {
      feedback.at(in.offset).bits = feedback.second(in.offset).bits = Seen();
      if (in.opcode == TO_BOOL || in.opcode == CHECK_EXC_MATCH || in.opcode == COMPARE_OP) feedback.at(in.offset).bits = kBoolBit;
    }
    const std::vector<Instruction>& list = code.instructions();
    for (size_t i = 1; Has("mixed") && i < list.size(); i++) {
      if (list[i].opcode != STORE_FAST || list[i - 1].opcode != LOAD_CONST) continue;
      feedback.at(list[i].offset).bits = BitsOf(PyTuple_GET_ITEM(consts, list[i - 1].oparg));
    }
    for (const ExceptionRange& r : code.exceptions()) {
      for (int32_t unit = r.start; Has("raised") && unit < r.end; unit++) feedback.NoteRaise(unit);
      feedback.at(r.target).bits = Has("uncaught") ? 0 : kOtherBit;
    }
    return feedback;
  }

  std::string Lifted(PyCodeObject* code, absl::Status* status) {
    DecodedCode decoded = *DecodedCode::Decode(code);
    Feedback feedback = FeedbackFor(decoded, code->co_consts);
    LoopNest nest(decoded);
    static uintptr_t breaker = 0;
    Snapshot s;
    s.code = code;
    s.decoded = &decoded;
    s.feedback = &feedback;
    s.expected_breaker = &breaker;
    s.frameless = Has("frameless");
    for (const Instruction& in : decoded.instructions()) {
      if (in.opcode == RESUME && s.entry == 0) s.entry = in.next;
    }
    if (s.frameless) s.entry = 0;
    if (Has("loop")) s.entry = nest.loops().at(0).header, s.stack_bits = {Iterator()};
    for (int i = 0; i < (s.frameless ? code->co_argcount : code->co_nlocalsplus); i++) {
      s.local_bits.push_back(Seen() == 0 ? uint32_t{kOtherBit} : Seen());
      s.local_details.push_back(0);
      s.args.push_back(Has("ints") ? Rep::kI64 : Has("floats") ? Rep::kF64 : Rep::kBoxed);
    }
    absl::StatusOr<std::unique_ptr<Graph>> graph = Lift(s, 5000);
    *status = graph.status();
    if (!graph.ok()) return "";
    if (Has("simplify")) Simplify(graph->get());
    if (Has("gvn")) NumberValues(graph->get());
    if (Has("dce")) RemoveDeadCode(graph->get());
    *status = Verify(**graph);
    return Print(**graph);
  }

  const Case& case_;
};

TEST_CASE("text tests of the lifter") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(TIERJIT_IR_TESTS)) {
    if (entry.path().extension() == ".lift") files.push_back(entry.path());
  }
  CHECK(!files.empty());
  for (const auto& path : files) {
    for (const Case& c : ReadCases(path)) {
      absl::Status status;
      std::string text = LiftCase(c).Run(&status);
      std::string problem = status.ok() ? Match(c.expectations, text) : Match({{Expectation::Kind::kCheck, c.error}}, std::string(status.message()));
      CHECK_MESSAGE(problem.empty(), path.filename().string() << ":" << c.line << ": " << c.name << "\n" << problem << "\n" << status.message() << "\n" << text);
    }
  }
}

}  // namespace
}  // namespace tierjit::tier2::test
