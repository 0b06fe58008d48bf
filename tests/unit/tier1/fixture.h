// Tier 1 inside the unit tests: translations to look at, and functions that are entered natively.
#ifndef TIERJIT_TESTS_UNIT_TIER1_FIXTURE_H_
#define TIERJIT_TESTS_UNIT_TIER1_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/runtime/python_source.h"
#include "tier1/translator.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

// Initialises Tier 1 once and reports changes of watched dicts to it, as the library does. Every helper below calls it.
void Prepare();

// The function `f` of a source text, translated.
struct Translated {
  Ref function;
  Translation result;

  PyCodeObject* code() const { return CodeOfFunction(function); }
  // Names of all stencils in order, separated by blanks. A return with all that belongs to it is one, return_L or return_R.
  std::string Names() const;
  // The same with "| " in front of each block but the first.
  std::string Blocks() const;
  // Whether hot stencil and cold chain of an emission begin with the first name, end with the last one, and have the
  // others in this order between them.
  static bool Chained(const Emission& e, std::initializer_list<const char*> names);
  // First emission of a stencil; the test fails if there is none.
  const Emission& Find(const char* stencil) const;
  const Site& SiteOf(const Emission& e) const;
  // What is not canonical at the emission's site: "0:local0 1:const 2:acc 3:null".
  std::string PendingAt(const Emission& e) const;
  int LocalOffset(int local) const { return local * 8; }
  int SlotOffset(int entry) const { return (code()->co_nlocalsplus + entry) * 8; }
};
Translated Translate(const char* source, TranslationMode mode = {});

// A function whose calls run compiled code, for as long as this object lives.
class Native {
 public:
  // `f` of the source text, or any function (a new reference is taken).
  explicit Native(const char* source) : Native(FunctionFrom(source).get()) {}
  explicit Native(PyObject* function);
  ~Native();
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  PyObject* function() const { return function_.get(); }
  PyObject* global(const char* name) const;  // borrowed
  PyCodeObject* code() const { return CodeOfFunction(function_); }
  UnitImpl* unit() const { return static_cast<UnitImpl*>(unit_.get()); }
  UnitHeader* header() const { return unit()->header(); }
  // The site of the n-th instruction with this name, of those that have one.
  const Site& SiteOf(const char* opcode, int n = 0) const;
  template <class Cell>
  const Cell& CellOf(const char* opcode, int n = 0) const {
    return *static_cast<const Cell*>(SiteOf(opcode, n).cell);
  }

  // The result as text (repr); "ExceptionType: message" after an exception.
  std::string Call(std::initializer_list<PyObject*> arguments = {}) const;

 private:
  Ref function_;
  std::unique_ptr<Unit> unit_;
  Unit** link_;  // the code's extra slot
};

// repr() of an expression.
std::string Repr(PyObject* object);
// The exception that is set, as "Type: message"; cleared.
std::string TakeError();

}  // namespace tierjit::tier1

#endif  // TIERJIT_TESTS_UNIT_TIER1_FIXTURE_H_
