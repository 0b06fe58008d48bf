// UNPACK_SEQUENCE, alone and with the stores into locals that follow it.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

// C side, tier1/unpack_path.cc. False: leave the unit.
extern "C" bool tj_unpack_locals(PyObject** lp, PyObject* sequence, PyThreadState* ts, Site* site, uint64_t first,
                                 uint64_t second);

// Unpacking of exact tuples and lists: items to the slots from A on, in stack order (last item lowest).
template <bool list> BODY unpack(SIGNATURE) {
  PyObject* o = acc;
  if (UNLIKELY(Py_TYPE(o) != (list ? rt->list_type : rt->tuple_type))) COLD();
  uint64_t count;
  asm("movl $H_C, %k0" : "=r"(count));
  int64_t n = static_cast<int64_t>(count);
  if (UNLIKELY(reinterpret_cast<PyVarObject*>(o)->ob_size != n)) COLD();
  PyObject** items = list ? reinterpret_cast<PyListObject*>(o)->ob_item : reinterpret_cast<PyTupleObject*>(o)->ob_item;
  PyObject** to = slot_at(lp, H_A);
  for (int64_t j = n - 1; j >= 0; j--) *to++ = incref(items[j]);
  if (decref(o)) GO_WITH(TJ_DISPOSE, DEAD, o);
  NEXT(DEAD);
}
STENCIL(unpack_tuple) { MUSTTAIL return unpack<false>(lp, rt, acc, ts, REST); }
STENCIL(unpack_list) { MUSTTAIL return unpack<true>(lp, rt, acc, ts, REST); }
STENCIL(unpack_tuple_2) {
  PyObject* o = acc;
  if (UNLIKELY(Py_TYPE(o) != rt->tuple_type)) COLD();
  if (UNLIKELY(reinterpret_cast<PyVarObject*>(o)->ob_size != 2)) COLD();
  PyObject** to = slot_at(lp, H_A);
  to[0] = incref(reinterpret_cast<PyTupleObject*>(o)->ob_item[1]);
  to[1] = incref(reinterpret_cast<PyTupleObject*>(o)->ob_item[0]);
  if (decref(o)) GO_WITH(TJ_DISPOSE, DEAD, o);
  NEXT(DEAD);
}

// With the stores. P, Q: indices of the locals, a byte each.
STENCIL(unpack_locals) {
  uint64_t first = reinterpret_cast<uint64_t>(pointer_p()), second = reinterpret_cast<uint64_t>(pointer_q());
  if (LIKELY(tj_unpack_locals(lp, acc, ts, static_cast<Site*>(ADDRESS_OF(H_SITE)), first, second))) NEXT(DEAD);
  GO(TJ_THUNK_exit, DEAD);
}

}  // namespace tierjit::tier1
