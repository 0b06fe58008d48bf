// The vocabulary of stencils: holes, continuations, operand kinds. Compiled by clang >= 19 only.
//
// A stencil is a function `s_<name>` with preserve_none convention. Its first four arguments are pinned in
// r12..r15 through all compiled code:
//   lp   r12  localsplus of the running frame
//   rt   r13  the runtime table
//   acc  r14  accumulator: the top of stack when the compiler keeps it in a register (owned)
//   ts   r15  thread state
// the next three (rdi, rsi, rdx) hand operands to cold code. rsp is 16-byte aligned in every stencil.
// A stencil leaves by a tail call to one of the continuations; nothing lives on the C stack between stencils.
#ifndef TIERJIT_TIER1_STENCIL_H_
#define TIERJIT_TIER1_STENCIL_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

#define PRESERVE_NONE __attribute__((preserve_none))
#define MUSTTAIL [[clang::musttail]]
#define INLINE static inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define SIGNATURE PyObject **lp, Rt *rt, PyObject *acc, PyThreadState *ts, PyObject *x, void *y, void *z

using Continuation = PRESERVE_NONE PyObject* (*)(SIGNATURE);

extern "C" {
// Holes. Addresses are the values: never compare two of them or one with 0.
extern char H_A[], H_B[], H_C[], H_D[];
extern char H_CELL[];  // read-write data of the emission, rip-relative loads only
extern char H_UNIT[];
PRESERVE_NONE PyObject* TJ_NEXT(SIGNATURE);
PRESERVE_NONE PyObject* TJ_TARGET(SIGNATURE);
PRESERVE_NONE PyObject* TJ_COLD(SIGNATURE);
PRESERVE_NONE PyObject* TJ_DISPOSE(SIGNATURE);  // x = dead object: free it, then go on at TJ_NEXT
PRESERVE_NONE PyObject* TJ_RETURN(SIGNATURE);
PRESERVE_NONE PyObject* TJ_CALLEE(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_slow(SIGNATURE);         // y = site, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_slow_branch(SIGNATURE);  // y = site
PRESERVE_NONE PyObject* TJ_THUNK_for_end(SIGNATURE);      // y = site
PRESERVE_NONE PyObject* TJ_THUNK_dispose(SIGNATURE);      // x = object, y = site, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_dispose_plain(SIGNATURE);  // x = object, y = PlainDeath, z = continuation
// acc = owner (R: owned), y = site, z = continuation; `or`: x = where to go on when the site's cell does not know the owner.
PRESERVE_NONE PyObject* TJ_THUNK_attr_L(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_attr_R(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_attr_or_L(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_attr_or_R(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_method_L(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_method_R(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_global(SIGNATURE);  // y = site, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_name(SIGNATURE);    // likewise
PRESERVE_NONE PyObject* TJ_THUNK_method(SIGNATURE);         // acc = entry, x = localsplus of the callee, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_method_branch(SIGNATURE);  // acc, x likewise
PRESERVE_NONE PyObject* TJ_THUNK_iter(SIGNATURE);  // x = instance, y = site, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_next(SIGNATURE);  // likewise
PRESERVE_NONE PyObject* TJ_THUNK_anext(SIGNATURE);  // likewise
// acc = native entry, x = localsplus of the callee, y, z likewise.
PRESERVE_NONE PyObject* TJ_THUNK_call_iter(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_call_next(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_call_anext(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_ask_next(SIGNATURE);  // x = instance, y, z likewise
PRESERVE_NONE PyObject* TJ_THUNK_exit(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_finished(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_entry(SIGNATURE);      // y = site, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_back_edge(SIGNATURE);  // y = site, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_return(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_return_rest(SIGNATURE);  // x = address of the first local that is left
PRESERVE_NONE PyObject* TJ_THUNK_return_last(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_return_code(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_after_call(SIGNATURE);  // y = site, z = continuation
PRESERVE_NONE PyObject* TJ_THUNK_after_resume(SIGNATURE);  // y = site
PRESERVE_NONE PyObject* TJ_THUNK_return_generator(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_delegate(SIGNATURE);  // x = what a generator waits for, y = value to send (owned), z = its unit
// Entered by a call: y = site.
PRESERVE_NONE PyObject* TJ_THUNK_call(SIGNATURE);
// Likewise; x = operands, z = number of arguments.
PRESERVE_NONE PyObject* TJ_THUNK_call_plain(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_call_method(SIGNATURE);
// Behind these, for C functions and classes: acc = arguments, x = operands, y = site, z = number of arguments.
PRESERVE_NONE PyObject* TJ_THUNK_call_c_method(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_call_c_function(SIGNATURE);
PRESERVE_NONE PyObject* TJ_THUNK_call_c_class(SIGNATURE);
// Entered by a call: x = generator, y = value to send (owned, moves). Comes back with the result in acc, NULL after an error; whether
// it was yielded or returned, the generator's state tells.
PRESERVE_NONE PyObject* TJ_CALL_resume(SIGNATURE);
// Entered by a call: y = native entry of a function whose frame is linked.
PRESERVE_NONE PyObject* TJ_CALL_init(SIGNATURE);
extern char H_SITE[];
}

#define STENCIL(name) extern "C" PRESERVE_NONE PyObject* s_##name(SIGNATURE)
#define REST x, y, z
// Prefix of a template that a stencil is made of.
#define BODY static inline __attribute__((always_inline, preserve_none)) PyObject*
// Dead arguments are passed on uninitialised, which costs no code.
#define GO(where, acc_value) \
  do { PyObject* x_; void *y_, *z_; MUSTTAIL return where(lp, rt, acc_value, ts, x_, y_, z_); } while (0)
#define GO_WITH(where, acc_value, x_value) \
  do { void *y_, *z_; MUSTTAIL return where(lp, rt, acc_value, ts, x_value, y_, z_); } while (0)
#define NEXT(acc_value) GO(TJ_NEXT, acc_value)
#define TARGET(acc_value) GO(TJ_TARGET, acc_value)
#define COLD() GO(TJ_COLD, acc)
#define COLD_EMPTY() GO(TJ_COLD, DEAD)  // nothing is in the accumulator
#define DEAD ({ PyObject* dead_; dead_; })

#pragma clang diagnostic ignored "-Wuninitialized"


#define HOLE(h) (reinterpret_cast<intptr_t>(h))
INLINE PyObject* pointer_p() { PyObject* r; asm("movabsq $H_P, %0" : "=r"(r)); return r; }
INLINE PyObject* pointer_q() { PyObject* r; asm("movabsq $H_Q, %0" : "=r"(r)); return r; }
#define ADDRESS_OF(symbol) ({ void* r_; asm("leaq " #symbol "(%%rip), %0" : "=r"(r_)); r_; })

template <class T> INLINE T* cell() { return reinterpret_cast<T*>(&H_CELL[0]); }
INLINE UnitHeader* unit() { return reinterpret_cast<UnitHeader*>(&H_UNIT[0]); }

INLINE PyObject** slot_at(PyObject** lp, const char* h) {
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(lp) + HOLE(h));
}
INLINE PyObject** slot_at_offset(PyObject** lp, int32_t bytes) {
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(lp) + bytes);
}
// The name of a LOAD_ATTR or LOAD_GLOBAL.
INLINE PyObject* loaded_name(const Site* site) {
  return reinterpret_cast<PyTupleObject*>(site->unit->code->co_names)->ob_item[site->oparg >> 1];
}
INLINE PyObject** current_lp(PyThreadState* ts) { return ts->current_frame->localsplus; }
INLINE _PyInterpreterFrame* frame_of(PyObject** lp) {
  return reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<char*>(lp) - offsetof(_PyInterpreterFrame, localsplus));
}

// Operand kinds as template arguments: L local (borrowed), M slot (owned), C constant (borrowed), R accumulator (owned).
enum class K { L, M, C, R };
inline constexpr bool owned(K k) { return k == K::M || k == K::R; }
template <K k> INLINE PyObject* first(PyObject** lp, PyObject* acc) {
  if constexpr (k == K::R) return acc;
  else if constexpr (k == K::C) return pointer_p();
  else return *slot_at(lp, H_A);
}
template <K k> INLINE PyObject* second(PyObject** lp, PyObject* acc) {
  if constexpr (k == K::R) return acc;
  else if constexpr (k == K::C) return pointer_q();
  else return *slot_at(lp, H_B);
}

// The unit that a function enters: its vectorcall, when it lies in our code, is an entry that begins with `mov r8, unit`.
INLINE bool is_compiled(Rt* rt, PyFunctionObject* f) {
  return LIKELY(reinterpret_cast<uintptr_t>(f->vectorcall) - rt->code_low < rt->code_span);
}
INLINE UnitHeader* unit_of(PyFunctionObject* f) {
  return *reinterpret_cast<UnitHeader**>(reinterpret_cast<char*>(f->vectorcall) + kEntryUnitOffset);
}

// Whether the C stack has room.
register uintptr_t stack_pointer asm("rsp");
INLINE bool has_stack(const Rt* rt) { return LIKELY(stack_pointer - rt->stack_low < rt->stack_span); }

// Reference counts. C code increments 32 bits and decrements 64, and looks at 64; a load of more than what was stored just before has to
// wait for the store. So here loads take 32 bits, and stores 64: the upper half of a count that changes is 0.
INLINE const uint32_t* refcount32(PyObject* o) { return reinterpret_cast<uint32_t*>(&o->ob_refcnt); }
INLINE void set_refcount(PyObject* o, uint32_t n) { o->ob_refcnt = static_cast<Py_ssize_t>(n); }
INLINE bool immortal(PyObject* o) { return static_cast<int32_t>(*refcount32(o)) < 0; }
INLINE PyObject* incref(PyObject* o) {
  uint32_t n = *refcount32(o) + 1;
  if (LIKELY(n != 0)) set_refcount(o, n);
  return o;
}
// True when the object died and must be disposed of.
INLINE bool decref(PyObject* o) {
  int32_t n = static_cast<int32_t>(*refcount32(o));
  if (LIKELY(n > 1)) {
    set_refcount(o, static_cast<uint32_t>(n - 1));
    return false;
  }
  if (n != 1) return false;  // immortal
  set_refcount(o, 0);
  return true;
}
// The same for numbers, which die as often as not.
INLINE bool decref_number(PyObject* o) {
  uint32_t n = *refcount32(o);
  if (static_cast<int32_t>(n) < 0) return false;
  set_refcount(o, --n);
  return UNLIKELY(n == 0);
}
// For objects that others hold references to as well.
INLINE void decref_shared(PyObject* o) {
  uint32_t n = *refcount32(o);
  if (static_cast<int32_t>(n) >= 0) set_refcount(o, n - 1);
}

// All of a frame but its locals. The reference of `function` moves into it.
INLINE void start_frame(_PyInterpreterFrame* frame, _PyInterpreterFrame* caller, PyFunctionObject* function, UnitHeader* u) {
  frame->f_executable = incref(reinterpret_cast<PyObject*>(u->code));
  frame->previous = caller;
  frame->f_funcobj = reinterpret_cast<PyObject*>(function);
  frame->f_globals = function->func_globals;
  frame->f_builtins = function->func_builtins;
  __builtin_memcpy(&frame->f_locals, &u->fresh, sizeof u->fresh);
}
// One level of recursion; false: the limit is near, and nothing has happened.
INLINE bool begin_call(PyThreadState* ts) {
  if (UNLIKELY(ts->py_recursion_remaining <= 1)) return false;
  asm("decl %0" : "+m"(ts->py_recursion_remaining));  // in memory: clang would keep what the test has loaded
  return true;
}

// A frame for `function` with `self`, if there is one, and `count` further arguments; it becomes the running one. NULL: nothing has happened.
INLINE PyObject** push_plain(PyObject** lp, Rt* rt, PyThreadState* ts, PyFunctionObject* function, PyObject* self, PyObject** args,
                             int64_t count) {
  if (UNLIKELY(!is_compiled(rt, function))) return nullptr;
  UnitHeader* u = unit_of(function);
  if (UNLIKELY(u->argcount != count + (self != nullptr))) return nullptr;
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(ts->datastack_top);
  char* top = reinterpret_cast<char*>(frame) + u->frame_bytes;
  if (UNLIKELY(top >= reinterpret_cast<char*>(ts->datastack_limit))) return nullptr;
  if (UNLIKELY(!begin_call(ts))) return nullptr;
  ts->datastack_top = reinterpret_cast<PyObject**>(top);
  start_frame(frame, frame_of(lp), function, u);
  PyObject** to = frame->localsplus;
  if (self != nullptr) *to++ = incref(self);
#pragma clang loop vectorize(disable) unroll(disable)
  for (; count > 0; count--) *to++ = *args++;
  ts->current_frame = frame;
  return frame->localsplus;
}

INLINE void push_free(FreeList* list, PyObject* o) {
  uint32_t n = list->count;
  list->items[n] = o;
  list->count = n + 1;
}
INLINE PyObject* pop_free(FreeList* list) {
  uint32_t n = list->count - 1;
  PyObject* o = list->items[n];
  list->count = n;
  return o;
}
INLINE bool has_room(const FreeList* list) { return list->count < list->limit; }
// At least one block to take and room for two to give back.
INLINE bool usable(const FreeList* list) { return LIKELY(list->count - 1 < kFreeListCapacity - 3); }

// Ints of one digit.
INLINE PyLongObject* as_long(PyObject* o) { return reinterpret_cast<PyLongObject*>(o); }
inline constexpr uintptr_t kOnePositiveDigit = 1 << 3;  // lv_tag
INLINE bool compact(PyObject* o) { return as_long(o)->long_value.lv_tag < (2 << 3); }
INLINE bool is_compact_int(Rt* rt, PyObject* o) { return Py_TYPE(o) == rt->long_type && compact(o); }
INLINE int64_t int_value(PyObject* o) {
  int64_t tag = static_cast<int64_t>(as_long(o)->long_value.lv_tag);
  return (1 - (tag & 3)) * static_cast<int64_t>(as_long(o)->long_value.ob_digit[0]);
}
INLINE bool fits_digit(int64_t v) { return static_cast<uint64_t>(v + ((1 << 30) - 1)) < (uint64_t{1} << 31) - 1; }
INLINE bool is_small(int64_t v) { return static_cast<uint64_t>(v - kSmallIntMin) <= kSmallIntMax - kSmallIntMin; }
INLINE PyObject* small_int(Rt* rt, int64_t v) {
  return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(rt->small_int_zero) + v * kSmallIntSize);
}
INLINE void set_int(PyObject* o, int64_t v) {
  int64_t negative = v >> 63;
  as_long(o)->long_value.lv_tag = 8 + (negative & 2);
  as_long(o)->long_value.ob_digit[0] = static_cast<digit>((v ^ negative) - negative);
}
// The caller has checked usable(&rt->ints) and fits_digit(v).
INLINE PyObject* new_int(Rt* rt, int64_t v) {
  if (is_small(v)) return small_int(rt, v);
  PyObject* o = pop_free(&rt->ints);
  o->ob_refcnt = 1;
  set_int(o, v);
  return o;
}
INLINE void drop_int(Rt* rt, PyObject* o) {
  if (decref_number(o)) push_free(&rt->ints, o);
}

// Ints of one or two digits. A block of either size is 32 bytes for the object allocator, so both share the free list.
INLINE bool two_digits_at_most(PyObject* o) { return as_long(o)->long_value.lv_tag < (3 << 3); }
INLINE bool is_short_int(Rt* rt, PyObject* o) { return Py_TYPE(o) == rt->long_type && two_digits_at_most(o); }
INLINE int64_t short_int_value(PyObject* o) {
  uint64_t tag = as_long(o)->long_value.lv_tag;
  uint64_t v = *reinterpret_cast<uint64_t*>(&as_long(o)->long_value.ob_digit[0]);
  uint64_t low = v & 0xffffffffu;
  if (tag >= 16) low |= (v >> 32) << 30;
  return (tag & 2) ? -static_cast<int64_t>(low) : static_cast<int64_t>(low);
}
INLINE bool fits_short(int64_t v) {
  return static_cast<uint64_t>(v + ((int64_t{1} << 60) - 1)) < (uint64_t{1} << 61) - 1;
}
// The caller has checked usable(&rt->ints) and fits_short(v).
INLINE PyObject* new_short_int(Rt* rt, int64_t v) {
  if (is_small(v)) return small_int(rt, v);
  PyObject* o = pop_free(&rt->ints);
  o->ob_refcnt = 1;
  uint64_t magnitude = v < 0 ? -static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
  uint64_t high = magnitude >> 30;
  as_long(o)->long_value.lv_tag = (high != 0 ? 16 : 8) + (v < 0 ? 2 : 0);
  as_long(o)->long_value.ob_digit[0] = magnitude & ((1u << 30) - 1);
  if (high != 0) reinterpret_cast<digit*>(as_long(o)->long_value.ob_digit)[1] = static_cast<digit>(high);
  return o;
}

INLINE bool is_float(Rt* rt, PyObject* o) { return Py_TYPE(o) == rt->float_type; }
INLINE double& float_value(PyObject* o) { return reinterpret_cast<PyFloatObject*>(o)->ob_fval; }
INLINE PyObject* new_float(Rt* rt, double v) {
  PyObject* o = pop_free(&rt->floats);
  o->ob_refcnt = 1;
  float_value(o) = v;
  return o;
}
INLINE void drop_float(Rt* rt, PyObject* o) {
  if (decref_number(o)) push_free(&rt->floats, o);
}

extern "C" void tj_dealloc(PyObject* o);
// For what the fast paths of thunks release: nothing may be pending.
INLINE void free_dead(Rt* rt, PyObject* o) {
  if (Py_TYPE(o) == rt->long_type && two_digits_at_most(o) && has_room(&rt->ints)) {
    push_free(&rt->ints, o);
  } else if (Py_TYPE(o) == rt->float_type && has_room(&rt->floats)) {
    push_free(&rt->floats, o);
  } else {
    tj_dealloc(o);
  }
}

// The locals of a frame that dies. The end lives in a field that such a frame does not need: a second register would have to be pushed
// around the call.
INLINE void release_locals(Rt* rt, PyObject** lp, _PyInterpreterFrame* frame, PyObject** first) {
  PyObject** volatile* end = reinterpret_cast<PyObject** volatile*>(&frame->f_locals);
  *end = lp + reinterpret_cast<PyCodeObject*>(frame->f_executable)->co_nlocalsplus;
  for (PyObject** p = first; p != *end; p++) {
    PyObject* o = *p;
    if (o != nullptr && decref(o)) free_dead(rt, o);
  }
}
// The end of a frame without locals.
#define LEAVE_TO(caller)                                          \
  do {                                                            \
    ts->datastack_top = reinterpret_cast<PyObject**>(frame_of(lp)); \
    lp = (caller)->localsplus;                                    \
    GO(TJ_RETURN, acc);                                           \
  } while (0)

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_STENCIL_H_
