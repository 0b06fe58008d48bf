#include "tier1/generator_blocks.h"

#include "runtime/cpython/opcode_info.h"
#include "runtime/helpers/collector_link.h"
#include "runtime/helpers/op.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr uint32_t kBlocks = 16;
constexpr int kSizes = 48;  // larger frames are not kept

struct BlockList {
  uint32_t count;
  PyGenObject* blocks[kBlocks];
};
BlockList g_lists[kSizes];  // by slots of the frame
bool g_on = false;

_PyInterpreterFrame* FrameOf(PyGenObject* gen) { return reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe); }

int SlotsOf(const PyCodeObject* code) { return code->co_nlocalsplus + code->co_stacksize; }

// NULL: there is none to reuse.
PyGenObject* TakeBlock(PyTypeObject* type, int slots) {
  if (slots >= kSizes || g_lists[slots].count == 0) return nullptr;
  BlockList& list = g_lists[slots];
  PyGenObject* gen = list.blocks[--list.count];
  reinterpret_cast<PyObject*>(gen)->ob_refcnt = 1;
  reinterpret_cast<PyObject*>(gen)->ob_type = type;
  return gen;
}

bool IsFinished(const PyGenObject* gen) {
  bool coroutine = Py_IS_TYPE(gen, &PyCoro_Type);
  if (!coroutine && !Py_IS_TYPE(gen, &PyGen_Type)) return false;
  if (coroutine && gen->gi_origin_or_finalizer != nullptr) return false;
  return gen->gi_frame_state == FRAME_CLEARED && gen->gi_weakreflist == nullptr && gen->gi_exc_state.exc_value == nullptr;
}

// Whether closing it runs none of its code: it has not begun, or stands at a yield outside of all handlers of its own.
bool ClosesPlainly(PyGenObject* gen) {
  const _PyInterpreterFrame* frame = FrameOf(gen);
  if (!Py_IS_TYPE(gen, &PyGen_Type) || frame->frame_obj != nullptr || gen->gi_weakreflist != nullptr) return false;
  if (gen->gi_exc_state.exc_value != nullptr) return false;
  if (gen->gi_frame_state == FRAME_CREATED) return true;
  bool resume = frame->instr_ptr->op.code == RESUME || frame->instr_ptr->op.code == RESUME_CHECK;
  return gen->gi_frame_state == FRAME_SUSPENDED && resume && (frame->instr_ptr->op.arg & RESUME_OPARG_DEPTH1_MASK) != 0;
}

void ClearFrame(_PyInterpreterFrame* frame) {
  int count = frame->stacktop;
  frame->stacktop = 0;
  for (int i = 0; i < count; i++) {
    if (frame->localsplus[i] != nullptr) tj_decref(frame->localsplus[i]);
  }
  Py_CLEAR(frame->f_locals);
}

// As the interpreter closes a generator that dies, which may be found, and kept alive, while its locals die. False: it was.
bool Close(PyGenObject* gen) {
  bool created = gen->gi_frame_state == FRAME_CREATED;
  gen->gi_frame_state = FRAME_COMPLETED;
  _PyInterpreterFrame* frame = FrameOf(gen);
  PyObject* self = reinterpret_cast<PyObject*>(gen);
  if (!created) {
    Py_SET_REFCNT(self, 1);
    ClearFrame(frame);
    Py_SET_REFCNT(self, Py_REFCNT(self) - 1);
    if (Py_REFCNT(self) > 0) {
      _PyGC_SET_FINALIZED(self);
      return false;
    }
  }
  UntrackObject(self);
  ClearFrame(frame);
  tj_decref(frame->f_funcobj);
  gen->gi_frame_state = FRAME_CLEARED;
  return true;
}

// Where the block goes; NULL: nowhere.
BlockList* ListFor(PyGenObject* gen) {
  int slots = SlotsOf(CodeOf(FrameOf(gen)));
  return slots < kSizes && g_lists[slots].count < kBlocks ? &g_lists[slots] : nullptr;
}

[[gnu::noinline]] void DropLast(PyObject* o) { Py_DECREF(o); }

// Hardly ever the last reference.
inline void Drop(PyObject* o) {
  uint32_t count = *reinterpret_cast<const uint32_t*>(&o->ob_refcnt);
  if (static_cast<int32_t>(count) < 0) return;
  if (count == 1) [[unlikely]] return DropLast(o);
  o->ob_refcnt = count - 1;
}

// KeepGenerator() of one that has not come to its end.
[[gnu::noinline]] bool KeepUnfinished(PyGenObject* gen) {
  if (!ClosesPlainly(gen) || _PyGC_FINALIZED(reinterpret_cast<PyObject*>(gen))) return false;
  BlockList* list = ListFor(gen);
  if (list == nullptr) return false;
  if (!Close(gen)) return true;
  PyObject *name = gen->gi_name, *qualname = gen->gi_qualname, *code = reinterpret_cast<PyObject*>(CodeOf(FrameOf(gen)));
  // What died with it may have made and dropped generators, or switched the lists off.
  if (g_on && list->count < kBlocks) {
    list->blocks[list->count++] = gen;
  } else {
    PyObject_GC_Del(gen);
  }
  Py_DECREF(code);
  Py_DECREF(name);
  Py_DECREF(qualname);
  return true;
}

}  // namespace

PyGenObject* NewGenerator(PyThreadState* ts, PyFunctionObject* function) {
  PyCodeObject* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  bool coroutine = (code->co_flags & CO_COROUTINE) != 0;
  // An asynchronous generator has more fields than the blocks that are kept.
  bool larger = (code->co_flags & CO_ASYNC_GENERATOR) != 0;
  bool plain = !larger && (!coroutine || ts->coroutine_origin_tracking_depth == 0);
  PyGenObject* gen = plain ? TakeBlock(coroutine ? &PyCoro_Type : &PyGen_Type, SlotsOf(code)) : nullptr;
  if (gen == nullptr) [[unlikely]] return reinterpret_cast<PyGenObject*>(_Py_MakeCoro(function));
  gen->gi_name = Py_NewRef(function->func_name);
  gen->gi_qualname = Py_NewRef(function->func_qualname);
  gen->gi_origin_or_finalizer = nullptr;
  TrackObject(ts->interp, reinterpret_cast<PyObject*>(gen));
  return gen;
}

bool KeepGenerator(PyObject* dead) {
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(dead);
  if (!g_on) return false;
  if (!IsFinished(gen)) return KeepUnfinished(gen);
  BlockList* list = _PyGC_FINALIZED(dead) ? nullptr : ListFor(gen);
  if (list == nullptr) return false;
  UntrackObject(dead);
  list->blocks[list->count++] = gen;
  Drop(gen->gi_name);
  Drop(gen->gi_qualname);
  Drop(reinterpret_cast<PyObject*>(CodeOf(FrameOf(gen))));
  return true;
}

void FlushGenerators() {
  for (BlockList& list : g_lists) {
    while (list.count > 0) PyObject_GC_Del(list.blocks[--list.count]);
  }
}

void SwitchGenerators(bool on) { g_on = on; }

}  // namespace tierjit::tier1
