// What compiled code was seen to do, by code unit: the ground of Tier 2's speculation.
#ifndef TIERJIT_RUNTIME_FEEDBACK_FEEDBACK_H_
#define TIERJIT_RUNTIME_FEEDBACK_FEEDBACK_H_

#include <vector>

#include "absl/types/span.h"
#include "runtime/cpython/python.h"
#include "runtime/feedback/type_bits.h"

namespace tierjit {

// Written by the profiling stencils, so plain data. One for each instruction that is watched.
struct Observation {
  PyTypeObject* last;  // type of the last value, to recognise it quickly; never dereferenced
  uint32_t bits;       // union of what was seen
  uint32_t detail;     // JoinDetails() of the values
};

// The set that holds exactly the type of `o` (NULL: kNullBit). [GIL]
uint32_t BitsOf(PyObject* o);
// The exact builtin type that a set of one stands for; nullptr: of another set.
PyTypeObject* BuiltinType(uint32_t bit);
// The other way; 0: no builtin type that has a bit of its own.
uint32_t BitOfType(const PyTypeObject* type);
// More about instances of heap types: the type's version tag; about arrays: their type code. Else 0. [GIL]
uint32_t DetailOf(PyObject* o);
// From now on TypeOfVersion() knows the heap type as long as it lives. [GIL]
bool NoteType(PyTypeObject* type);
// To be called while the collector runs: references to types that have died go soon after it. [GIL]
void NoteCollection();
// What is known when one of two was seen; 0: nothing. Of several classes that is the number of the set of their versions. [GIL]
uint32_t JoinDetails(uint32_t a, uint32_t b);
inline constexpr size_t kMostClasses = 4;
// The versions that a detail stands for, of instances; none for 0. Sets stay as they are. [any]
absl::Span<const uint32_t> VersionsOf(const uint32_t& detail);
// The heap type that has this version tag, if DetailOf() gave it and it lives; borrowed. [GIL]
PyTypeObject* TypeOfVersion(uint32_t version);
// The interpreter ends, or (not `alive`) has ended: versions of types begin anew in the next. [GIL]
void ForgetTypes(bool alive);
// Adds `o` to the observation. [GIL]
void Observe(Observation* observation, PyObject* o);

// Observations of one code object. What an instruction's observation is about: the value that it stores (STORE_FAST), the item of
// FOR_ITER, else the top of the stack behind it. No bits: it was never executed while somebody watched. Some instructions have another
// one: the second value that is stored (STORE_FAST_STORE_FAST), the sequence that is taken apart (UNPACK_SEQUENCE).
class Feedback {
 public:
  explicit Feedback(int32_t units) : first_(static_cast<size_t>(units), Observation{}), second_(first_), raised_(first_.size(), 0) {}
  Observation& at(int32_t unit) { return first_[static_cast<size_t>(unit)]; }
  const Observation& at(int32_t unit) const { return first_[static_cast<size_t>(unit)]; }
  Observation& second(int32_t unit) { return second_[static_cast<size_t>(unit)]; }
  const Observation& second(int32_t unit) const { return second_[static_cast<size_t>(unit)]; }
  // Whether the instruction has raised: it may never have made anything.
  bool raised(int32_t unit) const { return raised_[static_cast<size_t>(unit)] != 0; }
  void NoteRaise(int32_t unit) { raised_[static_cast<size_t>(unit)] = 1; }

 private:
  std::vector<Observation> first_, second_;
  std::vector<uint8_t> raised_;
};

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_FEEDBACK_FEEDBACK_H_
