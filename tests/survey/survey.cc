#include "tests/survey/survey.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/bytecode/loop_nest.h"
#include "runtime/cpython/opcode_info.h"
#include "tier1/compiler.h"
#include "tier2/ir/text.h"
#include "tier2/lift/lifter.h"
#include "tier2/lower/lower.h"
#include "tier2/passes/pipeline.h"

namespace tierjit::tier2::test {
namespace {

constexpr int kMaxNodes = 20000;
constexpr Effort kEffort = {4000, 60000};

// Static depth of the operand stack by code unit; -1: not reached.
std::vector<int> DepthsOf(const DecodedCode& code) {
  std::vector<int> depths(static_cast<size_t>(code.unit_count()) + 1, -1);
  std::vector<int32_t> work;
  auto reach = [&](int32_t unit, int depth) {
    if (unit >= code.unit_count() || depths[static_cast<size_t>(unit)] >= 0) return;
    depths[static_cast<size_t>(unit)] = depth;
    work.push_back(unit);
  };
  reach(0, 0);
  for (const ExceptionRange& r : code.exceptions()) reach(r.target, r.depth + r.push_lasti + 1);
  while (!work.empty()) {
    const Instruction& in = code.instructions()[static_cast<size_t>(code.IndexAt(work.back()))];
    int before = depths[static_cast<size_t>(work.back())];
    work.pop_back();
    int after = before - NumPopped(in.opcode, in.oparg) + NumPushed(in.opcode, in.oparg);
    if (in.opcode == FOR_ITER) reach(in.target + 2, before - 1);
    else if (in.target >= 0) reach(in.target, after);
    if (!NeverGoesOn(in)) reach(in.next, after);
  }
  return depths;
}

class Inventor {
 public:
  Inventor(Past past, uint32_t seed) : past_(past), random_(seed) {}

  uint32_t Bits() {
    switch (past_) {
      case Past::kNothing: return 0;
      case Past::kObjects: return kOtherBit;
      case Past::kInts: return kIntBit;
      case Past::kFloats: return kFloatBit;
      case Past::kRandom: break;
    }
    constexpr uint32_t kKinds[] = {0, kIntBit, kIntBit, kIntBit, kFloatBit, kFloatBit, kBoolBit, kStrBit, kListBit, kTupleBit, kDictBit, kNoneBit,
                                   kBytesBit, kByteArrayBit, kRangeIterBit, kListIterBit, kTupleIterBit, kEnumerateBit, kOtherBit,
                                   kIntBit | kFloatBit, kIntBit | kNoneBit};
    return kKinds[random_() % std::size(kKinds)];
  }
  // What is on the way in, and whether anything else was noted.
  uint32_t BitsOnTheWayIn() { return past_ == Past::kNothing ? kOtherBit : std::max<uint32_t>(Bits(), kNullBit); }
  uint32_t IteratorBits() {
    constexpr uint32_t kKinds[] = {kRangeIterBit, kListIterBit, kTupleIterBit, kEnumerateBit, kOtherBit};
    return past_ == Past::kObjects || past_ == Past::kNothing ? kOtherBit : kKinds[random_() % std::size(kKinds)];
  }

 private:
  Past past_;
  std::mt19937 random_;
};

// Builtin functions are where globals of that name are; cells live as long as the process.
void AddBuiltins(Snapshot* s) {
  static auto* cells = new std::map<std::string, PyObject*>;
  for (const Instruction& in : s->decoded->instructions()) {
    if (in.opcode != LOAD_GLOBAL) continue;
    PyObject* name = PyTuple_GET_ITEM(s->code->co_names, in.oparg >> 1);
    PyObject* value = PyDict_GetItemWithError(PyEval_GetBuiltins(), name);
    if (value == nullptr) continue;
    PyObject*& cell = (*cells)[PyUnicode_AsUTF8(name)];
    cell = value;
    s->globals[in.offset] = {&cell, value};
  }
}

Environment DummyEnvironment() {
  static uint32_t count = 0;
  static PyObject* items[4] = {};
  static uintptr_t breaker = 0;
  static const char nowhere = 0;
  return {.ints = {&count, items},
          .floats = {&count, items},
          .usable_span = 4,
          .small_int_zero = Py_None,
          .dealloc = [](PyObject*) {},
          .raise = &nowhere,
          .finished = &nowhere,
          .get_item = [](PyObject*, PyObject*) -> PyObject* { return nullptr; },
          .store_in_dict = [](PyObject*, PyObject*, PyObject*) -> int64_t { return 0; },
          .contains = [](PyObject*, PyObject*) -> PyObject* { return nullptr; },
          .expected_breaker = &breaker,
          .new_exit_point = nullptr};
}

// The numbers in a reason would make each one a reason of its own.
std::string WithoutNumbers(std::string text) {
  std::string out;
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) out += c;
    else if (out.empty() || out.back() != '#') out += '#';
  }
  return out;
}

