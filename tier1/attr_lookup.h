// Attributes by a table of (class version, name), for sites that see more classes, or other places, than their inline caches hold.
// Nothing here runs foreign code, so operands may be borrowed and the frame need not be canonical; but objects of C types are asked for
// what the table does not have, where the frame is canonical apart from the owner.
#ifndef TIERJIT_TIER1_ATTR_LOOKUP_H_
#define TIERJIT_TIER1_ATTR_LOOKUP_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// How an attribute was found: not at all (without an exception), so see to it the general way; a function of the class, to be called
// with the object; any other attribute; or the unit must be left, with the owner consumed.
enum class AttrForm : int64_t { kNone, kMethod, kPlain, kLeft };
struct FoundAttr {
  PyObject* value;  // a new reference, or NULL
  AttrForm form;
};

extern "C" {
// Each of them fills the site's inline cache as well, as long as that is not known to be of no use. [GIL]
FoundAttr tj_find_attr(PyObject* owner, Site* site, PyThreadState* ts);
FoundAttr tj_find_method(PyObject* owner, Site* site, PyThreadState* ts);
// The value is borrowed.
StoreResult tj_put_attr(PyObject* owner, PyObject* value, Site* site);
}
// As tj_find_attr() where the frame is canonical, the owner included: getters of C types are called. kNone, or kPlain with a new
// reference or, with an exception, NULL. [GIL]
FoundAttr ReadAttr(PyObject* owner, Site* site);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ATTR_LOOKUP_H_
