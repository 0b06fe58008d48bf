// What optimised code does with containers by calling C. All or nothing: where a function says that it has not done it (NULL, 0, a negative
// number), nothing has changed, no exception is set, and the interpreter may do it in its own way. None of them runs foreign code. [GIL]
#ifndef TIERJIT_TIER2_LOWER_SEQUENCE_CALLS_H_
#define TIERJIT_TIER2_LOWER_SEQUENCE_CALLS_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier2 {

extern "C" {
PyObject* tj2_get_slice(PyObject* sequence, int64_t start, int64_t stop, int64_t step);
int64_t tj2_set_slice(PyObject* sequence, int64_t start, int64_t stop, int64_t step, PyObject* value);
// to[start:stop:step] = from[first:last:stride]; both lists. The last four: tj2_gathered.
int64_t tj2_copy_slice(PyObject* to, int64_t start, int64_t stop, int64_t step);
PyObject* tj2_concat(PyObject* a, PyObject* b);
PyObject* tj2_repeat(PyObject* sequence, int64_t count);

int64_t tj2_list_reserve(PyObject* list);
PyObject* tj2_list_pop(PyObject* list, int64_t index);
int64_t tj2_list_insert(PyObject* list, int64_t index, PyObject* item);
int64_t tj2_list_extend(PyObject* list, PyObject* items);
int64_t tj2_list_delete(PyObject* list, int64_t index);
PyObject* tj2_list_from(PyObject* items);
int64_t tj2_list_reverse(PyObject* list);
int64_t tj2_list_clear(PyObject* list);

PyObject* tj2_dict_get(PyObject* dict, PyObject* key, PyObject* otherwise);
int64_t tj2_delete_item(PyObject* dict, PyObject* key);
int64_t tj2_set_add(PyObject* set, PyObject* key);

// Operands of operations that have many of them, for the time of one call.
inline constexpr int kMaxGathered = 64;
extern PyObject* tj2_gathered[kMaxGathered];
// Never NULL: without memory the process ends. The items are there, with their references.
PyObject* tj2_make_list(int64_t count);
PyObject* tj2_make_iter(int64_t kind, int64_t count, int64_t position, int64_t number);  // sequences: tj2_gathered, which are borrowed
PyObject* tj2_make_empty_dict();
PyObject* tj2_make_empty_set();
// Calls a C function of a builtin type or module; `checks`: see ArgumentCheck in ir/helper.h.
PyObject* tj2_call_c(const PyMethodDef* method, PyObject* self, int64_t count, int64_t checks);  // arguments: tj2_gathered
}

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_LOWER_SEQUENCE_CALLS_H_
