#include "runtime/bytecode/families.h"

#include <array>

#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

constexpr int kOpcodeNumbers = 256;
constexpr int kFirstPseudo = 256;
constexpr int kLastPseudo = STORE_FAST_MAYBE_NULL;

struct Line {
  int number;
  OpcodeDecision decision;
};

constexpr Line kLines[] = {
#define STEP(NAME, FAMILY, HANDLER) {NAME, {#NAME, #FAMILY, HANDLER, Decision::kHandler, nullptr, nullptr}},
#define BRANCH(NAME, FAMILY, HANDLER) {NAME, {#NAME, #FAMILY, HANDLER, Decision::kBranch, nullptr, nullptr}},
#define CONTROL(NAME, FAMILY) {NAME, {#NAME, #FAMILY, nullptr, Decision::kControl, nullptr, nullptr}},
#define REFUSE(NAME, FAMILY, CODE, REASON) {NAME, {#NAME, #FAMILY, nullptr, Decision::kRefuse, CODE, REASON}},
#define NEVER_SEEN(NAME) \
  {NAME, {#NAME, "none", nullptr, Decision::kRefuse, "TJ-109", "the bytecode contains " #NAME}},
#include "runtime/bytecode/families.def"
};

// How 3.13 numbers its opcodes: base opcodes (one specialised form without a cache is among them), RESUME on a
// fixed number of its own, specialised forms, instrumented forms, pseudo instructions.
constexpr bool IsBaseOpcode(int number) {
  if (number == BINARY_OP_INPLACE_ADD_UNICODE) return false;
  return number <= YIELD_VALUE || number == RESUME ||
         (number >= MIN_INSTRUMENTED_OPCODE && number <= INSTRUMENTED_LINE) ||
         (number >= kFirstPseudo && number <= kLastPseudo);
}

constexpr int LinesFor(int number) {
  int count = 0;
  for (const Line& line : kLines) count += line.number == number;
  return count;
}

constexpr bool EveryBaseOpcodeHasOneLine() {
  for (int number = 0; number <= kLastPseudo; ++number) {
    if (LinesFor(number) != (IsBaseOpcode(number) ? 1 : 0)) return false;
  }
  return true;
}
static_assert(EveryBaseOpcodeHasOneLine(), "families.def must have exactly one line for each base opcode of 3.13");

constexpr std::array<OpcodeDecision, kOpcodeNumbers> MakeTable() {
  std::array<OpcodeDecision, kOpcodeNumbers> table{};
  for (OpcodeDecision& entry : table) {
    entry = {"<unknown>", "none", nullptr, Decision::kRefuse, "TJ-109", "the bytecode contains an unknown opcode"};
  }
  for (const Line& line : kLines) {
    if (line.number < kOpcodeNumbers) table[line.number] = line.decision;
  }
  return table;
}
constexpr std::array<OpcodeDecision, kOpcodeNumbers> kTable = MakeTable();

}  // namespace

const OpcodeDecision& DecisionFor(uint8_t base_opcode) { return kTable[base_opcode]; }

}  // namespace tierjit
