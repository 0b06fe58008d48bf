#include "tier1/generator_blocks.h"

#include "runtime/helpers/op.h"
#include "runtime/helpers/collector_link.h"
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

}  // namespace

PyGenObject* NewGenerator(PyThreadState* ts, PyFunctionObject* function) {
  PyCodeObject* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  bool coroutine = (code->co_flags & CO_COROUTINE) != 0;
  // An asynchronous generator has more fields than the blocks that are kept.
  bool larger = (code->co_flags & CO_ASYNC_GENERATOR) != 0;
  bool plain = !larger && (!coroutine || ts->coroutine_origin_tracking_depth == 0);
  PyGenObject* gen = plain ? TakeBlock(coroutine ? &PyCoro_Type : &PyGen_Type, SlotsOf(code)) : nullptr;
  if (gen == nullptr) return reinterpret_cast<PyGenObject*>(_Py_MakeCoro(function));
  gen->gi_name = Py_NewRef(function->func_name);
  gen->gi_qualname = Py_NewRef(function->func_qualname);
  gen->gi_origin_or_finalizer = nullptr;
  TrackObject(ts->interp, reinterpret_cast<PyObject*>(gen));
  return gen;
}

bool KeepGenerator(PyObject* dead) {
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(dead);
  if (!g_on || !IsFinished(gen) || _PyGC_FINALIZED(dead)) return false;
  PyCodeObject* code = CodeOf(reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe));
  int slots = SlotsOf(code);
  if (slots >= kSizes || g_lists[slots].count == kBlocks) return false;
  UntrackObject(dead);
  PyObject *name = gen->gi_name, *qualname = gen->gi_qualname;
  g_lists[slots].blocks[g_lists[slots].count++] = gen;
  Py_DECREF(code);
  Py_DECREF(name);
  Py_DECREF(qualname);
  return true;
}

void FlushGenerators() {
  for (BlockList& list : g_lists) {
    while (list.count > 0) PyObject_GC_Del(list.blocks[--list.count]);
  }
}

void SwitchGenerators(bool on) { g_on = on; }

}  // namespace tierjit::tier1
