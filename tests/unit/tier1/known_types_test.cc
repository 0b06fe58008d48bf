// What a profile has seen, as specialised opcodes, and what the translator makes of them.
#include "tier1/known_types.h"

#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "tests/unit/tier1/fixture.h"

namespace tierjit::tier1 {
namespace {

// The first hot stencils of loops whose n-th deciding operand had the n-th type.
struct Settled {
  Ref function;
  Feedback feedback{0};
  Workspace workspace;
  int changed = 0;
  int before = 0;

  Settled(const char* source, std::initializer_list<PyTypeObject*> types) : function(FunctionFrom(source)) {
    Prepare();
    PyCodeObject* code = CodeOfFunction(function);
    REQUIRE(DecodedCode::Decode(code, &workspace.decoded).ok());
    feedback = Feedback(static_cast<int32_t>(Py_SIZE(code)));
    auto type = types.begin();
    for (const Instruction& in : workspace.decoded.instructions()) {
      if (DecidingOperand(in) == 0 || type == types.end()) continue;
      feedback.second(in.offset) = {*type, *type == nullptr ? 0 : Bits(*type), 0};
      type++;
    }
    changed = Specialise(feedback, &workspace.decoded);
    TranslationMode mode;
    mode.known = &feedback;
    mode.known_before = &before;
    REQUIRE(Translator(code, workspace, mode).Run().ok());
  }
  static uint32_t Bits(PyTypeObject* type) { return BitOfType(type) != 0 ? BitOfType(type) : kOtherBit; }
  bool Emits(const char* stencil) const {
    for (const Emission& e : workspace.translation.emissions) {
      if (std::string(e.stencil->name) == stencil) return true;
    }
    return false;
  }
};

constexpr const char* kSum = "def f(a, b):\n while True: a + b\n";
constexpr const char* kItem = "def f(a, b):\n while True: a[b]\n";
constexpr const char* kCall = "def f(a, b):\n while True: a(b)\n";
constexpr const char* kMethod = "def f(a):\n while True: a.m()\n";

TEST_CASE("known types: operators begin with the form for what was seen") {
  CHECK(Settled(kSum, {&PyFloat_Type}).Emits("float_add_LL"));
  CHECK(Settled(kSum, {&PySet_Type}).Emits("slot_op_LL"));
  CHECK(Settled("def f(a, b):\n while a < b: pass\n", {&PyFloat_Type, &PyFloat_Type}).Emits("float_jumpnot_lt_LL"));
  CHECK(Settled("def f(a, b):\n while True:\n  c = a < b\n", {&PyUnicode_Type}).Emits("compare_any_LL"));
}

TEST_CASE("known types: ints, and what was never seen, change nothing") {
  for (PyTypeObject* type : {&PyLong_Type, static_cast<PyTypeObject*>(nullptr)}) {
    Settled t(kSum, {type});
    CHECK(t.changed == 0);
    CHECK(t.Emits("int_add_LL"));
  }
}

TEST_CASE("known types: subscripts and iteration begin with the container") {
  CHECK(Settled(kItem, {&PyTuple_Type}).Emits("tuple_get_LL"));
  CHECK(Settled(kItem, {&PyUnicode_Type}).Emits("str_get_LL"));
  CHECK(Settled(kItem, {&PyDict_Type}).Emits("item_get_LL"));
  CHECK(Settled(kItem, {&PySet_Type}).changed == 0);
  CHECK(Settled("def f(a):\n for b in a: pass\n", {&PyTupleIter_Type}).Emits("for_tuple"));
  CHECK(Settled("def f(a):\n for b in a: pass\n", {&PyGen_Type}).Emits("for_generator"));
  CHECK(Settled("def f(a):\n for b in a: yield b\n", {&PyGen_Type}).changed == 1);
  CHECK(Settled("def f(a):\n for b in a: pass\n", {&PySet_Type}).changed == 0);
  CHECK(Settled("def f(a):\n for b, c in enumerate(a): pass\n", {&PyType_Type, &PyEnum_Type}).Emits("for_enumerate"));
}

TEST_CASE("known types: calls of C code are made at the site") {
  CHECK(Settled(kCall, {&PyCFunction_Type}).Emits("call_c_plain_1"));
  CHECK(Settled(kCall, {&PyFunction_Type}).changed == 0);
  CHECK(Settled(kMethod, {&PyUnicode_Type, &PyMethodDescr_Type}).Emits("call_c_method_0"));
  CHECK(Settled(kMethod, {&PyUnicode_Type}).Emits("method_plain_L"));
}

}  // namespace
}  // namespace tierjit::tier1
