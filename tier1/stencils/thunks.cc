// Code shared by all units: placed once, reached by TJ_THUNK_<name>.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

extern "C" {
// C side, tier1/slow_path.cc. A value, or NULL: leave the unit through the exit thunk; with an address: a method to enter.
Departure tj_slow(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site);
PyObject* tj_end_special(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site);
// Address to go on at (the site's taken or next address) and the accumulator there; NULL: leave.
Departure tj_slow_branch(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site);
// The same after an iterator has been asked for its next item, which is in the accumulator (NULL: none).
Departure tj_for_end(PyObject** lp, PyObject* item, PyThreadState* ts, Site* site);
// The next item by the type's slot, with which to go on at `next`. Lets the cell know for next time.
Departure tj_next(PyObject** lp, PyObject* iterator, PyThreadState* ts, Site* site, const void* next);
Departure tj_end_special_branch(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site);
// Where something is pending. 0: leave.
uintptr_t tj_dispose(PyObject** lp, PyObject* acc, PyThreadState* ts, PyObject* dead, Site* site);
// Of a PlainDeath. 0: leave.
uintptr_t tj_dispose_plain(PyObject** lp, PyObject* acc, PyThreadState* ts, PyObject* dead, uint32_t death);
PyObject* tj_after_call(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site);
// Where to go on; no address: the frame's function is done with `value`, or (NULL) leave.
Departure tj_entry(PyObject** lp, PyThreadState* ts, Site* site, const void* target);
Departure tj_back_edge(PyObject** lp, PyThreadState* ts, Site* site, const void* target);
void tj_return_slow(PyObject** lp, PyThreadState* ts);
Departure tj_leave(PyObject** lp, PyThreadState* ts);
void tj_pop_chunk(PyThreadState* ts, _PyInterpreterFrame* frame);
}

