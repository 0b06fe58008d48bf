#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "absl/algorithm/container.h"
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

// Operations without a result whose name others use.
bool IsNamed(const Node& n) { return n.rep != Rep::kNone || n.Is(Opcode::kGeneric); }

double DoubleOf(const Node& n) {
  double value;
  std::memcpy(&value, &n.imm, sizeof value);
  return value;
}

std::string PrintNode(const Node& n, int64_t imm) {
  std::string text;
  if (IsNamed(n)) absl::StrAppend(&text, Ref(&n), " = ");
  absl::StrAppend(&text, n.info().text);
  if (HasRelation(n.opcode)) absl::StrAppend(&text, ".", NameOf(n.relation));
  if (n.only_for_value) absl::StrAppend(&text, ".value");
  for (const Node* i : n.inputs) absl::StrAppend(&text, " ", Ref(i));
  if (n.index != 0 || n.Is(Opcode::kLoadLocal) || n.Is(Opcode::kSetLocal)) absl::StrAppend(&text, " #", n.index);
  if (imm != 0 || n.Is(Opcode::kInt) || n.Is(Opcode::kFloat) || n.Is(Opcode::kBool)) absl::StrAppend(&text, " =", imm);
  if (n.state != nullptr) absl::StrAppend(&text, " !s", n.state->id);
  if (n.block != nullptr && n.block->end() == &n && !n.block->successors.empty()) {
    absl::StrAppend(&text, " -> ", absl::StrJoin(n.block->successors, ", ", [](std::string* out, const Edge& e) {
                      absl::StrAppend(out, "b", e.to->id, "(", Refs(e.args), ")");
                    }));
  }
  if (n.rep != Rep::kNone) absl::StrAppend(&text, " : ", NameOf(n.rep), " ", n.type.ToString());
  return text;
}

const char* NameOf(CallEnding::Kind kind) {
  constexpr const char* kNames[] = {"", ", none", ", operation"};
  return kNames[static_cast<int>(kind)];
}

class Printer {
 public:
  Printer(const Graph& graph, const SourcePlaces& place_of) : graph_(graph), place_of_(place_of), loops_(FindLoops(graph)) {}

  std::string Run() {
    absl::StrAppend(&text_, "graph locals=", graph_.local_count, "\n");
    for (const Block* b : graph_.blocks()) PrintBlock(*b);
    for (const auto& s : graph_.states()) {
      if (used_.contains(s.get())) PrintState(*s);
    }
    return std::move(text_);
  }

 private:
  void PrintBlock(const Block& b) {
    absl::StrAppend(&text_, "b", b.id);
    if (b.unit >= 0) absl::StrAppend(&text_, " @", b.unit);
    if (b.state != nullptr) absl::StrAppend(&text_, " !s", Used(b.state)->id);
    if (!b.params.empty()) {
      absl::StrAppend(&text_, " (", absl::StrJoin(b.params, ", ", [](std::string* out, const Node* n) {
                        absl::StrAppend(out, Ref(n), ": ", NameOf(n->rep), " ", n->type.ToString());
                      }), ")");
    }
    absl::StrAppend(&text_, ":", Place(b), "\n");
    for (const Node* n : b.nodes) {
      if (n->state != nullptr) Used(n->state);
      absl::StrAppend(&text_, "  ", PrintNode(*n, Number(*n)), Remark(*n), "\n");
    }
  }

  // Where a block stands, as a comment.
  std::string Place(const Block& b) const {
    std::string text;
    for (const auto& loop : loops_) {
      if (loop->header != &b) continue;
      absl::StrAppend(&text, ", header of a loop at depth ", Depth(b));
      absl::StrAppend(&text, loop->parent == nullptr ? "" : absl::StrCat(" in b", loop->parent->header->id));
    }
    if (text.empty() && Depth(b) > 0) absl::StrAppend(&text, ", in loop b", Innermost(b)->header->id);
    if (b.unit >= 0 && place_of_) absl::StrAppend(&text, ", ", place_of_(Inlined(b.state), b.unit));
    return text.empty() ? text : absl::StrCat("  ; ", text.substr(2));
  }
  static bool Holds(const Loop& loop, const Block& b) { return absl::c_linear_search(loop.body, &b); }
  int Depth(const Block& b) const {
    return static_cast<int>(absl::c_count_if(loops_, [&](const auto& loop) { return Holds(*loop, b); }));
  }
  const Loop* Innermost(const Block& b) const {  // inner loops come first
    return absl::c_find_if(loops_, [&](const auto& loop) { return Holds(*loop, b); })->get();
  }

  std::string Remark(const Node& n) const {
    if (n.Is(Opcode::kFloat)) return absl::StrCat("  ; ", DoubleOf(n));
    if (n.Is(Opcode::kGeneric) && place_of_) return absl::StrCat("  ; ", place_of_(Inlined(n.state), n.index));
    return "";
  }

  void PrintState(const FrameState& s) {
    absl::StrAppend(&text_, "s", s.id, " @", s.resume);
    if (s.origin != s.resume) absl::StrAppend(&text_, " from @", s.origin);
    absl::StrAppend(&text_, " locals(", Locals(s), ") stack(", Refs(s.stack), ")");
    for (const FrameState::Iterator& i : s.iterators) {
      absl::StrAppend(&text_, " iterator(", i.depth, ", ", Ref(i.position), ", ", Ref(i.remaining), ")");
    }
    for (const InlinedFrame& f : s.inlined) {
      absl::StrAppend(&text_, " inlined(@", f.call, ", ", f.first_local, ", ", f.first_stack, NameOf(f.ending.kind), ")");
    }
    absl::StrAppend(&text_, place_of_ ? absl::StrCat("  ; ", place_of_(Inlined(&s), s.origin)) : "", "\n");
  }

  // The code that a state is in, where it is not the unit's own.
  static PyObject* Inlined(const FrameState* s) { return s == nullptr || s->inlined.empty() ? nullptr : s->inlined.back().code; }

  // Objects are numbered as they come; those of a graph that was parsed have their number already.
  int64_t Number(const Node& n) {
    if (!(n.Is(Opcode::kObject) || n.Is(Opcode::kClassValue)) || n.object == nullptr) return n.imm;
    return objects_.emplace(n.object, static_cast<int64_t>(objects_.size()) + 1).first->second;
  }
  const FrameState* Used(const FrameState* s) {
    used_.insert(s);
    return s;
  }

  const Graph& graph_;
  const SourcePlaces& place_of_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unordered_map<const PyObject*, int64_t> objects_;
  std::unordered_set<const FrameState*> used_;
  std::string text_;
};

}  // namespace

const char* NameOf(Rep rep) {
  constexpr const char* kNames[] = {"none", "boxed", "i64", "f64", "i1"};
  return kNames[static_cast<int>(rep)];
}
const char* NameOf(Relation relation) {
  constexpr const char* kNames[] = {"lt", "le", "eq", "ne", "gt", "ge"};
  return kNames[static_cast<int>(relation)];
}

std::string PrintNode(const Node& n) { return PrintNode(n, n.imm); }

std::string Print(const Graph& graph, const SourcePlaces& place_of) { return Printer(graph, place_of).Run(); }

}  // namespace tierjit::tier2
