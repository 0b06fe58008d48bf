// Stencils by name, and the families that the translator picks from by operand kinds.
#ifndef TIERJIT_TIER1_STENCIL_INDEX_H_
#define TIERJIT_TIER1_STENCIL_INDEX_H_

#include "absl/strings/string_view.h"
#include "tier1/stencil_table.h"

namespace tierjit::tier1 {

// Operand pairs of arithmetic and comparison stencils. The immediate (I) is an int constant N for int stencils, the bits of a
// double F for float stencils.
enum Pair { kLL, kLI, kLR, kRL, kRI, kMR, kIL, kIR, kPairCount, kNoPair = kPairCount };
inline constexpr int kComparePairs = kIL;  // the mirrored forms do not exist: swap operands and relation

// Order of tier1/stencils/binary_op.cc.
enum class Arithmetic { kAdd, kSub, kMul, kTrueDiv, kAnd, kOr, kXor, kFloorDiv, kMod, kLshift, kRshift, kCount };
inline constexpr int kArithmeticCount = static_cast<int>(Arithmetic::kCount);
enum class Relation { kLt, kLe, kEq, kNe, kGt, kGe, kCount };

// Containers and indices of subscript stencils: LL LN LR RL RN MR LB RB (B: a constant counted from the end).
enum SubscriptPair { kSubLL, kSubLN, kSubLR, kSubRL, kSubRN, kSubMR, kSubLB, kSubRB, kSubscriptPairs };
enum class Indexed { kList, kTuple, kStr, kArray, kCount };  // containers with stencils of their own
inline constexpr int kIndexedCount = static_cast<int>(Indexed::kCount);

inline constexpr int kMaxDropsAtOnce = 4;
inline constexpr int kMostArgumentsAtSite = 3;  // of C code that is called at the site

struct StencilIndex {
  // [operation][pair], null where the form does not exist.
  const Stencil* int_op[kArithmeticCount][kPairCount];
  const Stencil* wide_op[kArithmeticCount][kPairCount];  // ints of up to two digits
  const Stencil* mixed_op[kArithmeticCount][kPairCount];  // a float and an int
  const Stencil* float_op[kArithmeticCount][kPairCount];
  const Stencil* int_jump[6][kComparePairs];
  const Stencil* int_bool[6][kComparePairs];
  const Stencil* wide_jump[6][kComparePairs];
  const Stencil* wide_bool[6][kComparePairs];
  const Stencil* float_jump[6][kComparePairs];
  const Stencil* float_jumpnot[6][kComparePairs];
  const Stencil* float_bool[6][kComparePairs];
  // Operands of any type; I is a constant object here.
  const Stencil* binary_any[kPairCount];
  const Stencil* slot_op[kPairCount];  // null for constants
  const Stencil* compare_any[kPairCount];
  const Stencil* compare_jump[2][kPairCount];  // [if false, if true]
  const Stencil* quick[kPairCount];
  const Stencil* get[kIndexedCount][kSubscriptPairs];
  const Stencil* call_getitem[kPairCount];   // null for constant containers
  const Stencil* item_get[kPairCount];       // by helper; I is any constant here
  const Stencil* item_contains[kPairCount];  // the container is the right operand
  const Stencil* call[2][6];               // [method][0..4 arguments, then any]
  const Stencil* call_R[2][5];             // the last argument in the accumulator; [method][1..4 arguments]
  const Stencil* call_c[2][kMostArgumentsAtSite + 1];  // [with self][arguments]
  const Stencil* call_class[6];            // 0 arguments; 1..4, the last one in the accumulator; any
  const Stencil* leave[2][2][kMaxDropsAtOnce + 1];  // [a local is returned][all bound][locals to drop]; null where too many
  const Stencil* clear_locals[9];          // by count; [0]: loop
#define TIERJIT_NAMED_STENCILS(X)                                                                                          \
  X(cold_slow) X(cold_back_edge) X(cold_entry) X(observe) X(cold_branch) X(cold_dispose) X(cold_dispose_plain) X(cold_after_call) X(load_L) X(load_C) X(load_C_immortal) \
  X(load_M) X(spill_R) X(spill_L) X(spill_C) X(spill_C_immortal) X(spill_N) X(move_M) X(swap_M) X(copy_R) X(copy_M)        \
  X(store_R) X(store_L) X(store_C) X(store_M) X(store_R_int) X(store_R_float) X(check_local) X(take_local) X(pop_R)        \
  X(pop_M) X(load_global) X(load_name) X(load_deref) X(copy_free_vars_1) X(copy_free_vars_2) X(copy_free_vars_n) X(store_deref_R) X(set_function_attribute) X(int_negate_L) X(int_negate_R) X(int_invert_L) X(int_invert_R) X(float_negate_L)                 \
  X(float_negate_R) X(attr_value_L) X(attr_value_R) X(attr_slot_L) X(attr_slot_R) X(attr_fixed_L) X(attr_fixed_R)          \
  X(method_values_L) X(method_values_R) X(method_plain_L) X(method_plain_R) X(cold_attr_L) X(cold_attr_R) X(cold_attr_or_L) X(cold_attr_or_R) X(cold_method_L) X(cold_method_R) X(cold_global) X(cold_name) X(attr_hint_L) X(attr_hint_R) X(set_value_MR)            \
  X(set_value_LR) X(set_value_CR) X(set_slot_MR) X(set_slot_LR) X(set_slot_CR) X(set_poly_R) X(set_poly_L) X(set_poly_C) X(set_poly_M) X(list_append) X(list_append_any) X(call_list_append) X(method_fixed_L) X(method_fixed_R) X(set_value_RL) X(set_value_LL)                \
  X(set_value_CL) X(set_value_ML) X(set_slot_RL) X(set_slot_LL) X(set_slot_CL) X(set_slot_ML) X(unpack_tuple)              \
  X(unpack_tuple_2) X(unpack_list) X(unpack_locals) X(after_call) X(jump_if_is_LR) X(jump_if_is_MR) X(jump_if_is_not_LR) X(jump_if_is_not_MR) X(jump_if_true_object_L)                   \
  X(unary_any_L) X(unary_any_R) X(truth_jump_true_L) X(truth_jump_true_R) X(truth_jump_false_L) X(truth_jump_false_R)    \
  X(jump_if_true_object_R) X(jump_if_false_object_L) X(jump_if_false_object_R) X(handler) X(handler_R)                    \
  X(put_attr_RL) X(put_attr_LL) X(put_attr_CL) X(put_attr_ML) X(put_attr_LR) X(put_attr_CR) X(put_attr_MR)                 \
  X(call_class_method_n) X(after_init)                                                                                     \
  X(push_exc_info) X(pop_except) X(check_exc_match) X(put_global_R) X(put_name_R)                                                                                            \
  X(enter_vectorcall) X(call_attr_L) X(call_attr_R) X(call_getter_L) X(call_getter_R) X(call_bound_plain) X(call_bound_method) X(call_any) X(call_any_plain) X(call_any_method) X(cold_argument) X(call_type) X(resume) X(resume_yield) X(jump_backward) X(jump) X(leave_frame) X(return_any_R) X(return_any_L) X(drop_local) X(drop_local_bound) X(return_R)            \
  X(jump_if_true_L) X(jump_if_true_R) X(jump_if_false_L) X(jump_if_false_R) X(jump_if_true_sized_L)                        \
  X(jump_if_true_sized_R) X(jump_if_false_sized_L) X(jump_if_false_sized_R) X(jump_if_none_L) X(jump_if_none_R)            \
  X(jump_if_not_none_L) X(jump_if_not_none_R) X(jump_if_is_LL) X(jump_if_is_LC) X(jump_if_is_RL) X(jump_if_is_RC)          \
  X(jump_if_is_not_LL) X(jump_if_is_not_LC) X(jump_if_is_not_RL) X(jump_if_is_not_RC) X(not_R) X(to_bool_R) X(for_range)   \
  X(for_list) X(for_tuple) X(for_range_local) X(for_range_end) X(call_range_1R) X(call_range_2R) X(for_instance) X(for_any) X(cold_for) X(for_generator) X(after_for_generator) X(for_enumerate) X(after_for_pair) X(call_send) X(after_call_send) X(call_next) X(after_call_next) X(send) X(after_send) X(get_anext) X(cold_anext) X(send_anext) X(after_send_anext)             \
  X(end_send) X(make_generator) X(enter) X(yield_R) X(yield_from_R) X(return_generator_R) X(resume_next) X(resume_sent) X(get_iter) X(get_iter_any) X(cold_iter) X(get_awaitable)
#define X(name) const Stencil* name;
  TIERJIT_NAMED_STENCILS(X)
#undef X
};

// Built once; every named stencil exists (else the first use aborts: the table and this list are built together). [any]
const StencilIndex& Stencils();
const Stencil* FindStencil(absl::string_view name);  // null if there is none

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_STENCIL_INDEX_H_
