// Displays of lists, tuples, dicts and sets; tuples that are taken apart at once are not made.
#include "tier2/lift/lifter.h"
#include "tier2/lower/sequence_calls.h"

namespace tierjit::tier2 {

bool Lifter::Display() {
  int count = in().oparg;
  if (in().opcode == BUILD_MAP && count == 0) {
    Push(EmptyOf("dict"));
    return true;
  }
  if (in().opcode != BUILD_LIST && in().opcode != BUILD_TUPLE) return false;
  if (count > kMaxGathered) return false;
  for (int i = 1; i <= count; i++) {
    if (Top(i).position != nullptr) return false;
  }
  bool list = in().opcode == BUILD_LIST;
  std::vector<Node*> items;
  for (int i = count; i >= 1; i--) items.push_back(Top(i).node);
  if (!list && FollowedBy(UNPACK_SEQUENCE) && snapshot_.decoded->instructions()[static_cast<size_t>(current_) + 1].oparg == count) {
    Drop(count);
    for (int i = count - 1; i >= 0; i--) Push(items[static_cast<size_t>(i)]);
    current_++;
    return true;
  }
  if (!list) return false;
  for (Node*& item : items) item = Boxed(item);
  Node* made = Emit(Opcode::kMakeList, items, Type(kListBit));
  Drop(count);
  Push(made);
  return true;
}

}  // namespace tierjit::tier2
