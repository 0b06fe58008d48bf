// Ways into compiled code, the free lists, and what is left when a unit dies.
#include "tests/unit/tier1/fixture.h"
#include "tier1/free_lists.h"

namespace tierjit::tier1 {
namespace {

Ref Int(long value) { return Ref(PyLong_FromLong(value)); }
Ref Float(double value) { return Ref(PyFloat_FromDouble(value)); }

TEST_CASE("entry: exact arguments, and everything else through the binder") {
  Native native("def f(a, b=2, *, c=3): return a, b, c\n");
  Native exact("def f(a, b): return a, b\n");
  Ref one = Int(1), two = Int(2);
  CHECK(exact.Call({one.get(), two.get()}) == "(1, 2)");
  CHECK(native.Call({one.get()}) == "(1, 2, 3)");
  CHECK(native.Call({one.get(), one.get()}) == "(1, 1, 3)");
  CHECK(exact.header()->entries() == 1);
  CHECK(native.header()->entries() == 2);
  CHECK(exact.Call({one.get()}) == "TypeError: f() missing 1 required positional argument: 'b'");
  CHECK(exact.Call() == "TypeError: f() missing 2 required positional arguments: 'a' and 'b'");
  CHECK(exact.Call({one.get(), one.get(), one.get()}) ==
        "TypeError: f() takes 2 positional arguments but 3 were given");
  CHECK(exact.header()->entries() == 1);
}

TEST_CASE("entry: keywords, in any order and unknown") {
  Native native("def f(a, b): return a, b\n");
  Ref one = Int(1), two = Int(2);
  Ref names(Py_BuildValue("(ss)", "b", "a")), wrong(Py_BuildValue("(s)", "z"));
  PyObject* arguments[] = {one.get(), two.get()};
  Ref swapped(PyObject_Vectorcall(native.function(), arguments, 0, names.get()));
  REQUIRE(swapped.get() != nullptr);
  CHECK(Repr(swapped.get()) == "(2, 1)");
  Ref refused(PyObject_Vectorcall(native.function(), arguments, 1, wrong.get()));
  CHECK(refused.get() == nullptr);
  CHECK(TakeError() == "TypeError: f() got an unexpected keyword argument 'z'");
}

TEST_CASE("entry: star arguments") {
  Native native("def f(a, *b, **c): return a, b, c\n");
  Ref one = Int(1);
  CHECK(native.Call({one.get(), one.get(), one.get()}) == "(1, (1, 1), {})");
}

TEST_CASE("entry: references of arguments and results balance") {
  Native native("def f(a, b):\n c = a\n return c\n");
  Ref a(PyList_New(0)), b(PyList_New(0));
  Py_ssize_t before_a = Py_REFCNT(a.get()), before_b = Py_REFCNT(b.get());
  Py_ssize_t before_function = Py_REFCNT(native.function());
  for (int i = 0; i < 5; i++) CHECK(native.Call({a.get(), b.get()}) == "[]");
  CHECK(native.Call({a.get()}).substr(0, 9) == "TypeError");
  CHECK(Py_REFCNT(a.get()) == before_a);
  CHECK(Py_REFCNT(b.get()) == before_b);
  CHECK(Py_REFCNT(native.function()) == before_function);
}

// C functions that pass their arguments on, more than once. The first calls what it is bound to, the second its first argument.
PyObject* CallTwice(PyObject* function, PyObject* const* args, Py_ssize_t nargs) {
  Ref first(PyObject_Vectorcall(function, args, static_cast<size_t>(nargs), nullptr));
  Ref second(PyObject_Vectorcall(function, args, static_cast<size_t>(nargs), nullptr));
  return PyTuple_Pack(2, first.get(), second.get());
}
PyObject* ApplyTwice(PyObject*, PyObject* const* args, Py_ssize_t nargs) { return CallTwice(args[0], args + 1, nargs - 1); }

PyMethodDef kCallTwice = {"call_twice", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&CallTwice)), METH_FASTCALL, nullptr};
PyMethodDef kApplyTwice = {"apply_twice", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&ApplyTwice)), METH_FASTCALL, nullptr};

