// Calls of classes that make instances by object.__new__ and a Python `__init__`.
//
//   v2 = guard_version v1 (the class)       so it has this `__init__`
//   ... the guards of a call, see inline.cc
//   v3 = new_instance v2                    nothing leaves in front of the call from here on
//   ... the body of `__init__`, with v3 on the stack of the frame that waits
#include "runtime/feedback/feedback.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

bool Lifter::Construct() {
  int above = in().opcode == CALL_KW ? 1 : 0, popped = in().oparg + above + 2;
  Node* callable = Top(popped).node;
  PyObject* names = above != 0 ? Top(1).node->object : nullptr;
  if (callable->object == nullptr || !PyType_Check(callable->object) || !Top(popped - 1).node->Is(Opcode::kNull)) return false;
  if (snapshot_.find_construction == nullptr || (above != 0 && names == nullptr)) return false;
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(callable->object);
  Snapshot::Construction how = snapshot_.find_construction(type);
  if (!how.known || !NoteType(type)) return false;
  Node* cls = EmitGuard(Opcode::kGuardVersion, {callable}, callable->type);
  cls->imm = type->tp_version_tag;
  Node* made = graph_->NewNode(Opcode::kNewInstance, {cls});
  made->type = Type::Instance(type->tp_version_tag);
  if (how.init == nullptr) {
    if (popped != 2) return false;
    AppendMade(made);
    Drop(popped);
    Push(made);
    return true;
  }
  CallEnding ending;
  ending.kind = CallEnding::Kind::kNone;
  Node* init = ClassValue(cls, how.init);
  PythonCallSite site{init, {made}, popped, ending, made};
  for (int i = in().oparg + above; i > above; i--) site.args.push_back(Top(i).node);
  if (!BindArguments(init, names, &site.args) || !CanCall(how.init, site.args.size(), type->tp_version_tag, ending)) return false;
  return CallFunction(how.init, std::move(site));
}

// Last of all that happens in front of the call: an instance that an exit leaves behind would be finalized without ever having been
// initialised.
void Lifter::AppendMade(Node* made) {
  here_ = nullptr;
  made->state = Here();
  graph_->Append(block_, made);
  here_ = nullptr;
}

}  // namespace tierjit::tier2
