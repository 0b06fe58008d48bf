// Arithmetic on compact ints and on floats. What does not fit (types, overflow of one digit, division by zero, empty free
// list) goes to the cold chain with all operands as they were.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

enum class Op { kAdd, kSub, kMul, kAnd, kOr, kXor, kFloorDiv, kMod, kLshift, kRshift, kTrueDiv };

// Operand kinds as in stencil.h; N: a non-negative int constant below 2**30 in H_C; F: a double's bits in H_Q.
enum class P { L, M, R, N, F };
INLINE constexpr bool is_owned(P p) { return p == P::M || p == P::R; }
template <P p> INLINE PyObject* left(PyObject** lp, PyObject* acc) {
  if constexpr (p == P::R) return acc;
  else if constexpr (p == P::N || p == P::F) return nullptr;
  else return *slot_at(lp, H_A);
}
template <P p> INLINE PyObject* right(PyObject** lp, PyObject* acc) {
  if constexpr (p == P::R) return acc;
  else if constexpr (p == P::N || p == P::F) return nullptr;
  else return *slot_at(lp, H_B);
}
template <P p> INLINE bool int_ok(Rt* rt, PyObject* o) {
  if constexpr (p == P::N) return true;
  else return is_compact_int(rt, o);
}
template <P p> INLINE int64_t int_of(PyObject* o) {
  if constexpr (p == P::N) return HOLE(H_C);
  else return int_value(o);
}
template <P p> INLINE bool float_ok(Rt* rt, PyObject* o) {
  if constexpr (p == P::F) return true;
  else return is_float(rt, o);
}
template <P p> INLINE double float_of(PyObject* o) {
  if constexpr (p == P::F) {
    return __builtin_bit_cast(double, reinterpret_cast<int64_t>(pointer_q()));
  } else {
    return float_value(o);
  }
}

// False: cannot be done here.
template <Op op> INLINE bool int_result(int64_t a, int64_t b, int64_t* r) {
  if constexpr (op == Op::kAdd) *r = a + b;
  else if constexpr (op == Op::kSub) *r = a - b;
  else if constexpr (op == Op::kMul) *r = a * b;
  else if constexpr (op == Op::kAnd) *r = a & b;
  else if constexpr (op == Op::kOr) *r = a | b;
  else if constexpr (op == Op::kXor) *r = a ^ b;
  else if constexpr (op == Op::kLshift) {
    if (static_cast<uint64_t>(b) > 32) return false;
    *r = a << b;
  } else if constexpr (op == Op::kRshift) {
    if (static_cast<uint64_t>(b) > 62) return false;
    *r = a >> b;
  } else {
    if (b == 0) return false;
    int32_t a32 = static_cast<int32_t>(a), b32 = static_cast<int32_t>(b);
    int32_t q = a32 / b32, m = a32 % b32;
    bool adjust = m != 0 && ((m ^ b32) < 0);
    *r = op == Op::kFloorDiv ? q - adjust : (adjust ? m + b32 : m);
  }
  return true;
}

template <Op op, P pa, P pb> BODY int_op(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!int_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!int_ok<pb>(rt, b))) COLD();
  if (UNLIKELY(!usable(&rt->ints))) COLD();
  int64_t v;
  if (UNLIKELY(!int_result<op>(int_of<pa>(a), int_of<pb>(b), &v))) COLD();
  // Remainders and shifts to the right of compact ints stay compact. Not so bit operations: -(2**30 - 1) & -2 is -2**30.
  constexpr bool kAlwaysFits = op == Op::kRshift || op == Op::kMod;
  if constexpr (!kAlwaysFits) {
    if (UNLIKELY(!fits_digit(v))) COLD();
  }
  // An operand that dies here becomes the result.
  if constexpr (pa == P::R || pb == P::R) {
    if (LIKELY(*refcount32(acc) == 1 && !is_small(v))) {
      set_int(acc, v);
      if constexpr (pa == P::M) drop_int(rt, a);
      NEXT(acc);
    }
  }
  PyObject* r = new_int(rt, v);
  if constexpr (is_owned(pa)) drop_int(rt, a);
  if constexpr (is_owned(pb)) drop_int(rt, b);
  NEXT(r);
}

