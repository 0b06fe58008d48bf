#include "lib/loop_turns.h"

#include "runtime/feedback/feedback.h"

namespace tierjit {

std::optional<int64_t> TurnsLeft(PyObject* iterator) {
  if (iterator == nullptr) return std::nullopt;
  if (Py_TYPE(iterator) == &PyRangeIter_Type) return reinterpret_cast<_PyRangeIterObject*>(iterator)->len;
  if (Py_TYPE(iterator) == &PyListIter_Type) {
    auto* it = reinterpret_cast<_PyListIterObject*>(iterator);
    return it->it_seq == nullptr ? 0 : PyList_GET_SIZE(it->it_seq) - it->it_index;
  }
  if (Py_TYPE(iterator) == &PyTupleIter_Type) {
    auto* it = reinterpret_cast<_PyTupleIterObject*>(iterator);
    return it->it_seq == nullptr ? 0 : PyTuple_GET_SIZE(it->it_seq) - it->it_index;
  }
  return std::nullopt;
}

}  // namespace tierjit
