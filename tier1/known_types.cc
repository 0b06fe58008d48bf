#include "tier1/known_types.h"

#include "runtime/cpython/opcode_info.h"

namespace tierjit::tier1 {
namespace {

constexpr uint32_t kInts = kIntBit | kBigIntBit | kBoolBit, kNumbers = kInts | kFloatBit;

bool Only(uint32_t seen, uint32_t bits) { return seen != 0 && (seen & ~bits) == 0; }

// `in.opcode` itself: no form is better than others.
uint8_t BinaryForm(uint32_t seen, uint8_t opcode) {
  if (opcode == BINARY_OP) return Only(seen, kFloatBit) ? BINARY_OP_MULTIPLY_FLOAT : opcode;
  return Only(seen, kFloatBit) ? COMPARE_OP_FLOAT : Only(seen, kStrBit) ? COMPARE_OP_STR : opcode;
}

uint8_t SubscriptForm(uint32_t seen) {
  if (Only(seen, kListBit)) return BINARY_SUBSCR_LIST_INT;
  if (Only(seen, kTupleBit)) return BINARY_SUBSCR_TUPLE_INT;
  if (Only(seen, kStrBit)) return BINARY_SUBSCR_STR_INT;
  return Only(seen, kDictBit) ? BINARY_SUBSCR_DICT : BINARY_SUBSCR;
}

uint8_t IterationForm(const Observation& seen) {
  if (Only(seen.bits, kListIterBit)) return FOR_ITER_LIST;
  if (Only(seen.bits, kTupleIterBit)) return FOR_ITER_TUPLE;
  if (Only(seen.bits, kOtherBit) && seen.last == &PyGen_Type) return FOR_ITER_GEN;
  return Only(seen.bits, kRangeIterBit) ? FOR_ITER_RANGE : FOR_ITER;
}

uint8_t CallForm(const Observation& callable) {
  if (callable.last == &PyCFunction_Type) return CALL_BUILTIN_FAST;
  if (callable.last == &PyMethodDescr_Type) return CALL_METHOD_DESCRIPTOR_FAST;
  return callable.last == &PyMethod_Type ? CALL_BOUND_METHOD_GENERAL : CALL;
}

uint8_t FormOf(const Instruction& in, const Observation& seen) {
  switch (in.opcode) {
    case BINARY_OP: case COMPARE_OP: return BinaryForm(seen.bits, in.opcode);
    case BINARY_SUBSCR: return SubscriptForm(seen.bits);
    case STORE_SUBSCR: return Only(seen.bits, kListBit) ? STORE_SUBSCR_LIST_INT : Only(seen.bits, kDictBit) ? STORE_SUBSCR_DICT : STORE_SUBSCR;
    case FOR_ITER: return IterationForm(seen);
    case CALL: return CallForm(seen);
    // Builtin types have no values in their instances.
    case LOAD_ATTR: return in.oparg & 1 && seen.bits != 0 && !(seen.bits & kInstanceBit) ? LOAD_ATTR_METHOD_NO_DICT : LOAD_ATTR;
    default: return in.opcode;
  }
}

// Operands that no form is made for.
bool SuitsNone(const Instruction& in, uint32_t seen) {
  return (in.opcode == BINARY_OP || in.opcode == COMPARE_OP) && seen != 0 && (seen & kNumbers) == 0;
}

}  // namespace

int DecidingOperand(const Instruction& in) {
  switch (in.opcode) {
    case BINARY_OP: case COMPARE_OP: case BINARY_SUBSCR: case STORE_SUBSCR: return 2;
    case LOAD_ATTR: case FOR_ITER: case UNPACK_SEQUENCE: return 1;
    case CALL: return in.oparg + 2;
    default: return 0;
  }
}

int Specialise(const Feedback& feedback, DecodedCode* code) {
  int changed = 0;
  code->Respecialise([&](Instruction* in) {
    if (in->adaptive != in->opcode || in->declined || DecidingOperand(*in) == 0) return;
    const Observation& seen = feedback.second(in->offset);
    in->adaptive = FormOf(*in, seen);
    in->declined = SuitsNone(*in, seen.bits);
    changed += in->adaptive != in->opcode || in->declined;
  });
  return changed;
}

}  // namespace tierjit::tier1
