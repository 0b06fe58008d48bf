// Generators and coroutines: suspension, resumption, delegation. A suspended frame has the interpreter's layout, so that either side may
// resume what the other has suspended.
//
// A consumer enters a generator by a call (TJ_CALL_resume), as it enters a function; yield and return come back behind it.
#include "runtime/cpython/async_generator_objects.h"
#include "runtime/cpython/enumerate_object.h"
#include "tier1/stencil.h"

namespace tierjit::tier1 {

INLINE PyGenObject* generator_of(_PyInterpreterFrame* frame) {
  return reinterpret_cast<PyGenObject*>(reinterpret_cast<char*>(frame) - offsetof(PyGenObject, gi_iframe));
}
INLINE PyGenObject* as_generator(PyObject* o) { return reinterpret_cast<PyGenObject*>(o); }
INLINE bool suspended(PyGenObject* g) { return g->gi_frame_state < FRAME_EXECUTING; }

extern "C" {
// tier1/generator_path.cc. NULL: an exception is set.
PyObject* tj_make_generator(PyObject** lp, PyThreadState* ts, _Py_CODEUNIT* resume);
// Resumes by other means than compiled code; reached by a jump, returns to whoever has called thunk_resume.
PRESERVE_NONE PyObject* tj_resume_elsewhere(SIGNATURE);
// Returns to the C side of a resumption that compiled code does not do: nothing has happened.
PRESERVE_NONE PyObject* tj_resume_declined(SIGNATURE);
Departure tj_after_resume(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site);
void tj_return_slow(PyObject** lp, PyThreadState* ts);
// tier1/iterators.h.
PyObject* tj_number(PyObject* enumerate, PyObject* item);
}

// The function was called: its frame becomes the generator's. P: where the generator begins.
STENCIL(make_generator) {
  acc = tj_make_generator(lp, ts, reinterpret_cast<_Py_CODEUNIT*>(pointer_p()));
  if (UNLIKELY(acc == nullptr)) GO(TJ_THUNK_exit, acc);
  lp = current_lp(ts);
  GO(TJ_RETURN, acc);
}

// The first emission of a resume point: gives the prologue its place.
STENCIL(enter) { NEXT(DEAD); }

// Unlinks a generator whose frame has been told where it goes on. Its consumer's localsplus.
INLINE PyObject** suspend(PyThreadState* ts, _PyInterpreterFrame* frame, int8_t state) {
  PyGenObject* gen = generator_of(frame);
  gen->gi_frame_state = state;
  ts->exc_info = gen->gi_exc_state.previous_item;
  gen->gi_exc_state.previous_item = nullptr;
  ts->py_recursion_remaining++;
  _PyInterpreterFrame* consumer = frame->previous;
  ts->current_frame = consumer;
  frame->previous = nullptr;
  return consumer->localsplus;
}
// The accumulator is the value. P: the RESUME to go on at; A: stack entries that stay, locals included.
template <int state> BODY yield(SIGNATURE) {
  _PyInterpreterFrame* frame = frame_of(lp);
  frame->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  asm("movl $H_A, %0" : "=m"(frame->stacktop));
  lp = suspend(ts, frame, state);
  GO(TJ_RETURN, acc);
}
STENCIL(yield_R) { MUSTTAIL return yield<FRAME_SUSPENDED>(lp, rt, acc, ts, REST); }
STENCIL(yield_from_R) { MUSTTAIL return yield<FRAME_SUSPENDED_YIELD_FROM>(lp, rt, acc, ts, REST); }

// P: address of the return instruction.
STENCIL(return_generator_R) {
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  GO(TJ_THUNK_return_generator, acc);
}

// Clears the running generator's frame; the accumulator is the result.
STENCIL(thunk_return_generator) {
  _PyInterpreterFrame* frame = frame_of(lp);
  PyGenObject* gen = generator_of(frame);
  if (UNLIKELY(frame->frame_obj != nullptr || gen->gi_exc_state.exc_value != nullptr)) {
    tj_return_slow(lp, ts);
    lp = current_lp(ts);
    GO(TJ_RETURN, acc);
  }
  gen->gi_frame_state = FRAME_CLEARED;
  ts->exc_info = gen->gi_exc_state.previous_item;
  gen->gi_exc_state.previous_item = nullptr;
  ts->current_frame = frame->previous;
  frame->previous = nullptr;
  ts->py_recursion_remaining++;
  release_locals(rt, lp, frame, lp);
  if (decref(frame->f_funcobj)) tj_dealloc(frame->f_funcobj);
  lp = current_lp(ts);
  GO(TJ_RETURN, acc);
}

// The running frame's generator resumes `gen`, which has been found to have compiled code. The stack entries it was suspended with.
INLINE int32_t link_generator(PyThreadState* ts, PyGenObject* gen, _PyInterpreterFrame* frame) {
  ts->py_recursion_remaining--;
  int32_t stacktop = frame->stacktop;
  frame->stacktop = -1;
  gen->gi_exc_state.previous_item = ts->exc_info;
  ts->exc_info = &gen->gi_exc_state;
  gen->gi_frame_state = FRAME_EXECUTING;
  frame->previous = ts->current_frame;
  ts->current_frame = frame;
  return stacktop;
}
INLINE int32_t resume_distance(UnitHeader* u, int64_t bytes) {
  return *reinterpret_cast<const int32_t*>(reinterpret_cast<const char*>(u->resume_points) + 2 * bytes);
}
INLINE Continuation native_at(UnitHeader* u, int32_t distance) {
  return reinterpret_cast<Continuation>(const_cast<char*>(static_cast<const char*>(u->native_entry)) + distance);
}
INLINE int64_t instr_bytes(_PyInterpreterFrame* frame, PyCodeObject* code) {
  return reinterpret_cast<char*>(frame->instr_ptr) - reinterpret_cast<char*>(code->co_code_adaptive);
}
// NULL: the frame's function has another unit, or none.
INLINE UnitHeader* unit_of_frame(Rt* rt, _PyInterpreterFrame* frame) {
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(frame->f_funcobj);
  if (UNLIKELY(!is_compiled(rt, function))) return nullptr;
  UnitHeader* u = unit_of(function);
  return LIKELY(reinterpret_cast<PyObject*>(u->code) == frame->f_executable) ? u : nullptr;
}

// A suspended generator that stands behind its SEND, where it will only resume what it waits for and hand on what that yields: its code
// need not run for that. What it waits for, if compiled code can resume it; else NULL.
INLINE PyObject* delegate_of(Rt* rt, PyThreadState* ts, UnitHeader* u, PyGenObject* gen, int64_t at) {
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe);
  if (LIKELY(gen->gi_frame_state != FRAME_SUSPENDED_YIELD_FROM)) return nullptr;
  if (UNLIKELY(resume_distance(u, at - kSendBytes) == 0 || ts->eval_breaker != u->expected_breaker)) return nullptr;
  PyObject* receiver = frame->localsplus[frame->stacktop - 1];
  if (UNLIKELY(Py_TYPE(receiver) != rt->generator_type && Py_TYPE(receiver) != rt->coroutine_type)) return nullptr;
  return LIKELY(suspended(as_generator(receiver))) ? receiver : nullptr;
}
// It is made the running one, at its SEND.
INLINE void link_delegating(PyThreadState* ts, PyGenObject* gen) {
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe);
  frame->return_offset = static_cast<uint16_t>(link_generator(ts, gen, frame));  // no use for it while what is called is native
  frame->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(reinterpret_cast<char*>(frame->instr_ptr) - kSendBytes);
}

