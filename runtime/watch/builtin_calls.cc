#include "runtime/watch/builtin_calls.h"

#include <algorithm>
#include <iterator>

#include "runtime/base/out_of_memory.h"

namespace tierjit {
namespace {

constexpr int kMostBuiltins = 6;

// Entries keep their content after the watch has ended: a call that is under way still returns through its place.
struct Watched {
  PyCFunctionObject* function = nullptr;  // owned while watched, NULL otherwise
  PyMethodDef* original = nullptr;
  PyMethodDef definition = {};
  AfterBuiltin after = nullptr;
};
Watched g_watched[kMostBuiltins];

void RunAfter(const Watched& watched, PyObject* const* args, Py_ssize_t count) {
  HasMemoryFor([&] { watched.after(args, count); });
}

template <int place>
PyObject* FastCall(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Watched& watched = g_watched[place];
  auto original = reinterpret_cast<PyCFunctionFast>(reinterpret_cast<void*>(watched.original->ml_meth));
  PyObject* result = original(self, args, count);
  RunAfter(watched, args, count);
  return result;
}

template <int place>
PyObject* NoArguments(PyObject* self, PyObject* unused) {
  Watched& watched = g_watched[place];
  PyObject* result = watched.original->ml_meth(self, unused);
  RunAfter(watched, nullptr, 0);
  return result;
}

template <int place>
PyObject* OneArgument(PyObject* self, PyObject* arg) {
  Watched& watched = g_watched[place];
  PyObject* result = watched.original->ml_meth(self, arg);
  RunAfter(watched, &arg, 1);
  return result;
}

struct Substitutes {
  PyCFunctionFast fast_call;
  PyCFunction no_arguments, one_argument;
};

template <int place>
constexpr Substitutes kOfPlace = {FastCall<place>, NoArguments<place>, OneArgument<place>};
constexpr Substitutes kSubstitutes[] = {kOfPlace<0>, kOfPlace<1>, kOfPlace<2>, kOfPlace<3>, kOfPlace<4>, kOfPlace<5>};
static_assert(std::size(kSubstitutes) == kMostBuiltins);

// The C function for a place; NULL for other conventions.
PyCFunction Substitute(int flags, std::ptrdiff_t place) {
  const Substitutes& of_place = kSubstitutes[place];
  if (flags == METH_FASTCALL) return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(of_place.fast_call));
  return flags == METH_NOARGS ? of_place.no_arguments : flags == METH_O ? of_place.one_argument : nullptr;
}

}  // namespace

absl::Status WatchBuiltin(PyObject* function, AfterBuiltin after) {
  if (!PyCFunction_CheckExact(function)) return absl::InvalidArgumentError("not a builtin function");
  auto* free = std::find_if(std::begin(g_watched), std::end(g_watched), [](const Watched& w) { return w.function == nullptr; });
  if (free == std::end(g_watched)) return absl::ResourceExhaustedError("too many watched builtin functions");
  auto* builtin = reinterpret_cast<PyCFunctionObject*>(Py_NewRef(function));
  PyCFunction substitute = Substitute(builtin->m_ml->ml_flags, free - g_watched);
  if (substitute == nullptr) {
    Py_DECREF(builtin);
    return absl::InvalidArgumentError("a builtin function of another calling convention");
  }
  *free = {builtin, builtin->m_ml, *builtin->m_ml, after};
  free->definition.ml_meth = substitute;
  builtin->m_ml = &free->definition;
  return absl::OkStatus();
}

void UnwatchBuiltins() {
  for (Watched& watched : g_watched) {
    if (watched.function == nullptr) continue;
    PyCFunctionObject* function = watched.function;
    watched.function = nullptr;
    if (function->m_ml == &watched.definition) function->m_ml = watched.original;
    Py_DECREF(function);
  }
}

}  // namespace tierjit
