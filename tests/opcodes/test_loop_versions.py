"""Loops in which a local has another type than in front of them: the general version of the loop, the typed one, and every way between them."""

import sys

from harness import case

TURNS = 120


def tell(x):
    return type(x).__name__, repr(x)


@case
def sums_that_begin_as_ints(log):
    def total(xs):
        s = 0
        for x in xs:
            s += x
        return tell(s)

    for _ in range(6):
        log.call(total, [0.5] * TURNS)
    log.call(total, [])
    log.call(total, [1.5])
    log.call(total, [1] * 5 + [2.5] * TURNS)
    log.call(total, [2.5] * TURNS + [1] * 5)
    log.call(total, [2.5] * 3 + ["x"])
    log.call(total, [2.5, 1j] * 20)
    log.call(total, [float("nan"), float("inf"), -0.0] * 20)
    log.call(total, [2 ** 70, 0.5] * 20)


@case
def sums_within_loops(log):
    def rows(m):
        out = []
        for row in m:
            s = 0
            for x in row:
                s += x * 2
            out.append(tell(s))
        return out, tell(s), tell(x)

    for _ in range(4):
        log.call(rows, [[0.5] * 9, [], [1.5] * 3, [2.5]] * 30)
    log.call(rows, [[0.5] * 9, [], [1, 2, 3], [2.5], ["a"]] * 10)
    log.call(rows, [])


@case
def nothing_found_so_far(log):
    def largest(xs):
        best = None
        for x in xs:
            if best is None or x > best:
                best = x
        return tell(best)

    def last(xs, flags):
        found = None
        i = 0
        for x in xs:
            if flags[i]:
                found = i
            i += 1
        return tell(found)

    for _ in range(6):
        log.call(largest, list(range(TURNS)))
    log.call(largest, [2.5] * TURNS)
    log.call(largest, [])
    log.call(largest, [1, 2.5, 3] * 30)
    log.call(largest, [2 ** 80, 1, 2 ** 81] * 30)
    for _ in range(6):
        log.call(last, [0] * TURNS, [False] * 50 + [True] * 70)
    log.call(last, [0] * TURNS, [False] * TURNS)
    log.call(last, [0] * TURNS, [True] + [False] * TURNS)


@case
def values_that_others_see(log):
    def frames(xs, look):
        s = 0
        for x in xs:
            s += x
            look(s)
        return tell(s)

    seen = []

    def look(s):
        frame = sys._getframe(1)
        seen.append((type(frame.f_locals["s"]).__name__, frame.f_locals["s"] is s or frame.f_locals["s"] == s))

    for _ in range(4):
        log.call(frames, [0.5] * TURNS, look)
    log.call(len, seen)
    log.call(set, seen)

    def change(s):
        if s > 20:
            sys._getframe(1).f_locals["s"] = "text"

    log.call(frames, [0.5] * TURNS, change)


@case
def loops_that_are_left(log):
    def search(xs, limit):
        s = 0
        n = None
        for x in xs:
            s += x
            n = 1
            if s > limit:
                break
        else:
            return "all", tell(s), n
        return tell(s), n

    for limit in (1e9, 10.0, -1.0, 30.25):
        for _ in range(3):
            log.call(search, [0.5] * TURNS, limit)
    log.call(search, [], 3)

    def inner(xs):
        t = 0
        for x in xs:
            if x < 0:
                return tell(t)
            t = x if t is None else t + x
        t = None
        while t is None:
            t = 3
        return tell(t)

    for _ in range(4):
        log.call(inner, [0.25] * TURNS)
        log.call(inner, [0.25] * TURNS + [-1])
    log.call(inner, [-1])
    log.call(inner, [0.25, "x"])


@case
def one_name_many_loops(log):
    def several(n):
        out = []
        for x in range(n):
            out.append(x)
        for x in [0.5] * n:
            out.append(x)
        for x in "abc":
            out.append(x)
        x = None
        for i in range(n):
            x = i / 2
        out.append(x)
        for i in range(n):
            x = i > 3
        return out, tell(x), tell(i)

    for _ in range(4):
        log.call(several, 40)
    log.call(several, 0)


@case
def unbound_in_front(log):
    def late(xs):
        for x in xs:
            if x > 3:
                s += x
            else:
                s = x
        return tell(s)

    for _ in range(4):
        log.call(late, [0.5, 4.5, 5.5] * 40)
    log.call(late, [])
    log.call(late, [4.5])

    def deleted(xs):
        s = 1.5
        del s
        for x in xs:
            s = x
        return tell(s)

    for _ in range(4):
        log.call(deleted, [2.5] * TURNS)
    log.call(deleted, [])
