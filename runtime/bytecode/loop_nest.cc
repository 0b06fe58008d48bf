#include "runtime/bytecode/loop_nest.h"

#include <algorithm>

#include "runtime/cpython/opcode_info.h"

namespace tierjit {
namespace {

bool FallsThrough(uint8_t opcode) {
  switch (opcode) {
    case JUMP_FORWARD: case JUMP_BACKWARD: case JUMP_BACKWARD_NO_INTERRUPT: case RETURN_VALUE: case RETURN_CONST: case RAISE_VARARGS: case RERAISE:
      return false;
    default: return true;
  }
}

// By instruction: those that may come before it.
using Predecessors = std::vector<std::vector<int>>;

Predecessors PredecessorsOf(const DecodedCode& code) {
  const std::vector<Instruction>& list = code.instructions();
  Predecessors out(list.size());
  auto edge = [&](size_t from, int to) {
    if (to >= 0 && static_cast<size_t>(to) < list.size()) out[static_cast<size_t>(to)].push_back(static_cast<int>(from));
  };
  for (size_t i = 0; i < list.size(); i++) {
    if (FallsThrough(list[i].opcode)) edge(i, static_cast<int>(i) + 1);
    if (list[i].target >= 0) edge(i, code.IndexAt(list[i].target));
  }
  for (const ExceptionRange& range : code.exceptions()) {
    for (int32_t unit = range.start; unit < range.end;) {
      int at = code.IndexAt(unit);
      edge(static_cast<size_t>(at), code.IndexAt(range.target));
      unit = list[static_cast<size_t>(at)].next;
    }
  }
  return out;
}

// What comes to `from` without coming by `header`. False: the code's first instruction does, so that this is no loop.
bool FindBody(const Predecessors& before, int header, int from, std::vector<uint8_t>* inside) {
  inside->assign(before.size(), 0);
  (*inside)[static_cast<size_t>(header)] = 1;
  std::vector<int> work;
  auto add = [&](int i) {
    if ((*inside)[static_cast<size_t>(i)]) return;
    (*inside)[static_cast<size_t>(i)] = 1;
    work.push_back(i);
  };
  add(from);
  while (!work.empty()) {
    int i = work.back();
    work.pop_back();
    if (i == 0) return false;
    for (int p : before[static_cast<size_t>(i)]) add(p);
  }
  return true;
}

}  // namespace

LoopNest::LoopNest(const DecodedCode& code) {
  const std::vector<Instruction>& list = code.instructions();
  Predecessors before;
  std::vector<uint8_t> inside;
  for (size_t i = 0; i < list.size(); i++) {
    if (list[i].target < 0 || list[i].target > list[i].offset || !IsBackwardJump(list[i].opcode)) continue;
    if (before.empty()) before = PredecessorsOf(code);
    if (!FindBody(before, code.IndexAt(list[i].target), static_cast<int>(i), &inside)) continue;
    auto known = std::find_if(loops_.begin(), loops_.end(), [&](const Extent& e) { return e.header == list[i].target; });
    if (known == loops_.end()) {
      known = loops_.insert(known, {list[i].target, std::vector<uint8_t>(static_cast<size_t>(code.unit_count()) + 1, 0)});
    }
    for (size_t k = 0; k < list.size(); k++) {
      if (inside[k]) std::fill(known->units.begin() + list[k].offset, known->units.begin() + list[k].next, uint8_t{1});
    }
  }
}

const LoopNest::Extent* LoopNest::Find(int32_t header) const {
  for (const Extent& e : loops_) {
    if (e.header == header) return &e;
  }
  return nullptr;
}

bool LoopNest::IsInner(int32_t header) const {
  return std::any_of(loops_.begin(), loops_.end(), [&](const Extent& e) { return Encloses(e.header, header); });
}

bool LoopNest::Encloses(int32_t outer, int32_t inner) const {
  const Extent* e = Find(outer);
  return e != nullptr && outer != inner && e->Contains(inner);
}

int LoopNest::DepthAt(int32_t unit) const {
  return static_cast<int>(std::count_if(loops_.begin(), loops_.end(), [&](const Extent& e) { return e.Contains(unit); }));
}

}  // namespace tierjit
