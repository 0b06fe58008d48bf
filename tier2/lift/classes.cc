// Sites that have seen several classes. Where instances of all of them keep the attribute in the same place they are one; else each gets
// a way of its own, and what is called on it is told apart again by which function it is.
//
//   v3 = class_in v1 {A}
//   branch v3 -> b1(), b2()
//   b1:  guard_type v1 (A) ... jump -> b3(..)     b2:  guard_type v1 (B) ... jump -> b3(..)
#include <algorithm>

#include "runtime/feedback/feedback.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

// No class that is gone, as code for it would hold for nothing.
std::vector<PyTypeObject*> Lifter::SeenClasses(Node* value, uint32_t also) const {
  if (value->rep != Rep::kBoxed || (Known(value) & ~also) != kInstanceBit) return {};
  std::vector<PyTypeObject*> types;
  uint32_t detail = DetailOf(value);
  for (uint32_t version : VersionsOf(detail)) {
    types.push_back(TypeOfVersion(version));
    if (types.back() == nullptr) return {};
  }
  return types;
}

// `detail` is what DetailOf() gave, or a part of it.
Node* Lifter::GuardClasses(Node* value, uint32_t detail) {
  absl::Span<const uint32_t> versions = VersionsOf(detail);
  if (versions.size() == 1) return EmitGuard(Opcode::kGuardType, {value}, Type::Instance(versions[0]));
  Node* guard = EmitGuard(Opcode::kGuardClasses, {value}, Type::Instance(0));
  guard->imm = detail;
  Expect(guard, kInstanceBit);
  details_[guard->id] = detail;
  return guard;
}

namespace {

bool Same(const Snapshot::FromClass& a, const Snapshot::FromClass& b) {
  return a.value == b.value && a.values == b.values && a.keys == b.keys && a.dict == b.dict;
}

}  // namespace

// Where the attribute is in instances of all the classes; offset 0: not in one place.
Snapshot::Place Lifter::PlaceIn(absl::Span<PyTypeObject* const> types, PyObject* name, bool store) const {
  if (types.empty() || snapshot_.find_attribute == nullptr) return {};
  Snapshot::Place place = snapshot_.find_attribute(types[0], name, store);
  for (PyTypeObject* type : types.subspan(1)) {
    Snapshot::Place other = snapshot_.find_attribute(type, name, store);
    if (other.offset != place.offset || other.values != place.values) return {};
  }
  return place;
}

// What instances of all the classes have from theirs; without a value: not one thing.
Snapshot::FromClass Lifter::ClassValueIn(absl::Span<PyTypeObject* const> types, PyObject* name) const {
  if (types.empty() || snapshot_.find_class_attribute == nullptr) return {};
  Snapshot::FromClass found = snapshot_.find_class_attribute(types[0], name);
  for (PyTypeObject* type : types.subspan(1)) {
    if (!Same(found, snapshot_.find_class_attribute(type, name))) return {};
  }
  return found;
}

bool Lifter::HasAttribute(absl::Span<PyTypeObject* const> types, PyObject* name) const {
  if (PlaceIn(types, name, in().opcode == STORE_ATTR).offset != 0) return true;
  if (in().opcode == STORE_ATTR) return false;
  if (ClassValueIn(types, name).value != nullptr) return true;
  PyObject* getter = types.size() == 1 && snapshot_.find_getter != nullptr ? snapshot_.find_getter(types[0], name) : nullptr;
  return getter != nullptr && CanCall(getter, 1, types[0]->tp_version_tag, {});
}

// The classes of which the attribute is found in the same way, as details.
std::vector<uint32_t> Lifter::GroupsOf(Node* owner, PyObject* name) const {
  uint32_t detail = DetailOf(owner);
  std::vector<std::vector<PyTypeObject*>> groups;
  std::vector<uint32_t> details;
  for (uint32_t version : VersionsOf(detail)) {
    PyTypeObject* type = TypeOfVersion(version);
    if (!HasAttribute({type}, name)) return {};
    bool joined = false;
    for (size_t i = 0; i < groups.size() && !joined; i++) {
      groups[i].push_back(type);
      joined = HasAttribute(groups[i], name);
      if (joined) details[i] = JoinDetails(details[i], version);
      else groups[i].pop_back();
    }
    if (joined) continue;
    groups.push_back({type});
    details.push_back(version);
  }
  return details;
}

