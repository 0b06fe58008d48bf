// Look-ups in dicts, sets and sequences that run no foreign code: keys whose hash and equality are the interpreter's own. When a key or
// an entry that it would have to be compared with is of another kind, the answer is "unknown" and nothing has happened.
#ifndef TIERJIT_RUNTIME_CPYTHON_PLAIN_LOOKUP_H_
#define TIERJIT_RUNTIME_CPYTHON_PLAIN_LOOKUP_H_

#include "runtime/cpython/python.h"

namespace tierjit {

enum class Found : int8_t { kNo, kYes, kUnknown };

// The hash of `key`; false when it could run foreign code or fail. [GIL]
bool PlainHash(PyObject* key, Py_hash_t* hash);

// Whether `a == b`, identity first, as containers compare. [GIL]
Found PlainEqual(PyObject* a, PyObject* b);

// `*value` is where the value lies when found. For a dict of any layout. [GIL]
Found FindInDict(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject*** value);
Found FindInSet(PySetObject* set, PyObject* key, Py_hash_t hash);
Found FindInSequence(PyObject** items, Py_ssize_t size, PyObject* key);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CPYTHON_PLAIN_LOOKUP_H_