// The same for ints of up to two digits: second in the chain.
template <P p> INLINE bool short_ok(Rt* rt, PyObject* o) {
  if constexpr (p == P::N) return true;
  else return is_short_int(rt, o);
}
template <P p> INLINE int64_t short_of(PyObject* o) {
  if constexpr (p == P::N) return HOLE(H_C);
  else return short_int_value(o);
}
template <Op op> INLINE bool wide_result(int64_t a, int64_t b, int64_t* r) {
  if constexpr (op == Op::kAdd) *r = a + b;
  else if constexpr (op == Op::kSub) *r = a - b;
  else if constexpr (op == Op::kMul) {
    if (__builtin_mul_overflow(a, b, r)) return false;
  } else if constexpr (op == Op::kAnd) *r = a & b;
  else if constexpr (op == Op::kOr) *r = a | b;
  else if constexpr (op == Op::kXor) *r = a ^ b;
  else if constexpr (op == Op::kLshift) {
    if (static_cast<uint64_t>(b) > 59) return false;
    *r = static_cast<int64_t>(static_cast<uint64_t>(a) << b);
    if ((*r >> b) != a) return false;
  } else if constexpr (op == Op::kRshift) {
    if (static_cast<uint64_t>(b) > 63) return false;
    *r = a >> b;
  } else {
    if (b == 0) return false;
    int64_t q = a / b, m = a % b;
    bool adjust = m != 0 && ((m ^ b) < 0);
    *r = op == Op::kFloorDiv ? q - adjust : (adjust ? m + b : m);
  }
  return true;
}
template <Op op, P pa, P pb> BODY wide_op(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!short_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!short_ok<pb>(rt, b))) COLD();
  if (UNLIKELY(!usable(&rt->ints))) COLD();
  int64_t v;
  if (UNLIKELY(!wide_result<op>(short_of<pa>(a), short_of<pb>(b), &v))) COLD();
  if (UNLIKELY(!fits_short(v))) COLD();
  PyObject* r = new_short_int(rt, v);
  if constexpr (is_owned(pa)) drop_int(rt, a);
  if constexpr (is_owned(pb)) drop_int(rt, b);
  NEXT(r);
}

template <P pa, P pb> BODY int_truediv(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!int_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!int_ok<pb>(rt, b))) COLD();
  int64_t d = int_of<pb>(b);
  if (UNLIKELY(d == 0 || !usable(&rt->floats) || !usable(&rt->ints))) COLD();
  // Both are exact as doubles, so the quotient is correctly rounded.
  PyObject* r = new_float(rt, static_cast<double>(int_of<pa>(a)) / static_cast<double>(d));
  if constexpr (is_owned(pa)) drop_int(rt, a);
  if constexpr (is_owned(pb)) drop_int(rt, b);
  NEXT(r);
}

template <Op op, P pa, P pb> BODY float_op(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!float_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!float_ok<pb>(rt, b))) COLD();
  if (UNLIKELY(!usable(&rt->floats))) COLD();
  double u = float_of<pa>(a), v = float_of<pb>(b), r;
  if constexpr (op == Op::kAdd) r = u + v;
  else if constexpr (op == Op::kSub) r = u - v;
  else if constexpr (op == Op::kMul) r = u * v;
  else {
    if (UNLIKELY(v == 0.0)) COLD();
    r = u / v;
  }
  // An operand that dies here becomes the result.
  if constexpr (pa == P::R) {
    if (LIKELY(*refcount32(a) == 1)) {
      float_value(a) = r;
      if constexpr (is_owned(pb)) drop_float(rt, b);
      NEXT(a);
    }
  } else if constexpr (pb == P::R) {
    if (LIKELY(*refcount32(b) == 1)) {
      float_value(b) = r;
      if constexpr (is_owned(pa)) drop_float(rt, a);
      NEXT(b);
    }
  }
  PyObject* o = new_float(rt, r);
  if constexpr (is_owned(pa)) drop_float(rt, a);
  if constexpr (is_owned(pb)) drop_float(rt, b);
  NEXT(o);
}

#define INT_ONE(name, op, a, b) STENCIL(int_##name##_##a##b) { MUSTTAIL return int_op<op, P::a, P::b>(lp, rt, acc, ts, REST); }
#define INT_PAIRS(name, op)                                                                                  \
  INT_ONE(name, op, L, L) INT_ONE(name, op, L, N) INT_ONE(name, op, L, R) INT_ONE(name, op, R, L)            \
  INT_ONE(name, op, R, N) INT_ONE(name, op, M, R) INT_ONE(name, op, N, L) INT_ONE(name, op, N, R)
