"""Runs CPython's test files as `python -m test -R 3:3` does in a build with reference debugging, under a release build.

    python tests/regrtest/leak_hunt.py -R 3:3 test_with test_unpack

A release build does not count all references, so they are summed here: those of every object that the collector knows and of what
these objects refer to, after a full collection. The blocks that the allocator has given out are counted as regrtest does.

References to the weak reference of a class do not count. tierjit keeps one for each class of which its profiled code has met an instance.
The loop that sums meets all classes, but looks at types now and then only: it would find a class that is new to it turn after turn.
"""

import gc
import sys
import weakref

from test.libregrtest import main


def total_references():
    """The sum of the reference counts of all mortal objects that can be reached by one step from a collected object."""
    gc.collect()
    seen, total = set(), 0
    count, immortal = sys.getrefcount, 1 << 30
    weak = weakref.ref
    objects = gc.get_objects()
    for held in objects:
        for o in (held, *gc.get_referents(held)):
            if id(o) not in seen:
                seen.add(id(o))
                references = count(o)
                if references < immortal and not (type(o) is weak and isinstance(o(), type)):
                    total += references
    return total


if __name__ == "__main__":
    if not hasattr(sys, "gettotalrefcount"):
        sys.gettotalrefcount = total_references
    main.main()
