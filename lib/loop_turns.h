// How far the iterator of a `for` loop still has to go.
#ifndef TIERJIT_LIB_LOOP_TURNS_H_
#define TIERJIT_LIB_LOOP_TURNS_H_

#include <cstdint>
#include <optional>

#include "runtime/cpython/python.h"

namespace tierjit {

// Nothing for iterators that do not tell. Runs no foreign code. [GIL]
std::optional<int64_t> TurnsLeft(PyObject* iterator);

}  // namespace tierjit

#endif  // TIERJIT_LIB_LOOP_TURNS_H_