// x: suspended generator or coroutine, y: what its RESUME finds on the stack. Entered by a call.
// kCompiled: of a consumer whose frame is the current one; y is owned. kNext, kSent: of C code, for an item or with a value (borrowed); a
// level of C recursion is taken.
enum class Consumer { kCompiled, kNext, kSent };
#define RESUME_ELSEWHERE()                                                                                     \
  do {                                                                                                         \
    if constexpr (consumer == Consumer::kCompiled) MUSTTAIL return tj_resume_elsewhere(lp, rt, acc, ts, REST); \
    else MUSTTAIL return tj_resume_declined(lp, rt, acc, ts, REST);                                            \
  } while (0)
template <Consumer consumer> BODY resume_generator(SIGNATURE) {
  PyGenObject* gen = as_generator(x);
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe);
  // First of all: functions of other interpreters have no unit, and what their threads are is not told here.
  UnitHeader* u = unit_of_frame(rt, frame);
  if (UNLIKELY(u == nullptr)) RESUME_ELSEWHERE();
  if constexpr (consumer != Consumer::kCompiled) {
    ts = *rt->running;
    if (UNLIKELY(ts->c_recursion_remaining <= kCStackUnits || ts->interp->eval_frame != nullptr)) RESUME_ELSEWHERE();
  }
  if constexpr (consumer == Consumer::kSent) {
    if (UNLIKELY(gen->gi_frame_state == FRAME_CREATED && y != rt->none_object)) RESUME_ELSEWHERE();
  }
  int64_t at = instr_bytes(frame, u->code);
  if (UNLIKELY(resume_distance(u, at) == 0)) RESUME_ELSEWHERE();
  if (UNLIKELY(!has_stack(rt) || ts->py_recursion_remaining <= 1)) RESUME_ELSEWHERE();
  if constexpr (consumer != Consumer::kCompiled) ts->c_recursion_remaining -= kCStackUnits;
  PyObject* sent = consumer == Consumer::kNext ? rt->none_object : static_cast<PyObject*>(y);
  if constexpr (consumer == Consumer::kSent) incref(sent);
  PyObject* receiver = delegate_of(rt, ts, u, gen, at);
  if (receiver != nullptr) {
    link_delegating(ts, gen);
    MUSTTAIL return TJ_THUNK_delegate(frame->localsplus, rt, DEAD, ts, receiver, sent, u);
  }
  asm("" : "+r"(at));  // the distance is loaded anew: a register less
  Continuation resume = native_at(u, resume_distance(u, at));
  int32_t stacktop = link_generator(ts, gen, frame);
  lp = frame->localsplus;
  lp[stacktop] = sent;
  GO(resume, DEAD);
}
STENCIL(thunk_resume) { MUSTTAIL return resume_generator<Consumer::kCompiled>(lp, rt, acc, ts, REST); }
STENCIL(resume_next) { MUSTTAIL return resume_generator<Consumer::kNext>(lp, rt, acc, ts, REST); }
STENCIL(resume_sent) { MUSTTAIL return resume_generator<Consumer::kSent>(lp, rt, acc, ts, REST); }

