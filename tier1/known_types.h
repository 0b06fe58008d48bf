// What a profile tells about instructions that the interpreter has not specialised.
#ifndef TIERJIT_TIER1_KNOWN_TYPES_H_
#define TIERJIT_TIER1_KNOWN_TYPES_H_

#include "runtime/bytecode/decoder.h"
#include "runtime/feedback/feedback.h"

namespace tierjit::tier1 {

// How far below the top of the stack the operand lies that decides which form of the instruction is the best; 0: none does. The profiled
// version notes its type as Feedback::second() of the instruction.
int DecidingOperand(const Instruction& in);

// Gives instructions the specialised opcodes that the interpreter would have found for what the profiled version has seen. How many it
// has changed.
int Specialise(const Feedback& feedback, DecodedCode* code);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_KNOWN_TYPES_H_
