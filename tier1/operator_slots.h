// Where PyNumberMethods has the functions of the operators.
#ifndef TIERJIT_TIER1_OPERATOR_SLOTS_H_
#define TIERJIT_TIER1_OPERATOR_SLOTS_H_

#include <cstddef>
#include <cstdint>

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

// Offsets of two: the one that must be empty, and the one that is asked then. The plain forms have nothing that must be empty, so they
// name a field that always is.
struct OperatorSlots {
  uint16_t empty, asked;
};
#define PLAIN(name) {offsetof(PyNumberMethods, nb_reserved), offsetof(PyNumberMethods, nb_##name)}
#define IN_PLACE(name) {offsetof(PyNumberMethods, nb_inplace_##name), offsetof(PyNumberMethods, nb_##name)}
#define NONE {offsetof(PyNumberMethods, nb_reserved), offsetof(PyNumberMethods, nb_reserved)}  // takes three operands
#define ALL(form)                                                                                                                 \
  form(add), form(and), form(floor_divide), form(lshift), form(matrix_multiply), form(multiply), form(remainder), form(or), NONE, \
      form(rshift), form(subtract), form(true_divide), form(xor)
inline constexpr OperatorSlots kOperatorSlots[] = {ALL(PLAIN), ALL(IN_PLACE)};
#undef ALL
#undef NONE
#undef IN_PLACE
#undef PLAIN
static_assert(NB_ADD == 0 && NB_POWER == 8 && NB_XOR == 12 && NB_INPLACE_ADD == 13);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_OPERATOR_SLOTS_H_
