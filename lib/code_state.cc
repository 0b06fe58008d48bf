#include "lib/code_state.h"

#include <new>
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
  ForEach([this](CodeState* state) {
    if (state->owned != nullptr) ended_[state->code] = std::move(state->owned);
    delete state;
  });
  first_ = nullptr;
  states_.clear();
  last_code_ = nullptr;
  live_units_ = 0;
}

CodeState* CodeStates::Find(PyCodeObject* code) const {
  if (code == last_code_) return last_found_;
  auto found = states_.find(code);
  last_code_ = code;
  last_found_ = found == states_.end() ? nullptr : found->second;
  return last_found_;
}

CodeState* CodeStates::FindOrCreate(PyCodeObject* code) {
  if (CodeState* state = Find(code)) return state;
  CodeState* state = new (std::nothrow) CodeState;
  if (state == nullptr) return nullptr;
  state->code = code;
  states_[code] = state;
  last_code_ = nullptr;
  Link(state);
  return state;
}

tier1::Unit* CodeStates::UnitOf(PyCodeObject* code) const {
  if (const CodeState* state = Find(code)) return state->owned.get();
  auto ended = ended_.find(code);
  return ended == ended_.end() ? nullptr : ended->second.get();
}

void CodeStates::OnCodeDeath(CodeState* state) {
  GiveBackVersion(state);
  Unlink(state);
  states_.erase(state->code);
  last_code_ = nullptr;
  if (state->owned != nullptr) {
    --live_units_;
    NoteFunctionDeath(state->owned.get());
    dead_.push_back(std::move(state->owned));
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