TEST_CASE("entry: C functions that the interpreter calls keep the arguments that they pass on") {
  Native callee("def f(a, b): return a, b\n");
  Ref globals = RunSource(
      "def star(call, f, items): return call(*[item for item in items])\n"
      "def again(call, f, items): return [f(*tuple(items)), call(*tuple(items))]\n"
      "def plain(call, f, items): return call(items[0], items[1])\n"
      "def first(call, f, items): return call(f, items[0], items[1])\n"
      "def first_star(call, f, items): return call(f, *items)\n");
  Ref bound(PyCFunction_New(&kCallTwice, callee.function())), free(PyCFunction_New(&kApplyTwice, nullptr));
  Ref items(Py_BuildValue("[OO]", Py_True, Py_Ellipsis));
  for (const char* name : {"star", "again", "plain", "first", "first_star"}) {
    CAPTURE(std::string(name));
    bool takes_function = std::string(name).find("first") == 0;
    Ref result(PyObject_CallFunctionObjArgs(PyDict_GetItemString(globals.get(), name), takes_function ? free.get() : bound.get(),
                                            callee.function(), items.get(), nullptr));
    REQUIRE(result.get() != nullptr);
    std::string pair = "(True, Ellipsis)", twice = "(" + pair + ", " + pair + ")";
    CHECK(Repr(result.get()) == (std::string(name) == "again" ? "[" + pair + ", " + twice + "]" : twice));
  }
}

TEST_CASE("entry: a function with another code object runs in the interpreter") {
  Native native("def g(a): return 'other'\ndef f(a): return 'first'\n");
  Ref one = Int(1);
  CHECK(native.Call({one.get()}) == "'first'");
  PyObject* first = Py_NewRef(PyFunction_GetCode(native.function()));
  PyObject* other = PyFunction_GetCode(native.global("g"));
  uint64_t entries = native.header()->entries();
  auto* function = reinterpret_cast<PyFunctionObject*>(native.function());
  UnitHeader* header = native.header();
  vectorcallfunc entry = function->vectorcall;
  Ref name(PyUnicode_FromString("__code__"));
  REQUIRE(PyObject_SetAttr(native.function(), name.get(), other) == 0);
  Ref result(entry(native.function(), nullptr, 0, nullptr));
  CHECK(result.get() == nullptr);
  CHECK(TakeError() == "TypeError: f() missing 1 required positional argument: 'a'");
  CHECK(header->entries() == entries);
  REQUIRE(PyObject_SetAttr(native.function(), name.get(), first) == 0);
  Py_DECREF(first);
}

TEST_CASE("entry: recursion ends at the interpreter's limit and the counters come back") {
  Native native("def f(n): return f(n + 1)\n");
  Ref zero = Int(0);
  PyThreadState* ts = PyThreadState_Get();
  int python = ts->py_recursion_remaining, c = ts->c_recursion_remaining;
  CHECK(native.Call({zero.get()}).substr(0, 15) == "RecursionError:");
  CHECK(ts->py_recursion_remaining == python);
  CHECK(ts->c_recursion_remaining == c);
  CHECK(native.header()->entries() > 100);
}

TEST_CASE("entry: exceptions leave with the line of the fault, handlers run natively") {
  Native native(
      "def f(a):\n"
      " try:\n"
      "  return 1 // a\n"
      " except ZeroDivisionError as e:\n"
      "  return e.__traceback__.tb_lineno\n");
  Ref zero = Int(0), one = Int(1);
  CHECK(native.Call({zero.get()}) == "3");
  CHECK(native.Call({one.get()}) == "1");
  Native raises("def f(a): return a.missing\n");
  CHECK(raises.Call({one.get()}) == "AttributeError: 'int' object has no attribute 'missing'");
}

