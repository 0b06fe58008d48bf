#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tier2/ir/text.h"

namespace tierjit::tier2 {
namespace {

std::string Ref(const Node* n) { return n == nullptr ? "-" : absl::StrCat("v", n->id); }

std::string Refs(const std::vector<Node*>& nodes) {
  return absl::StrJoin(nodes, ", ", [](std::string* out, const Node* n) { absl::StrAppend(out, Ref(n)); });
}

std::string Locals(const FrameState& s) {
  return absl::StrJoin(s.locals, ", ", [](std::string* out, const FrameState::Local& l) {
    absl::StrAppend(out, Ref(l.value), l.bound == nullptr ? "" : "?", l.bound == nullptr ? "" : Ref(l.bound));
  });
}

bool HasRelation(Opcode o) { return o == Opcode::kIntCompare || o == Opcode::kFloatCompare; }

std::string PrintBlock(const Block& b) {
  std::string text = absl::StrCat("b", b.id);
  if (b.unit >= 0) absl::StrAppend(&text, " @", b.unit);
  if (!b.params.empty()) {
    absl::StrAppend(&text, " (", absl::StrJoin(b.params, ", ", [](std::string* out, const Node* n) {
                      absl::StrAppend(out, Ref(n), ": ", NameOf(n->rep), " ", n->type.ToString());
                    }), ")");
  }
  absl::StrAppend(&text, ":\n");
  for (const Node* n : b.nodes) absl::StrAppend(&text, "  ", PrintNode(*n), "\n");
  return text;
}

}  // namespace

const char* NameOf(Rep rep) {
  constexpr const char* kNames[] = {"none", "boxed", "i64", "f64", "i1"};
  return kNames[static_cast<int>(rep)];
}
const char* NameOf(Relation relation) {
  constexpr const char* kNames[] = {"lt", "le", "eq", "ne", "gt", "ge"};
  return kNames[static_cast<int>(relation)];
}

std::string PrintNode(const Node& n) {
  std::string text;
  if (n.rep != Rep::kNone) absl::StrAppend(&text, Ref(&n), " = ");
  absl::StrAppend(&text, n.info().text);
  if (HasRelation(n.opcode)) absl::StrAppend(&text, ".", NameOf(n.relation));
  for (const Node* i : n.inputs) absl::StrAppend(&text, " ", Ref(i));
  if (n.index != 0 || n.Is(Opcode::kLoadLocal) || n.Is(Opcode::kSetLocal)) absl::StrAppend(&text, " #", n.index);
  if (n.imm != 0 || n.Is(Opcode::kInt) || n.Is(Opcode::kFloat) || n.Is(Opcode::kBool)) absl::StrAppend(&text, " =", n.imm);
  if (n.state != nullptr) absl::StrAppend(&text, " !s", n.state->id);
  if (n.block != nullptr && n.block->end() == &n && !n.block->successors.empty()) {
    absl::StrAppend(&text, " -> ", absl::StrJoin(n.block->successors, ", ", [](std::string* out, const Edge& e) {
                      absl::StrAppend(out, "b", e.to->id, "(", Refs(e.args), ")");
                    }));
  }
  if (n.rep != Rep::kNone) absl::StrAppend(&text, " : ", NameOf(n.rep), " ", n.type.ToString());
  return text;
}

std::string Print(const Graph& graph) {
  std::string text = absl::StrCat("graph locals=", graph.local_count, "\n");
  for (const Block* b : graph.blocks()) absl::StrAppend(&text, PrintBlock(*b));
  std::vector<uint8_t> used(graph.states().size(), 0);
  for (const Block* b : graph.blocks()) {
    for (const Node* n : b->nodes) {
      if (n->state != nullptr) used[static_cast<size_t>(n->state->id)] = 1;
    }
  }
  for (const auto& s : graph.states()) {
    if (!used[static_cast<size_t>(s->id)]) continue;
    absl::StrAppend(&text, "s", s->id, " @", s->resume, " locals(", Locals(*s), ") stack(", Refs(s->stack), ")");
    for (const FrameState::Iterator& i : s->iterators) {
      absl::StrAppend(&text, " iterator(", i.depth, ", ", Ref(i.position), ", ", Ref(i.remaining), ")");
    }
    for (const InlinedFrame& f : s->inlined) absl::StrAppend(&text, " inlined(@", f.call, ", ", f.first_local, ", ", f.first_stack, ")");
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace tierjit::tier2