// Calls a compiled method that does the work of an operation. y, the site, and z, where to go on, wait on the C stack meanwhile.
INLINE PyObject* call_method(PyObject**& lp, Rt* rt, const void* entry, PyThreadState* ts, PyObject** callee_lp, void*& y, void*& z) {
  register PyObject** lp_ asm("r12") = callee_lp;
  register Rt* rt_ asm("r13") = rt;
  register const void* acc_ asm("r14") = entry;
  register PyThreadState* ts_ asm("r15") = ts;
  register void* y_ asm("rcx") = y;
  register void* z_ asm("rbx") = z;
  asm volatile("pushq %[y]\n\tpushq %[z]\n\tcall *%[entry]\n\tpopq %[z]\n\tpopq %[y]"
               : "+r"(lp_), [entry] "+r"(acc_), [y] "+r"(y_), [z] "+r"(z_)
               : "r"(rt_), "r"(ts_)
               : "rax", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
  lp = lp_;
  y = y_;
  z = z_;
  return static_cast<PyObject*>(const_cast<void*>(acc_));
}

STENCIL(thunk_method) {
  y = rt->entering;
  acc = call_method(lp, rt, acc, ts, reinterpret_cast<PyObject**>(x), y, z);
  acc = tj_end_special(lp, acc, ts, static_cast<Site*>(y));
  if (UNLIKELY(acc == nullptr)) GO(TJ_THUNK_exit, acc);
  GO(reinterpret_cast<Continuation>(z), acc);
}

STENCIL(thunk_method_branch) {
  y = rt->entering;
  acc = call_method(lp, rt, acc, ts, reinterpret_cast<PyObject**>(x), y, z);
  Departure d = tj_end_special_branch(lp, acc, ts, static_cast<Site*>(y));
  if (UNLIKELY(d.resume == nullptr)) GO(TJ_THUNK_exit, DEAD);
  GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
}

// A frame for the method that the site's cell tells for the class of `self`; NULL: it tells none.
INLINE PyObject** push_known(PyObject** lp, Rt* rt, PyThreadState* ts, PyObject* self, const GetterCell* cell) {
  if (UNLIKELY(Py_TYPE(self)->tp_version_tag != cell->version)) return nullptr;
  PyObject** pushed = push_plain(lp, rt, ts, cell->function, self, nullptr, 0);
  if (LIKELY(pushed != nullptr)) incref(frame_of(pushed)->f_funcobj);
  return pushed;
}
#define CELL static_cast<GetterCell*>(static_cast<Site*>(y)->cell)
#define NATIVE_ENTRY(pushed) unit_of(reinterpret_cast<PyFunctionObject*>(frame_of(pushed)->f_funcobj))->native_entry
// What follows a call is a stencil of its own: one with a call must keep nothing on the C stack.
#define CALL_KNOWN(thunk, pushed) \
  MUSTTAIL return thunk(lp, rt, static_cast<PyObject*>(const_cast<void*>(NATIVE_ENTRY(pushed))), ts, reinterpret_cast<PyObject*>(pushed), y, z)

// GET_ITER or GET_AWAITABLE of an instance whose class has an `__iter__` or `__await__` in Python. x: the instance.
STENCIL(thunk_iter) {
  PyObject** pushed = push_known(lp, rt, ts, x, CELL);
  if (UNLIKELY(pushed == nullptr)) MUSTTAIL return TJ_THUNK_slow(lp, rt, acc, ts, x, y, z);
  CALL_KNOWN(TJ_THUNK_call_iter, pushed);
}
// Not one that a decorator has made a coroutine.
INLINE bool is_plain_generator(Rt* rt, PyObject* o) {
  if (UNLIKELY(Py_TYPE(o) != rt->generator_type)) return false;
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<PyGenObject*>(o)->gi_iframe);
  return LIKELY((reinterpret_cast<PyCodeObject*>(frame->f_executable)->co_flags & CO_ITERABLE_COROUTINE) == 0);
}
STENCIL(thunk_call_iter) {
  acc = call_method(lp, rt, acc, ts, reinterpret_cast<PyObject**>(x), y, z);
  Site* site = static_cast<Site*>(y);
  if (LIKELY(acc != nullptr && is_plain_generator(rt, acc) && ts->eval_breaker == site->unit->expected_breaker)) {
    PyObject* iterable = *slot_at_offset(lp, site->operands);
    if (LIKELY(*refcount32(iterable) != 1)) {
      decref_shared(iterable);
      GO(reinterpret_cast<Continuation>(z), acc);
    }
  }
  acc = tj_end_special(lp, acc, ts, site);
  if (UNLIKELY(acc == nullptr)) GO(TJ_THUNK_exit, acc);
  GO(reinterpret_cast<Continuation>(z), acc);
}

// GET_ANEXT of an instance whose class has an `__anext__` in Python. x: the instance, which stays on the stack.
STENCIL(thunk_anext) {
  PyObject** pushed = push_known(lp, rt, ts, x, CELL);
  if (UNLIKELY(pushed == nullptr)) MUSTTAIL return TJ_THUNK_slow(lp, rt, acc, ts, x, y, z);
  CALL_KNOWN(TJ_THUNK_call_anext, pushed);
}
STENCIL(thunk_call_anext) {
  acc = call_method(lp, rt, acc, ts, reinterpret_cast<PyObject**>(x), y, z);
  Site* site = static_cast<Site*>(y);
  if (LIKELY(acc != nullptr && Py_TYPE(acc) == rt->coroutine_type && ts->eval_breaker == site->unit->expected_breaker)) {
    GO(reinterpret_cast<Continuation>(z), acc);
  }
  acc = tj_end_special(lp, acc, ts, site);
  if (UNLIKELY(acc == nullptr)) GO(TJ_THUNK_exit, acc);
  GO(reinterpret_cast<Continuation>(z), acc);
}

