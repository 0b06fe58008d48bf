// Compiled code of one code object, and the state around the entries into compiled code.
#ifndef TIERJIT_TIER1_UNIT_H_
#define TIERJIT_TIER1_UNIT_H_

#include <memory>
#include <vector>

#include "runtime/base/out_of_memory.h"
#include "runtime/code/arena.h"
#include "runtime/deopt/unwind.h"
#include "tier1/compiler.h"
#include "tier1/emission.h"
#include "tier1/global_cache.h"

namespace tierjit::tier1 {

inline constexpr int kMaxFills = 64;  // a site's cache is refilled that often; then it is taken for megamorphic

struct BlockEntry {
  int32_t unit;     // code unit of the bytecode block, ascending
  uint32_t offset;  // of its native code
};

struct Listed {  // for listings
  int32_t instr;
  uint16_t size;     // bytes of hot code
  uint16_t stencil;  // index in kStencils
};

// Machine code with its data: what the assembler makes.
struct Assembled {
  CodeBlock block;
  size_t hot_bytes = 0;
  size_t sites_at = 0, site_count = 0;  // in the data block
  std::vector<BlockEntry> blocks;
  uint32_t listed_from = 0;  // offset of the first emission
  std::vector<Listed> listing;
  UnitHeader* header() const { return reinterpret_cast<UnitHeader*>(block.data); }
  mutable std::unique_ptr<HandlerTable> handlers;  // once something was raised
  // NULL: there is no memory for it.
  HandlerTable* Handlers() const {
    if (handlers == nullptr) HasMemoryFor([this] { handlers = std::make_unique<HandlerTable>(header()->code); });
    return handlers.get();
  }
  const Site* sites() const { return reinterpret_cast<const Site*>(block.data + sites_at); }
  const void* AddressOf(int32_t unit) const;  // NULL if no block starts there
};

absl::StatusOr<Assembled> Assemble(PyCodeObject* code, const Translation& translation);
// Places the shared thunks; must come before Assemble().
absl::Status PlaceThunks();
const void* ThunkAddress(absl::string_view name);  // "exit" for thunk_exit

LoopOutcome AskForPromotion(const HotLoop& loop);

class UnitImpl final : public Unit {
 public:
  UnitImpl(PyCodeObject* code, Assembled assembled, int bytecodes, int64_t compile_ns);
  ~UnitImpl() override;
  vectorcallfunc vectorcall() const override { return header()->vectorcall; }
  PyCodeObject* code() const override { return header()->code; }
  UnitInfo info() const override;
  bool Serves(PyFunctionObject* function) override;
  std::string Dump() const override;
  std::pair<const uint8_t*, size_t> machine_code() const override { return {current().block.code, current().block.code_size}; }

  UnitHeader* header() const { return whole_.header(); }
  const Assembled& whole() const { return whole_; }
  uint64_t native_bytecodes() const;
  void AddVisitedSites(std::vector<std::pair<const Site*, PyCodeObject*>>* out) const;
  void RequireCheck() override;
  int loop_count() const { return static_cast<int>(loops_.size()); }

  // Code for entering at `header` on the interpreter's live frame; compiled on first use, at most kMaxLoopVersions.
  const Assembled* LoopVersion(int32_t header, int depth);
  // Empties the global cells of a version that nobody is running, so that it can serve other namespaces.
  void ForgetNames(const Assembled& version);

  const void* ProfiledAddress(int32_t unit) override;
  const void* TargetAddress(int32_t unit) const override { return current().AddressOf(unit); }
  bool Settle() override;
  void ProfileResumptions(bool on) override;
  void ProfileHandlers(bool on) override;
  const void* HandlerAddress(int32_t unit);
  void NoteRaise(int32_t unit) {
    if (profiles_handlers_ && profile_ != nullptr) profile_->feedback.NoteRaise(unit);
  }
  const Feedback* feedback() const override { return profile_ == nullptr ? nullptr : &profile_->feedback; }
  void GiveEdges(int64_t count, bool profiled) override;
  void GiveEntries(int64_t count) override;
  void SetOptimised(UnitExit (*optimised)(PyObject** lp, PyThreadState* ts)) override;
  std::vector<GlobalUse> globals() const override;
  bool RefreshGlobals() override;
  void FillGlobals() override;
  std::vector<ModuleUse> module_values() const override;
  const uintptr_t* expected_breaker() const override { return &header()->expected_breaker; }
  std::vector<WatchedCell> watched_cells;