INT_PAIRS(add, Op::kAdd)
INT_PAIRS(sub, Op::kSub)
INT_PAIRS(mul, Op::kMul)
INT_PAIRS(and, Op::kAnd)
INT_PAIRS(or, Op::kOr)
INT_PAIRS(xor, Op::kXor)
INT_PAIRS(floordiv, Op::kFloorDiv)
INT_PAIRS(mod, Op::kMod)
INT_PAIRS(lshift, Op::kLshift)
INT_PAIRS(rshift, Op::kRshift)

#define WIDE_ONE(name, op, a, b) \
  STENCIL(wide_##name##_##a##b) { MUSTTAIL return wide_op<op, P::a, P::b>(lp, rt, acc, ts, REST); }
#define WIDE_PAIRS(name, op)                                                                                     \
  WIDE_ONE(name, op, L, L) WIDE_ONE(name, op, L, N) WIDE_ONE(name, op, L, R) WIDE_ONE(name, op, R, L)            \
  WIDE_ONE(name, op, R, N) WIDE_ONE(name, op, M, R) WIDE_ONE(name, op, N, L) WIDE_ONE(name, op, N, R)
WIDE_PAIRS(add, Op::kAdd)
WIDE_PAIRS(sub, Op::kSub)
WIDE_PAIRS(mul, Op::kMul)
WIDE_PAIRS(and, Op::kAnd)
WIDE_PAIRS(or, Op::kOr)
WIDE_PAIRS(xor, Op::kXor)
WIDE_PAIRS(floordiv, Op::kFloorDiv)
WIDE_PAIRS(mod, Op::kMod)
WIDE_PAIRS(lshift, Op::kLshift)
WIDE_PAIRS(rshift, Op::kRshift)

#define DIV_ONE(a, b) STENCIL(int_truediv_##a##b) { MUSTTAIL return int_truediv<P::a, P::b>(lp, rt, acc, ts, REST); }
DIV_ONE(L, L) DIV_ONE(L, N) DIV_ONE(L, R) DIV_ONE(R, L) DIV_ONE(R, N) DIV_ONE(M, R) DIV_ONE(N, L) DIV_ONE(N, R)

// One operand a float (a constant F certainly is) and the other a compact int: after the pure forms in the chain.
template <P p> INLINE bool number_ok(Rt* rt, PyObject* o) {
  if constexpr (p == P::F) return true;
  else return is_float(rt, o) || is_compact_int(rt, o);
}
template <P p> INLINE double number_of(Rt* rt, PyObject* o) {
  if constexpr (p == P::F) return float_of<p>(o);
  else return is_float(rt, o) ? float_value(o) : static_cast<double>(int_value(o));
}
template <P p> INLINE void drop_number(Rt* rt, PyObject* o) {
  if constexpr (is_owned(p)) {
    if (decref_number(o)) push_free(Py_TYPE(o) == rt->float_type ? &rt->floats : &rt->ints, o);
  }
}
template <Op op, P pa, P pb> BODY mixed_op(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!number_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!number_ok<pb>(rt, b))) COLD();
  if constexpr (pa != P::F && pb != P::F) {
    if (UNLIKELY(!is_float(rt, a) && !is_float(rt, b))) COLD();
  }
  if (UNLIKELY(!usable(&rt->floats) || !usable(&rt->ints))) COLD();
  double u = number_of<pa>(rt, a), v = number_of<pb>(rt, b), r;
  if constexpr (op == Op::kAdd) r = u + v;
  else if constexpr (op == Op::kSub) r = u - v;
  else if constexpr (op == Op::kMul) r = u * v;
  else {
    if (UNLIKELY(v == 0.0)) COLD();
    r = u / v;
  }
  PyObject* o = new_float(rt, r);
  drop_number<pa>(rt, a);
  drop_number<pb>(rt, b);
  NEXT(o);
}
#define MIXED_ONE(name, op, a, b) \
  STENCIL(mixed_##name##_##a##b) { MUSTTAIL return mixed_op<op, P::a, P::b>(lp, rt, acc, ts, REST); }
#define MIXED_PAIRS(name, op)                                                              \
  MIXED_ONE(name, op, L, L) MIXED_ONE(name, op, L, R) MIXED_ONE(name, op, R, L) MIXED_ONE(name, op, M, R) \
  MIXED_ONE(name, op, L, F) MIXED_ONE(name, op, R, F) MIXED_ONE(name, op, F, L) MIXED_ONE(name, op, F, R)
MIXED_PAIRS(add, Op::kAdd)
MIXED_PAIRS(sub, Op::kSub)
MIXED_PAIRS(mul, Op::kMul)
MIXED_PAIRS(truediv, Op::kTrueDiv)

#define FLOAT_ONE(name, op, a, b) \
  STENCIL(float_##name##_##a##b) { MUSTTAIL return float_op<op, P::a, P::b>(lp, rt, acc, ts, REST); }
#define FLOAT_PAIRS(name, op)                                                                                    \
  FLOAT_ONE(name, op, L, L) FLOAT_ONE(name, op, L, F) FLOAT_ONE(name, op, L, R) FLOAT_ONE(name, op, R, L)        \
  FLOAT_ONE(name, op, R, F) FLOAT_ONE(name, op, M, R) FLOAT_ONE(name, op, F, L) FLOAT_ONE(name, op, F, R)
FLOAT_PAIRS(add, Op::kAdd)
FLOAT_PAIRS(sub, Op::kSub)
FLOAT_PAIRS(mul, Op::kMul)
FLOAT_PAIRS(truediv, Op::kTrueDiv)

// Comparisons. Jumping forms go to TJ_TARGET when the relation holds (or, `not` forms, when it does not).
enum class Rel { kLt, kLe, kEq, kNe, kGt, kGe };
template <Rel rel, class T> INLINE bool holds(T a, T b) {
  if constexpr (rel == Rel::kLt) return a < b;
  else if constexpr (rel == Rel::kLe) return a <= b;
  else if constexpr (rel == Rel::kEq) return a == b;
  else if constexpr (rel == Rel::kNe) return a != b;
  else if constexpr (rel == Rel::kGt) return a > b;
  else return a >= b;
}
enum class Use { kJump, kJumpNot, kBool };

template <Rel rel, P pa, P pb, Use use> BODY int_compare(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!int_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!int_ok<pb>(rt, b))) COLD();
  if constexpr (is_owned(pa) || is_owned(pb)) {
    if (UNLIKELY(!usable(&rt->ints))) COLD();
  }
  bool r = holds<rel>(int_of<pa>(a), int_of<pb>(b));
  if constexpr (is_owned(pa)) drop_int(rt, a);
  if constexpr (is_owned(pb)) drop_int(rt, b);
  if constexpr (use == Use::kBool) NEXT(r ? rt->true_object : rt->false_object);
  if (r) TARGET(DEAD);
  NEXT(DEAD);
}
template <Rel rel, P pa, P pb, Use use> BODY wide_compare(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!short_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!short_ok<pb>(rt, b))) COLD();
  if constexpr (is_owned(pa) || is_owned(pb)) {
    if (UNLIKELY(!usable(&rt->ints))) COLD();
  }
  bool r = holds<rel>(short_of<pa>(a), short_of<pb>(b));
  if constexpr (is_owned(pa)) drop_int(rt, a);
  if constexpr (is_owned(pb)) drop_int(rt, b);
  if constexpr (use == Use::kBool) NEXT(r ? rt->true_object : rt->false_object);
  if (r) TARGET(DEAD);
  NEXT(DEAD);
}
template <Rel rel, P pa, P pb, Use use> BODY float_compare(SIGNATURE) {
  PyObject* a = left<pa>(lp, acc);
  PyObject* b = right<pb>(lp, acc);
  if (UNLIKELY(!float_ok<pa>(rt, a))) COLD();
  if (UNLIKELY(!float_ok<pb>(rt, b))) COLD();
  if constexpr (is_owned(pa) || is_owned(pb)) {
    if (UNLIKELY(!usable(&rt->floats))) COLD();
  }
  bool r = holds<rel>(float_of<pa>(a), float_of<pb>(b));
  if constexpr (is_owned(pa)) drop_float(rt, a);
  if constexpr (is_owned(pb)) drop_float(rt, b);
  if constexpr (use == Use::kBool) NEXT(r ? rt->true_object : rt->false_object);
  if (use == Use::kJumpNot ? !r : r) TARGET(DEAD);
  NEXT(DEAD);
}