// FOR_ITER over an instance whose class has a `__next__` in Python, maybe. x: the instance.
STENCIL(thunk_next) {
  PyObject** pushed = push_known(lp, rt, ts, x, CELL);
  if (UNLIKELY(pushed == nullptr)) MUSTTAIL return TJ_THUNK_ask_next(lp, rt, acc, ts, x, y, z);
  CALL_KNOWN(TJ_THUNK_call_next, pushed);
}
STENCIL(thunk_call_next) {
  acc = call_method(lp, rt, acc, ts, reinterpret_cast<PyObject**>(x), y, z);
  bool usual = acc != nullptr && ts->eval_breaker == static_cast<Site*>(y)->unit->expected_breaker;
  if (LIKELY(usual)) GO(reinterpret_cast<Continuation>(z), acc);
  PyObject* x_;
  MUSTTAIL return TJ_THUNK_for_end(lp, rt, acc, ts, x_, y, z);
}
STENCIL(thunk_ask_next) {
  Departure d = tj_next(lp, x, ts, static_cast<Site*>(y), z);
  if (UNLIKELY(d.resume == nullptr)) GO(TJ_THUNK_exit, DEAD);
  GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
}

STENCIL(thunk_slow) {
  Departure d = tj_slow(lp, acc, ts, static_cast<Site*>(y));
  if (d.resume != nullptr) {
    void* y_;
    MUSTTAIL return TJ_THUNK_method(lp, rt, static_cast<PyObject*>(const_cast<void*>(d.resume)), ts, d.value, y_, z);
  }
  if (UNLIKELY(d.value == nullptr)) GO(TJ_THUNK_exit, d.value);
  GO(reinterpret_cast<Continuation>(z), d.value);
}

STENCIL(thunk_slow_branch) {
  Departure d = tj_slow_branch(lp, acc, ts, static_cast<Site*>(y));
  if (reinterpret_cast<uintptr_t>(d.value) & kEnter) {
    PyObject* callee_lp = reinterpret_cast<PyObject*>(reinterpret_cast<uintptr_t>(d.value) - kEnter);
    GO_WITH(TJ_THUNK_method_branch, static_cast<PyObject*>(const_cast<void*>(d.resume)), callee_lp);
  }
  if (UNLIKELY(d.resume == nullptr)) GO(TJ_THUNK_exit, DEAD);
  GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
}

STENCIL(thunk_for_end) {
  Departure d = tj_for_end(lp, acc, ts, static_cast<Site*>(y));
  if (UNLIKELY(d.resume == nullptr)) GO(TJ_THUNK_exit, DEAD);
  GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
}

// A number that has a place in its free list goes there.
INLINE bool keep_number(Rt* rt, PyObject* o) {
  if (Py_TYPE(o) == rt->float_type && has_room(&rt->floats)) {
    push_free(&rt->floats, o);
    return true;
  }
  if (Py_TYPE(o) == rt->long_type && two_digits_at_most(o) && has_room(&rt->ints)) {
    push_free(&rt->ints, o);
    return true;
  }
  return false;
}
// Text, bytes, ...: what holds no other object and has no free list here. Some of these types run foreign code when they die.
INLINE bool is_leaf(Rt* rt, PyObject* o) {
  constexpr unsigned long kOthers = Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_LONG_SUBCLASS;
  return (Py_TYPE(o)->tp_flags & kOthers) == 0 && Py_TYPE(o) != rt->range_iter_type && rt->ints.limit != 0;
}
// The death of a str concerns nobody else.
STENCIL(thunk_dispose) {
  if (Py_TYPE(x) == rt->unicode_type && rt->ints.limit != 0) {
    Py_TYPE(x)->tp_dealloc(x);
    GO(reinterpret_cast<Continuation>(z), acc);
  }
  if (keep_number(rt, x)) GO(reinterpret_cast<Continuation>(z), acc);
  if (UNLIKELY(tj_dispose(lp, acc, ts, x, static_cast<Site*>(y)) == 0)) GO(TJ_THUNK_exit, acc);
  GO(reinterpret_cast<Continuation>(z), acc);
}
STENCIL(thunk_dispose_plain) {
  if (keep_number(rt, x)) GO(reinterpret_cast<Continuation>(z), acc);
  _PyInterpreterFrame* frame = frame_of(lp);
  uint32_t death = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(y));
  frame->instr_ptr = _PyCode_CODE(reinterpret_cast<PyCodeObject*>(frame->f_executable)) + PlainDeath::Unit(death);
  if (is_leaf(rt, x)) {
    Py_TYPE(x)->tp_dealloc(x);
  } else if (UNLIKELY(tj_dispose_plain(lp, acc, ts, x, death) == 0)) {
    GO(TJ_THUNK_exit, acc);
  }
  GO(reinterpret_cast<Continuation>(z), acc);
}