TEST_CASE("entry: loops count their turns, and are left and entered while events are pending") {
  Native native("def f(n):\n s = 0\n for i in range(n):\n  s += i\n return s\n");
  Ref thousand = Int(1000);
  CHECK(native.Call({thousand.get()}) == "499500");
  CHECK(native.header()->back_edges() == 1000);
  CHECK(native.unit()->info().entries == 1);
  CHECK(native.unit()->info().back_edges == 1000);
  CHECK(native.unit()->native_bytecodes() > 5000);
}

// The free lists. Their counts vary with what the tests ran before, so each test sets them.

TEST_CASE("free lists: dead ints and floats are kept up to the limit, other objects are not") {
  Prepare();
  tj_rt.ints.count = tj_rt.floats.count = 0;
  PyObject* integer = PyLong_FromLong(123456);
  PyObject* two_digits = PyLong_FromLong(1L << 40);
  PyObject* number = PyFloat_FromDouble(1.5);
  Py_SET_REFCNT(integer, 0);
  tj_dealloc(integer);
  Py_SET_REFCNT(two_digits, 0);
  tj_dealloc(two_digits);
  Py_SET_REFCNT(number, 0);
  tj_dealloc(number);
  CHECK(tj_rt.ints.count == 2);
  CHECK(tj_rt.ints.items[0] == integer);
  CHECK(tj_rt.ints.items[1] == two_digits);
  CHECK(tj_rt.floats.count == 1);
  CHECK(tj_rt.floats.items[0] == number);
  PyObject* large = PyLong_FromString("123456789012345678901234567890", nullptr, 10);
  Py_SET_REFCNT(large, 0);
  tj_dealloc(large);
  PyObject* list = PyList_New(0);
  Py_SET_REFCNT(list, 0);
  tj_dealloc(list);
  CHECK(tj_rt.ints.count == 2);
  RefillInts();
  RefillFloats();
}

TEST_CASE("free lists: they never exceed their limit") {
  Prepare();
  RefillInts();
  while (tj_rt.ints.count < tj_rt.ints.limit) {
    PyObject* o = PyLong_FromLong(500000 + tj_rt.ints.count);
    Py_SET_REFCNT(o, 0);
    tj_dealloc(o);
  }
  CHECK(tj_rt.ints.count == kFreeListCapacity);
  PyObject* one_more = PyLong_FromLong(999999);
  Py_SET_REFCNT(one_more, 0);
  tj_dealloc(one_more);
  CHECK(tj_rt.ints.count == kFreeListCapacity);
  // Arithmetic goes on with a list that is full, empty, or almost so.
  Native native("def f(a, b): return a + b\n");
  Ref a = Int(1000), b = Int(2000);
  for (uint32_t count : {kFreeListCapacity, kFreeListCapacity - 1, 2u, 1u, 0u}) {
    while (tj_rt.ints.count > count) PyObject_Free(tj_rt.ints.items[--tj_rt.ints.count]);
    for (int i = 0; i < 5; i++) CHECK(native.Call({a.get(), b.get()}) == "3000");
  }
}

TEST_CASE("free lists: they are refilled when compiled code finds them empty") {
  Native native("def f(a, b): return a * b\n");
  while (tj_rt.floats.count > 0) PyObject_Free(tj_rt.floats.items[--tj_rt.floats.count]);
  Ref a = Float(1.5), b = Float(4.0);
  CHECK(native.Call({a.get(), b.get()}) == "6.0");
  CHECK(tj_rt.floats.count > 0);
  CHECK(native.Call({a.get(), b.get()}) == "6.0");
}

// What a reference tracer saw.
int g_created, g_destroyed;
int OnReference(PyObject* object, PyRefTracerEvent event, void*) {
  if (PyFloat_CheckExact(object)) (event == PyRefTracer_CREATE ? g_created : g_destroyed)++;
  return 0;
}

