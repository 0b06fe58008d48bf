// What optimised code does with text by calling C; the same promises as in sequence_calls.h. Operands are exact strings unless said
// otherwise. [GIL]
#ifndef TIERJIT_TIER2_LOWER_TEXT_CALLS_H_
#define TIERJIT_TIER2_LOWER_TEXT_CALLS_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier2 {

extern "C" {
int64_t tj2_same_text(PyObject* a, PyObject* b);      // 0 or 1
int64_t tj2_order_of_text(PyObject* a, PyObject* b);  // -1, 0 or 1
PyObject* tj2_text_item(PyObject* text, int64_t index);  // never NULL: without memory the process ends
// str() and format() of text and exact numbers.
PyObject* tj2_format_simple(PyObject* value);
PyObject* tj2_format_with(PyObject* value, PyObject* specification);
PyObject* tj2_join_text(int64_t count);               // pieces: tj2_gathered
}

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_LOWER_TEXT_CALLS_H_