STENCIL(thunk_back_edge) {
  Departure d = tj_back_edge(lp, ts, static_cast<Site*>(y), z);
  if (LIKELY(d.resume != nullptr)) GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
  if (d.value != nullptr) GO(TJ_THUNK_return, d.value);
  GO(TJ_THUNK_exit, DEAD);
}

// A function that the optimising tier has taken over, or that wants to be looked at. Frames that somebody holds stay here.
STENCIL(thunk_entry) {
  UnitHeader* u = static_cast<Site*>(y)->unit;
  if (LIKELY(u->optimised != nullptr && ts->eval_breaker == u->expected_breaker && frame_of(lp)->frame_obj == nullptr)) {
    u->entries_given++;
    u->entries_left = 1;
    Departure d = u->optimised(lp, ts);
    if (LIKELY(d.resume == nullptr)) {
      if (LIKELY(d.value != nullptr)) GO(TJ_THUNK_return, d.value);
      GO(reinterpret_cast<Continuation>(z), DEAD);
    }
    GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
  }
  Departure d = tj_entry(lp, ts, static_cast<Site*>(y), z);
  if (LIKELY(d.resume != nullptr)) GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
  if (d.value != nullptr) GO(TJ_THUNK_return, d.value);
  GO(TJ_THUNK_exit, DEAD);
}

// The frame is popped already; the accumulator is the result.
STENCIL(thunk_finished) {
  lp = current_lp(ts);
  GO(TJ_RETURN, acc);
}

STENCIL(thunk_after_call) {
  acc = tj_after_call(lp, acc, ts, static_cast<Site*>(y));
  if (UNLIKELY(acc == nullptr)) GO(TJ_THUNK_exit, acc);
  GO(reinterpret_cast<Continuation>(z), acc);
}

STENCIL(thunk_exit) {
  Departure d = tj_leave(lp, ts);
  if (d.resume != nullptr) GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
  GO(TJ_THUNK_finished, d.value);
}

// Pops the running frame; the accumulator is the result. Popping may free the code object and with it the unit, so
// this lies outside of it.
STENCIL(thunk_return) {
  _PyInterpreterFrame* frame = frame_of(lp);
  if (UNLIKELY(frame->frame_obj != nullptr)) {
    tj_return_slow(lp, ts);
    lp = current_lp(ts);
    GO(TJ_RETURN, acc);
  }
  ts->current_frame = frame->previous;
  ts->py_recursion_remaining++;
  release_locals(rt, lp, frame, lp);
  if (decref(frame->f_funcobj)) tj_dealloc(frame->f_funcobj);
  if (decref(frame->f_executable)) tj_dealloc(frame->f_executable);
  if (UNLIKELY(reinterpret_cast<PyObject**>(frame) == &ts->datastack_chunk->data[0])) {
    tj_pop_chunk(ts, frame);
  } else {
    ts->datastack_top = reinterpret_cast<PyObject**>(frame);
  }
  lp = current_lp(ts);
  GO(TJ_RETURN, acc);
}

// The rest of a return (return_<n>): x is the address of the first local that has not been dropped.
STENCIL(thunk_return_rest) {
  _PyInterpreterFrame* frame = frame_of(lp);
  release_locals(rt, lp, frame, reinterpret_cast<PyObject**>(x));
  frame = frame_of(lp);
  if (UNLIKELY(decref(frame->f_funcobj))) GO(TJ_THUNK_return_last, acc);
  if (UNLIKELY(decref(frame->f_executable))) GO(TJ_THUNK_return_code, acc);
  LEAVE_TO(ts->current_frame);
}

// The end of a return whose frame held the last reference to its function, or to its code.
STENCIL(thunk_return_last) {
  tj_dealloc(frame_of(lp)->f_funcobj);
  if (decref(frame_of(lp)->f_executable)) GO(TJ_THUNK_return_code, acc);
  LEAVE_TO(ts->current_frame);
}
STENCIL(thunk_return_code) {
  tj_dealloc(frame_of(lp)->f_executable);
  LEAVE_TO(ts->current_frame);
}

