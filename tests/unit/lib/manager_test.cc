// The life of a code object under the manager: counted, compiled, refused, flushed, paused, switched off.
#include "lib/manager.h"

#include "lib/policy.h"
#include "lib/stats.h"
#include "runtime/code/arena.h"
#include "tests/unit/runtime/python_source.h"

namespace tierjit {
namespace {

// tierjit attached and switched on for the length of a test, with default options.
class Running {
 public:
  Running() {
    policy() = Policy();
    policy().loop_door = false;
    absl::Status status = Manager::Get().Attach(false);
    REQUIRE_MESSAGE(status.ok(), status.ToString());
    REQUIRE(Manager::Get().Enable().ok());
    ResetStats();
  }
  ~Running() {
    Manager::Get().Detach();
    policy() = Policy();
  }
};

PyFunctionObject* Function(const Ref& ref) { return ref.as<PyFunctionObject>(); }
bool Compiled(const Ref& f) { return Manager::Get().IsCompiled(Function(f), CodeOfFunction(f)); }
std::string WhyNot(const Ref& f) { return Manager::Get().WhyNot(Function(f), CodeOfFunction(f)); }
const CodeState* StateOf(const Ref& f) { return CodeStates::Get().Find(CodeOfFunction(f)); }

void Call(const Ref& f, int times) {
  for (int i = 0; i < times; i++) {
    Ref result(PyObject_CallNoArgs(f.get()));
    if (result.get() == nullptr) PyErr_Print();
    REQUIRE(result.get() != nullptr);
  }
}

int64_t Counter(const char* name) {
  int64_t value = -1;
  CHECK(FindCounter(name, &value));
  return value;
}

TEST_CASE("manager: without attaching nothing is possible, and the reason is told") {
  Manager& manager = Manager::Get();
  CHECK(!manager.attached());
  CHECK(manager.Enable().code() == absl::StatusCode::kFailedPrecondition);
  Ref f = FunctionFrom("def f(): pass\n");
  CHECK(manager.CompileNow(Function(f), CodeOfFunction(f)).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(WhyNot(f) == "tierjit is not available: not attached");
  CHECK(!manager.unavailable_reason().empty());
}

TEST_CASE("manager: a function is compiled at the call that reaches the threshold") {
  Running running;
  Ref f = FunctionFrom("def f(): return 1\n");
  CHECK(FunctionHooks::Get().IsCounting(Function(f)));
  Call(f, 3);
  CHECK(!Compiled(f));
  CHECK(WhyNot(f) == "not called often enough yet: 3 of 4 calls");
  Call(f, 1);
  CHECK(Compiled(f));
  CHECK(WhyNot(f) == "");
  CHECK(StateOf(f)->phase == Phase::kCompiled);
  CHECK(StateOf(f)->unit->info().entries == 1);
  CHECK((Function(f)->vectorcall == StateOf(f)->unit->vectorcall()));
  CHECK(Function(f)->func_version == 0);
  CHECK(Counter("compiles") == 1);
  CHECK(Counter("calls_forwarded") == 3);
  CHECK(Counter("compiled_bytecodes") == StateOf(f)->unit->info().bytecodes);
}

TEST_CASE("manager: a function with a loop is compiled at its first call, unless that is switched off") {
  Running running;
  Ref f = FunctionFrom("def f():\n for i in (1, 2): pass\n");
  Call(f, 1);
  CHECK(Compiled(f));
  CHECK(StateOf(f)->unit->info().back_edges == 2);
  policy().compile_loops_at_once = false;
  Ref g = FunctionFrom("def f():\n for i in (1, 2): pass\n");
  Call(g, 3);
  CHECK(!Compiled(g));
  Call(g, 1);
  CHECK(Compiled(g));
}

TEST_CASE("manager: a refused function gets its own entry and version back, with a reason") {
  Running running;
  Ref f = FunctionFrom("def f(): return 1\n");
  uint32_t version = CodeOfFunction(f)->co_version;
  policy().max_bytecodes = 1;
  Call(f, 4);
  CHECK(!Compiled(f));
  CHECK(WhyNot(f).substr(0, 7) == "TJ-901:");
  CHECK(FunctionHooks::Get().HasDefault(Function(f)));
  CHECK(StateOf(f)->phase == Phase::kRefused);
  CHECK((version == 0 || CodeOfFunction(f)->co_version == version));
  CHECK(stats().refusals["TJ-901"] == 1);
  CHECK(Manager::Get().CompileNow(Function(f), CodeOfFunction(f)).code() == absl::StatusCode::kUnimplemented);
  CHECK(stats().refusals["TJ-901"] == 1);  // counted once
  CHECK(StatsJson("off").find("\"TJ-901\": \"") != std::string::npos);
  policy().max_bytecodes = Policy().max_bytecodes;
}

TEST_CASE("manager: too long, and no room for machine code") {
  Running running;
  Ref f = FunctionFrom("def f(): return 1\n");
  policy().max_bytecodes = 1;
  CHECK(Manager::Get().CompileNow(Function(f), CodeOfFunction(f)).message().substr(0, 7) == "TJ-901:");
  policy().max_bytecodes = Policy().max_bytecodes;
  Ref g = FunctionFrom("def f(): return 2\n");
  ArenaStats before = Arena::Get().stats();
  Arena::Get().SetMaxCodeBytes(before.code_bytes_used);
  CHECK(Manager::Get().CompileNow(Function(g), CodeOfFunction(g)).message().substr(0, 7) == "TJ-902:");
  Arena::Get().SetMaxCodeBytes(before.capacity);
  CHECK(WhyNot(g).substr(0, 7) == "TJ-902:");
  // Flushing tries again.
  REQUIRE(Manager::Get().SetMode(Function(g), CodeOfFunction(g), Mode::kFlush, false).ok());
  CHECK(Manager::Get().CompileNow(Function(g), CodeOfFunction(g)).ok());
  Call(g, 1);
}

TEST_CASE("manager: paused, nothing new is compiled; compiled code runs on") {
  Running running;
  Manager& manager = Manager::Get();
  Ref warm = FunctionFrom("def f(): return 1\n"), cold = FunctionFrom("def f(): return 2\n");
  Call(warm, 4);
  CHECK(manager.Pause(1) == 1);
  Call(cold, 10);
  Call(warm, 1);
  CHECK(!Compiled(cold));
  CHECK(WhyNot(cold) == "compilation is paused");
  CHECK(Compiled(warm));
  CHECK(StateOf(warm)->unit->info().entries == 2);
  CHECK(manager.Pause(-1) == 0);
  CHECK(manager.Pause(-1) == 0);
  Call(cold, 4);
  CHECK(Compiled(cold));
}

TEST_CASE("manager: never, and taking it back") {
  Running running;
  Manager& manager = Manager::Get();
  Ref f = FunctionFrom("def f(): return 1\n");
  Call(f, 4);
  CHECK(Compiled(f));
  REQUIRE(manager.SetMode(Function(f), CodeOfFunction(f), Mode::kOff, false).ok());
  CHECK(!Compiled(f));
  CHECK(FunctionHooks::Get().HasDefault(Function(f)));
  CHECK(WhyNot(f).substr(0, 7) == "TJ-900:");
  CHECK(manager.CompileNow(Function(f), CodeOfFunction(f)).message().substr(0, 7) == "TJ-900:");
  Call(f, 10);
  CHECK(!Compiled(f));
  REQUIRE(manager.SetMode(Function(f), CodeOfFunction(f), Mode::kOn, false).ok());
  Call(f, 4);
  CHECK(Compiled(f));
}

TEST_CASE("manager: never with inner functions") {
  Running running;
  Ref f = FunctionFrom("def f():\n def g(): return 1\n return g\n");
  REQUIRE(Manager::Get().SetMode(Function(f), CodeOfFunction(f), Mode::kOff, true).ok());
  Ref g(PyObject_CallNoArgs(f.get()));
  Call(g, 10);
  CHECK(!Compiled(g));
  CHECK(WhyNot(g).substr(0, 7) == "TJ-900:");
}

TEST_CASE("manager: disabled, every function has its own entry; enabled again, its unit is still there") {
  Running running;
  Manager& manager = Manager::Get();
  Ref f = FunctionFrom("def f(): return 1\n");
  Call(f, 4);
  const tier1::Unit* unit = StateOf(f)->unit;
  manager.Disable();
  CHECK(FunctionHooks::Get().HasDefault(Function(f)));
  CHECK(!Compiled(f));
  CHECK(WhyNot(f) == "tierjit is not enabled");
  Call(f, 10);
  REQUIRE(manager.Enable().ok());
  CHECK(Compiled(f));
  CHECK(StateOf(f)->unit == unit);
  Ref g = FunctionFrom("def f(): return 1\n");
  CHECK(FunctionHooks::Get().IsCounting(Function(g)));
}

TEST_CASE("manager: functions of one code share its unit") {
  Running running;
  Ref make = FunctionFrom("def f():\n def g(): return 1\n return g\n");
  Ref one(PyObject_CallNoArgs(make.get())), two(PyObject_CallNoArgs(make.get()));
  Call(one, 4);
  CHECK(Compiled(one));
  Call(two, 1);
  CHECK(Compiled(two));
  Ref three(PyObject_CallNoArgs(make.get()));
  CHECK(Compiled(three));
  CHECK(Counter("compiles") == 1);
}

TEST_CASE("manager: another code object is another life") {
  Running running;
  Ref f = FunctionFrom("def f(): return 1\n"), other = FunctionFrom("def f(): return 2\n");
  Call(f, 4);
  CHECK(Compiled(f));
  REQUIRE(PyObject_SetAttrString(f.get(), "__code__", PyFunction_GetCode(other.get())) == 0);
  CHECK(!Compiled(f));
  Ref result(PyObject_CallNoArgs(f.get()));
  CHECK(PyLong_AsLong(result.get()) == 2);
  Call(f, 3);
  CHECK(Compiled(f));
}

TEST_CASE("manager: a unit dies after its code, and its memory comes back") {
  Running running;
  PyGC_Collect();
  CodeStates::Get().FreeDeadUnits();
  CodeStates::Get().FreeDeadUnits();
  ArenaStats before = Arena::Get().stats();
  size_t alive = CodeStates::Get().live_units();
  {
    Ref f = FunctionFrom("def f(): return 1\n");
    Call(f, 4);
    CHECK(CodeStates::Get().live_units() == alive + 1);
    CHECK(Arena::Get().stats().blocks == before.blocks + 1);
  }
  PyGC_Collect();
  CHECK(CodeStates::Get().live_units() == alive);
  // Not at once: the code may have died at the very end of its last activation.
  CodeStates::Get().FreeDeadUnits();
  CodeStates::Get().FreeDeadUnits();
  CHECK(Arena::Get().stats().blocks == before.blocks);
  CHECK(Arena::Get().stats().code_bytes_used == before.code_bytes_used);
}

TEST_CASE("manager: counters start at zero after a reset") {
  Running running;
  Ref f = FunctionFrom("def f(): return 1\n");
  Call(f, 5);
  CHECK(Counter("native_bytecodes") > 0);
  CHECK(Counter("interpreted_bytecodes") > 0);
  ResetStats();
  CHECK(Counter("native_bytecodes") == 0);
  CHECK(Counter("compiles") == 0);
  CHECK(StatsJson("off").find("\"native_share\": null") != std::string::npos);
  int64_t none;
  CHECK(!FindCounter("no_such_counter", &none));
}

}  // namespace
}  // namespace tierjit
