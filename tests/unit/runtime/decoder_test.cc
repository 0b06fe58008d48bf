#include "runtime/bytecode/decoder.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "runtime/cpython/opcode_info.h"
#include "runtime/deopt/unwind.h"
#include "tests/unit/runtime/python_source.h"

namespace tierjit {
namespace {

DecodedCode MustDecode(PyCodeObject* code) {
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(code);
  REQUIRE_MESSAGE(decoded.ok(), decoded.status().ToString());
  return *std::move(decoded);
}

const Instruction* Find(const DecodedCode& decoded, uint8_t opcode) {
  for (const Instruction& instruction : decoded.instructions()) {
    if (instruction.opcode == opcode) return &instruction;
  }
  return nullptr;
}

// `f`, whose loop body is long enough that its backward jump needs EXTENDED_ARG.
std::string LongLoop() {
  std::string source = "def f(n):\n  a = 0\n  for i in range(n):\n";
  for (int i = 0; i < 300; ++i) source += "    a += i * 2\n";
  return source + "  return a\n";
}

// What dis says about the code of `f` in `globals`, as a list of (offset, opcode, arg, target or -1, next) in units.
Ref DisRows(const Ref& globals) {
  Ref ran(PyRun_String(
      "import dis\n"
      "rows = [(i.start_offset // 2, i.baseopcode, i.arg or 0,\n"
      "         i.jump_target // 2 if i.jump_target is not None else -1, i.end_offset // 2)\n"
      "        for i in dis.get_instructions(f) if i.opname != 'EXTENDED_ARG']\n",
      Py_file_input, globals.get(), globals.get()));
  if (ran.get() == nullptr) PyErr_Print();
  REQUIRE(ran.get() != nullptr);
  return Ref(Py_NewRef(PyDict_GetItemString(globals.get(), "rows")));
}

long Field(PyObject* row, int index) { return PyLong_AsLong(PyTuple_GET_ITEM(row, index)); }

void CheckAgainstDis(const char* source) {
  Ref globals = RunSource(source);
  Ref rows = DisRows(globals);
  PyObject* f = PyDict_GetItemString(globals.get(), "f");
  DecodedCode decoded = MustDecode(reinterpret_cast<PyCodeObject*>(PyFunction_GetCode(f)));
  REQUIRE(PyList_GET_SIZE(rows.get()) == static_cast<Py_ssize_t>(decoded.instructions().size()));
  for (size_t i = 0; i < decoded.instructions().size(); ++i) {
    const Instruction& instruction = decoded.instructions()[i];
    PyObject* row = PyList_GET_ITEM(rows.get(), i);
    CHECK(instruction.offset == Field(row, 0));
    CHECK(instruction.opcode == Field(row, 1));
    CHECK(instruction.oparg == Field(row, 2));
    CHECK(instruction.target == Field(row, 3));
    CHECK(instruction.next == Field(row, 4));
  }
}

TEST_CASE("decoder: agrees with dis on offsets, arguments, targets and sizes") {
  CheckAgainstDis("def f(a, b): return a + b\n");
  CheckAgainstDis("def f(a):\n  for x in a:\n    if x: yield x.y(1, z=2)\n    else: break\n");
  CheckAgainstDis(
      "def f(a):\n  try:\n    with a as b: print(b[0])\n  except* ValueError as e: print(e)\n  finally: a()\n");
  CheckAgainstDis("async def f(a):\n  async for x in a:\n    await x\n  return [y async for y in a]\n");
  CheckAgainstDis("def f(a):\n  match a:\n    case {'k': v}: return v\n    case [x, *y]: return y\n");
  CheckAgainstDis(LongLoop().c_str());
}

TEST_CASE("decoder: every unit maps to the instruction that it belongs to") {
  Ref function = FunctionFrom(LongLoop().c_str());
  DecodedCode decoded = MustDecode(CodeOfFunction(function));
  bool prefixed = false;
  int index = 0;
  for (const Instruction& instruction : decoded.instructions()) {
    CHECK(instruction.op >= instruction.offset);
    prefixed |= instruction.op > instruction.offset;
    for (int unit = instruction.offset; unit < instruction.next; ++unit) REQUIRE(decoded.IndexAt(unit) == index);
    ++index;
  }
  CHECK(prefixed);
  CHECK(decoded.unit_count() == decoded.instructions().back().next);
}

TEST_CASE("decoder: the adaptive opcode follows specialisation, the base opcode does not") {
  Ref globals = RunSource("def f(a, b): return a + b\nfor i in range(100): f(i, i)\n");
  auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GetCode(PyDict_GetItemString(globals.get(), "f")));
  const DecodedCode decoded = MustDecode(code);
  const Instruction* add = Find(decoded, BINARY_OP);
  REQUIRE(add != nullptr);
  CHECK(add->adaptive == BINARY_OP_ADD_INT);
  CHECK(BaseOpcode(add->adaptive) == BINARY_OP);
}

TEST_CASE("decoder: instrumented code reads as the code that was compiled") {
  Ref globals = RunSource("def f(n):\n  t = 0\n  for i in range(n):\n    t += i\n  return t\n");
  auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GetCode(PyDict_GetItemString(globals.get(), "f")));
  const DecodedCode plain = MustDecode(code);
  Ref ran(PyRun_String(
      "import sys\nm = sys.monitoring\nm.use_tool_id(4, 'test')\n"
      "e = m.events\n"
      "m.set_local_events(4, f.__code__, e.LINE | e.INSTRUCTION | e.JUMP | e.PY_START)\nf(3)\n",
      Py_file_input, globals.get(), globals.get()));
  REQUIRE(ran.get() != nullptr);
  CHECK(_PyCode_CODE(code)[0].op.code >= MIN_INSTRUMENTED_OPCODE);
  const DecodedCode instrumented = MustDecode(code);
  CHECK(HasLoop(code));
  REQUIRE(instrumented.instructions().size() == plain.instructions().size());
  for (size_t i = 0; i < plain.instructions().size(); ++i) {
    CHECK(instrumented.instructions()[i].opcode == plain.instructions()[i].opcode);
    CHECK(instrumented.instructions()[i].adaptive < MIN_INSTRUMENTED_OPCODE);
  }
  PyRun_SimpleString("import sys; sys.monitoring.free_tool_id(4)");
}

