#include "lib/code_state.h"

#include <utility>

#include "lib/function_units.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/bytecode/decoder.h"

namespace tierjit {

CodeStates& CodeStates::Get() {
  static CodeStates& instance = *new CodeStates;  // never destroyed: code objects may die after static destructors
  return instance;
}

void CodeStates::Begin() {
  End();
  ended_.clear();
}

void CodeStates::End() {
  ended_.merge(states_);
  first_ = nullptr;
  states_.clear();
  last_code_ = nullptr;
  live_units_ = 0;
}

CodeState* CodeStates::Find(PyCodeObject* code) const {
  if (code == last_code_) return last_found_;
  auto found = states_.find(code);
  last_code_ = code;
  last_found_ = found == states_.end() ? nullptr : found->second.get();
  return last_found_;
}

CodeState* CodeStates::FindOrCreate(PyCodeObject* code) {
  if (CodeState* state = Find(code)) return state;
  auto made = std::make_unique<CodeState>();
  CodeState* state = states_.emplace(code, std::move(made)).first->second.get();
  state->code = code;
  last_code_ = nullptr;
  Link(state);
  return state;
}

tier1::Unit* CodeStates::UnitOf(PyCodeObject* code) const {
  if (const CodeState* state = Find(code)) return state->owned.get();
  auto ended = ended_.find(code);
  return ended == ended_.end() ? nullptr : ended->second->owned.get();
}

void CodeStates::OnCodeDeath(CodeState* state) {
  GiveBackVersion(state);
  Unlink(state);
  auto node = states_.extract(state->code);
  last_code_ = nullptr;
  if (state->owned == nullptr) return;
  --live_units_;
  NoteFunctionDeath(state->owned.get());
  state->next = std::exchange(dead_, node.mapped().release());
}

void CodeStates::FreeDeadUnits() {
  while (long_dead_ != nullptr) delete std::exchange(long_dead_, long_dead_->next);
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

std::string NameOf(PyCodeObject* code) {
  KeepException keep;
  const char* name = PyUnicode_AsUTF8(code->co_qualname);
  std::string text = name != nullptr ? name : "?";
  PyErr_Clear();
  return text;
}

bool LooksForLoop(CodeState* state) {
  if (!state->loops_looked_for) state->has_loop = HasLoop(state->code);
  state->loops_looked_for = true;
  return state->has_loop;
}

void Examine(CodeState* state) {
  if (state->examined) return;
  state->examined = true;
  LooksForLoop(state);
  auto decoded = OutOfMemoryAsStatus([&] { return DecodedCode::Decode(state->code); });
  state->instructions = decoded.ok() ? static_cast<int32_t>(decoded->instructions().size())
                                     : static_cast<int32_t>(Py_SIZE(state->code));
}

}  // namespace tierjit
