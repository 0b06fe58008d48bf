#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tier2/ir/text.h"

namespace tierjit::tier2 {
namespace {

// Two readings: the first makes blocks, nodes and states, the second gives them their operands, which may stand further below.
class Reader {
 public:
  explicit Reader(absl::string_view text) : lines_(absl::StrSplit(text, '\n')) {}

  absl::StatusOr<std::unique_ptr<Graph>> Read() {
    graph_ = std::make_unique<Graph>();
    for (pass_ = 1; pass_ <= 2; pass_++) {
      block_ = nullptr;
      for (line_ = 0; line_ < lines_.size(); line_++) {
        if (!Line(std::string(absl::StripAsciiWhitespace(WithoutComment(lines_[line_]))))) {
          return absl::InvalidArgumentError(absl::StrCat("line ", line_ + 1, ": ", lines_[line_]));
        }
      }
    }
    if (graph_->blocks().empty()) return absl::InvalidArgumentError("no blocks");
    graph_->Connect();
    return std::move(graph_);
  }

 private:
  static absl::string_view WithoutComment(absl::string_view line) { return line.substr(0, line.find(';')); }

  // The text of s without `open` ... `close` around it.
  static bool Unwrap(absl::string_view* s, absl::string_view open) {
    return absl::ConsumePrefix(s, open) && absl::ConsumeSuffix(s, ")");
  }

  bool Line(const std::string& text) {
    absl::string_view s = text;
    if (s.empty()) return true;
    if (absl::ConsumePrefix(&s, "graph locals=")) return absl::SimpleAtoi(s, &graph_->local_count);
    if (s[0] == 'b' && s.back() == ':') return BlockLine(s.substr(0, s.size() - 1));
    if (s[0] == 's' && s.size() > 1 && absl::ascii_isdigit(static_cast<unsigned char>(s[1]))) return StateLine(s);
    return block_ != nullptr && NodeLine(s);
  }

  bool BlockLine(absl::string_view s) {
    std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(s, absl::MaxSplits(" (", 1));
    std::vector<absl::string_view> head = absl::StrSplit(halves.first, ' ');
    if (pass_ == 2) return (block_ = FindBlock(head[0])) != nullptr && BlockState(head);
    if (blocks_.contains(head[0])) return false;
    block_ = blocks_[std::string(head[0])] = graph_->NewBlock();
    for (size_t i = 1; i < head.size(); i++) {
      bool unit = absl::ConsumePrefix(&head[i], "@") && absl::SimpleAtoi(head[i], &block_->unit);
      if (!unit && !absl::StartsWith(head[i], "!s")) return false;
    }
    if (halves.second.empty()) return true;
    for (absl::string_view p : absl::StrSplit(absl::StripSuffix(halves.second, ")"), ", ")) {
      std::pair<absl::string_view, absl::string_view> named = absl::StrSplit(p, absl::MaxSplits(": ", 1));
      Node* n = graph_->AddParam(block_, Rep::kBoxed, Type());
      if (!Typed(named.second, n) || !Name(named.first, n)) return false;
    }
    return true;
  }

  bool BlockState(const std::vector<absl::string_view>& head) {
    if (head.size() < 2 || !absl::StartsWith(head.back(), "!")) return true;
    auto state = states_.find(head.back().substr(1));
    if (state == states_.end()) return false;
    block_->state = state->second;
    return true;
  }

  bool Typed(absl::string_view s, Node* n) {
    std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(s, ' ');
    for (Rep rep : {Rep::kBoxed, Rep::kI64, Rep::kF64, Rep::kI1}) {
      if (halves.first == NameOf(rep)) return n->rep = rep, Type::Parse(halves.second, &n->type);
    }
    return false;
  }

  bool Name(absl::string_view name, Node* n) { return values_.emplace(std::string(name), n).second; }

  bool StateLine(absl::string_view s) {
    std::pair<absl::string_view, absl::string_view> first = absl::StrSplit(s, absl::MaxSplits(" @", 1));
    if (pass_ == 1) {
      states_[std::string(first.first)] = graph_->NewState();
      return true;
    }
    FrameState* state = states_[std::string(first.first)];
    std::pair<absl::string_view, absl::string_view> second = absl::StrSplit(first.second, absl::MaxSplits(" locals(", 1));
    std::pair<absl::string_view, absl::string_view> third = absl::StrSplit(second.second, absl::MaxSplits(") stack(", 1));
    std::vector<absl::string_view> parts = absl::StrSplit(absl::StripSuffix(third.second, ")"), ") ");
    for (size_t i = 1; i < parts.size(); i++) {
      bool read = absl::ConsumePrefix(&parts[i], "iterator(") ? Iterator(parts[i], state)
                                                              : absl::ConsumePrefix(&parts[i], "inlined(@") && Inlined(parts[i], state);
      if (!read) return false;
    }
    std::pair<absl::string_view, absl::string_view> units = absl::StrSplit(second.first, absl::MaxSplits(" from @", 1));
    if (!absl::SimpleAtoi(units.first, &state->resume)) return false;
    state->origin = state->resume;
    if (!units.second.empty() && !absl::SimpleAtoi(units.second, &state->origin)) return false;
    return Locals(third.first, state) && Values(parts[0], &state->stack);
  }

