"""Programs that nothing holds for: the optimising tier takes them a bounded number of times, then lets them be. And which calls make it look."""

import pytest

from bounded import COMPILES_OF_ONE, measured

TYPES = """
def add(a, b):
    return a + b

def run(n):
    values = (1, 2.5, "a", (1,), [2], 3j, True, 1 << 70)
    count = 0
    for i in range(n):
        v = values[i & 7]
        w = add(v, v)
        x = v * 2
        if x == w:
            count += 1
    return count
"""

PHASES = """
def run(n):
    count = 0
    for kind in (1, 2.5, True, 1 << 40, 0.5, 7):
        x = kind
        for i in range(n):
            x = x + kind
            if x > kind * 1000:
                x = kind
            count += x == kind
    return count
"""

SHAPES = """
def class_of(k):
    class C:
        def __init__(self):
            for name in "abcdefgh"[k:] + "abcdefgh"[:k]:
                setattr(self, name, k)
        def get(self):
            return self.a
    return C

def run(n):
    things = [class_of(k)() for k in range(8)]
    total = 0
    for i in range(n):
        thing = things[i & 7]
        thing.b = thing.a + i
        total += thing.b + thing.c + thing.get()
        if i % 1000 == 0:
            things[i // 1000 & 7] = class_of(i // 1000 & 7)()
    return total
"""

GLOBALS = """
def one(x):
    return x + 1

def two(x):
    return x + 2

step, factor = one, 3

def run(n):
    global step, factor
    total, step, factor = 0, one, 3
    for i in range(n):
        total += int(step(i) * factor) & 1023
        step = two if step is one else one
        factor = i & 7 if i & 1 else 0.5 + i if i & 2 else str(i) and 4
    return total
"""

WAYS_IN = """
def inner(a, b):
    count = 0
    while a < b:
        a += 3
        count += 1
    return count

def run(n):
    total = 0
    for k in range(n // 40):
        total += inner(-k, -k + 90) + inner(k << 40, (k << 40) + 30) + inner(k * 0.5, k * 0.5 + 30)
    return total
"""

CODES = """
def step(x):
    return x + 1

def other(x):
    return x * 2 & 255

codes = [step.__code__, other.__code__]

def run(n):
    total = 0
    for i in range(n):
        if i % 50 == 0:
            step.__code__ = codes[i // 50 & 1]
        total += step(i & 7)
    return total
"""

DEATHS = """
class Told:
    def __del__(self):
        Told.count += 1

Told.count = 0

def dropped(i):
    things = [Told()]
    return i + len(things)

def way_in(thing, n):
    kept = [thing]
    count = 0
    for i in range(n):
        kept = i
        count += kept
    return count

def run(n):
    count = 0
    for i in range(n):
        if Told() is None:
            count += 1
        for x in [i, Told()]:
            count += 1
        count += dropped(i)
        if i % 100 == 0:
            count += way_in(Told() if i % 200 == 0 else i, 50)
    return count
"""

PROGRAMS = {"deaths": DEATHS, "types": TYPES, "types in phases": PHASES, "shapes": SHAPES, "globals": GLOBALS, "ways in": WAYS_IN, "codes": CODES}


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_recompilation_is_bounded(name, background):
    early, late, units = measured(PROGRAMS[name], background)
    assert all(unit["compiles"] <= COMPILES_OF_ONE for unit in units), units
    # What has become of the units does not change any more, and code that is left all the time is not entered any more.
    assert late["compiles"] == early["compiles"], (early, late, units)
    assert late["exits"] - early["exits"] <= 2 * 1024, (early, late, units)


@pytest.mark.parametrize("threshold", [300, 3000])
def test_tier2_threshold_moves_the_promotion_of_functions(threshold):
    source = """
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def run(n):
    return n
"""
    _, _, units = measured(source, False, tier2_threshold=threshold, profiled_turns=50, tier1_threshold=1, more=f"""
def calls(n):
    for _ in range(n // 3): fib(2)  # enters it three times
import tierjit
tierjit.never(calls)
def phase():
    return [unit.phase for unit in tierjit.info(fib).tier2]
calls({threshold} - 10)
assert phase() == [], phase()
calls(20)
assert phase() == ["profiled"], phase()
calls(180)
assert phase() == ["optimised"], tierjit.info(fib)
""")
    assert units == []