// LOAD_ATTR and STORE_ATTR of what is on top.
bool Lifter::SeveralClasses() {
  if (in().opcode != LOAD_ATTR && in().opcode != STORE_ATTR) return false;
  Node* owner = Top().node;
  if (SeenClasses(owner, kNoneBit).size() < 2) return false;
  int name = in().opcode == LOAD_ATTR ? in().oparg >> 1 : in().oparg;
  std::vector<uint32_t> groups = GroupsOf(owner, PyTuple_GET_ITEM(snapshot_.code->co_names, name));
  if (groups.size() < 2) return false;
  bool method = in().opcode == LOAD_ATTR && (in().oparg & 1) != 0, fresh = !blocks_.contains(PlaceOf(in().next));
  std::vector<Candidate> found;
  State before = state_;
  for (size_t i = 0; i < groups.size(); i++) {
    Block* others = i + 1 == groups.size() ? nullptr : BranchOff([&] {
      Node* is = Emit(Opcode::kClassIn, {owner}, Type::Bool());
      is->imm = groups[i];
      return is;
    });
    narrowed_ = {owner, groups[i]};
    bool lifted = LoadAttribute() || ClassAttribute() || Property() || StoreAttribute();
    if (lifted && method && !ended_ && Top(2).node->object != nullptr) found.push_back({Top(2).node->object, groups[i]});
    narrowed_ = {};
    EndWay(lifted);
    GoOnIn(others, before);
  }
  if (method && fresh && found.size() == groups.size()) NoteCandidates(std::move(found), DetailOf(owner));
  return ended_ = true;
}

// The block behind has the callable and its object on its stack.
void Lifter::NoteCandidates(std::vector<Candidate> found, uint32_t classes) {
  auto at = blocks_.find(PlaceOf(in().next));
  if (at == blocks_.end()) return;
  const std::vector<StackEntry>& stack = at->second.state.stack;
  Node *callable = stack[stack.size() - 2].node, *self = stack.back().node;
  if (self->rep != Rep::kBoxed) return;
  details_[self->id] = classes;
  bool same = std::all_of(found.begin(), found.end(), [&](const Candidate& c) { return c.function == found[0].function; });
  if (same) callable->object = found[0].function;
  else candidates_[callable->id] = std::move(found);
}

// Ends the block by a branch, and goes on where `condition` holds; the block for the other way.
Block* Lifter::BranchOff(absl::FunctionRef<Node*()> condition) {
  Emit(Opcode::kBranch, {condition()});
  Block* from = block_;
  block_ = graph_->NewBlock();
  Block* others = graph_->NewBlock();
  from->successors.push_back({block_, {}});
  from->successors.push_back({others, {}});
  here_ = nullptr;
  return others;
}

// One way of doing the instruction has been lifted, or could not be.
void Lifter::EndWay(bool lifted) {
  if (!lifted) LeaveHere();
  else if (!ended_) JumpTo(in().next);
  ended_ = false;
}

void Lifter::GoOnIn(Block* block, const State& state) {
  block_ = block;
  state_ = state;
  resume_ = in().offset;
  here_ = nullptr;
}

// A CALL of what SeveralClasses() has found.
bool Lifter::SeveralFunctions() {
  int above = in().opcode == CALL_KW ? 1 : 0, at = in().oparg + above + 2;
  auto of = candidates_.find(Top(at).node->id);
  if (of == candidates_.end() || above != 0) return false;
  std::vector<Candidate> ways;
  for (const Candidate& c : of->second) {
    auto known = std::find_if(ways.begin(), ways.end(), [&](const Candidate& w) { return w.function == c.function; });
    if (known == ways.end()) ways.push_back(c);
    else known->classes = JoinDetails(known->classes, c.classes);
  }
  auto version = [](const Candidate& c) { return VersionsOf(c.classes).size() == 1 ? c.classes : 0; };
  auto lifts = [&](const Candidate& c) { return CanCall(c.function, static_cast<size_t>(in().oparg) + 1, version(c), {}); };
  if (std::none_of(ways.begin(), ways.end(), lifts) || (frameless() && !std::all_of(ways.begin(), ways.end(), lifts))) return false;
  State before = state_;
  for (size_t i = 0; i < ways.size(); i++) {
    Node* callable = Top(at).node;
    PyObject* function = ways[i].function;
    Block* others = i + 1 == ways.size() ? nullptr : BranchOff([&] {
      return Emit(Opcode::kSame, {callable, ObjectConstant(function)}, Type::Bool());
    });
    Node* known = EmitGuard(Opcode::kGuardSame, {callable, ObjectConstant(function)}, Type(kOtherBit));
    known->object = function;
    if (version(ways[i]) != 0) Top(at - 1).node = GuardClasses(Top(at - 1).node, ways[i].classes);
    Top(at).node = known;
    here_ = nullptr;
    bool lifted = PythonCall();
    if (!lifted && !frameless()) {
      Generic();
      lifted = true;
    }
    EndWay(lifted);
    GoOnIn(others, before);
  }
  return ended_ = true;
}

}  // namespace tierjit::tier2