  bool Iterator(absl::string_view s, FrameState* state) {
    std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(s, absl::MaxSplits(", ", 1));
    std::vector<Node*> fields;
    int depth;
    if (!absl::SimpleAtoi(halves.first, &depth) || !Values(halves.second, &fields) || fields.size() != 2) return false;
    state->iterators.push_back({depth, fields[0], fields[1]});
    return true;
  }

  static bool Inlined(absl::string_view s, FrameState* state) {
    std::vector<absl::string_view> parts = absl::StrSplit(s, ", ");
    InlinedFrame f;
    if (parts.size() < 3 || !absl::SimpleAtoi(parts[0], &f.call) || !absl::SimpleAtoi(parts[1], &f.first_local)) return false;
    if (parts.size() == 4) {
      using Kind = CallEnding::Kind;
      f.ending.kind = parts[3] == "none" ? Kind::kNone : Kind::kOperation;
    }
    state->inlined.push_back(f);
    return absl::SimpleAtoi(parts[2], &state->inlined.back().first_stack);
  }

  bool Locals(absl::string_view s, FrameState* state) {
    if (s.empty()) return true;
    for (absl::string_view local : absl::StrSplit(s, ", ")) {
      std::vector<Node*> parts;
      for (absl::string_view name : absl::StrSplit(local, '?')) {
        if (!Values(name, &parts)) return false;
      }
      state->locals.push_back({parts[0], parts.size() > 1 ? parts[1] : nullptr});
    }
    return true;
  }

  bool Values(absl::string_view s, std::vector<Node*>* out) {
    if (s.empty()) return true;
    for (absl::string_view name : absl::StrSplit(s, ", ")) {
      if (name == "-") {
        out->push_back(nullptr);
        continue;
      }
      auto it = values_.find(name);
      if (it == values_.end()) return false;
      out->push_back(it->second);
    }
    return true;
  }

  bool NodeLine(absl::string_view s) {
    std::pair<absl::string_view, absl::string_view> typed = absl::StrSplit(s, absl::MaxSplits(" : ", 1));
    std::pair<absl::string_view, absl::string_view> jump = absl::StrSplit(typed.first, absl::MaxSplits(" -> ", 1));
    std::vector<absl::string_view> words = absl::StrSplit(jump.first, ' ');
    absl::string_view name;
    size_t at = 0;
    if (words.size() > 2 && words[1] == "=") name = words[0], at = 2;
    if (pass_ == 1) return MakeNode(words[at], name, typed.second);
    Node* n = block_->nodes[at_[block_]++];
    for (at++; at < words.size(); at++) {
      if (!Attribute(words[at], n)) return false;
    }
    return jump.second.empty() || Edges(jump.second);
  }

  bool MakeNode(absl::string_view word, absl::string_view name, absl::string_view type) {
    std::pair<absl::string_view, absl::string_view> op = absl::StrSplit(word, '.');
    for (int i = 0; i < static_cast<int>(Opcode::kCount); i++) {
      if (op.first != InfoOf(static_cast<Opcode>(i)).text) continue;
      Node* n = graph_->Append(block_, graph_->NewNode(static_cast<Opcode>(i)));
      for (Relation r : {Relation::kLt, Relation::kLe, Relation::kEq, Relation::kNe, Relation::kGt, Relation::kGe}) {
        if (op.second == NameOf(r)) n->relation = r;
      }
      n->only_for_value = op.second == "value";
      if (n->rep == Rep::kNone && !n->info().by_node && !type.empty()) return false;
      return name.empty() ? type.empty() : Name(name, n) && (n->Is(Opcode::kGeneric) ? type.empty() : Typed(type, n));
    }
    return false;
  }

  bool Attribute(absl::string_view word, Node* n) {
    if (word.empty()) return false;
    char kind = word[0];
    absl::string_view rest = word.substr(1);
    if (kind == 'v') {
      n->inputs.push_back(nullptr);
      auto it = values_.find(word);
      return it != values_.end() && (n->inputs.back() = it->second);
    }
    if (kind == '#') return absl::SimpleAtoi(rest, &n->index);
    if (kind == '=') return absl::SimpleAtoi(rest, &n->imm);
    if (kind != '!') return false;
    auto state = states_.find(rest);
    if (state == states_.end()) return false;
    n->state = state->second;
    return true;
  }

  bool Edges(absl::string_view s) {
    for (absl::string_view part : absl::StrSplit(s, "), ")) {
      std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(part, '(');
      Edge edge{FindBlock(halves.first), {}};
      if (edge.to == nullptr || !Values(absl::StripSuffix(halves.second, ")"), &edge.args)) return false;
      block_->successors.push_back(std::move(edge));
    }
    return true;
  }

  Block* FindBlock(absl::string_view name) const {
    auto it = blocks_.find(name);
    return it == blocks_.end() ? nullptr : it->second;
  }

  std::vector<std::string> lines_;
  size_t line_ = 0;
  int pass_ = 1;
  std::unique_ptr<Graph> graph_;
  Block* block_ = nullptr;
  absl::flat_hash_map<std::string, Block*> blocks_;
  absl::flat_hash_map<std::string, Node*> values_;
  absl::flat_hash_map<std::string, FrameState*> states_;
  absl::flat_hash_map<Block*, size_t> at_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Graph>> Parse(absl::string_view text) { return Reader(text).Read(); }

}  // namespace tierjit::tier2