class Attempt {
 public:
  Attempt(Survey* survey, PyCodeObject* code, const DecodedCode& decoded, Past past)
      : survey_(survey), code_(code), decoded_(decoded), past_(past), inventor_(past, survey->seed), feedback_(decoded.unit_count() + 1) {
    for (const Instruction& in : decoded.instructions()) {
      bool iterator = in.opcode == GET_ITER;
      feedback_.at(in.offset) = {nullptr, iterator && past != Past::kNothing ? inventor_.IteratorBits() : inventor_.Bits(), 0};
      feedback_.second(in.offset) = {nullptr, inventor_.Bits(), 0};
    }
  }

  void Framed(Survey::Kind kind, int32_t entry, int depth) {
    Snapshot s = Basics();
    s.entry = entry;
    for (int i = 0; i < code_->co_nlocalsplus; i++) {
      s.local_bits.push_back(inventor_.BitsOnTheWayIn());
      s.local_details.push_back(0);
    }
    bool loops = decoded_.instructions()[static_cast<size_t>(decoded_.IndexAt(entry))].opcode == FOR_ITER;
    for (int i = 0; i < depth; i++) s.stack_bits.push_back(loops && i == depth - 1 ? inventor_.IteratorBits() : inventor_.BitsOnTheWayIn());
    Make(kind, s);
  }

  void Frameless() {
    Snapshot s = Basics();
    s.frameless = true;
    for (int i = 0; i < code_->co_argcount; i++) {
      uint32_t bits = inventor_.BitsOnTheWayIn();
      s.local_bits.push_back(bits);
      s.local_details.push_back(0);
      s.args.push_back(bits == kIntBit ? Rep::kI64 : bits == kFloatBit ? Rep::kF64 : Rep::kBoxed);
    }
    Make(Survey::kFrameless, s);
  }

 private:
  Snapshot Basics() {
    static uintptr_t breaker = 0;
    Snapshot s;
    s.code = code_;
    s.decoded = &decoded_;
    s.feedback = &feedback_;
    s.expected_breaker = &breaker;
    s.find_attribute = [](PyTypeObject*, PyObject*, bool) { return Snapshot::Place{24, 0}; };
    AddBuiltins(&s);
    return s;
  }

  std::string Name() const {
    return absl::StrCat(PyUnicode_AsUTF8(code_->co_filename), ":", code_->co_firstlineno, " ", PyUnicode_AsUTF8(code_->co_qualname));
  }

  void Make(Survey::Kind kind, const Snapshot& s) {
    Survey::Row& row = survey_->rows[static_cast<int>(past_)][kind];
    row.tried++;
    absl::Status status = TryToMake(s, &row);
    if (status.ok()) {
      row.made++;
      return;
    }
    std::string reason = WithoutNumbers(std::string(status.message()));
    if (absl::IsInternal(status)) {
      survey_->wrong.push_back(absl::StrCat(Name(), " @", s.entry, " (", kPastNames[static_cast<int>(past_)], "): ", std::string(status.message())));
      reason = "INTERNAL";
    }
    row.refused[reason]++;
    row.example.emplace(reason, Name());
  }

