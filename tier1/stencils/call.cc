// Calls between compiled functions, function entry and return.
#include "tier1/slow_path.h"
#include "tier1/stencil.h"

namespace tierjit::tier1 {

// Pushes the callee's frame and enters it. A: slot of the callable; B: slot of the first argument (self included);
// C: their number; P: address of the CALL instruction. References of callable and arguments move into the new frame.
// last_in_acc: the last argument has not gone to its slot D, and does so first (cold_argument) where this gives up.
template <int n, bool method, bool last_in_acc = false> BODY call_python(SIGNATURE) {
  PyObject* f = *slot_at(lp, H_A);
  PyObject** args = slot_at(lp, H_B);
  if (UNLIKELY(Py_TYPE(f) != rt->function_type)) COLD();
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(f);
  if (UNLIKELY(!is_compiled(rt, function))) COLD();
  if constexpr (method) {
    if (UNLIKELY(args[0] == nullptr)) COLD();
  }
  UnitHeader* u = unit_of(function);
  if constexpr (n >= 0) {
    if (UNLIKELY(u->argcount != n)) COLD();
  } else {
    if (UNLIKELY(u->argcount != HOLE(H_C))) COLD();
  }
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(ts->datastack_top);
  char* top = reinterpret_cast<char*>(frame) + u->frame_bytes;
  if (UNLIKELY(top >= reinterpret_cast<char*>(ts->datastack_limit))) COLD();
  if (UNLIKELY(!begin_call(ts))) COLD();
  ts->datastack_top = reinterpret_cast<PyObject**>(top);
  _PyInterpreterFrame* caller = frame_of(lp);
  caller->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  start_frame(frame, caller, function, u);
  PyObject** to = frame->localsplus;
  if constexpr (n >= 0) {
    for (int j = 0; j < n - last_in_acc; j++) to[j] = args[j];
    if constexpr (last_in_acc) to[n - 1] = acc;
  } else {
    int64_t count = HOLE(H_C);
    for (int64_t j = 0; j < count; j++) to[j] = args[j];
  }
  ts->current_frame = frame;
  lp = to;
  GO(TJ_CALLEE, reinterpret_cast<PyObject*>(const_cast<void*>(u->native_entry)));
}
#define CALL_ONE(n)                                                                                \
  STENCIL(call_plain_##n) { MUSTTAIL return call_python<n, false>(lp, rt, acc, ts, REST); }        \
  STENCIL(call_method_##n) { MUSTTAIL return call_python<n, true>(lp, rt, acc, ts, REST); }        \
  STENCIL(call_plain_##n##R) { MUSTTAIL return call_python<n, false, true>(lp, rt, acc, ts, REST); } \
  STENCIL(call_method_##n##R) { MUSTTAIL return call_python<n, true, true>(lp, rt, acc, ts, REST); }
STENCIL(call_plain_0) { MUSTTAIL return call_python<0, false>(lp, rt, acc, ts, REST); }
CALL_ONE(1) CALL_ONE(2) CALL_ONE(3) CALL_ONE(4)
STENCIL(call_plain_n) { MUSTTAIL return call_python<-1, false>(lp, rt, acc, ts, REST); }
STENCIL(call_method_n) { MUSTTAIL return call_python<-1, true>(lp, rt, acc, ts, REST); }

// A bound method that somebody else holds, too: its function is entered with its self in front of the arguments. A..C, P as for
// call_python; in the method form the slot of self holds NULL.
template <bool method> BODY call_bound(SIGNATURE) {
  PyObject* f = *slot_at(lp, H_A);
  if constexpr (method) {
    if (UNLIKELY(*slot_at(lp, H_B) != nullptr)) COLD_EMPTY();
  }
  if (UNLIKELY(Py_TYPE(f) != rt->method_type || *refcount32(f) == 1)) COLD_EMPTY();
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(reinterpret_cast<PyMethodObject*>(f)->im_func);
  if (UNLIKELY(Py_TYPE(function) != rt->function_type || !is_compiled(rt, function))) COLD_EMPTY();
  UnitHeader* u = unit_of(function);
  uint64_t count;
  asm("movl $H_C, %k0" : "=r"(count));
  if (UNLIKELY(u->argcount != static_cast<int32_t>(count) + !method)) COLD_EMPTY();
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(ts->datastack_top);
  char* top = reinterpret_cast<char*>(frame) + u->frame_bytes;
  if (UNLIKELY(top >= reinterpret_cast<char*>(ts->datastack_limit))) COLD_EMPTY();
  if (UNLIKELY(!begin_call(ts))) COLD_EMPTY();
  ts->datastack_top = reinterpret_cast<PyObject**>(top);
  _PyInterpreterFrame* caller = frame_of(lp);
  caller->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  incref(reinterpret_cast<PyObject*>(function));
  start_frame(frame, caller, function, u);
  PyObject** to = frame->localsplus;
  to[0] = incref(reinterpret_cast<PyMethodObject*>(f)->im_self);
  decref_shared(f);
  PyObject** args = slot_at(lp, H_B);
#pragma clang loop vectorize(disable) unroll(disable)
  for (uint64_t j = method; j < count; j++) to[j + !method] = args[j];
  ts->current_frame = frame;
  lp = to;
  GO(TJ_CALLEE, reinterpret_cast<PyObject*>(const_cast<void*>(u->native_entry)));
}
STENCIL(call_bound_plain) { MUSTTAIL return call_bound<false>(lp, rt, acc, ts, REST); }
STENCIL(call_bound_method) { MUSTTAIL return call_bound<true>(lp, rt, acc, ts, REST); }

extern "C" PyObject* tj_new_instance(PyTypeObject* type);
extern "C" PyObject* tj_init_failed(PyObject* made, PyObject* result);

// Makes an instance of the class in slot A and enters its `__init__`; the cell tells which. A..D, P as for call_python, but C counts
// the instance in the method form only. Goes on in after_init; meanwhile slot A holds the instance. n: number of arguments, -1: C tells.
template <int n, bool method, bool last_in_acc> BODY call_class(SIGNATURE) {
  PyObject** operands = slot_at(lp, H_A);
  PyObject* f = operands[0];
  if (UNLIKELY(Py_TYPE(f) != rt->type_type)) COLD();
  if (UNLIKELY(reinterpret_cast<PyTypeObject*>(f)->tp_version_tag != cell<ClassCell>()->version)) COLD();
  if constexpr (method) {
    if (UNLIKELY(operands[1] != nullptr)) COLD();
  }
  PyFunctionObject* init = cell<ClassCell>()->init;
  if (UNLIKELY(!is_compiled(rt, init))) COLD();
  UnitHeader* u = unit_of(init);
  if constexpr (n >= 0) {
    if (UNLIKELY(u->argcount != n + 1)) COLD();
  } else {
    uint64_t count;
    asm("movl $H_C, %k0" : "=r"(count));
    if (UNLIKELY(u->argcount - !method != static_cast<int32_t>(count))) COLD();
  }
  if (UNLIKELY(reinterpret_cast<char*>(ts->datastack_top) + u->frame_bytes >= reinterpret_cast<char*>(ts->datastack_limit))) COLD();
  if (UNLIKELY(ts->py_recursion_remaining <= 1)) COLD();
  PyObject* self = tj_new_instance(reinterpret_cast<PyTypeObject*>(f));
  if (UNLIKELY(self == nullptr)) COLD();
  // Loaded again: nothing outlives a call but the pinned registers.
  operands = slot_at(lp, H_A);
  decref_shared(operands[0]);  // the instance has a reference to it
  operands[0] = self;
  init = cell<ClassCell>()->init;
  u = unit_of(init);
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(ts->datastack_top);
  ts->datastack_top = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(frame) + u->frame_bytes);
  ts->py_recursion_remaining--;
  _PyInterpreterFrame* caller = frame_of(lp);
  caller->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  incref(reinterpret_cast<PyObject*>(init));
  start_frame(frame, caller, init, u);
  PyObject** to = frame->localsplus;
  to[0] = self;
  self->ob_refcnt = 2;
  if constexpr (n >= 0) {
    for (int j = 0; j < n - last_in_acc; j++) to[j + 1] = operands[j + 2];
    if constexpr (last_in_acc) to[n] = acc;
  } else {
    int32_t end = u->argcount;
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t j = 1; j < end; j++) to[j] = operands[j + 1];
  }
  ts->current_frame = frame;
  lp = to;
  void* z_;
  MUSTTAIL return TJ_CALL_init(lp, rt, DEAD, ts, DEAD, const_cast<void*>(u->native_entry), z_);
}
STENCIL(call_class_0) { MUSTTAIL return call_class<0, false, false>(lp, rt, acc, ts, REST); }
STENCIL(call_class_1R) { MUSTTAIL return call_class<1, false, true>(lp, rt, acc, ts, REST); }
STENCIL(call_class_2R) { MUSTTAIL return call_class<2, false, true>(lp, rt, acc, ts, REST); }
STENCIL(call_class_3R) { MUSTTAIL return call_class<3, false, true>(lp, rt, acc, ts, REST); }
STENCIL(call_class_4R) { MUSTTAIL return call_class<4, false, true>(lp, rt, acc, ts, REST); }
STENCIL(call_class_n) { MUSTTAIL return call_class<-1, false, false>(lp, rt, acc, ts, REST); }
STENCIL(call_class_method_n) { MUSTTAIL return call_class<-1, true, false>(lp, rt, acc, ts, REST); }

// `__init__` has returned.
STENCIL(after_init) {
  PyObject* made = *slot_at(lp, H_A);
  if (UNLIKELY(acc != rt->none_object)) {
    acc = tj_init_failed(made, acc);
    NEXT(acc);
  }
  NEXT(made);
}

STENCIL(cold_argument) {
  *slot_at(lp, H_D) = acc;
  COLD_EMPTY();
}

// Any call. What the thunk comes to either binds the arguments of a compiled function to a new frame, which is entered there (no C frame
// lies between the two functions, and references move as in the interpreter), or does the whole call. What follows every call sees to
// errors.
STENCIL(call_any) {
  void* z_;
  MUSTTAIL return TJ_CALLEE(lp, rt, static_cast<PyObject*>(ADDRESS_OF(TJ_THUNK_call)), ts, DEAD, ADDRESS_OF(H_SITE), z_);
}
// The same for CALL. A: slot of the callable, C: number of arguments (with self), P: address of the instruction. plain: no self, which
// need not be stored.
template <bool method> BODY call_any_of(SIGNATURE) {
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  PyObject* operands = reinterpret_cast<PyObject*>(slot_at(lp, H_A));
  uint64_t count;
  asm("movl $H_C, %k0" : "=r"(count));
  void* thunk = method ? ADDRESS_OF(TJ_THUNK_call_method) : ADDRESS_OF(TJ_THUNK_call_plain);
  MUSTTAIL return TJ_CALLEE(lp, rt, static_cast<PyObject*>(thunk), ts, operands, ADDRESS_OF(H_SITE), reinterpret_cast<void*>(count));
}
STENCIL(call_any_plain) { MUSTTAIL return call_any_of<false>(lp, rt, acc, ts, REST); }
STENCIL(call_any_method) { MUSTTAIL return call_any_of<true>(lp, rt, acc, ts, REST); }

extern "C" Departure tj_call(PyObject** lp, PyThreadState* ts, Site* site);
extern "C" Departure tj_call_class(PyObject** lp, PyThreadState* ts, Site* site);
// C side, tier1/call_builtin.h.
extern "C" PyObject* tj_call_builtin(PyObject* callable, PyObject** args, int64_t count, PyThreadState* ts);
extern "C" PyObject* tj_check_result(PyThreadState* ts, PyObject* callable, PyObject* result);
extern "C" PyObject* tj_after_unusual_call(PyThreadState* ts, PyObject* result);
extern "C" PyObject* tj_release(PyObject** from, PyObject** to, PyObject* result);

// See EndsInC(), tier1/call_builtin.h.
INLINE bool ends_in_c(Rt* rt, PyObject* f) {
  PyTypeObject* type = Py_TYPE(f);
  if (type == rt->cfunction_type || type == rt->method_descr_type) return true;
  if (type == rt->function_type || type == rt->method_type) return false;
  if (type->tp_flags & Py_TPFLAGS_TYPE_SUBCLASS) type = reinterpret_cast<PyTypeObject*>(f);
  return (type->tp_flags & (Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_IMMUTABLETYPE)) != Py_TPFLAGS_HEAPTYPE;
}

// Calls `method` with self and `count` further arguments by its convention. False: some other convention, a wrong number of arguments,
// ...: nothing has happened. Conventions with one argument or none take a level of C recursion.
INLINE bool call_by_convention(PyThreadState* ts, PyMethodDef* method, PyObject* self, PyObject** args, int64_t count,
                               PyObject** result) {
  constexpr int kBinding = METH_CLASS | METH_STATIC | METH_COEXIST;  // makes no difference to the call
  using FastKeywords = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);
  PyObject* only = nullptr;
  switch (method->ml_flags & ~kBinding) {
    case METH_FASTCALL:
    case METH_FASTCALL | METH_KEYWORDS:
      *result = reinterpret_cast<FastKeywords>(reinterpret_cast<void*>(method->ml_meth))(self, args, count, nullptr);
      return true;
    case METH_NOARGS:
      if (UNLIKELY(count != 0)) return false;
      break;
    case METH_O:
      if (UNLIKELY(count != 1)) return false;
      only = args[0];
      break;
    default:
      return false;
  }
  if (UNLIKELY(ts->c_recursion_remaining <= 0)) return false;
  asm("decl %0" : "+m"(ts->c_recursion_remaining));
  *result = method->ml_meth(self, only);
  asm("incl %0" : "+m"(ts->c_recursion_remaining));
  return true;
}
// Consumes what a call has taken: operands that others hold as well; the rest, from the first one that dies, by a helper. The result.
INLINE PyObject* release(PyObject** from, PyObject** to, PyObject* result) {
#define RELEASE_ONE(bound)                                               \
  do {                                                                   \
    PyObject* o = *from;                                                 \
    if (bound || LIKELY(o != nullptr)) {                                 \
      int32_t n = static_cast<int32_t>(*refcount32(o));                  \
      if (UNLIKELY(n == 1)) return tj_release(from, to, result);         \
      if (LIKELY(n > 0)) set_refcount(o, static_cast<uint32_t>(n - 1));  \
    }                                                                    \
  } while (0)
  RELEASE_ONE(true);  // the callable
  from++;
  RELEASE_ONE(false);  // self, if any
#pragma clang loop vectorize(disable) unroll(disable)
  for (from++; from != to; from++) RELEASE_ONE(true);
#undef RELEASE_ONE
  return result;
}
// What the interpreter does after a call that did not push a frame; now and then a look at what has no event of its own.
INLINE bool is_usual(Rt* rt, PyThreadState* ts) {
  bool look;
  asm("decl %0" : "+m"(rt->calls_until_look), "=@ccz"(look));
  return LIKELY(!look && (ts->eval_breaker & _PY_EVAL_EVENTS_MASK) == 0 && ts->interp->eval_frame == nullptr);
}
// Enters the function of the frame that has been pushed, from where a prologue has been made already.
#define ENTER_FRESH(entry) \
  GO(reinterpret_cast<Continuation>(const_cast<char*>(static_cast<const char*>(entry)) + kPrologueSize), DEAD)

// C code, called at the site: methods of builtin types by their objects, functions, and what such a class has for calls. Others give up.
// A: slot of the callable, P: address of the instruction. n: number of arguments, without self.
template <bool method, int n> BODY call_c_at_site(SIGNATURE) {
  PyObject** operands = slot_at(lp, H_A);
  PyObject* f = operands[0];
  PyObject* self = method ? operands[1] : nullptr;
  PyObject* result;
  PyMethodDef* def;
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  if (method && LIKELY(self != nullptr)) {
    if (UNLIKELY(Py_TYPE(f) != rt->method_descr_type || f == rt->list_append)) COLD_EMPTY();
    if (UNLIKELY(Py_TYPE(self) != reinterpret_cast<PyMethodDescrObject*>(f)->d_common.d_type)) COLD_EMPTY();
    def = reinterpret_cast<PyMethodDescrObject*>(f)->d_method;
  } else {
    if constexpr (!method) operands[1] = nullptr;
    if (!method && n > 0 && Py_TYPE(f) == rt->type_type) {
      PyTypeObject* type = reinterpret_cast<PyTypeObject*>(f);
      if (UNLIKELY(type == rt->type_type || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 || type->tp_vectorcall == nullptr)) COLD_EMPTY();
      result = type->tp_vectorcall(f, operands + 2, n, nullptr);
      goto called;
    }
    if (UNLIKELY(Py_TYPE(f) != rt->cfunction_type || f == rt->isinstance || f == rt->len)) COLD_EMPTY();
    def = reinterpret_cast<PyCFunctionObject*>(f)->m_ml;
    self = def->ml_flags & METH_STATIC ? nullptr : reinterpret_cast<PyCFunctionObject*>(f)->m_self;
  }
  if (UNLIKELY(!call_by_convention(ts, def, self, operands + 2, n, &result))) {
    // Its own way for vectorcalls. Not all functions have one.
    asm("" : "+r"(lp));  // addresses of slots are made anew: no register is left for them
    operands = slot_at(lp, H_A);
    bool bound = method && operands[1] != nullptr;
    f = operands[0];
    vectorcallfunc call = bound ? reinterpret_cast<PyMethodDescrObject*>(f)->vectorcall : reinterpret_cast<PyCFunctionObject*>(f)->vectorcall;
    if (UNLIKELY(call == nullptr)) COLD_EMPTY();
    result = call(f, operands + 2 - bound, static_cast<size_t>(n + bound) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  }
called:
  asm("" : "+r"(lp));
  operands = slot_at(lp, H_A);
  if (UNLIKELY(result == nullptr || ts->current_exception != nullptr)) result = tj_check_result(ts, operands[0], result);
  result = release(operands, operands + 2 + n, result);
  if (UNLIKELY(!is_usual(rt, ts))) result = tj_after_unusual_call(ts, result);
  NEXT(result);
}
#define CALL_C_AT_SITE(n)                                                                       \
  STENCIL(call_c_plain_##n) { MUSTTAIL return call_c_at_site<false, n>(lp, rt, acc, ts, REST); } \
  STENCIL(call_c_method_##n) { MUSTTAIL return call_c_at_site<true, n>(lp, rt, acc, ts, REST); }
CALL_C_AT_SITE(0) CALL_C_AT_SITE(1) CALL_C_AT_SITE(2) CALL_C_AT_SITE(3)

// call_send or call_next (generator.cc) has come back: the generator, operand `which`, has yielded, returned or raised.
extern "C" PyObject* tj_end_of_send(PyObject* result);
template <int which> BODY after_resumption(SIGNATURE) {
  PyObject** operands = slot_at(lp, H_A);
  bool yielded = acc != nullptr && reinterpret_cast<PyGenObject*>(operands[which])->gi_frame_state < FRAME_EXECUTING;
  if (UNLIKELY(!yielded)) acc = tj_end_of_send(acc);
  acc = release(operands, operands + 3, acc);
  if (UNLIKELY(!is_usual(rt, ts))) acc = tj_after_unusual_call(ts, acc);
  NEXT(acc);
}
STENCIL(after_call_send) { MUSTTAIL return after_resumption<1>(lp, rt, acc, ts, REST); }
STENCIL(after_call_next) { MUSTTAIL return after_resumption<2>(lp, rt, acc, ts, REST); }

// What call_any calls. Goes on in the callee, or returns with the result.
#define CALL_BY_HELPER(helper)                                    \
  do {                                                            \
    Departure d = helper(lp, ts, static_cast<Site*>(y));          \
    if (UNLIKELY(d.resume == nullptr)) GO(TJ_RETURN, d.value);    \
    lp = reinterpret_cast<PyObject**>(d.value);                   \
    ENTER_FRESH(d.resume);                                        \
  } while (0)
#define ENTERED_BY_CALL() asm volatile("pushq %%rbp\n\tmovq %%rsp, %%rbp" ::: "memory")

STENCIL(thunk_call) {
  ENTERED_BY_CALL();
  CALL_BY_HELPER(tj_call);
}

// Calls of C functions and classes, from where a callee is entered: acc = arguments, x = operands, y = site, z = number of arguments.
enum class Callee { kMethod, kFunction, kClass };
template <Callee kind> BODY call_c(SIGNATURE) {
  PyObject** operands = reinterpret_cast<PyObject**>(x);
  PyObject* f = operands[0];
  PyObject** args = reinterpret_cast<PyObject**>(acc);
  int64_t count = reinterpret_cast<int64_t>(z);
  Site* site = static_cast<Site*>(y);
  PyObject* result;
  if constexpr (kind == Callee::kMethod) {
    PyMethodDescrObject* descr = reinterpret_cast<PyMethodDescrObject*>(f);
    PyObject* self = args[0];
    if (UNLIKELY(Py_TYPE(self) != descr->d_common.d_type)) goto other;
    if (UNLIKELY(!call_by_convention(ts, descr->d_method, self, args + 1, count - 1, &result))) goto other;
  } else if constexpr (kind == Callee::kFunction) {
    PyMethodDef* method = reinterpret_cast<PyCFunctionObject*>(f)->m_ml;
    PyObject* self = method->ml_flags & METH_STATIC ? nullptr : reinterpret_cast<PyCFunctionObject*>(f)->m_self;
    if (UNLIKELY(!call_by_convention(ts, method, self, args, count, &result))) goto other;
  } else {
    result = reinterpret_cast<PyTypeObject*>(f)->tp_vectorcall(f, args, static_cast<size_t>(count), nullptr);
  }
  // Found again by the site, which is all that a register is left for.
  asm("" : "+r"(site));
  operands = slot_at_offset(lp, site->operands);
  if (UNLIKELY(result == nullptr || ts->current_exception != nullptr)) {
    result = tj_check_result(ts, operands[0], result);
    asm("" : "+r"(site));
    operands = slot_at_offset(lp, site->operands);
  }
  result = release(operands, operands + site->popped, result);
  if (UNLIKELY(!is_usual(rt, ts))) result = tj_after_unusual_call(ts, result);
  asm volatile("");  // a conditional jump cannot lead to TJ_RETURN
  GO(TJ_RETURN, result);
other:
  acc = tj_call_builtin(f, args, count, ts);
  GO(TJ_RETURN, acc);
}
STENCIL(thunk_call_c_method) { MUSTTAIL return call_c<Callee::kMethod>(lp, rt, acc, ts, REST); }
STENCIL(thunk_call_c_function) { MUSTTAIL return call_c<Callee::kFunction>(lp, rt, acc, ts, REST); }
STENCIL(thunk_call_c_class) { MUSTTAIL return call_c<Callee::kClass>(lp, rt, acc, ts, REST); }
#define CALL_C(kind) \
  MUSTTAIL return TJ_THUNK_call_c_##kind(lp, rt, reinterpret_cast<PyObject*>(args), ts, reinterpret_cast<PyObject*>(operands), y, \
                                         reinterpret_cast<void*>(count))

// What call_any_plain and call_any_method call: the frequent cases at once, the others by a helper. x: the operands, y: the site, z: the
// number of arguments (with self).
template <bool method> BODY call_object(SIGNATURE) {
  ENTERED_BY_CALL();
  PyObject** operands = reinterpret_cast<PyObject**>(x);
  PyObject** args = operands + 1;
  int64_t count = reinterpret_cast<int64_t>(z);
  PyObject* f = operands[0];
  if (!method || UNLIKELY(operands[1] == nullptr)) {
    if constexpr (method) count--;
    else operands[1] = nullptr;
    args++;
  }
  PyTypeObject* type = Py_TYPE(f);
  if (type == rt->method_descr_type) {
    if (UNLIKELY(count == 0)) goto builtin;
    if (UNLIKELY(f == rt->list_append) && count == 2 && Py_TYPE(args[0]) == rt->list_type && *refcount32(args[0]) != 1 &&
        *refcount32(f) != 1) {
      PyListObject* list = reinterpret_cast<PyListObject*>(args[0]);
      Py_ssize_t size = reinterpret_cast<PyVarObject*>(list)->ob_size;
      if (LIKELY(size < list->allocated)) {
        list->ob_item[size] = args[1];
        reinterpret_cast<PyVarObject*>(list)->ob_size = size + 1;
        decref_shared(reinterpret_cast<PyObject*>(list));
        decref_shared(f);
        asm volatile("");  // as above
        GO(TJ_RETURN, rt->none_object);
      }
    }
    CALL_C(method);
  }
  if (type == rt->function_type) {
    PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(f);
    PyObject** pushed = push_plain(lp, rt, ts, function, nullptr, args, count);
    if (UNLIKELY(pushed == nullptr)) goto other;
    lp = pushed;
    ENTER_FRESH(unit_of(function)->native_entry);
  }
  if (type == rt->cfunction_type) {
    if (f == rt->isinstance || f == rt->len) goto builtin;
    CALL_C(function);
  }
  if (type == rt->method_type) {
    // Somebody else holds it, too, so that it does not die here.
    PyMethodObject* bound = reinterpret_cast<PyMethodObject*>(f);
    PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(bound->im_func);
    if (UNLIKELY(*refcount32(f) == 1 || args == operands + 1 || Py_TYPE(function) != rt->function_type)) goto other;
    PyObject** pushed = push_plain(lp, rt, ts, function, bound->im_self, args, count);
    if (UNLIKELY(pushed == nullptr)) goto other;
    incref(reinterpret_cast<PyObject*>(function));
    decref_shared(f);
    lp = pushed;
    ENTER_FRESH(unit_of(function)->native_entry);
  }
  if (f == reinterpret_cast<PyObject*>(rt->type_type)) {
    if (UNLIKELY(count != 1 || *refcount32(args[0]) == 1)) goto other;
    PyObject* result = incref(reinterpret_cast<PyObject*>(Py_TYPE(args[0])));
    decref_shared(args[0]);
    asm volatile("");  // as above
    GO(TJ_RETURN, result);  // (`type` is immortal)
  }
  if (!ends_in_c(rt, f)) {
    if (type != rt->type_type || args == operands + 1) goto other;
    CALL_BY_HELPER(tj_call_class);
  }
  if (type == rt->type_type && reinterpret_cast<PyTypeObject*>(f)->tp_vectorcall != nullptr) CALL_C(class);
builtin:
  acc = tj_call_builtin(f, args, count, ts);
  GO(TJ_RETURN, acc);
other:
  CALL_BY_HELPER(tj_call);
}
STENCIL(thunk_call_plain) { MUSTTAIL return call_object<false>(lp, rt, acc, ts, REST); }
STENCIL(thunk_call_method) { MUSTTAIL return call_object<true>(lp, rt, acc, ts, REST); }

extern "C" Departure tj_call_getitem(PyThreadState* ts, PyObject** sp);

// BINARY_SUBSCR of anything, first of all of instances of Python classes. What lies below the operands is canonical; they go to their
// slots here. A, B, Q: the operands, D: slot of the container, P: address of the instruction.
template <K kc, K kk> BODY call_getitem(SIGNATURE) {
  PyObject** to = slot_at(lp, H_D);
  PyObject* o = *slot_at(lp, H_A);
  if constexpr (kc == K::R) o = acc;
  PyObject* key = second<kk>(lp, acc);
  if constexpr (!owned(kc)) incref(o);
  if constexpr (!owned(kk)) incref(key);
  to[0] = o;
  to[1] = key;
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  Departure d = tj_call_getitem(ts, to + 2);
  if (LIKELY(d.resume == nullptr)) GO(TJ_NEXT, d.value);
  lp = reinterpret_cast<PyObject**>(d.value);
  GO(TJ_CALLEE, static_cast<PyObject*>(const_cast<void*>(d.resume)));
}
#define CALL_GETITEM(a, b) STENCIL(call_getitem_##a##b) { MUSTTAIL return call_getitem<K::a, K::b>(lp, rt, acc, ts, REST); }
CALL_GETITEM(L, L) CALL_GETITEM(L, C) CALL_GETITEM(L, R) CALL_GETITEM(R, L) CALL_GETITEM(R, C) CALL_GETITEM(M, R)

// Enters the getter of a property; the cell tells which. What lies below the owner is canonical. A: the owner, if local; P: address of
// the instruction.
template <K k> BODY call_getter(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  if (UNLIKELY(Py_TYPE(o)->tp_version_tag != cell<GetterCell>()->version)) COLD();
  PyFunctionObject* function = cell<GetterCell>()->function;
  if (UNLIKELY(!is_compiled(rt, function))) COLD();
  UnitHeader* u = unit_of(function);
  if (UNLIKELY(u->argcount != 1)) COLD();
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(ts->datastack_top);
  char* top = reinterpret_cast<char*>(frame) + u->frame_bytes;
  if (UNLIKELY(top >= reinterpret_cast<char*>(ts->datastack_limit))) COLD();
  if (UNLIKELY(ts->py_recursion_remaining <= 1)) COLD();
  ts->py_recursion_remaining--;
  ts->datastack_top = reinterpret_cast<PyObject**>(top);
  _PyInterpreterFrame* caller = frame_of(lp);
  caller->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  if constexpr (!owned(k)) incref(o);
  frame->localsplus[0] = o;
  incref(reinterpret_cast<PyObject*>(function));
  start_frame(frame, caller, function, u);
  ts->current_frame = frame;
  lp = frame->localsplus;
  GO(TJ_CALLEE, reinterpret_cast<PyObject*>(const_cast<void*>(u->native_entry)));
}
STENCIL(call_getter_L) { MUSTTAIL return call_getter<K::L>(lp, rt, acc, ts, REST); }
STENCIL(call_getter_R) { MUSTTAIL return call_getter<K::R>(lp, rt, acc, ts, REST); }

extern "C" Departure tj_call_attr(PyThreadState* ts, PyObject** sp, Site* site);

// LOAD_ATTR of anything, properties included. What lies below the owner is canonical; it goes to its slot D here. A: the owner, if local.
template <K k> BODY call_attr(SIGNATURE) {
  PyObject** to = slot_at(lp, H_D);
  PyObject* o = first<k>(lp, acc);
  if constexpr (!owned(k)) incref(o);
  *to = o;
  Departure d = tj_call_attr(ts, to + 1, static_cast<Site*>(ADDRESS_OF(H_SITE)));
  if (LIKELY(d.resume == nullptr)) GO(TJ_NEXT, d.value);
  lp = reinterpret_cast<PyObject**>(d.value);
  GO(TJ_CALLEE, static_cast<PyObject*>(const_cast<void*>(d.resume)));
}
STENCIL(call_attr_L) { MUSTTAIL return call_attr<K::L>(lp, rt, acc, ts, REST); }
STENCIL(call_attr_R) { MUSTTAIL return call_attr<K::R>(lp, rt, acc, ts, REST); }

// `type(x)`: A: slot of the callable, B: of the argument.
STENCIL(call_type) {
  PyObject* f = *slot_at(lp, H_A);
  if (UNLIKELY(f != reinterpret_cast<PyObject*>(rt->type_type))) COLD_EMPTY();
  PyObject* o = *slot_at(lp, H_B);
  if (UNLIKELY(*refcount32(o) == 1)) COLD_EMPTY();
  PyObject* type = incref(reinterpret_cast<PyObject*>(Py_TYPE(o)));
  decref_shared(o);
  decref_shared(f);
  NEXT(type);
}

// An instruction by its handler, on the canonical frame. A: first free slot, C: oparg, P: address of the instruction, Q: the handler.
template <bool result> BODY run_handler(SIGNATURE) {
  _PyInterpreterFrame* frame = frame_of(lp);
  frame->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  int oparg;
  asm("movl $H_C, %k0" : "=r"(oparg));
  PyObject** sp = reinterpret_cast<OpHandler>(pointer_q())(ts, frame, slot_at(lp, H_A), oparg);
  if (UNLIKELY(sp == nullptr)) GO(TJ_THUNK_exit, DEAD);
  if constexpr (result) acc = sp[-1];
  if (UNLIKELY(ts->eval_breaker != unit()->expected_breaker)) COLD();
  NEXT(acc);
}
STENCIL(handler) { MUSTTAIL return run_handler<false>(lp, rt, acc, ts, REST); }
STENCIL(handler_R) { MUSTTAIL return run_handler<true>(lp, rt, acc, ts, REST); }

// The callee has returned: acc is its result. Tracing may have been switched on meanwhile.
STENCIL(after_call) {
  // Positive tests make the way to the next stencil come last.
  if (LIKELY(acc != nullptr)) {
    if (LIKELY(ts->eval_breaker == unit()->expected_breaker)) NEXT(acc);
  }
  COLD();
}

// Locals that are not arguments start unbound: A = byte offset of the first, B = byte offset behind the last.
STENCIL(clear_locals) {
  char* p = reinterpret_cast<char*>(lp) + HOLE(H_A);
  char* end = reinterpret_cast<char*>(lp) + HOLE(H_B);
  do {
    *reinterpret_cast<PyObject**>(p) = nullptr;
    p += sizeof(PyObject*);
  } while (p != end);
  NEXT(DEAD);
}
template <int n> BODY clear(SIGNATURE) {
  PyObject** p = slot_at(lp, H_A);
  for (int j = 0; j < n; j++) p[j] = nullptr;
  NEXT(DEAD);
}
STENCIL(clear_locals_1) { MUSTTAIL return clear<1>(lp, rt, acc, ts, REST); }
STENCIL(clear_locals_2) { MUSTTAIL return clear<2>(lp, rt, acc, ts, REST); }
STENCIL(clear_locals_3) { MUSTTAIL return clear<3>(lp, rt, acc, ts, REST); }
STENCIL(clear_locals_4) { MUSTTAIL return clear<4>(lp, rt, acc, ts, REST); }
STENCIL(clear_locals_6) { MUSTTAIL return clear<6>(lp, rt, acc, ts, REST); }
STENCIL(clear_locals_8) { MUSTTAIL return clear<8>(lp, rt, acc, ts, REST); }

// RESUME: events, tracing. Room on the C stack is looked at where C code enters: a frame here takes far more of the data stack than of
// the C stack, and a new chunk of the data stack is C code's business too.
STENCIL(resume) {
  // Positive tests make the way to the next stencil come last.
  if (LIKELY(ts->eval_breaker == unit()->expected_breaker)) {
    if (LIKELY(--unit()->entries_left != 0)) NEXT(DEAD);
  }
  COLD_EMPTY();
}
// The same behind a yield, which is no new entry.
STENCIL(resume_yield) {
  if (UNLIKELY(ts->eval_breaker != unit()->expected_breaker)) COLD_EMPTY();
  NEXT(DEAD);
}

STENCIL(jump_backward) {
  if (UNLIKELY(--unit()->edges_left == 0)) COLD_EMPTY();
  if (UNLIKELY(ts->eval_breaker != unit()->expected_breaker)) COLD_EMPTY();
  TARGET(DEAD);
}
STENCIL(jump) { TARGET(DEAD); }

// Return: return_R_<n> with n locals to drop, the accumulator being the result. As in the interpreter, the frame is unlinked before its
// locals die. Frames that somebody holds a frame object of leave by thunk_return. A..D: the locals, ascending; no other one holds
// anything. The first that dies, and what comes behind it, is left to a thunk. kept: local D is the result, whose reference moves.
template <bool bound> INLINE PyObject** drop_shared(PyObject** slot) {
  PyObject* o = *slot;
  if constexpr (!bound) {
    if (o == nullptr) return nullptr;
  }
  int32_t n = static_cast<int32_t>(*refcount32(o));
  if (UNLIKELY(n == 1)) return slot;
  if (LIKELY(n > 0)) set_refcount(o, static_cast<uint32_t>(n - 1));
  return nullptr;
}
#define DROP_SHARED(bound, n, offset)                                                               \
  if constexpr (n) {                                                                                \
    PyObject** dying = drop_shared<bound>(slot_at(lp, offset));                                     \
    if (UNLIKELY(dying != nullptr)) GO_WITH(TJ_THUNK_return_rest, acc, reinterpret_cast<PyObject*>(dying)); \
  }
template <int n, bool bound, bool kept> BODY return_frame(SIGNATURE) {
  _PyInterpreterFrame* frame = frame_of(lp);
  if (UNLIKELY(frame->frame_obj != nullptr)) COLD();
  if constexpr (kept) {
    acc = *slot_at(lp, H_D);
    *slot_at(lp, H_D) = nullptr;  // for the thunk
  }
  _PyInterpreterFrame* caller = frame->previous;
  ts->current_frame = caller;
  ts->py_recursion_remaining++;
  DROP_SHARED(bound, n > 0, H_A)
  DROP_SHARED(bound, n > 1, H_B)
  DROP_SHARED(bound, n > 2, H_C)
  DROP_SHARED(bound, n > 3, H_D)
  if (UNLIKELY(decref(frame->f_funcobj))) GO(TJ_THUNK_return_last, acc);
  if (UNLIKELY(decref(frame->f_executable))) GO(TJ_THUNK_return_code, acc);
  LEAVE_TO(caller);
}
#define RETURN_FRAME(n)                                                                       \
  STENCIL(return_R_##n) { MUSTTAIL return return_frame<n, false, false>(lp, rt, acc, ts, REST); } \
  STENCIL(return_R_bound_##n) { MUSTTAIL return return_frame<n, true, false>(lp, rt, acc, ts, REST); }
#define RETURN_LOCAL(n)                                                                       \
  STENCIL(return_L_##n) { MUSTTAIL return return_frame<n, false, true>(lp, rt, acc, ts, REST); }  \
  STENCIL(return_L_bound_##n) { MUSTTAIL return return_frame<n, true, true>(lp, rt, acc, ts, REST); }
STENCIL(return_R_bound_0) { MUSTTAIL return return_frame<0, true, false>(lp, rt, acc, ts, REST); }
STENCIL(return_L_bound_0) { MUSTTAIL return return_frame<0, true, true>(lp, rt, acc, ts, REST); }
RETURN_FRAME(1) RETURN_FRAME(2) RETURN_FRAME(3) RETURN_FRAME(4)
RETURN_LOCAL(1) RETURN_LOCAL(2) RETURN_LOCAL(3)

// With more locals: leave_frame, drop_local_* for each local, return_R.
STENCIL(leave_frame) {
  _PyInterpreterFrame* frame = frame_of(lp);
  if (LIKELY(frame->frame_obj == nullptr)) {
    ts->current_frame = frame->previous;
    ts->py_recursion_remaining++;
    NEXT(acc);
  }
  COLD();
}

// P: address of the return instruction, which a frame object that stays alive goes on showing.
STENCIL(return_any_R) {
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  GO(TJ_THUNK_return, acc);
}
// The same for the value of local D.
STENCIL(return_any_L) {
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  GO(TJ_THUNK_return, incref(*slot_at(lp, H_D)));
}

template <bool bound> BODY drop_local(SIGNATURE) {
  PyObject* o = *slot_at(lp, H_A);
  if constexpr (!bound) {
    if (o == nullptr) NEXT(acc);
  }
  if (decref(o)) {
    if (Py_TYPE(o) != rt->long_type || !two_digits_at_most(o) || !has_room(&rt->ints)) GO_WITH(TJ_DISPOSE, acc, o);
    push_free(&rt->ints, o);
  }
  NEXT(acc);
}
STENCIL(drop_local) { MUSTTAIL return drop_local<false>(lp, rt, acc, ts, REST); }
STENCIL(drop_local_bound) { MUSTTAIL return drop_local<true>(lp, rt, acc, ts, REST); }

// The last references to function and code may take this very unit along, so those are dropped outside of it.
STENCIL(return_R) {
  _PyInterpreterFrame* frame = frame_of(lp);
  if (UNLIKELY(decref(frame->f_funcobj))) GO(TJ_THUNK_return_last, acc);
  if (UNLIKELY(decref(frame->f_executable))) GO(TJ_THUNK_return_code, acc);
  LEAVE_TO(ts->current_frame);
}

}  // namespace tierjit::tier1
