#include "runtime/watch/watchers.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/runtime/python_source.h"

namespace tierjit {
namespace {

struct Seen {
  std::vector<PyCodeEvent> code;
  std::vector<PyFunction_WatchEvent> function;
  std::vector<PyDict_WatchEvent> dict;
  std::vector<PyTypeObject*> type;
  PyObject* watched_function = nullptr;  // only its events are recorded
  PyObject* watched_code = nullptr;
};
Seen seen;

void OnCode(PyCodeEvent event, PyCodeObject* code) {
  const bool mine = reinterpret_cast<PyObject*>(code) == seen.watched_code;
  if (mine || event == PY_CODE_EVENT_CREATE) seen.code.push_back(event);
}
void OnFunction(PyFunction_WatchEvent event, PyFunctionObject* function, PyObject*) {
  const bool mine = reinterpret_cast<PyObject*>(function) == seen.watched_function;
  if (mine || event == PyFunction_EVENT_CREATE) seen.function.push_back(event);
}
void OnDict(PyDict_WatchEvent event, PyObject*, PyObject*, PyObject*) { seen.dict.push_back(event); }
void OnType(PyTypeObject* type) { seen.type.push_back(type); }

constexpr WatchCallbacks kAll = {OnCode, OnFunction, OnDict, OnType};

// Watches for the length of a test.
class Watching {
 public:
  explicit Watching(const WatchCallbacks& callbacks = kAll) {
    seen = Seen();
    absl::Status status = StartWatching(callbacks);
    REQUIRE_MESSAGE(status.ok(), status.ToString());
  }
  ~Watching() { StopWatching(); }
};

PyObject* Item(const Ref& globals, const char* name) { return PyDict_GetItemString(globals.get(), name); }

TEST_CASE("watchers: code and functions are reported from birth to death") {
  Watching watching;
  {
    Ref function = FunctionFrom("def f(a=1): return a\n");
    CHECK(!seen.code.empty());
    CHECK(!seen.function.empty());
    seen.code.clear();
    seen.function.clear();
    seen.watched_function = function.get();
    seen.watched_code = PyFunction_GetCode(function.get());
    PyFunction_SetDefaults(function.get(), Py_None);
    CHECK(seen.function == std::vector{PyFunction_EVENT_MODIFY_DEFAULTS});
    PyGC_Collect();
  }
  PyGC_Collect();
  REQUIRE(!seen.function.empty());
  CHECK(seen.function.back() == PyFunction_EVENT_DESTROY);
  CHECK(seen.code == std::vector{PY_CODE_EVENT_DESTROY});
}

TEST_CASE("watchers: watched dicts are reported, others and unwatched ones are not") {
  Watching watching;
  Ref dict(PyDict_New()), other(PyDict_New());
  REQUIRE(WatchDict(dict.get()).ok());
  PyDict_SetItemString(dict.get(), "a", Py_None);
  PyDict_SetItemString(dict.get(), "a", Py_True);
  PyDict_SetItemString(other.get(), "a", Py_True);
  PyDict_DelItemString(dict.get(), "a");
  CHECK(seen.dict == std::vector{PyDict_EVENT_ADDED, PyDict_EVENT_MODIFIED, PyDict_EVENT_DELETED});
  UnwatchDict(dict.get());
  PyDict_SetItemString(dict.get(), "b", Py_None);
  CHECK(seen.dict.size() == 3);
  REQUIRE(WatchDict(dict.get()).ok());
  dict.reset();
  CHECK(seen.dict.back() == PyDict_EVENT_DEALLOCATED);
}

TEST_CASE("watchers: a type is reported once per WatchType, also for changes of its bases") {
  Watching watching;
  Ref globals = RunSource("class A: pass\nclass B(A): pass\n");
  auto* a = reinterpret_cast<PyTypeObject*>(Item(globals, "A"));
  auto* b = reinterpret_cast<PyTypeObject*>(Item(globals, "B"));
  REQUIRE(WatchType(b).ok());
  CHECK(b->tp_version_tag != 0);
  PyObject_SetAttrString(reinterpret_cast<PyObject*>(a), "x", Py_None);
  CHECK(seen.type == std::vector{b});
  PyObject_SetAttrString(reinterpret_cast<PyObject*>(b), "y", Py_None);
  CHECK(seen.type.size() == 1);
  REQUIRE(WatchType(b).ok());
  PyObject_SetAttrString(reinterpret_cast<PyObject*>(b), "y", Py_True);
  CHECK(seen.type.size() == 2);
}

TEST_CASE("watchers: a type that has used up its tags is refused") {
  Watching watching;
  Ref globals = RunSource("class A: pass\n");
  auto* type = reinterpret_cast<PyTypeObject*>(Item(globals, "A"));
  absl::Status status;
  int rounds = 0;
  for (; status.ok() && rounds < 5000; ++rounds) {
    status = WatchType(type);
    PyObject_SetAttrString(reinterpret_cast<PyObject*>(type), "x", rounds % 2 != 0 ? Py_None : Py_True);
  }
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(rounds < 5000);
}

TEST_CASE("watchers: nothing is reported after StopWatching, and starting again works") {
  Ref dict(PyDict_New());
  {
    Watching watching;
    CHECK(StartWatching(kAll).code() == absl::StatusCode::kFailedPrecondition);
    REQUIRE(WatchDict(dict.get()).ok());
  }
  PyDict_SetItemString(dict.get(), "a", Py_None);
  Ref function = FunctionFrom("def f(): pass\n");
  CHECK(seen.dict.empty());
  CHECK(seen.code.empty());
  CHECK(seen.function.empty());
  CHECK(WatchDict(dict.get()).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(WatchType(&PyLong_Type).code() == absl::StatusCode::kFailedPrecondition);
  UnwatchDict(dict.get());
  StopWatching();
  Watching again;
  CHECK(WatchDict(dict.get()).ok());
}

TEST_CASE("watchers: kinds without a callback are left out") {
  Watching watching(WatchCallbacks{nullptr, nullptr, OnDict, nullptr});
  Ref function = FunctionFrom("def f(): pass\n");
  Ref dict(PyDict_New());
  CHECK(WatchDict(dict.get()).ok());
  CHECK(WatchDict(Py_None).code() == absl::StatusCode::kInvalidArgument);
  CHECK(WatchType(&PyLong_Type).code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("watchers: when other tools hold all ids the error says so and nothing stays registered") {
  std::vector<int> taken;
  auto ignore = [](PyFunction_WatchEvent, PyFunctionObject*, PyObject*) { return 0; };
  for (int id; (id = PyFunction_AddWatcher(ignore)) >= 0;) taken.push_back(id);
  PyErr_Clear();
  PyErr_SetString(PyExc_IndexError, "pending");
  absl::Status status = StartWatching(kAll);
  CHECK(PyErr_ExceptionMatches(PyExc_IndexError));
  PyErr_Clear();
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(std::string(status.message()).find("function watcher") != std::string::npos);
  for (int id : taken) PyFunction_ClearWatcher(id);
  Watching works_now;
}

}  // namespace
}  // namespace tierjit
