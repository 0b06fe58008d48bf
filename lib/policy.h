// Every threshold, budget and limit of the JIT, in one place, each with its reason. All of it: [GIL].
#ifndef TIERJIT_LIB_POLICY_H_
#define TIERJIT_LIB_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tierjit {

// Numbers from `first` to `last`, both included.
struct Range {
  int64_t first = 0;
  int64_t last = kNoLimit;
  static constexpr int64_t kNoLimit = INT64_MAX;
  bool Contains(int64_t number) const { return first <= number && number <= last; }
};

struct Policy {
  // Calls of a function before Tier 1 compiles it. Compiling costs as much as a few interpreted calls of the same code,
  // but most functions of a program run once or twice only; counting costs 25-40 ns a call, so the window is short.
  int64_t tier1_threshold = 4;

  // A function with a loop is compiled at its first call: one call may be all there is, and it may run for hours.
  bool compile_loops_at_once = true;

  // Whether hot loops and functions go on in code of the optimising tier.
  bool tier2 = true;

  // Also loops that are not expected to gain by it, for tests.
  bool tier2_every_loop = false;

  // Whether what the optimising tier makes of a loop is kept as text behind each pass.
  bool tier2_texts = false;
  // Loops that it may take, by the order in which they become hot: a program that goes wrong is narrowed down to one of them.
  Range tier2_units;

  // For tests. Not 0: optimised code leaves at random places although nothing is wrong, by random numbers that begin with this one; only
  // at the places of these numbers within each unit.
  int64_t fail_guards = 0;
  Range fail_only;

  // Back-edges in Tier 1's profiled version, which notes types, before the optimising tier compiles a loop.
  int64_t profiled_turns = 64;

  // Entries and back-edges of Tier 1 code after which the next tier takes over. Tier 1 counts both (UnitInfo).
  int64_t tier2_threshold = 2000;
  int64_t osr_threshold = 20000;

  // Whether a thread of its own compiles for the optimising tier, so that the program waits for the graph and the installation only.
  bool background = true;

  // What one compilation by the optimising tier may take, roughly. A larger loop is compiled with less care, then not at all.
  int64_t max_compile_ms = 100;

  // For tests: microseconds that the worker sleeps before each compilation; the loop turns after which its code is installed, for which the
  // program waits then (0: when it is ready).
  int64_t compile_delay_us = 0;
  int64_t install_delay = 0;

  // Machine code in use at most. Tier 1 needs 60 to 150 bytes for an instruction, more in loops, so this is half a million instructions.
  int64_t max_code_bytes = int64_t{64} << 20;

  // Longer functions stop the program for over 60 ms while they are compiled (0.25 us an instruction, a seventh of what the interpreter's own
  // compiler takes), and one of them may take most of max_code_bytes.
  int64_t max_bytecodes = 250000;

  // Whether loops that the interpreter already runs are entered through sys.monitoring (tool id 5).
  bool loop_door = true;

  // Milliseconds between two looks at what the interpreter is running, for loops that no call and no enable() could see; 0: never. A look
  // costs about ten microseconds, and looks in vain become up to 32 times as rare.
  int64_t sample_ms = 10;

  // A refused function normally gets its own entry back and costs nothing. For measuring the native share its calls can
  // be counted on.
  bool count_refused = false;

  bool perf_map = false;  // write /tmp/perf-PID.map for `perf report`
  std::string log;        // comma-separated channels to write to stderr: compile, refuse, door, life, promote, tier2, tier2:PASS, all
};

// The one instance.
Policy& policy();

// Instructions of a function without a loop. Each is met once a call and has to be fetched anew: 20,000 statements, 60,000 to 200,000
// instructions, took the interpreter 0.3 to 0.6 ms and compiled code 0.5 to 1.5 ms; at 5000 statements both were alike.
inline constexpr int64_t kMostWithoutLoop = 50'000;

// Entries into native code through the loop door that left again without finishing their function, after which the door
// of that code stays shut. Each costs about a microsecond, so a loop that always leaves loses at most a millisecond.
inline constexpr uint32_t kMaxLoopEntries = 1000;

// When a loop of a module or class body, or of what exec() and eval() run, is entered through the loop door: most such code runs once, for a
// few turns. All of it in code units that the interpreter has run in loops, which takes 7 ns each. Compiling takes 15 us and 0.1 us a unit,
// so at the worst twice the best time is spent. Entering compiled code takes 0.1 us, and each
// turn before that 45 ns more than without the events.
inline constexpr int64_t kWorkToCompile = 2000;
inline constexpr int64_t kWorkPerUnit = 16;
inline constexpr int64_t kWorkToEnter = 16;  // in this activation

// Whether `count` calls (this one included) are enough to compile.
bool IsHot(uint32_t count, bool has_loop);

// What compiling takes, about, with full care and quickly: max_compile_ms is turned into instructions of the optimising tier's back end by
// it, so that the same program is treated alike every time. Measured: 20 to 66 us an instruction for 2000 to 21000 of them, 5.6 to 10.4.
struct CompileCost {
  double ns, ns_per_instruction;  // an instruction takes ns + ns_per_instruction * instructions
};
inline constexpr CompileCost kFullCost = {18'000, 2.2};
inline constexpr CompileCost kQuickCost = {5'500, 0.24};

// How many instructions can be compiled in `ms`.
size_t InstructionsIn(int64_t ms, const CompileCost& cost);

// Whether lines of `channel` go to stderr.
bool LogEnabled(std::string_view channel);

// Writes "tierjit: <channel>: <line>" to stderr when the channel is on.
void Log(std::string_view channel, std::string_view line);

}  // namespace tierjit

#endif  // TIERJIT_LIB_POLICY_H_