#define CMP_ONE(type, suffix, use, name, rel, a, b)                        \
  STENCIL(type##_##suffix##_##name##_##a##b) {                             \
    MUSTTAIL return type##_compare<rel, P::a, P::b, use>(lp, rt, acc, ts, REST); \
  }
#define INT_CMP(suffix, use, name, rel)                                                                \
  CMP_ONE(int, suffix, use, name, rel, L, L) CMP_ONE(int, suffix, use, name, rel, L, N)                \
  CMP_ONE(int, suffix, use, name, rel, L, R) CMP_ONE(int, suffix, use, name, rel, R, L)                \
  CMP_ONE(int, suffix, use, name, rel, R, N) CMP_ONE(int, suffix, use, name, rel, M, R)
#define WIDE_CMP(suffix, use, name, rel)                                                                 \
  CMP_ONE(wide, suffix, use, name, rel, L, L) CMP_ONE(wide, suffix, use, name, rel, L, N)                \
  CMP_ONE(wide, suffix, use, name, rel, L, R) CMP_ONE(wide, suffix, use, name, rel, R, L)                \
  CMP_ONE(wide, suffix, use, name, rel, R, N) CMP_ONE(wide, suffix, use, name, rel, M, R)
#define FLOAT_CMP(suffix, use, name, rel)                                                              \
  CMP_ONE(float, suffix, use, name, rel, L, L) CMP_ONE(float, suffix, use, name, rel, L, F)            \
  CMP_ONE(float, suffix, use, name, rel, L, R) CMP_ONE(float, suffix, use, name, rel, R, L)            \
  CMP_ONE(float, suffix, use, name, rel, R, F) CMP_ONE(float, suffix, use, name, rel, M, R)
