// Attributes by a table of (class version, name), for sites that see more classes, or other places, than their inline caches hold.
// Nothing here runs foreign code, so operands may be borrowed and the frame need not be canonical.
#ifndef TIERJIT_TIER1_ATTR_LOOKUP_H_
#define TIERJIT_TIER1_ATTR_LOOKUP_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// How an attribute was found: not at all (without an exception), so see to it the general way; a function of the class, to be called
// with the object; or any other attribute.
enum class AttrForm : int64_t { kNone, kMethod, kPlain };
struct FoundAttr {
  PyObject* value;  // a new reference, or NULL
  AttrForm form;
};

// Each of them fills the site's inline cache as well, as long as that is not known to be of no use. [GIL]
PyObject* FindAttr(PyObject* owner, Site* site);  // a new reference, or NULL without an exception
extern "C" PyObject* tj_find_attr(PyObject* owner, PyObject* name);  // for no site
FoundAttr FindMethod(PyObject* owner, Site* site);
extern "C" StoreResult tj_put_attr(PyObject* owner, PyObject* value, Site* site);  // the value is borrowed
// As FindAttr() where the frame is canonical, the owner included: getters of C types are called. kNone, or kPlain with a new
// reference or, with an exception, NULL. [GIL]
FoundAttr ReadAttr(PyObject* owner, Site* site);
// See ForgetInterpreter(). [GIL]
void ForgetAttributes(bool alive);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ATTR_LOOKUP_H_