 private:
  struct Loop {
    int32_t header;
    Assembled code;
  };
  static constexpr int kMaxLoopVersions = 8;
  static constexpr size_t kMaxSettled = 3;
  struct Profile {
    Feedback feedback;
    Assembled code;  // no block: it could not be compiled
    int known = 0;  // instructions for which something that was seen has been made use of
  };
  struct WayIn {
    const void* native_entry;
    const int32_t* resume_points;
  };
  // The ordinary version that runs.
  const Assembled& current() const { return settled_.empty() ? whole_ : settled_.back(); }
  void AdoptHeader(UnitHeader* other);
  WayIn WayInto(const Assembled& version) const;
  void EnterBy(const WayIn& way);
  void MakeProfile();

  Assembled whole_;
  WayIn first_;  // into `whole_`, whose header may lead elsewhere by now
  std::vector<Assembled> settled_;  // former ones still have frames
  std::unique_ptr<Profile> profile_;
  bool profiles_handlers_ = false;
  std::vector<Loop*> loops_;
  int bytecodes_;
  int64_t compile_ns_;
};

// The global cells of code hold the values of one pair of dicts, that of whoever asks first. Whether it is theirs. [GIL]
bool BindNames(UnitHeader* unit, PyObject* globals, PyObject* builtins);

// The unit header of `code`, NULL when it has none. [GIL]
UnitHeader* UnitOf(PyCodeObject* code);
inline UnitImpl* OwnerOf(UnitHeader* unit) { return static_cast<UnitImpl*>(unit->owner); }

vectorcallfunc DefaultVectorcall();

inline _PyInterpreterFrame* FrameOf(PyObject** lp) {
  return reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<char*>(lp) - offsetof(_PyInterpreterFrame, localsplus));
}
// Unlinks and clears the running frame whose unit is done with it. [GIL]
void PopFrame(PyThreadState* ts, _PyInterpreterFrame* frame);
// Unlinks the frame, which stands ready in canonical state, and lets the interpreter finish it. [GIL]
PyObject* RunInInterpreter(PyThreadState* ts, _PyInterpreterFrame* frame);
PyObject* RunUnhooked(PyThreadState* ts, _PyInterpreterFrame* frame);

// Whether there is room on the C stack of the running thread. [GIL]
bool HaveStackRoom();
// Makes a frame with its arguments the running one. The native entry for it: the unit's, or one that lets the interpreter run it. [GIL]
const void* LinkFrame(PyThreadState* ts, _PyInterpreterFrame* frame, UnitHeader* unit);

// Whether `frame` is an interpreter's frame that a loop version runs on. [GIL]
bool OnLoopVersion(_PyInterpreterFrame* frame);
Departure LeaveLoopByException(PyThreadState* ts, _PyInterpreterFrame* frame);

// Deallocation through the free lists. tj_needs_frame(): whether the death of `o` can run foreign code.
extern "C" void tj_dealloc(PyObject* o);
inline bool tj_needs_frame(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  return type->tp_flags & Py_TPFLAGS_HEAPTYPE ||
         !(type == &PyLong_Type || type == &PyFloat_Type || type == &PyUnicode_Type || type == &PyBytes_Type ||
           type == &PyRangeIter_Type);
}
// Loads 32 bits and stores 64, as stencils do: see tier1/stencil.h.
inline void tj_decref(PyObject* o) {
  uint32_t count = *reinterpret_cast<const uint32_t*>(&o->ob_refcnt);
  if (static_cast<int32_t>(count) < 0) return;
  o->ob_refcnt = --count;
  if (count == 0) tj_dealloc(o);
}
void InitialiseTable();

// Pushes a frame for `function`, not linked and without arguments; NULL: no room in the data stack's chunk.
_PyInterpreterFrame* PushFrame(PyThreadState* ts, PyFunctionObject* function, UnitHeader* unit);
// The unit that `function` enters, NULL if its entry is none of ours.
inline UnitHeader* CompiledUnit(PyFunctionObject* function) {
  uintptr_t entry = reinterpret_cast<uintptr_t>(function->vectorcall);
  if (entry - tj_rt.code_low >= tj_rt.code_span) return nullptr;
  return *reinterpret_cast<UnitHeader**>(entry + kEntryUnitOffset);
}
PyObject* InitName();  // "__init__", interned

// Where vectorcall entries go; saves the C registers for the stencil enter_vectorcall, of which the assembler keeps the address here.
extern "C" void tj_vectorcall_entry();
extern "C" const void* tj_enter_vectorcall;
// The same in C, for all that the stencil leaves alone.
extern "C" PyObject* tj_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames,
                                   UnitHeader* unit);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_UNIT_H_
