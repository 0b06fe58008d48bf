#include "tier1/bind.h"

#include "tier1/class_facts.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr int kMaxKeywords = 16;
constexpr int kMaxParameters = 32;  // bits of Binding::given

int DefaultCount(PyFunctionObject* function) {
  return function->func_defaults == nullptr ? 0 : static_cast<int>(PyTuple_GET_SIZE(function->func_defaults));
}

// The default of parameter `index` of `argcount`, a new reference; the caller knows that there is one.
PyObject* DefaultOf(PyFunctionObject* function, int index, int argcount) {
  return Py_NewRef(PyTuple_GET_ITEM(function->func_defaults, index - (argcount - DefaultCount(function))));
}

// Positional arguments for positional parameters: missing ones have defaults.
_PyInterpreterFrame* BindPlain(PyThreadState* ts, PyFunctionObject* function, UnitHeader* unit, const Arguments& args) {
  int argcount = unit->argcount, count = args.positional;
  if (argcount < count || argcount - count > DefaultCount(function)) return nullptr;
  _PyInterpreterFrame* frame = PushFrame(ts, function, unit);
  if (frame == nullptr) return nullptr;
  for (int i = 0; i < count; i++) frame->localsplus[i] = args.values[i];
  for (int i = count; i < argcount; i++) frame->localsplus[i] = DefaultOf(function, i, argcount);
  return frame;
}

// Where each argument goes, found out before anything is changed.
class Binding {
 public:
  Binding(PyFunctionObject* function, UnitHeader* unit, const Arguments& args)
      : function_(function), code_(unit->code), args_(args), named_(code_->co_argcount + code_->co_kwonlyargcount) {}

  bool Match() { return Fits() && MatchKeywords() && DefaultsSuffice() && MatchKeywordOnly() && MakeRest(); }
  void Drop() {
    Py_XDECREF(rest_);
    Py_XDECREF(more_);
  }
  void Fill(PyObject** locals);

 private:
  bool Given(int parameter) const { return given_ >> parameter & 1; }
  int positional() const { return args_.positional < code_->co_argcount ? args_.positional : code_->co_argcount; }
  bool Fits() const;
  bool MatchKeywords();
  bool DefaultsSuffice() const;
  bool MatchKeywordOnly();
  bool MakeRest();
  int ParameterIndex(PyObject* name) const;

  PyFunctionObject* function_;
  PyCodeObject* code_;
  const Arguments& args_;
  int named_;                        // parameters that are not *args and **kwargs
  uint32_t given_ = 0;
  int index_[kMaxKeywords];          // parameter of each keyword, -1: goes to **kwargs
  PyObject* only_[kMaxParameters];   // defaults of keyword-only parameters, borrowed
  PyObject* rest_ = nullptr;         // *args
  PyObject* more_ = nullptr;         // **kwargs
};

bool Binding::Fits() const {
  bool room = args_.positional <= code_->co_argcount || (code_->co_flags & CO_VARARGS);
  return room && named_ < kMaxParameters && args_.keywords <= kMaxKeywords;
}

// Names in code are interned, so that identity decides for other interned ones.
int Binding::ParameterIndex(PyObject* name) const {
  for (int i = code_->co_posonlyargcount; i < named_; i++) {
    if (PyTuple_GET_ITEM(code_->co_localsplusnames, i) == name) return i;
  }
  return -1;
}

bool Binding::MatchKeywords() {
  given_ = (uint32_t{1} << positional()) - 1;
  for (int k = 0; k < args_.keywords; k++) {
    index_[k] = ParameterIndex(args_.names[k]);
    if (index_[k] < 0) {
      if (!(code_->co_flags & CO_VARKEYWORDS) || !PyUnicode_CHECK_INTERNED(args_.names[k])) return false;
      continue;
    }
    if (Given(index_[k])) return false;
    given_ |= uint32_t{1} << index_[k];
  }
  return true;
}

bool Binding::DefaultsSuffice() const {
  for (int i = positional(); i < code_->co_argcount - DefaultCount(function_); i++) {
    if (!Given(i)) return false;
  }
  return true;
}

bool Binding::MatchKeywordOnly() {
  PyObject* defaults = function_->func_kwdefaults;
  for (int i = code_->co_argcount; i < named_; i++) {
    if (Given(i)) continue;
    if (defaults == nullptr || !PyDict_CheckExact(defaults) || !OnlyStrKeys(defaults)) return false;
    only_[i] = PyDict_GetItemWithError(defaults, PyTuple_GET_ITEM(code_->co_localsplusnames, i));
    if (only_[i] == nullptr) return false;
  }
  return true;
}

// The last step, as its objects must go into the frame.
bool Binding::MakeRest() {
  if (code_->co_flags & CO_VARARGS) {
    rest_ = PyTuple_New(args_.positional - positional());
    if (rest_ == nullptr) PyErr_Clear();
  }
  if (code_->co_flags & CO_VARKEYWORDS) more_ = PyDict_New();
  for (int k = 0; more_ != nullptr && k < args_.keywords; k++) {
    if (index_[k] < 0 && PyDict_SetItem(more_, args_.names[k], args_.values[args_.positional + k]) < 0) Py_CLEAR(more_);
  }
  bool made = (rest_ != nullptr || !(code_->co_flags & CO_VARARGS)) && (more_ != nullptr || !(code_->co_flags & CO_VARKEYWORDS));
  if (made) return true;
  PyErr_Clear();
  Drop();
  return false;
}

void Binding::Fill(PyObject** locals) {
  int count = positional(), argcount = code_->co_argcount;
  for (int i = 0; i < count; i++) locals[i] = args_.values[i];
  for (int i = count; i < args_.positional; i++) PyTuple_SET_ITEM(rest_, i - count, args_.values[i]);
  for (int k = 0; k < args_.keywords; k++) {
    PyObject* value = args_.values[args_.positional + k];
    if (index_[k] < 0) {
      Py_DECREF(value);  // the dict has its own reference
    } else {
      locals[index_[k]] = value;
    }
  }
  for (int i = count; i < argcount; i++) {
    if (!Given(i)) locals[i] = DefaultOf(function_, i, argcount);
  }
  for (int i = argcount; i < named_; i++) {
    if (!Given(i)) locals[i] = Py_NewRef(only_[i]);
  }
  int next = named_;
  if (rest_ != nullptr) locals[next++] = rest_;
  if (more_ != nullptr) locals[next] = more_;
}

}  // namespace

_PyInterpreterFrame* BindFrame(PyThreadState* ts, PyFunctionObject* function, UnitHeader* unit, const Arguments& args) {
  if (unit->argcount >= 0 && args.keywords == 0) return BindPlain(ts, function, unit, args);
  Binding binding(function, unit, args);
  if (!binding.Match()) return nullptr;
  _PyInterpreterFrame* frame = PushFrame(ts, function, unit);
  if (frame == nullptr) {
    binding.Drop();
    return nullptr;
  }
  binding.Fill(frame->localsplus);
  return frame;
}

}  // namespace tierjit::tier1