TEST_CASE("decoder: exception ranges and FindHandler agree for every unit") {
  Ref function = FunctionFrom(
      "def f(a):\n  try:\n    try: a()\n    except ValueError: b = 1\n    with a: a.b\n  finally: print(a)\n"
      "  return [x for x in a]\n");
  PyCodeObject* code = CodeOfFunction(function);
  DecodedCode decoded = MustDecode(code);
  REQUIRE(!decoded.exceptions().empty());
  HandlerTable table(code);
  for (int unit = 0; unit < decoded.unit_count(); ++unit) {
    const ExceptionRange* expected = nullptr;
    for (const ExceptionRange& range : decoded.exceptions()) {
      if (range.start <= unit && unit < range.end) expected = &range;
    }
    ExceptionRange found;
    REQUIRE(FindHandler(code, unit, &found) == (expected != nullptr));
    const Handler* listed = table.Find(unit);
    REQUIRE((listed != nullptr) == (expected != nullptr));
    if (expected == nullptr) continue;
    CHECK(listed->range.start == expected->start);
    CHECK(listed->range.target == expected->target);
    CHECK(found.start == expected->start);
    CHECK(found.target == expected->target);
    CHECK(found.depth == expected->depth);
    CHECK(found.push_lasti == expected->push_lasti);
  }
}

TEST_CASE("decoder: the exception table is the one that dis parses") {
  Ref globals = RunSource(
      "def f(a):\n  try:\n    with a: a.b\n  finally: print(a)\n"
      "import dis\nrows = [(e.start // 2, e.end // 2, e.target // 2, e.depth, e.lasti)\n"
      "        for e in dis._parse_exception_table(f.__code__)]\n");
  PyObject* rows = PyDict_GetItemString(globals.get(), "rows");
  DecodedCode decoded =
      MustDecode(reinterpret_cast<PyCodeObject*>(PyFunction_GetCode(PyDict_GetItemString(globals.get(), "f"))));
  REQUIRE(PyList_GET_SIZE(rows) == static_cast<Py_ssize_t>(decoded.exceptions().size()));
  for (size_t i = 0; i < decoded.exceptions().size(); ++i) {
    PyObject* row = PyList_GET_ITEM(rows, i);
    const ExceptionRange& range = decoded.exceptions()[i];
    CHECK(range.start == Field(row, 0));
    CHECK(range.end == Field(row, 1));
    CHECK(range.target == Field(row, 2));
    CHECK(range.depth == Field(row, 3));
    CHECK(range.push_lasti == (Field(row, 4) != 0));
  }
}

