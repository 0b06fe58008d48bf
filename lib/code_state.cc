#include "lib/code_state.h"

#include <new>
#include <utility>

#include "runtime/bytecode/decoder.h"

namespace tierjit {

CodeStates& CodeStates::Get() {
  static CodeStates& instance = *new CodeStates;  // never destroyed: code objects may die after static destructors
  return instance;
}

Py_ssize_t CodeStates::RequestIndex() {
  KeepException keep;
  ForgetAll();
  index_ = PyUnstable_Eval_RequestCodeExtraIndex(&CodeStates::OnCodeDeath);
  return index_;
}

CodeState* CodeStates::Find(PyCodeObject* code) const {
  void* extra = nullptr;
  if (index_ < 0) return nullptr;
  // Fails for objects that are no code only.
  PyUnstable_Code_GetExtra(reinterpret_cast<PyObject*>(code), index_, &extra);
  return static_cast<CodeState*>(extra);
}

CodeState* CodeStates::FindOrCreate(PyCodeObject* code) {
  if (CodeState* state = Find(code); state != nullptr || index_ < 0) return state;
  KeepException keep;
  auto state = std::unique_ptr<CodeState>(new (std::nothrow) CodeState);
  if (state == nullptr) return nullptr;
  if (PyUnstable_Code_SetExtra(reinterpret_cast<PyObject*>(code), index_, state.get()) != 0) return nullptr;
  state->code = code;
  Link(state.get());
  return state.release();
}

void CodeStates::OnCodeDeath(void* extra) {
  auto* state = static_cast<CodeState*>(extra);
  if (state == nullptr) return;
  CodeStates& states = Get();
  if (state->code != nullptr) states.Unlink(state);
  if (state->owned != nullptr) {
    --states.live_units_;
    states.dead_.push_back(std::move(state->owned));
  }
  delete state;
}

void CodeStates::FreeDeadUnits() {
  long_dead_.clear();
  std::swap(long_dead_, dead_);
}

void CodeStates::TakeVersion(CodeState* state) {
  if (state->version_taken) return;
  state->version = state->code->co_version;
  state->code->co_version = 0;
  state->version_known = state->version_taken = true;
}

void CodeStates::GiveBackVersion(CodeState* state) {
  if (!state->version_taken) return;
  state->code->co_version = state->version;
  state->version_taken = false;
}

void CodeStates::Link(CodeState* state) {
  state->next = first_;
  if (first_ != nullptr) first_->previous = state;
  first_ = state;
}

void CodeStates::Unlink(CodeState* state) {
  (state->previous != nullptr ? state->previous->next : first_) = state->next;
  if (state->next != nullptr) state->next->previous = state->previous;
}

// The code objects belong to an interpreter that is gone. Some may be alive in leaked memory: their states stay,
// unlinked.
void CodeStates::ForgetAll() {
  ForEach([](CodeState* state) {
    state->code = nullptr;
    state->previous = state->next = nullptr;
  });
  first_ = nullptr;
}

void Examine(CodeState* state) {
  if (state->examined) return;
  state->examined = true;
  state->has_loop = HasLoop(state->code);
  auto decoded = DecodedCode::Decode(state->code);
  state->instructions = decoded.ok() ? static_cast<int32_t>(decoded->instructions().size())
                                     : static_cast<int32_t>(Py_SIZE(state->code));
}

}  // namespace tierjit
