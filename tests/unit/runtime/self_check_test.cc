#include "runtime/cpython/self_check.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "tests/unit/runtime/python_source.h"

namespace tierjit {
namespace {

long CallForLong(PyObject* globals, const char* expression) {
  Ref value(PyRun_String(expression, Py_eval_input, globals, globals));
  if (value.get() == nullptr) PyErr_Print();
  REQUIRE(value.get() != nullptr);
  return PyLong_AsLong(value.get());
}

PyObject* ForeignEvaluator(PyThreadState* ts, _PyInterpreterFrame* frame, int throwing) {
  return _PyEval_EvalFrameDefault(ts, frame, throwing);
}

TEST_CASE("self-check: this interpreter fits") {
  absl::Status status = CheckInterpreter();
  CHECK_MESSAGE(status.ok(), status.ToString());
}

TEST_CASE("self-check: leaves no objects, no memory and no garbage behind") {
  Ref globals = RunSource("import gc, sys\ngc.collect()\ngc.disable()\n");
  for (int i = 0; i < 300; ++i) REQUIRE(CheckInterpreter().ok());  // fills the interpreter's free lists
  const long objects = CallForLong(globals.get(), "len(gc.get_objects())");
  const long blocks = CallForLong(globals.get(), "sys.getallocatedblocks()");
  for (int i = 0; i < 50; ++i) REQUIRE(CheckInterpreter().ok());
  CHECK(CallForLong(globals.get(), "len(gc.get_objects())") - objects <= 1);
  CHECK(CallForLong(globals.get(), "sys.getallocatedblocks()") - blocks <= 10);
  CHECK(CallForLong(globals.get(), "gc.collect()") == 0);
  CallForLong(globals.get(), "gc.enable() or 0");
}

TEST_CASE("self-check: leaves the thread state as it was") {
  PyThreadState* ts = PyThreadState_Get();
  const uintptr_t breaker = ts->eval_breaker;
  const int py_recursion = ts->py_recursion_remaining, c_recursion = ts->c_recursion_remaining, tracing = ts->tracing;
  PyErr_SetString(PyExc_IndexError, "pending");
  CHECK(CheckInterpreter().ok());
  CHECK(PyErr_ExceptionMatches(PyExc_IndexError));
  PyErr_Clear();
  CHECK(ts->eval_breaker == breaker);
  CHECK(ts->py_recursion_remaining == py_recursion);
  CHECK(ts->c_recursion_remaining == c_recursion);
  CHECK(ts->tracing == tracing);
}

PyObject* RunCheck(PyObject*, PyObject*) { return PyBool_FromLong(CheckInterpreter().ok()); }
PyMethodDef kRunCheck = {"check", RunCheck, METH_NOARGS, nullptr};

TEST_CASE("self-check: fits when called from Python, and tracers and profilers see nothing of it") {
  Ref globals = RunSource("import sys\n");
  Ref check(PyCFunction_New(&kRunCheck, nullptr));
  PyDict_SetItemString(globals.get(), "check", check.get());
  Ref ran(PyRun_String(
      "seen = []\n"
      "def hook(frame, event, arg):\n  seen.append(frame.f_code.co_filename)\n  return hook\n"
      "def run(): return check()\n"
      "sys.settrace(hook); sys.setprofile(hook)\n"
      "ok = run()\n"
      "sys.settrace(None); sys.setprofile(None)\n"
      "result = ok and bool(seen) and not any('self-check' in name for name in seen)\n",
      Py_file_input, globals.get(), globals.get()));
  if (ran.get() == nullptr) PyErr_Print();
  REQUIRE(ran.get() != nullptr);
  CHECK(CallForLong(globals.get(), "result") == 1);
}

TEST_CASE("self-check: fits inside a handler and inside a generator") {
  Ref globals = RunSource("import sys\n");
  Ref check(PyCFunction_New(&kRunCheck, nullptr));
  PyDict_SetItemString(globals.get(), "check", check.get());
  Ref ran(PyRun_String(
      "def g():\n  yield check()\n"
      "try: raise ValueError\n"
      "except ValueError:\n  result = all(g()) and check() and isinstance(sys.exception(), ValueError)\n",
      Py_file_input, globals.get(), globals.get()));
  REQUIRE(ran.get() != nullptr);
  CHECK(CallForLong(globals.get(), "result") == 1);
}

TEST_CASE("self-check: a foreign frame evaluator is refused") {
  PyInterpreterState* interpreter = PyInterpreterState_Get();
  _PyInterpreterState_SetEvalFrameFunc(interpreter, ForeignEvaluator);
  absl::Status status = CheckInterpreter();
  _PyInterpreterState_SetEvalFrameFunc(interpreter, _PyEval_EvalFrameDefault);
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(CheckInterpreter().ok());
}

TEST_CASE("self-check: subinterpreters are refused") {
  PyThreadState* main = PyThreadState_Get();
  PyThreadState* sub = Py_NewInterpreter();
  REQUIRE(sub != nullptr);
  CHECK(CheckInterpreter().code() == absl::StatusCode::kUnavailable);
  Py_EndInterpreter(sub);
  PyThreadState_Swap(main);
  CHECK(CheckInterpreter().ok());
}

TEST_CASE("self-check: takes less than a millisecond" * doctest::may_fail()) {
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    auto start = std::chrono::steady_clock::now();
    REQUIRE(CheckInterpreter().ok());
    std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count());
  }
  MESSAGE("self-check: " << best << " us");
  CHECK(best < 1000);
}

}  // namespace
}  // namespace tierjit
