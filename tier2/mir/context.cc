#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tier2/mir/context_state.h"
#include "tier2/mir/hooks.h"
#include "tier2/mir/stop_request.h"

namespace tierjit::mir {
namespace {

// The context that the running call into MIR belongs to.
thread_local Context::State* current = nullptr;

// See StopRequest.
thread_local const std::atomic<bool>* stop_request = nullptr;

[[noreturn]] void OnError(MIR_error_type_t, const char* format, ...) {
  Context::State* state = Context::State::Current();
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(state->message, sizeof state->message, format, arguments);
  va_end(arguments);
  state->Leave();
}

}  // namespace

StopRequest::StopRequest(const std::atomic<bool>* stop) { stop_request = stop; }
StopRequest::~StopRequest() { stop_request = nullptr; }

Context::State* Context::State::Current() { return current; }

bool Context::State::StopAsked() { return stop_request != nullptr && stop_request->load(std::memory_order_relaxed); }

void Context::State::Leave() { longjmp(trap_, 1); }

// Not inlined, so that no caller's variable lives in a register across setjmp.
__attribute__((noinline)) bool Context::State::RunTrapped(void (*body)(void*), void* closure) {
  current = this;
  const bool failed = _setjmp(trap_) != 0;
  if (!failed) body(closure);
  current = nullptr;
  if (failed) status = absl::InternalError(absl::StrCat("MIR: ", message));
  return !failed;
}

Context::Context() : state_(std::make_unique<State>()) {
  State* state = state_.get();
  state->Run([state] {
    state->mir = MIR_init();
    MIR_set_error_func(state->mir, OnError);
  });
}

// MIR's own clean-up is not needed: all that it has is in the heap.
Context::~Context() = default;

size_t Context::memory_used() const { return state_->heap.reserved(); }

}  // namespace tierjit::mir

using State = tierjit::mir::Context::State;

namespace {

[[noreturn]] void GiveUp(const char* why) {
  State* state = State::Current();
  snprintf(state->message, sizeof state->message, "%s", why);
  state->Leave();
}

// MIR asks for memory all the time, so this is also where it is stopped.
void* Checked(void* block) {
  if (block == nullptr) GiveUp("out of memory");
  if (State::StopAsked()) GiveUp("stopped");
  return block;
}

}  // namespace

void* TierjitMirMalloc(size_t size) { return Checked(State::Current()->heap.Allocate(size)); }


void* TierjitMirRealloc(void* block, size_t size) { return Checked(State::Current()->heap.Reallocate(block, size)); }

void TierjitMirFree(void* block) { State::Current()->heap.Free(block); }

void TierjitMirExit(int status) {
  State* state = State::Current();
  snprintf(state->message, sizeof state->message, "gave up (exit code %d)", status);
  state->Leave();
}

void TierjitMirAssertFail(const char* expression, const char* file, unsigned line) {
  State* state = State::Current();
  snprintf(state->message, sizeof state->message, "%s:%u: not true: %s", file, line, expression);
  state->Leave();
}

void TierjitMirTakeCode(const uint8_t* code, size_t size) { State::Current()->image->bytes.assign(code, code + size); }
void TierjitMirTakeLabel(size_t offset) { State::Current()->image->label_addresses.push_back(offset); }
void TierjitMirTakeCall(size_t offset, uint64_t target) {
  State::Current()->image->call_sites.push_back({offset, target});
}
int TierjitMirBeginsCold(int64_t label) { return label == State::Current()->first_cold_label; }
void TierjitMirBeginRecord(int id, size_t offset) { State::Current()->image->records.push_back({id, offset, {}}); }

namespace {
void AddPlace(tierjit::ValuePlace::Kind kind, int64_t value) { State::Current()->image->records.back().places.push_back({kind, value}); }
}  // namespace

void TierjitMirRecordRegister(int number) { AddPlace(tierjit::ValuePlace::Kind::kRegister, number); }
void TierjitMirRecordStack(int64_t offset) { AddPlace(tierjit::ValuePlace::Kind::kStack, offset); }
void TierjitMirRecordFrame(int64_t offset) { AddPlace(tierjit::ValuePlace::Kind::kFrame, offset); }
void TierjitMirRecordConstant(int64_t bits) { AddPlace(tierjit::ValuePlace::Kind::kConstant, bits); }