// Enters a function from the middle of an emission, whose second half it comes back to.
STENCIL(thunk_init) { GO(reinterpret_cast<Continuation>(y), DEAD); }

extern "C" PyObject* tj_vectorcall(PyObject* callable, PyObject** args, size_t nargsf, PyObject* kwnames, UnitHeader* u);

// A call by the interpreter whose positional arguments lie on the stack of its running frame: they move into the new one, and None is
// left in their place for the interpreter to release. lp: the function; acc: the arguments; x: names of keywords; y: nargsf; z: the
// unit. Behind this lies tj_vectorcall_entry, which pays the units of C recursion back.
STENCIL(enter_vectorcall) {
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(lp);
  PyObject** args = reinterpret_cast<PyObject**>(acc);
  UnitHeader* u = static_cast<UnitHeader*>(z);
  ts = *rt->running;
  _PyInterpreterFrame *caller = ts->current_frame, *frame;
  if (UNLIKELY(x != nullptr)) goto slow;
  if (UNLIKELY(static_cast<int64_t>(reinterpret_cast<uintptr_t>(y) << 1 >> 1) != u->argcount)) goto slow;
  if (UNLIKELY(caller == nullptr || caller->owner == FRAME_OWNED_BY_CSTACK)) goto slow;
  {
    uintptr_t size = static_cast<uintptr_t>(reinterpret_cast<PyCodeObject*>(caller->f_executable)->co_framesize) * sizeof(PyObject*);
    if (UNLIKELY(reinterpret_cast<uintptr_t>(args) - reinterpret_cast<uintptr_t>(caller->localsplus) >= size)) goto slow;
  }
  {
    bool self = args[-1] == reinterpret_cast<PyObject*>(function);
    if (!self && UNLIKELY(args[-1] != nullptr || args[-2] != reinterpret_cast<PyObject*>(function))) goto slow;
    // The arguments of a C function that was called with this one may lie there, too, and it may pass them on several times.
    if (UNLIKELY(caller->instr_ptr->op.arg + self != u->argcount)) goto slow;
  }
  if (UNLIKELY(ts->interp->eval_frame != nullptr)) goto slow;
  if (UNLIKELY(function->func_code != reinterpret_cast<PyObject*>(u->code))) goto slow;
  // (An empty data stack has no limit either.)
  if (UNLIKELY(reinterpret_cast<char*>(ts->datastack_top) + u->frame_bytes >= reinterpret_cast<char*>(ts->datastack_limit))) goto slow;
  if (UNLIKELY(ts->py_recursion_remaining <= 1 || ts->c_recursion_remaining <= kCStackUnits)) goto slow;
  if (UNLIKELY(!has_stack(rt))) goto slow;
  // What the tests looked at is loaded again: there are not enough registers to keep it.
  asm volatile("" ::: "memory");
  ts->py_recursion_remaining--;
  ts->c_recursion_remaining -= kCStackUnits;
  frame = reinterpret_cast<_PyInterpreterFrame*>(ts->datastack_top);
  ts->datastack_top = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(frame) + u->frame_bytes);
  incref(reinterpret_cast<PyObject*>(function));
  start_frame(frame, ts->current_frame, function, u);
  ts->current_frame = frame;
  lp = frame->localsplus;
  if (int64_t count = u->argcount; count > 0) {
    PyObject* none = rt->none_object;
    lp[0] = args[0];
    args[0] = none;
#pragma clang loop vectorize(disable) unroll(disable)
    for (int64_t i = 1; i < count; i++) {
      lp[i] = args[i];
      args[i] = none;
    }
  }
  GO(reinterpret_cast<Continuation>(const_cast<char*>(static_cast<const char*>(u->native_entry)) + kPrologueSize), DEAD);
slow:
  acc = tj_vectorcall(reinterpret_cast<PyObject*>(lp), args, reinterpret_cast<size_t>(y), x, u);
  ts->c_recursion_remaining -= kCStackUnits;
  GO(TJ_RETURN, acc);
}

}  // namespace tierjit::tier1
