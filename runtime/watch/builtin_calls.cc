#include "runtime/watch/builtin_calls.h"

#include <algorithm>
#include <iterator>

namespace tierjit {
namespace {

constexpr int kMostBuiltins = 4;

// Entries keep their content after the watch has ended: a call that is under way still returns through its place.
struct Watched {
  PyCFunctionObject* function = nullptr;  // owned while watched, NULL otherwise
  PyMethodDef* original = nullptr;
  PyMethodDef definition = {};
  AfterBuiltin after = nullptr;
};
Watched g_watched[kMostBuiltins];

template <int place>
PyObject* FastCall(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Watched& watched = g_watched[place];
  auto original = reinterpret_cast<PyCFunctionFast>(reinterpret_cast<void*>(watched.original->ml_meth));
  PyObject* result = original(self, args, count);
  watched.after(args, count);
  return result;
}

template <int place>
PyObject* NoArguments(PyObject* self, PyObject* unused) {
  Watched& watched = g_watched[place];
  PyObject* result = watched.original->ml_meth(self, unused);
  watched.after(nullptr, 0);
  return result;
}

constexpr PyCFunctionFast kFastCalls[] = {FastCall<0>, FastCall<1>, FastCall<2>, FastCall<3>};
constexpr PyCFunction kNoArguments[] = {NoArguments<0>, NoArguments<1>, NoArguments<2>, NoArguments<3>};
static_assert(std::size(kFastCalls) == kMostBuiltins && std::size(kNoArguments) == kMostBuiltins);

// The C function for a place; NULL for other conventions.
PyCFunction Substitute(int flags, std::ptrdiff_t place) {
  if (flags == METH_FASTCALL) return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(kFastCalls[place]));
  return flags == METH_NOARGS ? kNoArguments[place] : nullptr;
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