#define ALL_RELATIONS(X, suffix, use)                                                          \
  X(suffix, use, lt, Rel::kLt) X(suffix, use, le, Rel::kLe) X(suffix, use, eq, Rel::kEq)       \
  X(suffix, use, ne, Rel::kNe) X(suffix, use, gt, Rel::kGt) X(suffix, use, ge, Rel::kGe)
ALL_RELATIONS(INT_CMP, jump, Use::kJump)
ALL_RELATIONS(INT_CMP, bool, Use::kBool)
ALL_RELATIONS(WIDE_CMP, jump, Use::kJump)
ALL_RELATIONS(WIDE_CMP, bool, Use::kBool)
ALL_RELATIONS(FLOAT_CMP, jump, Use::kJump)
ALL_RELATIONS(FLOAT_CMP, jumpnot, Use::kJumpNot)
ALL_RELATIONS(FLOAT_CMP, bool, Use::kBool)

template <P p, bool invert> BODY negate_int(SIGNATURE) {
  PyObject* a = left<p>(lp, acc);
  if (UNLIKELY(!is_compact_int(rt, a) || !usable(&rt->ints))) COLD();
  int64_t v = invert ? ~int_value(a) : -int_value(a);
  if constexpr (invert) {
    if (UNLIKELY(!fits_digit(v))) COLD();
  }
  PyObject* r = new_int(rt, v);
  if constexpr (is_owned(p)) drop_int(rt, a);
  NEXT(r);
}
template <P p> BODY negate_float(SIGNATURE) {
  PyObject* a = left<p>(lp, acc);
  if (UNLIKELY(!is_float(rt, a) || !usable(&rt->floats))) COLD();
  PyObject* r = new_float(rt, -float_value(a));
  if constexpr (is_owned(p)) drop_float(rt, a);
  NEXT(r);
}
STENCIL(int_negate_L) { MUSTTAIL return negate_int<P::L, false>(lp, rt, acc, ts, REST); }
STENCIL(int_negate_R) { MUSTTAIL return negate_int<P::R, false>(lp, rt, acc, ts, REST); }
STENCIL(int_invert_L) { MUSTTAIL return negate_int<P::L, true>(lp, rt, acc, ts, REST); }
STENCIL(int_invert_R) { MUSTTAIL return negate_int<P::R, true>(lp, rt, acc, ts, REST); }
STENCIL(float_negate_L) { MUSTTAIL return negate_float<P::L>(lp, rt, acc, ts, REST); }
STENCIL(float_negate_R) { MUSTTAIL return negate_float<P::R>(lp, rt, acc, ts, REST); }

}  // namespace tierjit::tier1
