#include "runtime/deopt/calls.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/deopt/reserve.h"

#include "runtime/bytecode/decoder.h"

namespace tierjit {

extern "C" {
int64_t tj_waiting[1 + (kMaxFramelessDepth + 2) * (kMaxWaiting + 1)] = {};
PyObject* tj_finished_value = nullptr;
int64_t tj_buried = 0;
}

namespace {

constexpr int64_t kBytesPerActivation = 1024;  // on the C stack, at most

FrameRunner g_runner{};

using Objects = std::vector<PyObject*, SureAllocator<PyObject*>>;

Objects& Buried() {
  static auto* buried = new Objects;
  return *buried;
}

// Calls that wait, or an exit, with their values.
struct Activation {
  ExitDescriptor* site;
  const int64_t* values;
};

Activation g_waiting[kMaxFramelessDepth + 2];  // [GIL]

// From the outermost in; valid until the next call.
absl::Span<const Activation> Waiting(int64_t* end) {
  Activation *last = std::end(g_waiting), *first = last;
  while (ExitDescriptor* site = reinterpret_cast<ExitDescriptor*>(end[-1])) {
    const int64_t* values = end - 1 - site->waiting;
    *--first = {site, values};
    if (site->outermost) break;
    end -= 1 + site->waiting;
  }
  return {first, static_cast<size_t>(last - first)};
}

using Where = ExitDescriptor::Where;

class Builder {
 public:
  explicit Builder(PyThreadState* ts) : ts_(ts) {}

  // `function`: of the activation's first frame; NULL: it is there.
  void Add(const Activation& a, PyFunctionObject* function) {
    ExitObjects objects(*a.site, a.values);
    for (size_t i = 0; i < a.site->frames.size(); i++) {
      const ExitFrame& f = a.site->frames[i];
      PyFunctionObject* of = i == 0 ? function : f.function;
      _PyInterpreterFrame* frame = of == nullptr ? ts_->current_frame : g_runner.push(ts_, of, f.code);
      frame->instr_ptr = _PyCode_CODE(f.code) + OpcodeUnit(f.code, f.instruction);
      if (i == 0) {
        for (const ExitDescriptor::Item& item : a.site->items) {
          if (item.frame == 0 && item.where == Where::kLocal) objects.Keep(item, frame->localsplus[item.index]);
        }
      }
      Fill(frame, f, *a.site, static_cast<int>(i), &objects);
    }
    for (const ExitDescriptor::Item& item : a.site->items) {
      if (item.where == Where::kNowhere) dropped_.push_back(reinterpret_cast<PyObject*>(objects.Raw(item)));
    }
  }

  // Foreign code may run from here on.
  void Finish() {
    for (PyObject* o : dropped_) Py_XDECREF(o);
    tj_flush_buried();
  }

 private:
  void Fill(_PyInterpreterFrame* frame, const ExitFrame& f, const ExitDescriptor& site, int index, ExitObjects* objects) {
    PyObject** stack = frame->localsplus + f.code->co_nlocalsplus;
    for (const ExitDescriptor::Item& item : site.items) {
      if (item.frame == index && item.where == Where::kStack) stack[item.index] = objects->Make(item);
    }
    for (const ExitDescriptor::Item& item : site.items) {
      if (item.frame != index) continue;
      if (item.where == Where::kLocal) {
        PyObject* old = objects->StoreLocal(item, &frame->localsplus[item.index], false);
        if (old != nullptr) dropped_.push_back(old);
      }
      if (item.where == Where::kIteratorSource || item.where == Where::kIteratorPosition || item.where == Where::kIteratorRemaining) {
        StoreIteratorField(&stack[item.index], item, objects);
      }
    }
  }

  PyThreadState* ts_;
  Objects dropped_;
};

// Runs the current frame, which is number `inner` of the unit's, and those outside of it, down to number `last`; the last result.
PyObject* RunDownTo(PyThreadState* ts, const ExitDescriptor& unit, int inner, int last, const void* address) {
  PyObject* result = g_runner.run(ts, address);
  for (int i = inner - 1; i >= last; i--) {
    result = g_runner.run(ts, g_runner.after_call(ts, unit.frames[static_cast<size_t>(i)], result));
  }
  return result;
}

// The unit has a frame, number 0, whose own caller waits for it in Tier 1.
UnitExit EndWithFrame(PyThreadState* ts, const ExitDescriptor& unit, const void* address) {
  int inner = static_cast<int>(unit.frames.size()) - 1;
  if (inner == 0) return {address, nullptr};
  PyObject* result = RunDownTo(ts, unit, inner, 1, address);
  return {g_runner.after_call(ts, unit.frames[0], result), nullptr};
}

}  // namespace

void SetFrameRunner(const FrameRunner& runner) { g_runner = runner; }

const void* GoOn(PyThreadState* ts, const ExitDescriptor& exit, const void* address) { return g_runner.go_on(ts, exit, address); }

UnitExit ExitToFrames(PyThreadState* ts, ExitDescriptor* exit) {
  bool made_to_fail = TakeMadeToFail();
  Builder builder(ts);
  builder.Add({exit, tj_exit_values}, nullptr);
  builder.Finish();
  return EndWithFrame(ts, *exit, GoOn(ts, *exit, ResolveExit(ts, exit, made_to_fail)));
}

extern "C" {

int64_t tj_frames_left(PyThreadState* ts) {
  uintptr_t low;
  if (!g_runner.have_stack(&low)) return 0;
  int64_t room = static_cast<int64_t>(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - low) / kBytesPerActivation;
  return std::min({static_cast<int64_t>(ts->py_recursion_remaining) - 1, room, static_cast<int64_t>(kMaxFramelessDepth)});
}

void tj_exit_frameless(PyThreadState* ts, int64_t* waiting, ExitDescriptor* exit) {
  bool made_to_fail = TakeMadeToFail();
  Builder builder(ts);
  PyFunctionObject* function = nullptr;
  for (const Activation& a : Waiting(waiting)) {
    builder.Add(a, function);
    function = a.site->callee;
  }
  builder.Add({exit, tj_exit_values}, function);
  builder.Finish();
  const void* address = GoOn(ts, *exit, ResolveExit(ts, exit, made_to_fail));
  tj_finished_value = RunDownTo(ts, *exit, static_cast<int>(exit->frames.size()) - 1, 0, address);
}

UnitExit tj_call_finished(PyThreadState* ts, ExitDescriptor* site) {
  ResolveExit(ts, site);
  return EndWithFrame(ts, *site, g_runner.after_call(ts, site->frames.back(), tj_finished_value));
}

void tj_call_finished_frameless(PyThreadState* ts, ExitDescriptor* site) {
  ResolveExit(ts, site);
  const void* address = g_runner.after_call(ts, site->frames.back(), tj_finished_value);
  tj_finished_value = RunDownTo(ts, *site, static_cast<int>(site->frames.size()) - 1, 0, address);
}

void tj_bury(PyThreadState* ts, PyObject* object) {
  Py_SET_REFCNT(object, 1);  // the garbage collector must not find it without references
  Buried().push_back(object);
  tj_buried++;
  // Loops come out at their next turn.
  _Py_set_eval_breaker_bit(ts, _PY_GC_SCHEDULED_BIT);
}

void tj_flush_buried() {
  while (!Buried().empty()) {
    PyObject* o = Buried().back();
    Buried().pop_back();
    tj_buried--;
    Py_DECREF(o);
  }
}

}  // extern "C"

}  // namespace tierjit
