#include "absl/strings/str_cat.h"
#include "tier2/ir/text.h"

namespace tierjit::tier2 {
namespace {

bool Ends(Opcode o) { return o == Opcode::kJump || o == Opcode::kBranch || o == Opcode::kReturn || o == Opcode::kLeave; }
size_t SuccessorsOf(Opcode o) { return o == Opcode::kBranch ? 2 : o == Opcode::kJump ? 1 : 0; }
bool NeedsState(const Node& n) { return n.info().effect == Effect::kGuards || n.Is(Opcode::kGeneric) || n.Is(Opcode::kCallTyped); }

// `wanted`: as in opcodes.def.
bool Fits(const Node& operand, char wanted) {
  switch (wanted) {
    case 'o': return operand.rep == Rep::kBoxed;
    case 'i': return operand.rep == Rep::kI64;
    case 'd': return operand.rep == Rep::kF64;
    case 't': return operand.rep == Rep::kI1;
    case 'n': return operand.rep == Rep::kI64 || operand.rep == Rep::kF64;
    case 'g': return operand.Is(Opcode::kGeneric);
    default: return operand.rep != Rep::kNone;
  }
}

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), idom_(Dominators(graph)), at_(static_cast<size_t>(graph.node_count()), -1) {}

  absl::Status Run() {
    for (const Block* b : graph_.blocks()) Number(*b);
    for (const Block* b : graph_.blocks()) {
      if (absl::Status s = CheckBlock(*b); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Wrong(const Node& n, absl::string_view what) {
    return absl::InternalError(absl::StrCat(what, ": ", PrintNode(n)));
  }

  void Number(const Block& b) {
    int at = 0;
    for (const Node* p : b.params) at_[static_cast<size_t>(p->id)] = at++;
    for (const Node* n : b.nodes) at_[static_cast<size_t>(n->id)] = at++;
  }

  bool Defined(const Node* value, const Block* block, int before) {
    if (value->block == block) return at_[static_cast<size_t>(value->id)] >= 0 && at_[static_cast<size_t>(value->id)] < before;
    return value->block != nullptr && at_[static_cast<size_t>(value->id)] >= 0 && Dominates(idom_, value->block, block);
  }

  absl::Status CheckBlock(const Block& b) {
    if (b.nodes.empty() || !Ends(b.end()->opcode)) return absl::InternalError(absl::StrCat("b", b.id, " does not end"));
    if (b.successors.size() != SuccessorsOf(b.end()->opcode)) return Wrong(*b.end(), "number of successors");
    int at = static_cast<int>(b.params.size());
    if (b.state != nullptr && !CheckState(*b.state, b, at)) {
      return absl::InternalError(absl::StrCat("b", b.id, ": its frame state names what is not defined there"));
    }
    for (const Node* n : b.nodes) {
      if (n != b.end() && Ends(n->opcode)) return Wrong(*n, "ends in the middle of its block");
      if (absl::Status s = CheckNode(*n, b, at++); !s.ok()) return s;
    }
    for (const Edge& e : b.successors) {
      if (absl::Status s = CheckEdge(e, b, at); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status CheckNode(const Node& n, const Block& b, int at) {
    if (n.block != &b) return Wrong(n, "stands in a block that it does not know");
    if (n.info().inputs >= 0 && n.inputs.size() != static_cast<size_t>(n.info().inputs)) return Wrong(n, "number of operands");
    if (!n.info().by_node && n.rep != n.info().result) return Wrong(n, "representation of the result");
    const char* wanted = n.info().operands;
    for (const Node* i : n.inputs) {
      bool valued = i != nullptr && (i->rep != Rep::kNone || i->Is(Opcode::kGeneric));
      if (!valued || !Defined(i, &b, at)) return Wrong(n, "operand is not defined here");
      if (!Fits(*i, *wanted)) return Wrong(n, "representation of an operand");
      if (wanted[1] != '*') wanted++;
    }
    if (n.Is(Opcode::kReturn) && n.input(0)->rep != (graph_.frameless ? graph_.result : Rep::kBoxed)) {
      return Wrong(n, "representation of the unit's result");
    }
    if (NeedsState(n) && n.state == nullptr) return Wrong(n, "no frame state");
    if (n.state != nullptr && !CheckState(*n.state, b, at)) return Wrong(n, "its frame state names what is not defined here");
    return absl::OkStatus();
  }

  bool CheckLocals(const FrameState& s, const Block& b, int at) {
    for (const FrameState::Local& l : s.locals) {
      for (const Node* v : {l.value, l.bound}) {
        if (v != nullptr && !Defined(v, &b, at)) return false;
      }
    }
    return true;
  }

  bool CheckState(const FrameState& s, const Block& b, int at) {
    if (!CheckLocals(s, b, at)) return false;
    for (const FrameState::Iterator& i : s.iterators) {
      if (i.position == nullptr || !Defined(i.position, &b, at) || (i.remaining != nullptr && !Defined(i.remaining, &b, at))) return false;
    }
    for (const Node* v : s.stack) {
      if (v == nullptr || !Defined(v, &b, at)) return false;
    }
    return true;
  }

  absl::Status CheckEdge(const Edge& e, const Block& b, int at) {
    if (e.args.size() != e.to->params.size()) return Wrong(*b.end(), "number of arguments");
    for (size_t i = 0; i < e.args.size(); i++) {
      if (e.args[i] == nullptr || !Defined(e.args[i], &b, at)) return Wrong(*b.end(), "argument is not defined here");
      if (e.args[i]->rep != e.to->params[i]->rep) return Wrong(*b.end(), "representation of an argument");
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  std::vector<Block*> idom_;
  std::vector<int> at_;  // place of a node in its block, by id
};

}  // namespace

absl::Status Verify(const Graph& graph) { return Verifier(graph).Run(); }

}  // namespace tierjit::tier2