// The running generator stands at a SEND. Its unit waits on the C stack: the function may have another one afterwards.
INLINE PyObject* call_resume(PyObject**& lp, Rt* rt, PyThreadState* ts, PyObject* receiver, void* sent, void*& unit) {
  register PyObject** lp_ asm("r12") = lp;
  register Rt* rt_ asm("r13") = rt;
  register PyObject* acc_ asm("r14");
  register PyThreadState* ts_ asm("r15") = ts;
  register PyObject* x_ asm("rdi") = receiver;
  register void* y_ asm("rsi") = sent;
  register void* z_ asm("rbx") = unit;
  asm volatile("pushq %%rbp\n\tmovq %%rsp, %%rbp\n\tpushq %[z]\n\tpushq %[z]\n\tcall TJ_THUNK_resume\n\tpopq %[z]\n\tpopq %[z]"
               : "+r"(lp_), "=r"(acc_), "+r"(x_), "+r"(y_), [z] "+r"(z_)
               : "r"(rt_), "r"(ts_)
               : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                 "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
  lp = lp_;
  unit = z_;
  return acc_;
}
// The running generator has just been linked by link_delegating(). One that is returned to, or raised in, goes on in its code behind the
// SEND. A call for each, not a loop: processors predict where returns go, and not how often a loop is run through.
STENCIL(thunk_delegate) {
  acc = call_resume(lp, rt, ts, x, y, z);
  _PyInterpreterFrame* frame = frame_of(lp);
  UnitHeader* u = static_cast<UnitHeader*>(z);
  bool ordinary = acc != nullptr && suspended(as_generator(lp[frame->return_offset - 1])) && ts->eval_breaker == u->expected_breaker;
  if (UNLIKELY(!ordinary)) GO(native_at(u, resume_distance(u, instr_bytes(frame, u->code))), acc);
  frame->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(reinterpret_cast<char*>(frame->instr_ptr) + kSendBytes);
  frame->stacktop = frame->return_offset;
  lp = suspend(ts, frame, FRAME_SUSPENDED_YIELD_FROM);
  GO(TJ_RETURN, acc);
}

#define RESUME_GENERATOR(generator, sent) \
  do { void* z_; MUSTTAIL return TJ_CALL_resume(lp, rt, acc, ts, generator, sent, z_); } while (0)

// FOR_ITER. A: slot of the iterator, P: address of the instruction.
STENCIL(for_generator) {
  PyObject* gen = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(gen) != rt->generator_type)) COLD_EMPTY();
  if (UNLIKELY(!suspended(as_generator(gen)))) COLD_EMPTY();
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  RESUME_GENERATOR(gen, rt->none_object);
}
// An ordinary item, or something for C to see to.
#define AFTER_RESUME() MUSTTAIL return TJ_THUNK_after_resume(lp, rt, acc, ts, x, ADDRESS_OF(H_SITE), z)
STENCIL(after_for_generator) {
  bool ordinary = acc != nullptr && suspended(as_generator(*slot_at(lp, H_A))) && ts->eval_breaker == unit()->expected_breaker;
  if (UNLIKELY(!ordinary)) AFTER_RESUME();
  NEXT(acc);
}

