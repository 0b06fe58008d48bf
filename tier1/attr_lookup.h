// Attributes by a table of (class version, name), for sites that see more classes, or other places, than their inline caches hold.
// Nothing here runs foreign code, so operands may be borrowed and the frame need not be canonical.
#ifndef TIERJIT_TIER1_ATTR_LOOKUP_H_
#define TIERJIT_TIER1_ATTR_LOOKUP_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// How a method was found: not at all; a function, to be called with the object; any other attribute, without self.
enum class MethodForm : int { kNone, kMethod, kAttribute };

extern "C" {
// Each of them fills the site's inline cache as well, as long as that is not known to be of no use. [GIL]
// A new reference, or NULL (without an exception): see to it the general way.
PyObject* tj_find_attr(PyObject* owner, Site* site);
// to[0] is a new reference to the callable; what belongs to to[1] is the caller's business.
MethodForm tj_find_method(PyObject* owner, Site* site, PyObject** to);
// The value is borrowed.
StoreResult tj_put_attr(PyObject* owner, PyObject* value, Site* site);
}

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ATTR_LOOKUP_H_
