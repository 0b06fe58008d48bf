#include "runtime/deopt/quiet_death.h"
#include "runtime/feedback/feedback.h"
#include "tier2/lower/lowerer.h"

namespace tierjit::tier2 {

Lowerer::Reg Lowerer::TypeField(Reg object) { return f_->Load(Field(mir::Type::kI64, object, offsetof(PyObject, ob_type))); }

Lowerer::Reg Lowerer::VersionOf(const Node* object) {
  return f_->Load(Field(mir::Type::kU32, TypeField(IntReg(object)), offsetof(PyTypeObject, tp_version_tag)));
}

bool Lowerer::Guard(const Node& n) {
  switch (n.opcode) {
    case Opcode::kGuardType: {
      if (PyTypeObject* known = BuiltinType(n.type.bits())) {
        f_->BNe(ExitFor(n), TypeField(IntReg(n.input(0))), known);
      } else {
        f_->BNe(ExitFor(n), VersionOf(n.input(0)), n.type.version());
      }
      IsSame(n, n.input(0));
      return true;
    }
    case Opcode::kGuardClasses: {
      Label right = f_->NewLabel();
      Reg version = VersionOf(n.input(0));
      uint32_t classes = static_cast<uint32_t>(n.imm);
      absl::Span<const uint32_t> versions = VersionsOf(classes);
      for (uint32_t v : versions.first(versions.size() - 1)) f_->BEq(right, version, v);
      f_->BNe(ExitFor(n), version, versions.back());
      f_->Bind(right);
      IsSame(n, n.input(0));
      return true;
    }
    case Opcode::kClassIn: {
      Reg version = VersionOf(n.input(0)), in = RegOf(n);
      uint32_t classes = static_cast<uint32_t>(n.imm);
      absl::Span<const uint32_t> versions = VersionsOf(classes);
      f_->Eq(in, version, versions[0]);
      for (uint32_t v : versions.subspan(1)) f_->Or(in, in, f_->Eq(version, v));
      return true;
    }
    case Opcode::kGuardVersion:
      f_->BNe(ExitFor(n), Field(mir::Type::kU32, IntReg(n.input(0)), offsetof(PyTypeObject, tp_version_tag)), n.imm);
      IsSame(n, n.input(0));
      return true;
    case Opcode::kGuardExact:
      f_->BNe(ExitFor(n), Field(mir::Type::kI64, IntReg(n.input(0)), offsetof(PyObject, ob_type)), n.imm);
      IsSame(n, n.input(0));
      return true;
    case Opcode::kGuardSame:
      f_->BNe(ExitFor(n), ValueOf(n.input(0)), ValueOf(n.input(1)));
      IsSame(n, n.input(0));
      return true;
    case Opcode::kGuardBound:
      f_->BEq(ExitFor(n), ValueOf(n.input(0)), 0);
      IsSame(n, n.input(0));
      return true;
    case Opcode::kGuardRange: {
      Reg x = IntReg(n.input(0));
      Reg above = f_->Sub(x, n.type.low());
      if (n.type.high() == INT64_MAX && n.type.low() == 0) f_->BLt(ExitFor(n), x, 0);
      else if (n.type.low() == INT64_MIN) f_->BGt(ExitFor(n), x, n.type.high());
      else if (n.type.high() == INT64_MAX) f_->BLt(ExitFor(n), x, n.type.low());
      else f_->UBGt(ExitFor(n), above, n.type.high() - n.type.low());
      IsSame(n, n.input(0));
      return true;
    }
    case Opcode::kGuardTrue: f_->BF(ExitFor(n), ValueOf(n.input(0))); return true;
    case Opcode::kGuardFalse: f_->BT(ExitFor(n), ValueOf(n.input(0))); return true;
    case Opcode::kGuardUnshared: {
      Reg count = f_->Load(Field(mir::Type::kI64, IntReg(n.input(0)), offsetof(PyObject, ob_refcnt)));
      f_->BNe(ExitFor(n), count, 1);
      return true;
    }
    case Opcode::kBoundSelf: {
      Reg o = IntReg(n.input(0));
      f_->BNe(ExitFor(n), TypeField(o), &PyCFunction_Type);
      f_->BNe(ExitFor(n), Field(mir::Type::kI64, o, offsetof(PyCFunctionObject, m_ml)), n.imm);
      f_->Mov(RegOf(n), Field(mir::Type::kI64, o, offsetof(PyCFunctionObject, m_self)));
      return true;
    }
    case Opcode::kGuardReleasable: GuardReleasable(n); return true;
    case Opcode::kGuardDeath: GuardDeath(n); return true;
    case Opcode::kGuardSimple: GuardSimple(n); return true;
    case Opcode::kPoll: {
      Operand expected = expected_.valid() ? Operand(expected_) : Operand(Mem::At(mir::Type::kI64, env_.expected_breaker));
      f_->BNe(ExitFor(n), Breaker(), expected);
      return true;
    }
    default: return false;
  }
}

// Somebody else holds it too, or nobody notices that it dies.
void Lowerer::GuardReleasable(const Node& n) {
  Reg o = IntReg(n.input(0));
  Label done = f_->NewLabel(), dying = f_->NewLabel();
  if (n.input(0)->type.MayBe(kNullBit) || n.input(0)->type.IsBottom()) f_->BEq(done, o, 0);
  Reg count = f_->Load(Field(mir::Type::kI32, o, offsetof(PyObject, ob_refcnt)));
  f_->BEq(dying, count, 1);
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(dying);
    Reg type = TypeField(o);
    Label fine = f_->NewLabel();  // one way back, so that registers are restored in one place
    for (PyTypeObject* simple : {&PyFloat_Type, &PyLong_Type, &PyUnicode_Type, &PyBytes_Type}) f_->BEq(fine, type, simple);
    f_->BF(ExitFor(n), f_->CallC("tj_dies_quietly", tj_dies_quietly, {o}));
    f_->Bind(fine);
    f_->Jmp(done);
  });
}

// The unit's own reference.
void Lowerer::GuardDeath(const Node& n) {
  Reg o = IntReg(n.input(0));
  Label done = f_->NewLabel(), dying = f_->NewLabel();
  if (n.input(0)->type.MayBe(kNullBit) || n.input(0)->type.IsBottom()) f_->BEq(done, o, 0);
  f_->BEq(dying, Field(mir::Type::kI32, o, offsetof(PyObject, ob_refcnt)), 1);
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(dying);
    f_->BT(done, f_->CallC("tj_dies_quietly", tj_dies_quietly, {o}));
    f_->Jmp(ExitFor(n));
  });
}

void Lowerer::GuardSimple(const Node& n) {
  Reg o = IntReg(n.input(0));
  Label done = f_->NewLabel();
  f_->BEq(done, o, 0);
  Reg type = TypeField(o);
  for (PyTypeObject* simple : {&PyFloat_Type, &PyLong_Type, &PyBool_Type, &PyUnicode_Type, &PyBytes_Type}) f_->BEq(done, type, simple);
  f_->BNe(ExitFor(n), o, Py_None);
  f_->Bind(done);
}

}  // namespace tierjit::tier2