// FOR_ITER over enumerate(), whose generator is resumed here. A: slot of the iterator, P: address of the instruction.
INLINE EnumerateObject* as_enumerate(PyObject* o) { return reinterpret_cast<EnumerateObject*>(o); }
STENCIL(for_enumerate) {
  PyObject* it = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(it) != rt->enumerate_type)) COLD_EMPTY();
  PyObject* gen = as_enumerate(it)->iterator;
  if (UNLIKELY(Py_TYPE(gen) != rt->generator_type || !suspended(as_generator(gen)))) COLD_EMPTY();
  if (UNLIKELY(as_enumerate(it)->index == PY_SSIZE_T_MAX)) COLD_EMPTY();
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  RESUME_GENERATOR(gen, rt->none_object);
}
// Behind for_enumerate and for_generator.
STENCIL(after_for_pair) {
  PyObject* it = *slot_at(lp, H_A);
  bool numbers = Py_TYPE(it) == rt->enumerate_type;
  PyObject* gen = numbers ? as_enumerate(it)->iterator : it;
  bool ordinary = acc != nullptr && suspended(as_generator(gen)) && ts->eval_breaker == unit()->expected_breaker;
  if (UNLIKELY(!ordinary)) AFTER_RESUME();
  if (!numbers) NEXT(acc);
  acc = tj_number(it, acc);
  if (LIKELY(acc != nullptr)) {
    if (LIKELY(ts->eval_breaker == unit()->expected_breaker)) NEXT(acc);
  }
  PyObject* x_;
  void* z_;
  MUSTTAIL return TJ_THUNK_for_end(lp, rt, acc, ts, x_, ADDRESS_OF(H_SITE), z_);
}

// `g.send(value)`. A: slot of the method, followed by the generator and the value, which both stay; P: address of the instruction.
STENCIL(call_send) {
  PyObject** operands = slot_at(lp, H_A);
  PyObject *method = operands[0], *receiver = operands[1], *value = operands[2];
  if (UNLIKELY(method != rt->generator_send && method != rt->coroutine_send) || UNLIKELY(receiver == nullptr)) COLD_EMPTY();
  if (UNLIKELY(Py_TYPE(receiver) != (method == rt->generator_send ? rt->generator_type : rt->coroutine_type))) COLD_EMPTY();
  if (UNLIKELY(!suspended(as_generator(receiver)))) COLD_EMPTY();
  if (UNLIKELY(as_generator(receiver)->gi_frame_state == FRAME_CREATED && value != rt->none_object)) COLD_EMPTY();
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  incref(value);
  asm volatile("");  // or its conditional jump would lead to the call
  RESUME_GENERATOR(receiver, value);
}

// `next(g)`. A: slot of the callable, followed by nothing and the generator, which stays; P: address of the instruction.
STENCIL(call_next) {
  PyObject** operands = slot_at(lp, H_A);
  PyObject* gen = operands[2];
  operands[1] = nullptr;
  if (UNLIKELY(operands[0] != rt->next || Py_TYPE(gen) != rt->generator_type)) COLD_EMPTY();
  if (UNLIKELY(!suspended(as_generator(gen)))) COLD_EMPTY();
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  RESUME_GENERATOR(gen, rt->none_object);
}

