// A sample of the survey: every function and loop of some modules can be compiled, whatever it is said to have done.
#include <doctest/doctest.h>

#include "tests/survey/survey.h"

namespace tierjit::tier2::test {
namespace {

// Long and short functions, closures, classes, loops with handlers, `with`, `match`, comprehensions, generators.
constexpr const char* kModules[] = {"bisect", "heapq", "textwrap", "colorsys", "fnmatch", "shlex"};

std::string FileOf(const char* name) {
  PyObject* module = PyImport_ImportModule(name);
  REQUIRE(module != nullptr);
  PyObject* file = PyObject_GetAttrString(module, "__file__");
  REQUIRE(file != nullptr);
  std::string path = PyUnicode_AsUTF8(file);
  Py_DECREF(file);
  Py_DECREF(module);
  return path;
}

constexpr const char* kSource = R"(
def handlers(d, xs):
    s = 0
    for x in xs:
        try:
            s += d[x]
        except KeyError as e:
            s += len(e.args)
        except (TypeError, ValueError):
            continue
        else:
            s ^= 1
        finally:
            s *= 3
        with d as k:
            for i in range(10):
                s += i * k
    while s > 10:
        try:
            try:
                s //= len(xs)
            except ZeroDivisionError:
                raise ValueError from None
        except* ValueError:
            s = 0
    return s

def matches(items):
    total = 0
    for item in items:
        match item:
            case [a, b, *rest]: total += a
            case {"k": v, **more}: total += v
            case str() | None: total -= 1
            case _: del item
    return [x for x in items if x] + [y * z for y in items for z in items if y]

def closures(n):
    k = 0.5
    def inner(m):
        nonlocal k
        for i in range(m):
            k += i
        return k
    for j in range(n):
        yield inner(j)
)";

void Check(const Survey& survey) {
  for (const std::string& line : survey.wrong) CHECK_MESSAGE(false, line);
  for (int past = 0; past < kPasts; past++) {
    for (int kind : {Survey::kFunctions, Survey::kLoops}) {
      const Survey::Row& row = survey.rows[past][kind];
      CHECK(row.made > 0);
      for (const auto& [reason, count] : row.refused) {
        CHECK_MESSAGE(reason == "generators and coroutines suspend", kPastNames[past] << ": " << reason << " " << row.example.at(reason));
      }
    }
  }
}

TEST_CASE("all that Tier 1 compiles can be lifted") {
  Survey survey;
  PyObject* code = Py_CompileString(kSource, "sample", Py_file_input);
  REQUIRE(code != nullptr);
  for (uint32_t seed = 1; seed <= 3; seed++) {
    survey.seed = seed;
    survey.AddCode(reinterpret_cast<PyCodeObject*>(code));
  }
  Py_DECREF(code);
  survey.lower = false;
  for (const char* name : kModules) CHECK(survey.AddFile(FileOf(name)));
  Check(survey);
}

}  // namespace
}  // namespace tierjit::tier2::test
