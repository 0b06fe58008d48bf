// The IR: SSA nodes in basic blocks with block arguments. A graph stands for one function body from one way in.
#ifndef TIERJIT_TIER2_IR_NODE_H_
#define TIERJIT_TIER2_IR_NODE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "runtime/deopt/call_ending.h"
#include "tier2/ir/type.h"

typedef struct _object PyObject;

namespace tierjit::tier2 {

enum class Opcode : uint8_t {
#define OP(name, text, operands, result, effect) k##name,
#include "tier2/ir/opcodes.def"
  kCount,
};

// How a value lives in a register.
enum class Rep : uint8_t { kNone, kBoxed, kI64, kF64, kI1 };

// What an operation does beside making its result. At most one; what reads and what writes is compared by region.
enum class Effect : uint8_t {
  kPure,
  kGuards,      // leaves or does nothing
  kAllocates,   // pure but for memory
  kRefcount,
  kReadsShape,  // lengths, addresses of items, whether an instance has a dict
  kReadsLocals, kReadsList, kReadsArray, kReadsIterator, kReadsAttr, kReadsCell, kReadsGlobal,
  kWritesLocals, kWritesList, kWritesArray, kWritesIterator, kWritesAttr, kWritesCell,
  kReleases,    // drops a reference; no foreign code runs
  kCalls,       // optimised code runs: it may write what objects hold, but nothing can see frames
  kEscapes,     // foreign code runs: everything may change, the frame is seen
};

enum class Relation : uint8_t { kLt, kLe, kEq, kNe, kGt, kGe };
Relation Negated(Relation r);   // for ints only: NaN breaks it for floats
Relation Mirrored(Relation r);  // a r b == b Mirrored(r) a

struct OpcodeInfo {
  const char* text;
  const char* operands;  // their representations, see opcodes.def
  int8_t inputs;  // -1: any number
  Rep result;     // kNone: no result
  bool by_node;   // the representation is the node's own
  Effect effect;
};
const OpcodeInfo& InfoOf(Opcode opcode);

// `imm` of a leave that is the unit's regular end.
inline constexpr int64_t kPlannedLeave = 1;
// `imm` of a generic operation that is a call: of Python code, or what might be that; of a Python class.
inline constexpr int64_t kPythonCall = 1, kConstruction = 2, kSlotCall = 3;
// `imm` of iter_field and set_iter_field.
enum IteratorField : int64_t { kPosition, kRemaining, kStep };

// `imm` of fresh_iter and make_iter. Numbers are the exits', see FreshIterator() in runtime/deopt/exit.h.
enum FreshKind : int64_t { kFreshSequence, kFreshReversed, kFreshEnumerate, kFreshZip };

struct Block;
struct Node;

// A Python function that a unit takes into itself, or whose optimised code it calls: what pushing a frame for it takes.
struct InlinedFrame {
  PyObject* function = nullptr;    // NULL: its frame is there already
  PyObject* code = nullptr;
  int32_t call = 0, next = 0;      // code units of the CALL in the frame outside of it, and behind that
  int32_t first_local = 0, first_stack = 0;  // where its entries begin in the lists of the frame state
  CallEnding ending;
};

// `origin` of frame states that say nothing of an instruction, but of what locals hold at the way in.
enum WayInFailure : int32_t { kOtherInts = -1, kOtherLocals = -2 };

// The interpreter's view at a bytecode boundary: what the frame must hold when execution goes on there. With inlined calls there are
// several frames, outermost first: their locals (and stacks) stand one behind the other in one list.
struct FrameState {
  int id = 0;
  int32_t resume = 0;              // code unit of the next instruction
  int32_t origin = 0;              // code unit of the instruction whose speculation fails when this is used
  // By slot of localsplus. No value: the slot itself is right. `bound` tells at run time whether the value is the local's; else its slot is
  // right. nullptr: it is.
  struct Local {
    Node* value = nullptr;
    Node* bound = nullptr;
  };
  std::vector<Local> locals;
  std::vector<Node*> stack;        // bottom first
  // Iterators on the stack whose fields live in registers: they are written back before execution goes on elsewhere.
  struct Iterator {
    int depth;                     // which stack entry
    Node* position;                // range: the next int; list, tuple: the next index
    Node* remaining;               // range only
    Node* made = nullptr;          // the fresh_range that is to be made, where `stack` does not say it
  };
  std::vector<Iterator> iterators;
  std::vector<InlinedFrame> inlined;  // all frames but the outermost
  CallEnding ending;               // of a call of optimised code
};

struct Node {
  Opcode opcode;
  Rep rep = Rep::kNone;
  Relation relation = Relation::kLt;
  int id = 0;
  int32_t index = 0;               // slot of a local, code unit of a generic operation
  int64_t imm = 0;
  PyObject* object = nullptr;      // borrowed from the code object's constants or from the snapshot
  Type type;                       // of the result, as far as it is known
  Block* block = nullptr;
  std::vector<Node*> inputs;
  // A guard that brings a value into its representation where any value would do: of no use when the value is not wanted. Others stand for an
  // operation that raises or runs foreign code when the type is not the one that was seen.
  bool only_for_value = false;
  FrameState* state = nullptr;     // of guards and escapes: the state *before* the instruction they belong to

