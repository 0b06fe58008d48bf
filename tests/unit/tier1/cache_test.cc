// Inline caches: which form of which chain an access fills, that the next ones use it, and what empties it.
#include "absl/strings/str_cat.h"
#include "tests/unit/tier1/fixture.h"
#include "tier1/global_cache.h"
#include "tier1/inline_cache.h"

namespace tierjit::tier1 {
namespace {

// Slow paths that `action` takes.
template <class Action>
uint64_t SlowCalls(Action action) {
  uint64_t before = tj_rt.slow_calls;
  action();
  return tj_rt.slow_calls - before;
}

void Run(const char* statement, PyObject* globals) {
  Ref result(PyRun_String(statement, Py_file_input, globals, globals));
  if (result.get() == nullptr) PyErr_Print();
  REQUIRE(result.get() != nullptr);
}
void Run(const char* statement, const Native& native) { Run(statement, PyFunction_GetGlobals(native.function())); }

PyTypeObject* TypeNamed(const Native& native, const char* name) {
  return reinterpret_cast<PyTypeObject*>(native.global(name));
}

// Calls f(argument) twice: the first fills, the second must not leave the fast path.
std::string FillAndHit(const Native& native, const char* argument) {
  PyObject* object = native.global(argument);
  std::string first = native.Call({object});
  std::string second;
  uint64_t slow = SlowCalls([&] { second = native.Call({object}); });
  CHECK_MESSAGE(slow == 0, argument, ": the cache was not used");
  CHECK(first == second);
  return second;
}

TEST_CASE("attribute cache: instance value, by version and offset") {
  Native native(
      "class A:\n def __init__(self, x): self.w = 0; self.x = x\n"
      "def f(a): return a.x\n"
      "one, two = A(1), A(2)\n");
  CHECK(FillAndHit(native, "one") == "1");
  const AttrCell& cell = native.CellOf<PolyCell>("LOAD_ATTR").first;
  PyTypeObject* type = TypeNamed(native, "A");
  CHECK(cell.values_version == type->tp_version_tag);
  CHECK(cell.plain_version == kNoVersion);
  CHECK(cell.values_offset == type->tp_basicsize);
  CHECK(cell.offset == type->tp_basicsize + static_cast<int>(offsetof(PyDictValues, values)) + 8);
  CHECK(SlowCalls([&] { CHECK(native.Call({native.global("two")}) == "2"); }) == 0);
}

TEST_CASE("attribute cache: an instance whose dict was taken out is looked up, one that lacks the value is left to the slow path") {
  Native native(
      "class A:\n def __init__(self, x): self.x = x\n"
      "def f(a): return a.x\n"
      "one, changed, bare = A(1), A(2), A(3)\n"
      "changed.__dict__ = {'x': 20}\n"
      "del bare.x\n");
  FillAndHit(native, "one");
  CHECK(SlowCalls([&] { CHECK(native.Call({native.global("changed")}) == "20"); }) == 0);
  CHECK(native.Call({native.global("bare")}) == "AttributeError: 'A' object has no attribute 'x'");
}

TEST_CASE("attribute cache: slots, and what is no slot") {
  Native native(
      "class S:\n __slots__ = 'x', 'y'\n"
      "class P:\n x = property(lambda self: 'p')\n"
      "s, p = S(), P()\ns.x = 5\n"
      "def f(a): return a.x\n");
  CHECK(FillAndHit(native, "s") == "5");
  const AttrCell& cell = native.CellOf<PolyCell>("LOAD_ATTR").first;
  CHECK(cell.plain_version == TypeNamed(native, "S")->tp_version_tag);
  CHECK(cell.values_version == kNoVersion);
  CHECK(native.Call({native.global("p")}) == "'p'");
  CHECK(native.Call({native.global("p")}) == "'p'");
  CHECK(cell.plain_version == TypeNamed(native, "S")->tp_version_tag);  // a property fills nothing
}

TEST_CASE("attribute cache: a change of the type is seen at once") {
  Native native(
      "class A:\n def __init__(self): self.x = 1\n"
      "a = A()\n"
      "def f(a): return a.x\n");
  FillAndHit(native, "a");
  Run("A.x = property(lambda self: 'new')", native);
  CHECK(native.Call({native.global("a")}) == "'new'");
  Run("del A.x", native);
  CHECK(FillAndHit(native, "a") == "1");  // filled anew
  Run("A.__getattribute__ = lambda self, name: 'any'", native);
  CHECK(native.Call({native.global("a")}) == "'any'");
}

TEST_CASE("attribute cache: methods of instances with and without values") {
  Native native(
      "class A:\n def __init__(self): self.x = 1\n def m(self): return 'A.m'\n"
      "class S:\n __slots__ = ()\n def m(self): return 'S.m'\n"
      "a, s = A(), S()\n"
      "def f(a): return a.m()\n"
      "def g(a): return a.m()\n");
  Native other(native.global("g"));
  Native method_a(reinterpret_cast<PyObject*>(_PyType_Lookup(TypeNamed(native, "A"), PyUnicode_InternFromString("m"))));
  CHECK(native.Call({native.global("a")}) == "'A.m'");
  const AttrCell& cell = native.CellOf<PolyCell>("LOAD_ATTR").first;
  CHECK(cell.values_version == TypeNamed(native, "A")->tp_version_tag);
  CHECK(cell.value == method_a.function());
  CHECK(FillAndHit(native, "a") == "'A.m'");
  CHECK(other.Call({native.global("s")}) == "'S.m'");
  const AttrCell& plain = other.CellOf<PolyCell>("LOAD_ATTR").first;
  CHECK(plain.plain_version == TypeNamed(native, "S")->tp_version_tag);
  CHECK(plain.values_version == kNoVersion);
}

TEST_CASE("attribute cache: an instance attribute shadows a cached method") {
  Native native(
      "class A:\n def __init__(self): self.x = 1\n def m(self): return 'method'\n"
      "a, b = A(), A()\n"
      "def f(a): return a.m()\n");
  for (int i = 0; i < 3; i++) CHECK(native.Call({native.global("a")}) == "'method'");
  Run("b.m = lambda: 'own'", native);
  CHECK(native.Call({native.global("b")}) == "'own'");
  CHECK(native.Call({native.global("a")}) == "'method'");
}

TEST_CASE("attribute cache: a module's attribute until it is rebound") {
  Native native(
      "import types\nm = types.ModuleType('m')\nm.x = 1\n"
      "def f(a): return a.x\n");
  CHECK(FillAndHit(native, "m") == "1");
  const AttrCell& cell = native.CellOf<PolyCell>("LOAD_ATTR").first;
  CHECK(cell.owner == native.global("m"));
  Run("m.x = 2", native);
  CHECK(cell.owner == nullptr);  // the dict watcher has emptied it
  CHECK(FillAndHit(native, "m") == "2");
  Run("del m.x", native);
  CHECK(native.Call({native.global("m")}) == "AttributeError: module 'm' has no attribute 'x'");
  Run("m.__getattr__ = lambda name: name * 2", native);
  CHECK(native.Call({native.global("m")}) == "'xx'");
}

TEST_CASE("attribute cache: a class's attribute until the class or a base changes") {
  Native native(
      "class A:\n x = 1\nclass B(A): pass\n"
      "def f(a): return a.x\n");
  CHECK(FillAndHit(native, "B") == "1");
  const AttrCell& cell = native.CellOf<PolyCell>("LOAD_ATTR").first;
  CHECK(cell.owner == native.global("B"));
  CHECK(cell.class_version == TypeNamed(native, "B")->tp_version_tag);
  Run("A.x = 2", native);
  CHECK(native.Call({native.global("B")}) == "2");
  CHECK(FillAndHit(native, "B") == "2");
  Run("class M(type): x = property(lambda cls: 'meta')\nclass C(metaclass=M): x = 3", native);
  CHECK(native.Call({native.global("C")}) == "'meta'");
}

TEST_CASE("attribute cache: stores into instance values and slots") {
  Native native(
      "class A:\n def __init__(self): self.x = 1\n"
      "class S:\n __slots__ = 'x'\n"
      "class R:\n x = property(lambda self: 0)\n"
      "a, s, r = A(), S(), R()\n"
      "def f(a): a.x = 7\n"
      "def g(a): a.x = 7\n");
  Native other(native.global("g"));
  FillAndHit(native, "a");
  const AttrCell& cell = native.CellOf<PolyCell>("STORE_ATTR").first;
  CHECK(cell.values_version == TypeNamed(native, "A")->tp_version_tag);
  FillAndHit(other, "s");
  CHECK(other.CellOf<PolyCell>("STORE_ATTR").first.plain_version == TypeNamed(native, "S")->tp_version_tag);
  Run("assert a.x == 7 and s.x == 7 and a.__dict__ == {'x': 7}", native);
  CHECK(native.Call({native.global("r")}) == "AttributeError: property 'x' of 'R' object has no setter");
}

TEST_CASE("attribute cache: a site with a few classes uses none of them up") {
  Native native(
      "class A:\n def __init__(self, x): self.x = x\n def m(self): return self.x\n"
      "kinds = [type('K%d' % i, (A,), {})(i) for i in range(4)]\n"
      "def f(a): return a.x, a.m()\n");
  Native method(reinterpret_cast<PyObject*>(_PyType_Lookup(TypeNamed(native, "A"), PyUnicode_InternFromString("m"))));
  PyObject* kinds = native.global("kinds");
  auto all = [&] {
    for (Py_ssize_t i = 0; i < 4; i++) {
      CHECK(native.Call({PyList_GET_ITEM(kinds, i)}) == absl::StrCat("(", i, ", ", i, ")"));
    }
  };
  all();
  all();
  CHECK(SlowCalls([&] { all(); }) == 0);
}

TEST_CASE("attribute cache: a site that sees ever new types gives up refilling") {
  Native native(
      "class A:\n def __init__(self, x): self.x = x\n"
      "kinds = [type('K%d' % i, (A,), {})(i) for i in range(100)]\n"
      "def f(a): return a.x\n");
  PyObject* kinds = native.global("kinds");
  for (Py_ssize_t i = 0; i < 100; i++) CHECK(native.Call({PyList_GET_ITEM(kinds, i)}) == std::to_string(i));
  CHECK(native.SiteOf("LOAD_ATTR").misses == kMaxFills);
  for (Py_ssize_t i = 0; i < 100; i++) CHECK(native.Call({PyList_GET_ITEM(kinds, i)}) == std::to_string(i));
}

TEST_CASE("calls: a compiled callee is entered without a slow path") {
  Native native("def g(x): return x + 1\ndef f(a): return g(a)\n");
  Native callee(native.global("g"));
  Ref five(PyLong_FromLong(5));
  for (int i = 0; i < 3; i++) CHECK(native.Call({five.get()}) == "6");
  uint64_t entries = callee.header()->entries();
  CHECK(SlowCalls([&] { CHECK(native.Call({five.get()}) == "6"); }) == 0);
  CHECK(callee.header()->entries() == entries + 1);
}

TEST_CASE("calls: omitted defaults are bound without a slow path, callees that are not compiled take it") {
  Native native("def g(x, y=10): return x + y\ndef h(x): return -x\ndef f(g, a): return g(a)\n");
  Native callee(native.global("g"));
  Ref five(PyLong_FromLong(5));
  for (int i = 0; i < 3; i++) {
    CHECK(SlowCalls([&] { CHECK(native.Call({native.global("g"), five.get()}) == "15"); }) == 0);
    CHECK(SlowCalls([&] { CHECK(native.Call({native.global("h"), five.get()}) == "-5"); }) >= 1);
  }
  CHECK(callee.header()->entries() == 3);
}

TEST_CASE("global cache: a global, and what empties its cell") {
  Native native("x = 1\ndef f(): return x\n");
  CHECK(native.Call() == "1");
  const GlobalCell& cell = native.CellOf<GlobalCell>("LOAD_GLOBAL");
  CHECK(cell.value == native.global("x"));
  CHECK(SlowCalls([&] { native.Call(); }) == 0);
  Run("x = 2", native);
  CHECK(cell.value == nullptr);
  CHECK(native.Call() == "2");
  Run("y = 1", native);  // another name leaves it alone
  CHECK(cell.value == native.global("x"));
  Run("del x", native);
  CHECK(cell.value == nullptr);
  CHECK(native.Call() == "NameError: name 'x' is not defined");
  Run("globals()['x'] = 3", native);
  CHECK(native.Call() == "3");
  Run("globals().update(x=4)", native);
  CHECK(native.Call() == "4");
}

TEST_CASE("global cache: a builtin, hidden by a global of the same name") {
  Native native("def f(a): return len(a)\n");
  Ref list(PyList_New(3));
  for (Py_ssize_t i = 0; i < 3; i++) PyList_SET_ITEM(list.get(), i, Py_NewRef(Py_None));
  CHECK(native.Call({list.get()}) == "3");
  CHECK(native.CellOf<GlobalCell>("LOAD_GLOBAL").value != nullptr);
  Run("len = lambda a: 'mine'", native);
  CHECK(native.Call({list.get()}) == "'mine'");
  Run("del len", native);
  CHECK(native.Call({list.get()}) == "3");
}

TEST_CASE("global cache: keys that only look like the name, clearing, and the death of the dict") {
  Native native("x = 1\ndef f(): return x\n");
  PyObject* globals = PyFunction_GetGlobals(native.function());
  CHECK(native.Call() == "1");
  Run("globals()[''.join(['', 'x'])] = 2", native);  // not interned
  CHECK(native.Call() == "2");
  Ref values(PyDict_Copy(globals));
  PyDict_Clear(globals);
  CHECK(native.CellOf<GlobalCell>("LOAD_GLOBAL").value == nullptr);
  CHECK(native.Call() == "NameError: name 'x' is not defined");
  PyDict_Update(globals, values.get());
}

TEST_CASE("global cache: a name that changes all the time is looked up each time") {
  Native native("x = 0\ndef f(): return x\n");
  PyObject* globals = PyFunction_GetGlobals(native.function());
  const GlobalCell& cell = native.CellOf<GlobalCell>("LOAD_GLOBAL");
  int cached = 0;
  for (int i = 0; i < 200; i++) {
    Ref value(PyLong_FromLong(1000 + i));
    PyDict_SetItemString(globals, "x", value.get());
    CHECK(native.Call() == std::to_string(1000 + i));
    cached += cell.value != nullptr;
  }
  CHECK(cached < 100);
  CHECK(cell.value == nullptr);
}

TEST_CASE("global cache: a unit serves functions of one pair of dicts") {
  Native native("x = 'first'\ndef f(): return x\n");
  Ref globals = RunSource("x = 'second'\n");
  Ref other(PyFunction_New(reinterpret_cast<PyObject*>(native.code()), globals.get()));
  CHECK(!native.unit()->Serves(other.as<PyFunctionObject>()));
  Ref twin(PyFunction_New(reinterpret_cast<PyObject*>(native.code()), PyFunction_GetGlobals(native.function())));
  CHECK(native.unit()->Serves(twin.as<PyFunctionObject>()));
  CHECK(native.Call() == "'first'");
}

TEST_CASE("global cache: cells of a unit that is gone are not written") {
  auto native = std::make_unique<Native>("x = 1\ndef f(): return x\n");
  Ref globals(Py_NewRef(PyFunction_GetGlobals(native->function())));
  CHECK(native->Call() == "1");
  CHECK(native->unit()->watched_cells.size() == 1);
  native.reset();
  Run("x = 2", globals.get());
  Run("x = 3", globals.get());
}

}  // namespace
}  // namespace tierjit::tier1
