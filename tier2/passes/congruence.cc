#include "tier2/passes/congruence.h"

#include <map>
#include <tuple>

namespace tierjit::tier2 {
namespace {

// Optimistic: parameters of a block are taken for equal until what comes in tells them apart.
class Merger {
 public:
  explicit Merger(Graph* graph)
      : graph_(graph), class_(static_cast<size_t>(graph->node_count()), 0), incoming_(static_cast<size_t>(graph->block_count())) {
    for (Block* b : graph_->blocks()) {
      for (Edge& e : b->successors) incoming_[static_cast<size_t>(e.to->id)].push_back(&e);
    }
  }

  void Run() {
    FirstClasses();
    for (int count = 0, now = Refine(); now != count; now = Refine()) count = now;
    Merge();
  }

 private:
  void FirstClasses() {
    std::map<std::tuple<Opcode, int64_t, PyObject*>, int> constants;
    std::map<std::tuple<int, Rep>, int> params;
    for (Block* b : graph_->blocks()) {
      for (const Node* n : b->nodes) {
        bool constant = n->Is(Opcode::kInt) || n->Is(Opcode::kBool) || n->Is(Opcode::kFloat) || n->Is(Opcode::kObject) || n->Is(Opcode::kNull);
        Class(n) = constant ? constants.emplace(std::make_tuple(n->opcode, n->imm, n->object), next_++).first->second : next_++;
      }
      for (const Node* p : b->params) Class(p) = params.emplace(std::make_tuple(b->id, p->rep), next_++).first->second;
    }
  }

  // Splits classes by what comes in; the number of classes.
  int Refine() {
    std::map<std::vector<int>, int> found;
    std::vector<std::pair<const Node*, int>> refined;
    for (Block* b : graph_->blocks()) {
      for (size_t i = 0; i < b->params.size(); i++) {
        std::vector<int> key = {Class(b->params[i])};
        for (const Edge* e : incoming_[static_cast<size_t>(b->id)]) key.push_back(Class(e->args[i]));
        refined.push_back({b->params[i], found.emplace(std::move(key), next_++).first->second});
      }
    }
    for (auto [param, c] : refined) Class(param) = c;
    return static_cast<int>(found.size());
  }

  void Merge() {
    std::vector<Node*> to(class_.size(), nullptr);
    bool any = false;
    for (Block* b : graph_->blocks()) {
      std::map<int, Node*> first;
      for (size_t i = 0; i < b->params.size();) {
        Node* p = b->params[i];
        Node* kept = first.emplace(Class(p), p).first->second;
        if (kept == p) {
          i++;
          continue;
        }
        any = true;
        to[static_cast<size_t>(p->id)] = kept;
        if (Type both = kept->type.Meet(p->type); !both.IsBottom()) kept->type = both;
        b->params.erase(b->params.begin() + static_cast<std::ptrdiff_t>(i));
        for (Edge* e : incoming_[static_cast<size_t>(b->id)]) e->args.erase(e->args.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    if (any) graph_->ReplaceAll(to);
  }

  int& Class(const Node* n) { return class_[static_cast<size_t>(n->id)]; }

  Graph* graph_;
  std::vector<int> class_;                    // by node id
  std::vector<std::vector<Edge*>> incoming_;  // by block id
  int next_ = 1;
};

}  // namespace

void MergeParams(Graph* graph) {
  graph->Connect();
  Merger(graph).Run();
}

}  // namespace tierjit::tier2