  const OpcodeInfo& info() const { return InfoOf(opcode); }
  bool Is(Opcode o) const { return opcode == o; }
  Node* input(int i) const { return inputs[static_cast<size_t>(i)]; }
};

struct Edge {
  Block* to = nullptr;
  std::vector<Node*> args;         // one for each parameter of `to`
};

struct Block {
  int id = 0;
  int32_t unit = -1;               // code unit where it starts, -1: made by a pass
  int depth = 0;                   // how many loops of the program it lies in
  bool rare = false;               // on the way of an exception
  FrameState* state = nullptr;     // at its start, in terms of its parameters: loop headers have one
  std::vector<Node*> params;
  std::vector<Node*> nodes;        // without params; the last one ends the block
  std::vector<Edge> successors;
  std::vector<Block*> predecessors;  // kept by Graph::Connect()
  Node* end() const { return nodes.back(); }
};

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  Block* NewBlock(int32_t unit = -1);
  Node* NewNode(Opcode opcode, absl::Span<Node* const> inputs = {});  // not in a block yet
  FrameState* NewState();
  Node* AddParam(Block* block, Rep rep, Type type);
  Node* Append(Block* block, Node* node);
  // Before node `at` of its block.
  Node* InsertBefore(Node* at, Node* node);

  // All uses of `from` (inputs, edge arguments, frame states) become uses of `to`.
  void Replace(Node* from, Node* to);
  // The same for many at once: `to[node->id]`, where not null; chains are followed.
  void ReplaceAll(const std::vector<Node*>& to);

  void Connect();                       // computes predecessors; drops unreachable blocks
  std::vector<Block*> ReversePostOrder() const;
  Block* entry() const { return blocks_.front(); }
  const std::vector<Block*>& blocks() const { return blocks_; }
  int node_count() const { return static_cast<int>(nodes_.size()); }
  int block_count() const { return static_cast<int>(all_blocks_.size()); }
  const std::vector<std::unique_ptr<FrameState>>& states() const { return states_; }

  int local_count = 0;                  // slots of localsplus
  bool frameless = false;               // all locals are values; the frame is made when somebody can see it
  Rep result = Rep::kBoxed;             // of a frameless unit
  int calls = 0;                        // of Python functions, inlined or to their optimised code

 private:
  std::vector<Block*> blocks_;          // in layout order
  std::vector<std::unique_ptr<Block>> all_blocks_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<FrameState>> states_;
};

// Immediate dominators by block id; entry's is itself. Valid until the graph changes.
std::vector<Block*> Dominators(const Graph& graph);
bool Dominates(const std::vector<Block*>& idom, const Block* a, const Block* b);

struct Loop {
  Block* header;
  std::vector<Block*> body;             // header included
  std::vector<Block*> latches;
  Loop* parent = nullptr;
};
// Natural loops, inner ones first. Irreducible regions give none.
std::vector<std::unique_ptr<Loop>> FindLoops(const Graph& graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_IR_NODE_H_
