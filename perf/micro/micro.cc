// Micro benchmarks: compile time and memory a bytecode, the cost of calls, cache hits and misses.
// They use the installed Python package in an embedded interpreter, as a program would, and never switch tierjit on for
// everything: each benchmark says which functions are compiled, so that the interpreter's own speed stands beside.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "perf/micro/embedded_python.h"

namespace tierjit::micro {
namespace {

// Compiles fresh copies of all plain functions of some modules of the standard library.
constexpr char kCompileModule[] = R"py(
import argparse, ast, dataclasses, difflib, functools, inspect, json.decoder, json.encoder, pickle, textwrap
import tokenize, types
import tierjit

MODULES = (argparse, ast, dataclasses, difflib, functools, inspect, json.decoder, json.encoder, pickle, textwrap,
           tokenize)

def functions():
    for module in MODULES:
        classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
        for owner in (module, *classes):
            for value in vars(owner).values():
                if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
                    yield value

# Only what compiles; asking once also fills every cache outside of the compiler.
def copy(function):
    return types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__)

def compiles(function):
    try:
        return tierjit.compile(function) is not False and tierjit.is_compiled(function)
    except Exception:
        return False

known = [f for f in functions() if f.__closure__ is None and compiles(copy(f))]
batch = []

def prepare():
    batch[:] = [copy(function) for function in known]

def compile_all():
    compile = tierjit.compile
    for function in batch:
        compile(function)

def field(info, name):
    return info[name] if isinstance(info, dict) else getattr(info, name)

def total(name):
    return sum(field(tierjit.info(function), name) for function in batch)

def bytecodes(): return total("instructions")
def compile_ns(): return total("compile_ns")
def hot_bytes(): return total("hot_bytes")
def all_bytes(): return total("code_bytes") + total("data_bytes")
)py";

// Loops over one operation each; `setup` compiles what its argument says.
constexpr char kLoopModule[] = R"py(
import tierjit

def add(a, b):
    return a + b

class Plain:
    def __init__(self, x):
        self.x = x
    def get(self):
        return self.x

def kinds(count):
    return [type("Kind%d" % i, (Plain,), {})(i) for i in range(count)]

def empty_loop(n):
    for i in range(n):
        pass

def call_loop(n):
    for i in range(n):
        add(i, 1)

def method_loop(n):
    o = Plain(3)
    for i in range(n):
        o.get()

def construct_loop(n):
    for i in range(n):
        Plain(i)

def builtin_loop(n):
    items = [1, 2, 3]
    for i in range(n):
        len(items)

def attribute_loop(n, objects):
    for i in range(0, n, len(objects)):
        for o in objects:
            o.x

one, four, many = kinds(1) * 40, kinds(4) * 10, kinds(40)

def attribute_one(n): attribute_loop(n, one)
def attribute_four(n): attribute_loop(n, four)
def attribute_many(n): attribute_loop(n, many)

callees = [add, Plain.__init__, Plain.get]
loops = [empty_loop, call_loop, method_loop, construct_loop, builtin_loop, attribute_loop, attribute_one,
         attribute_four, attribute_many]

def setup(callees_compiled, loops_compiled):
    for function in (callees if callees_compiled else []) + (loops if loops_compiled else []):
        tierjit.compile(function)
)py";

constexpr int kTurns = 20000;

void CompileStandardLibrary(benchmark::State& state) {
  PyObject* space = RunModule(kCompileModule);
  double bytecodes = 1, nanoseconds = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Py_DECREF(Call(space, "prepare"));
    state.ResumeTiming();
    Py_DECREF(Call(space, "compile_all"));
    state.PauseTiming();
    bytecodes = CallForNumber(space, "bytecodes");
    nanoseconds += CallForNumber(space, "compile_ns");
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(bytecodes) * state.iterations());
  state.counters["bytecodes"] = bytecodes;
  state.counters["compiler_ns_per_bytecode"] = nanoseconds / static_cast<double>(state.iterations()) / bytecodes;
  state.counters["hot_bytes_per_bytecode"] = CallForNumber(space, "hot_bytes") / bytecodes;
  state.counters["all_bytes_per_bytecode"] = CallForNumber(space, "all_bytes") / bytecodes;
  Py_DECREF(space);
}

// One call of `loop` an iteration; the counter is the time of one turn.
void RunLoop(benchmark::State& state, const std::string& loop, bool callees_compiled, bool loops_compiled) {
  PyObject* space = RunModule(kLoopModule);
  Py_DECREF(Call(space, "setup", "(ii)", callees_compiled, loops_compiled));
  for (auto _ : state) Py_DECREF(Call(space, loop.c_str(), "(i)", kTurns));
  state.counters["turn"] = benchmark::Counter(static_cast<double>(kTurns) * static_cast<double>(state.iterations()),
                                              benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  Py_DECREF(space);
}

struct Mode {
  const char* name;
  bool callees_compiled, loops_compiled;
};

void RegisterLoops() {
  constexpr Mode kModes[] = {
      {"interpreted", false, false}, {"interpreted_to_compiled", true, false}, {"compiled", true, true}};
  const std::vector<std::string> loops = {"empty_loop",   "call_loop",     "method_loop",    "construct_loop",
                                          "builtin_loop", "attribute_one", "attribute_four", "attribute_many"};
  for (const std::string& loop : loops) {
    for (const Mode& mode : kModes) {
      benchmark::RegisterBenchmark((loop + "/" + mode.name).c_str(), [loop, mode](benchmark::State& state) {
        RunLoop(state, loop, mode.callees_compiled, mode.loops_compiled);
      });
    }
  }
}

}  // namespace
}  // namespace tierjit::micro

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  tierjit::micro::StartPython(TIERJIT_PYTHON);
  benchmark::RegisterBenchmark("compile_standard_library", tierjit::micro::CompileStandardLibrary)->Iterations(5);
  tierjit::micro::RegisterLoops();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