  absl::Status TryToMake(const Snapshot& s, Survey::Row* row) {
    absl::StatusOr<std::unique_ptr<Graph>> graph = Lift(s, kMaxNodes);
    if (!graph.ok()) return graph.status();
    absl::Status verified = Verify(**graph);
    if (!verified.ok()) return absl::InternalError(absl::StrCat("behind lift: ", std::string(verified.message())));
    absl::StatusOr<Ownership> ownership = Optimise(graph->get(), true, [&](absl::string_view pass, const Graph& g) {
      absl::Status now = Verify(g);
      if (verified.ok() && !now.ok()) verified = absl::InternalError(absl::StrCat("behind ", pass, ": ", std::string(now.message())));
    });
    if (!verified.ok()) return verified;
    if (!ownership.ok()) return ownership.status();
    row->nodes += (*graph)->node_count();
    if (!survey_->lower) return absl::OkStatus();
    absl::StatusOr<Lowered> lowered = Lower(**graph, *ownership, s, DummyEnvironment(), kEffort, false);
    if (!lowered.ok()) return lowered.status();
    row->instructions += static_cast<int64_t>(lowered->mir_instructions);
    return absl::OkStatus();
  }

  Survey* survey_;
  PyCodeObject* code_;
  const DecodedCode& decoded_;
  Past past_;
  Inventor inventor_;
  Feedback feedback_;
};

// Behind RESUME, where calls come in; -1: there is none.
int32_t EntryOf(const DecodedCode& decoded) {
  for (const Instruction& in : decoded.instructions()) {
    if (in.opcode == RESUME) return in.next;
  }
  return -1;
}

}  // namespace

void Survey::AddCode(PyCodeObject* code) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); i++) {
    PyObject* constant = PyTuple_GET_ITEM(code->co_consts, i);
    if (PyCode_Check(constant)) AddCode(reinterpret_cast<PyCodeObject*>(constant));
  }
  absl::Status compiled = tier1::CanCompile(code);
  if (!compiled.ok()) not_compiled[std::string(compiled.message())]++;
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(code);
  if (!decoded.ok()) {
    not_compiled[std::string(decoded.status().message())]++;
    return;
  }
  // Bodies of modules and classes are entered through their loops only.
  if (!compiled.ok() && (code->co_flags & CO_OPTIMIZED) != 0) return;
  LoopNest nest(*decoded);
  std::vector<int> depths = DepthsOf(*decoded);
  int32_t entry = EntryOf(*decoded);
  for (int past = 0; past < kPasts; past++) {
    Attempt attempt(this, code, *decoded, static_cast<Past>(past));
    if (compiled.ok() && entry >= 0) attempt.Framed(kFunctions, entry, depths[static_cast<size_t>(entry)]);
    if (compiled.ok() && MayGoWithoutFrame(code)) attempt.Frameless();
    for (const LoopNest::Extent& loop : nest.loops()) {
      int depth = depths[static_cast<size_t>(loop.header)];
      if (depth >= 0) attempt.Framed(kLoops, loop.header, depth);
    }
  }
}

bool Survey::AddFile(const std::string& path) {
  std::ifstream in(path);
  std::string source((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  PyObject* code = Py_CompileString(source.c_str(), path.c_str(), Py_file_input);
  if (code == nullptr) {
    PyErr_Clear();
    return false;
  }
  AddCode(reinterpret_cast<PyCodeObject*>(code));
  Py_DECREF(code);
  return true;
}

std::string Survey::Table() const {
  constexpr const char* kKindNames[] = {"functions", "loops", "without a frame"};
  std::string out = absl::StrFormat("%-9s %-16s %8s %8s %10s %12s\n", "past", "what", "tried", "made", "IR nodes", "instructions");
  for (int past = 0; past < kPasts; past++) {
    for (int kind = 0; kind < kKinds; kind++) {
      const Row& r = rows[past][kind];
      absl::StrAppendFormat(&out, "%-9s %-16s %8d %8d %10d %12d\n", kPastNames[past], kKindNames[kind], r.tried, r.made, r.nodes, r.instructions);
      for (const auto& [reason, count] : r.refused) {
        absl::StrAppendFormat(&out, "    %6d %s  (%s)\n", count, reason, r.example.at(reason));
      }
    }
  }
  for (const auto& [reason, count] : not_compiled) absl::StrAppendFormat(&out, "not for Tier 1: %6d %s\n", count, reason);
  for (const std::string& line : wrong) absl::StrAppend(&out, "WRONG ", line, "\n");
  return out;
}

}  // namespace tierjit::tier2::test
