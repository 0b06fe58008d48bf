#include "tier1/unpack_path.h"

#include <utility>

#include "runtime/helpers/handlers.h"
#include "tier1/free_lists.h"
#include "tier1/slow_path.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

// Indices of the locals that are stored into, a byte each; all different.
struct Locals {
  uint64_t words[2];
  int operator[](int i) const { return static_cast<int>(words[i >> 3] >> (8 * (i & 7)) & 0xff); }
};

PyObject** PlainItems(PyObject* sequence, int count) {
  if (Py_IS_TYPE(sequence, &PyTuple_Type)) {
    return Py_SIZE(sequence) == count ? reinterpret_cast<PyTupleObject*>(sequence)->ob_item : nullptr;
  }
  if (!PyList_CheckExact(sequence) || Py_SIZE(sequence) != count) return nullptr;
  return reinterpret_cast<PyListObject*>(sequence)->ob_item;
}

bool DiesQuietly(PyObject* o) { return PyLong_CheckExact(o) || PyFloat_CheckExact(o) || PyUnicode_CheckExact(o); }

// Makes the stores from `from` on until one would run foreign code; returns its number. References are moved out of
// `items`.
int StoreQuietly(PyObject** lp, const Locals& locals, PyObject** items, int from, int count) {
  for (int i = from; i < count; i++) {
    PyObject** local = &lp[locals[i]];
    PyObject* old = *local;
    if (old != nullptr && Py_REFCNT(old) == 1 && !DiesQuietly(old)) return i;
    *local = items[i];
    if (old != nullptr) tj_decref(old);
  }
  return count;
}

// Goes on with store `from` in the interpreter's way: the values of this and the later stores lie on the stack below `sp`,
// the next one topmost. False: leave.
bool StoreFromStack(PyObject** lp, PyThreadState* ts, Site* site, const Locals& locals, PyObject** sp, int from) {
  const UnpackShape shape = UnpackShape::Decode(static_cast<uint32_t>(site->oparg));
  _PyInterpreterFrame* frame = FrameOf(lp);
  int32_t instruction = site->next;
  for (int i = 0; i < from; i++) instruction += (shape.joined >> i & 1) == 0;
  for (int i = from; i < shape.count; i++) {
    frame->instr_ptr = InstructionAt(site, instruction);
    PyObject* old = std::exchange(lp[locals[i]], *--sp);
    if (old != nullptr) tj_decref(old);
    if (shape.joined >> i & 1) continue;
    instruction++;
    if (MayRunNatively(ts, site->unit)) continue;
    if (i + 1 == shape.count && shape.load >= 0) *sp++ = Py_XNewRef(lp[shape.load]);
    RequestInterpreter(ts, frame, sp, instruction);
    return false;
  }
  return true;
}

// Any iterable.
[[gnu::noinline]] bool UnpackAny(PyObject** lp, PyObject* sequence, PyThreadState* ts, Site* site,
                                 const Locals& locals) {
  BalanceFreeLists();
  const int count = UnpackShape::Decode(static_cast<uint32_t>(site->oparg)).count;
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** sp = StackBase(lp, site) + site->depth;
  sp[-1] = sequence;
  frame->instr_ptr = PlaceOf(site);
  sp = op_unpack_sequence(ts, frame, sp, count);
  if (sp == nullptr) return false;
  if (MayRunNatively(ts, site->unit)) return StoreFromStack(lp, ts, site, locals, sp, 0);
  RequestInterpreter(ts, frame, sp, site->next);
  return false;
}

// The stores from `from` on, out of a sequence that may die before they are made, whose reference is consumed.
[[gnu::noinline]] bool StoreRest(PyObject** lp, PyObject* sequence, PyThreadState* ts, Site* site, const Locals& locals,
                                 PyObject** items, int from) {
  BalanceFreeLists();
  const int count = UnpackShape::Decode(static_cast<uint32_t>(site->oparg)).count;
  PyObject* taken[kMaxFusedStores];
  for (int i = from; i < count; i++) taken[i] = Py_NewRef(items[i]);
  tj_decref(sequence);
  int done = StoreQuietly(lp, locals, taken, from, count);
  if (done == count) return true;
  PyObject** sp = StackBase(lp, site) + site->depth - 1;
  for (int i = count - 1; i >= done; i--) *sp++ = taken[i];
  return StoreFromStack(lp, ts, site, locals, sp, done);
}

}  // namespace

// Shared sequences and old values that live on are dealt with here.
extern "C" bool tj_unpack_locals(PyObject** lp, PyObject* sequence, PyThreadState* ts, Site* site, uint64_t first,
                                 uint64_t second) {
  const int count = site->oparg & 0xff;
  PyObject** items = PlainItems(sequence, count);
  if (items == nullptr) return UnpackAny(lp, sequence, ts, site, {{first, second}});
  if (Py_REFCNT(sequence) == 1) return StoreRest(lp, sequence, ts, site, {{first, second}}, items, 0);
  PyObject** item = items;
  PyObject** const end = items + count;
  uint64_t word = first;
  for (PyObject** stop = count < 8 ? end : items + 8;; stop = end, word = second) {
    do {
      PyObject** local = &lp[word & 0xff];
      if (PyObject* old = *local) {
        int32_t n = *reinterpret_cast<const int32_t*>(&old->ob_refcnt);
        if (n == 1) return StoreRest(lp, sequence, ts, site, {{first, second}}, items, static_cast<int>(item - items));
        if (n > 1) old->ob_refcnt = n - 1;
      }
      *local = Py_NewRef(*item);
      word >>= 8;
    } while (++item != stop);
    if (item == end) break;
  }
  tj_decref(sequence);  // somebody else's, too
  return true;
}

}  // namespace tierjit::tier1