// SEND. A: slot of the receiver, B: of the value, P: address of the instruction.
STENCIL(send) {
  PyObject* receiver = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(receiver) != rt->generator_type && Py_TYPE(receiver) != rt->coroutine_type)) COLD_EMPTY();
  if (UNLIKELY(!suspended(as_generator(receiver)))) COLD_EMPTY();
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  RESUME_GENERATOR(receiver, *slot_at(lp, H_B));
}
STENCIL(after_send) {
  bool ordinary = acc != nullptr && ts->eval_breaker == unit()->expected_breaker;
  if (UNLIKELY(!ordinary)) AFTER_RESUME();
  if (suspended(as_generator(*slot_at(lp, H_A)))) NEXT(acc);
  *slot_at(lp, H_B) = acc;
  TARGET(DEAD);
}

INLINE PyAsyncGenObject* as_async_generator(PyObject* o) { return reinterpret_cast<PyAsyncGenObject*>(o); }

// GET_ANEXT. An asynchronous generator of which nobody wants an item at the moment is driven by SEND itself: nobody sees that it is not the
// awaitable of its __anext__() that lies on the stack meanwhile. A: slot of the asynchronous iterator.
STENCIL(get_anext) {
  PyObject* it = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(it) != rt->async_generator_type)) COLD_EMPTY();
  bool ready = suspended(as_generator(it)) && as_async_generator(it)->ag_hooks_inited && !as_async_generator(it)->ag_running_async;
  if (UNLIKELY(!ready)) COLD_EMPTY();
  acc = incref(it);
  NEXT(acc);
}
// P: address of the instruction.
STENCIL(cold_anext) {
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  MUSTTAIL return TJ_THUNK_anext(lp, rt, DEAD, ts, *slot_at(lp, H_A), ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT));
}

// SEND behind GET_ANEXT.
STENCIL(send_anext) {
  PyObject* receiver = *slot_at(lp, H_A);
  bool direct = Py_TYPE(receiver) == rt->async_generator_type;
  if (UNLIKELY(!direct && Py_TYPE(receiver) != rt->coroutine_type)) COLD_EMPTY();
  if (UNLIKELY(!suspended(as_generator(receiver)))) COLD_EMPTY();  // never one that GET_ANEXT has chosen
  as_async_generator(receiver)->ag_running_async |= direct;
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  RESUME_GENERATOR(receiver, *slot_at(lp, H_B));
}
STENCIL(after_send_anext) {
  PyObject* receiver = *slot_at(lp, H_A);
  bool ordinary = acc != nullptr && ts->eval_breaker == unit()->expected_breaker;
  if (UNLIKELY(!ordinary)) AFTER_RESUME();
  if (LIKELY(Py_TYPE(acc) == rt->wrapped_value_type && Py_TYPE(receiver) == rt->async_generator_type)) {
    as_async_generator(receiver)->ag_running_async = 0;
    *slot_at(lp, H_B) = incref(reinterpret_cast<WrappedValueObject*>(acc)->value);
    if (decref(acc)) tj_dealloc(acc);
    TARGET(DEAD);
  }
  if (UNLIKELY(Py_TYPE(receiver) == rt->async_generator_type)) AFTER_RESUME();
  if (suspended(as_generator(receiver))) NEXT(acc);
  *slot_at(lp, H_B) = acc;
  TARGET(DEAD);
}

STENCIL(thunk_after_resume) {
  Departure d = tj_after_resume(lp, acc, ts, static_cast<Site*>(y));
  if (UNLIKELY(d.resume == nullptr)) GO(TJ_THUNK_exit, DEAD);
  GO(reinterpret_cast<Continuation>(const_cast<void*>(d.resume)), d.value);
}

// The value of `yield from` or `await` is in the accumulator; A: slot of what was delegated to.
STENCIL(end_send) {
  PyObject* receiver = *slot_at(lp, H_A);
  if (decref(receiver)) GO_WITH(TJ_DISPOSE, acc, receiver);
  NEXT(acc);
}

// A coroutine is its own awaitable; others are asked. A: slot of the object.
STENCIL(get_awaitable) {
  acc = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(acc) != rt->coroutine_type)) COLD_EMPTY();
  // Somebody may be awaiting it already.
  if (UNLIKELY(as_generator(acc)->gi_frame_state == FRAME_SUSPENDED_YIELD_FROM)) COLD_EMPTY();
  NEXT(acc);
}

}  // namespace tierjit::tier1
