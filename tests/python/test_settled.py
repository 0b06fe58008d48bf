"""Tier 1 compiles code anew by the types that its loops have worked on. Each case is a process of its own."""

import pytest

from program import check

pytest.importorskip("tierjit")

PRELUDE = """
import tierjit
from decimal import Decimal
tierjit.configure(background=False, **options)
tierjit.enable()

def settled(f):
    return tierjit.info(f).settled

def decimals(n, x):
    for i in range(n):
        x = x * 2 - x
    return x

def plain(n):
    i = 0
    while i < n:
        i += 1
    return i
"""
ALONE, BOTH = "options = dict(tier2=False, osr_threshold=1000)", "options = dict(tier2=True, osr_threshold=1000)"

BY_WHAT_WAS_SEEN = """
size = tierjit.info(decimals).code_bytes
assert decimals(5000, Decimal(3)) == 3
info = tierjit.info(decimals)
assert info.settled == 1 and info.code_bytes > size and info.back_edges >= 4900, info
assert decimals(2000, Decimal(4)) == 4 and settled(decimals) == 1
assert decimals(2000, 7) == 7 and decimals(2000, 1.5) == 1.5
"""
NOT_WITHOUT_REASON = """
assert plain(20_000) == 20_000
assert settled(plain) == 0
"""
LATER_LOOPS = """
def two(n, x):
    for i in range(n):
        x = x + x - x
    y = x
    for i in range(n * 9):
        y = y + x
    return y

assert two(3000, Decimal(1)) == 27001
assert 1 <= settled(two) <= 3
assert two(3000, 1) == 27001
"""
NOT_IN_A_PAUSE = """
with tierjit.pause():
    decimals(5000, Decimal(3))
assert settled(decimals) == 0
"""
RECURSION = """
def walk(n):
    total = Decimal(0)
    for i in range(n):
        total = total + walk(i) + Decimal(1)
    return total

assert walk(12) == 4095
assert settled(walk) >= 1
"""
# What is suspended while its code is compiled anew goes on in the new code.
GENERATORS = """
def passed(it):
    for x in it:
        yield x

def scaled(n, x):
    for i in range(n):
        x = x * 2 - x
        yield x

def waiting(n):
    for i in range(n):
        yield 1.5

old = passed(waiting(20_000))
assert next(old) == 1.5
assert set(passed(scaled(20_000, Decimal(3)))) == {3}
assert settled(passed) == settled(scaled) == 1
rest = sum(old)
assert (rest, settled(waiting)) == (1.5 * 19_999, 1) and settled(passed) <= 2, (rest, settled(passed), settled(waiting))
assert set(passed(scaled(2000, 1.5))) == {1.5} and list(passed("abc")) == ["a", "b", "c"] and list(passed([])) == []
assert list(scaled(3, 4)) == [4, 4, 4]
info = tierjit.info(scaled)
assert info.back_edges >= 21_000 and not any(unit.compiles for unit in info.tier2)
"""


@pytest.mark.parametrize("options", [ALONE, BOTH], ids=["alone", "both"])
@pytest.mark.parametrize("body", [BY_WHAT_WAS_SEEN, NOT_WITHOUT_REASON, LATER_LOOPS, NOT_IN_A_PAUSE, RECURSION, GENERATORS],
                         ids=["by_what_was_seen", "not_without_reason", "later_loops", "not_in_a_pause", "recursion", "generators"])
def test_settled(body, options):
    check(options + PRELUDE + body)
