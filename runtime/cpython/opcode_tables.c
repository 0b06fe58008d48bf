// The interpreter's opcode tables. CPython keeps its own copies hidden, so this file instantiates them from the header
// that the interpreter was built from, under names of ours. It is C because the header uses array designators that
// g++ does not take.
#define Py_BUILD_CORE 1
#define NEED_OPCODE_METADATA 1
#define _PyOpcode_num_popped tierjit_opcode_num_popped
#define _PyOpcode_num_pushed tierjit_opcode_num_pushed
#define _PyOpcode_opcode_metadata tierjit_opcode_metadata
#define _PyOpcode_macro_expansion tierjit_opcode_macro_expansion
#define _PyOpcode_OpName tierjit_opcode_names
#define _PyOpcode_Caches tierjit_opcode_caches
#define _PyOpcode_Deopt tierjit_opcode_deopt
#define _PyOpcode_PseudoTargets tierjit_opcode_pseudo_targets

#pragma GCC visibility push(hidden)
#include <Python.h>

#include "internal/pycore_opcode_metadata.h"
#pragma GCC visibility pop

#pragma GCC visibility push(hidden)
int tierjit_opcode_has_jump(int opcode);
int tierjit_opcode_has_jump(int opcode) { return OPCODE_HAS_JUMP(opcode) != 0; }
#pragma GCC visibility pop
