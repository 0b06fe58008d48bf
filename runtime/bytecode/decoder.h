// A decoded view of a code object: instructions with EXTENDED_ARG folded in, jump targets, exception ranges.
#ifndef TIERJIT_RUNTIME_BYTECODE_DECODER_H_
#define TIERJIT_RUNTIME_BYTECODE_DECODER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/cpython/python.h"

namespace tierjit {

struct Instruction {
  int32_t offset;   // first code unit, EXTENDED_ARG prefixes included: where a frame may stand
  int32_t op;       // code unit of the opcode itself
  int32_t next;     // first code unit after the instruction and its caches
  int32_t oparg;    // EXTENDED_ARG included
  int32_t target;   // jump target in code units, -1 when the instruction does not jump
  uint8_t opcode;   // base opcode, never specialised or instrumented
  uint8_t adaptive; // opcode as the interpreter has specialised it now (type feedback)
  bool declined;    // opcodes that have specialisations: the interpreter tried, and none fits
};

// One range of co_exceptiontable. Units are code units; [start, end).
struct ExceptionRange {
  int32_t start, end, target;
  int32_t depth;  // stack entries kept
  bool push_lasti;
};

class DecodedCode {
 public:
  // Decodes `code` from its de-instrumented bytes. [GIL] Fails with kUnimplemented for bytes that are not
  // 3.13 bytecode. Cost is linear in the number of code units.
  static absl::StatusOr<DecodedCode> Decode(PyCodeObject* code);
  // The same into an object whose memory is used again; undefined contents after a failure.
  static absl::Status Decode(PyCodeObject* code, DecodedCode* out);

  const std::vector<Instruction>& instructions() const { return instructions_; }
  const std::vector<ExceptionRange>& exceptions() const { return exceptions_; }

  // Index into instructions() of the instruction that starts at (or, for its opcode unit, contains) `unit`; -1 if none.
  // 0 <= unit < unit_count(). Prefix and cache units map to the instruction that they belong to.
  int IndexAt(int32_t unit) const { return index_[unit]; }
  // `choose` may change `adaptive` and `declined` of each instruction.
  template <class Choice>
  void Respecialise(Choice choose) {
    for (Instruction& in : instructions_) choose(&in);
  }
  int32_t unit_count() const { return static_cast<int32_t>(index_.size()); }

 private:
  bool StartsInstruction(int32_t unit) const;
  absl::Status CheckTargets() const;

  std::vector<Instruction> instructions_;
  std::vector<ExceptionRange> exceptions_;
  std::vector<int32_t> index_;  // per code unit
};

// The instruction that starts at `unit`: without `target`, `adaptive` and `declined`, and without taking memory. [GIL]
Instruction ReadInstruction(PyCodeObject* code, int32_t unit);

// The range that protects code unit `unit`, read straight from co_exceptiontable; false if there is none. [GIL]
bool FindHandler(PyCodeObject* code, int32_t unit, ExceptionRange* out);

// All of them, in the order of the table. [GIL]
std::vector<ExceptionRange> ExceptionRangesOf(PyCodeObject* code);

// Where a frame stands that runs the instruction at `unit`: at the opcode itself, behind EXTENDED_ARG prefixes. [GIL]
int32_t OpcodeUnit(PyCodeObject* code, int32_t unit);

// True if the base opcode `opcode` may be the target of, or is, a backward jump (JUMP_BACKWARD family).
bool IsBackwardJump(uint8_t opcode);

// True when the code has at least one backward jump, that is, a loop. Cheap scan. [GIL]
bool HasLoop(PyCodeObject* code);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_BYTECODE_DECODER_H_