TEST_CASE("free lists: a reference tracer switches them off, without it they work again") {
  Native native("def f(a, b):\n c = a * b\n c = c + b\n return c\n");
  Ref a = Float(1.5), b = Float(4.0);
  CHECK(native.Call({a.get(), b.get()}) == "10.0");
  CHECK(tj_rt.floats.limit == kFreeListCapacity);
  REQUIRE(PyRefTracer_SetTracer(OnReference, nullptr) == 0);
  FollowTracer();
  CHECK(tj_rt.floats.limit == 0);
  CHECK(tj_rt.floats.count == 0);
  CHECK(tj_rt.ints.limit == 0);
  g_created = g_destroyed = 0;
  for (int i = 0; i < 3; i++) CHECK(native.Call({a.get(), b.get()}) == "10.0");
  CHECK(g_created == 6);
  CHECK(g_destroyed == 6);
  PyRefTracer_SetTracer(nullptr, nullptr);
  FollowTracer();
  CHECK(tj_rt.floats.limit == kFreeListCapacity);
  CHECK(native.Call({a.get(), b.get()}) == "10.0");
  CHECK(native.Call({a.get(), b.get()}) == "10.0");
}

// Units.

TEST_CASE("unit: its death gives code and data memory back") {
  Prepare();
  { Native warm("def f(a): return a + 1\n"); }
  ArenaStats before = Arena::Get().stats();
  {
    Native native("def f(a, b):\n for i in a:\n  b.x = i\n return len(b)\n");
    ArenaStats now = Arena::Get().stats();
    CHECK(now.blocks == before.blocks + 1);
    CHECK(now.code_bytes_used >= before.code_bytes_used + native.unit()->info().code_bytes);
    CHECK(now.data_bytes_used >= before.data_bytes_used + native.unit()->info().data_bytes);
  }
  ArenaStats after = Arena::Get().stats();
  CHECK(after.blocks == before.blocks);
  CHECK(after.code_bytes_used == before.code_bytes_used);
  CHECK(after.data_bytes_used == before.data_bytes_used);
}

TEST_CASE("unit: many come and go within the same memory") {
  Prepare();
  ArenaStats before = Arena::Get().stats();
  for (int i = 0; i < 200; i++) {
    std::string source = "def f(a):\n return a";
    for (int j = 0; j < i % 23; j++) source += " + " + std::to_string(j);
    Native native((source + "\n").c_str());
    Ref one = Int(1);
    CHECK(native.Call({one.get()}) == std::to_string(1 + (i % 23) * ((i % 23) - 1) / 2));
  }
  CHECK(Arena::Get().stats().blocks == before.blocks);
  CHECK(Arena::Get().stats().code_bytes_used == before.code_bytes_used);
}

TEST_CASE("unit: at the cap on machine code compilation is refused, and the arena is as before") {
  Prepare();
  Ref function = FunctionFrom("def f(a): return a + 1\n");
  ArenaStats before = Arena::Get().stats();
  Arena::Get().SetMaxCodeBytes(before.code_bytes_used + 16);
  absl::Status status = Compile(CodeOfFunction(function)).status();
  Arena::Get().SetMaxCodeBytes(before.capacity);
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(Arena::Get().stats().code_bytes_used == before.code_bytes_used);
  CHECK(Compile(CodeOfFunction(function)).ok());
}

TEST_CASE("unit: what it tells about itself") {
  Native native("def f(a, b): return a + b\n");
  UnitInfo info = native.unit()->info();
  CHECK(info.bytecodes == 4);
  CHECK(info.hot_bytes < info.code_bytes);
  CHECK(info.code_bytes <= native.unit()->machine_code().second);
  CHECK(info.compile_ns > 0);
  std::string dump = native.unit()->Dump();
  CHECK(dump.find("BINARY_OP") != std::string::npos);
  CHECK(dump.find("int_add_LL") != std::string::npos);
  Ref a(PyUnicode_FromString("a"));
  CHECK(native.Call({a.get(), a.get()}) == "'aa'");
  Native truth("def f(a): return not not a\n");
  CHECK(truth.Call({a.get()}) == "True");
  CHECK(SlowSites(100).find("f:1 TO_BOOL") != std::string::npos);
}

}  // namespace
}  // namespace tierjit::tier1