TEST_CASE("decoder: bytes that no compiler emits are refused") {
  auto refused = [](const char* bytes) {
    std::string source = std::string("def g(a): return a\nf = g.__code__.replace(co_code=") + bytes + ")\n";
    Ref globals = RunSource(source.c_str());
    PyObject* code = PyDict_GetItemString(globals.get(), "f");
    absl::Status status = DecodedCode::Decode(reinterpret_cast<PyCodeObject*>(code)).status();
    return status.code() == absl::StatusCode::kUnimplemented;
  };
  CHECK(refused("bytes([149, 0, 17, 0])"));                      // RESERVED
  CHECK(refused("bytes([149, 0, 71, 1])"));                      // EXTENDED_ARG at the end
  CHECK(refused("bytes([149, 0, 53, 1])"));                      // CALL without its caches
  CHECK(refused("bytes([149, 0, 79, 9, 36, 0])"));               // JUMP_FORWARD past the end
  CHECK(refused("bytes([149, 0, 78, 9, 36, 0])"));               // jump to before the start
  CHECK(refused("bytes([71, 255, 71, 255, 71, 255, 83, 255])"));  // an argument of 32 bits
  CHECK_FALSE(refused("bytes([149, 0, 85, 0, 36, 0])"));
}

TEST_CASE("HasLoop: loops only") {
  CHECK(HasLoop(CodeOfFunction(FunctionFrom("def f(a):\n  for x in a: pass\n"))));
  CHECK(HasLoop(CodeOfFunction(FunctionFrom("def f(a):\n  while a(): pass\n"))));
  CHECK_FALSE(HasLoop(CodeOfFunction(FunctionFrom("def f(a):\n  if a: return a.b\n  return a(1)\n"))));
  CHECK(IsBackwardJump(JUMP_BACKWARD));
  CHECK(IsBackwardJump(JUMP_BACKWARD_NO_INTERRUPT));
  CHECK_FALSE(IsBackwardJump(JUMP_FORWARD));
}

TEST_CASE("opcode info: tables agree with the opcode module") {
  CHECK(CacheUnits(LOAD_ATTR) == 9);
  CHECK(CacheUnits(LOAD_FAST) == 0);
  CHECK(std::string(OpcodeName(BINARY_OP)) == "BINARY_OP");
  CHECK(std::string(OpcodeName(RESERVED)) == "RESERVED");
  CHECK(std::string(OpcodeName(130)) == "<unknown>");
  CHECK(BaseOpcode(LOAD_ATTR_SLOT) == LOAD_ATTR);
  CHECK(BaseOpcode(INSTRUMENTED_CALL) == CALL);
  CHECK(BaseOpcode(INSTRUMENTED_LINE) == CACHE);
  CHECK(BaseOpcode(130) == CACHE);
  CHECK(NumPopped(BINARY_OP, 0) == 2);
  CHECK(NumPushed(BINARY_OP, 0) == 1);
  CHECK(NumPopped(BUILD_TUPLE, 7) == 7);
  CHECK(NumPopped(CALL, 3) == 5);
}

TEST_CASE("opcode info: pops and pushes give the effect that dis computes") {
  Ref globals = RunSource(
      "import dis, opcode\n"
      "rows = [(op, arg, dis.stack_effect(op, arg if op >= opcode.HAVE_ARGUMENT else None, jump=False))\n"
      "        for name, op in opcode.opmap.items() if op < 149 and op not in (0, 17, 22, 70, 71)\n"
      "        for arg in (1, 2, 4)]\n");
  PyObject* rows = PyDict_GetItemString(globals.get(), "rows");
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(rows); ++i) {
    PyObject* row = PyList_GET_ITEM(rows, i);
    uint8_t opcode = static_cast<uint8_t>(Field(row, 0));
    int oparg = static_cast<int>(Field(row, 1));
    CAPTURE(OpcodeName(opcode));
    CAPTURE(oparg);
    CHECK(NumPushed(opcode, oparg) - NumPopped(opcode, oparg) == Field(row, 2));
  }
}

TEST_CASE("decoder: takes nanoseconds a unit" * doctest::may_fail()) {
  Ref function = FunctionFrom(LongLoop().c_str());
  PyCodeObject* code = CodeOfFunction(function);
  MustDecode(code);
  constexpr int kRounds = 200;
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) MustDecode(code);
  std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  double per_unit = took.count() / kRounds / static_cast<double>(Py_SIZE(code));
  MESSAGE("decode: " << per_unit << " ns a unit");
  CHECK(per_unit < 30);
}

}  // namespace
}  // namespace tierjit
