"""Comparisons, identity, membership, chains, and their fusion with branches."""

import sys
from sys import getrefcount as refcount

from harness import case

NAN = float("nan")
NUMBERS = [
    0, 1, -1, True, False, 255, 256, 257, 2**30, 2**30 - 1, -2**30, 2**60, 2**63, 2**64, -2**64, 0.0, -0.0, 1.0, 1.5,
    -1.0, 2.0**30, 2.0**64, 1e308,
    float("inf"), -float("inf"), NAN
]
MIXED = [1, 1.0, True, "a", "b", "", b"a", None, (1, 2), (1, 3), [1], [], {1}, {1, 2}, {1: 2}, 1j, ..., range(1)]

lt = lambda a, b: a < b
le = lambda a, b: a <= b
eq = lambda a, b: a == b
ne = lambda a, b: a != b
gt = lambda a, b: a > b
ge = lambda a, b: a >= b
same = lambda a, b: a is b
other = lambda a, b: a is not b
inside = lambda a, b: a in b
outside = lambda a, b: a not in b
ORDER = (lt, le, eq, ne, gt, ge)


@case(times=4)
def numbers(log):
    for operator in ORDER:
        log.grid(operator, NUMBERS, NUMBERS)


@case(times=4)
def mixed(log):
    for operator in ORDER:
        log.grid(operator, MIXED, MIXED)


@case
def strings(log):
    values = ["", "a", "b", "ab", "aB", "é", "€", "\U0001F600", "a\0", "a" * 100, "a" * 99 + "b"]
    for operator in ORDER:
        log.grid(operator, values, values)
    log.call(eq, "".join(["a", "b"]), "ab")
    log.call(ne, "".join(["a", "b"]), "ab")


def branch_lt(a, b):
    if a < b:
        return "yes"
    return "no"


def branch_le(a, b):
    return "yes" if a <= b else "no"


def branch_eq(a, b):
    if a == b:
        return "yes"
    else:
        return "no"


def branch_ne(a, b):
    if not a != b:
        return "no"
    return "yes"


def branch_gt(a, b):
    while a > b:
        return "yes"
    return "no"


def branch_ge(a, b):
    if a >= b and a:
        return "yes"
    return "no"


@case(times=4)
def fused_branches(log):
    for function in (branch_lt, branch_le, branch_eq, branch_ne, branch_gt, branch_ge):
        log.grid(function, NUMBERS, NUMBERS)
        log.grid(function, MIXED, MIXED)


@case
def tracebacks(log):
    log.each(lt, (1, "a"), (None, 1), (1j, 2j), ([1], (1,)), ({}, {}))
    log.each(branch_lt, (1, "a"), (None, 1))
    log.each(branch_ge, (object, 1), ("a", b"a"))
    log.each(inside, (1, 5), (1, "abc"), ([], {1}), ({}, {}))


@case
def identity(log):
    nan, big = NAN, 2 ** 70
    text = "".join(["x", "y"])
    values = [None, True, 1, nan, big, text, "xy", (), ...]
    log.grid(same, values, values)
    log.grid(other, values, values)

    def branches(x):
        out = []
        if x is None:
            out.append("none")
        if x is not None:
            out.append("some")
        if x is True:
            out.append("true")
        if not x is False:
            out.append("not false")
        return out, "n" if x is None else "s"

    log.grid(branches, [None, True, False, 0, 1, "", NAN])


@case
def membership(log):
    boxes = [[1, 2, NAN], (1, "a"), {1, "a"}, {
        1: 0,
        "a": 1
    }, "abca",
             range(3),
             frozenset({2}),
             iter([1, 2]), b"\x01a", {}.keys()]
    log.grid(inside, [1, 2, "a", "", 1.0, True, None, NAN], boxes[:7] + boxes[8:])
    log.grid(outside, [1, 2, "a", "", 1.0, True, None, NAN], boxes[:7] + boxes[8:])
    log.call(inside, 2, iter([1, 2, 3]))
    log.call(inside, NAN, [NAN])
    log.call(inside, float("nan"), [NAN])

    def branch(a, b):
        if a in b:
            if a not in (1, 2):
                return "in, not small"
            return "in"
        return "out"

    log.grid(branch, [1, "a", 3], [[1, "a", 3], "abc3", {3}, {"a": 0}])


@case
def user_contains(log):
    class Contains:
        def __init__(self, answer):
            self.answer = answer

        def __contains__(self, item):
            log("contains", item)
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

    class Iterates:
        def __iter__(self):
            log("iter")
            return iter([1, 2, 3])

    class Items:
        def __getitem__(self, index):
            log("getitem", index)
            if index > 2:
                raise IndexError
            return index * 10

    class Blocked:
        __contains__ = None

    for box in (Contains(True), Contains(0), Contains("text"), Contains([]), Contains(KeyError("k")), Iterates(),
                Items(), Blocked()):
        log.call(inside, 10, box)
        log.call(outside, 2, box)


class Odd:
    """Comparisons with results that are no bools."""

    def __init__(self, log, result):
        self.log, self.result = log, result

    def __repr__(self):
        return "<odd>"

    def answer(self, what, other):
        self.log(what, other)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def __lt__(self, other):
        return self.answer("lt", other)

    def __le__(self, other):
        return self.answer("le", other)

    def __eq__(self, other):
        return self.answer("eq", other)

    def __ne__(self, other):
        return self.answer("ne", other)

    def __gt__(self, other):
        return self.answer("gt", other)

    def __ge__(self, other):
        return self.answer("ge", other)

    __hash__ = None


class Truth:
    def __init__(self, log, answer):
        self.log, self.answer = log, answer

    def __repr__(self):
        return f"<truth {self.answer!r}>"

    def __bool__(self):
        self.log("bool", self)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Length:
    def __init__(self, answer):
        self.answer = answer

    def __repr__(self):
        return f"<length {self.answer!r}>"

    def __len__(self):
        return self.answer


@case
def rich_results(log):
    results = (True, 0, 1, "", "x", [], None, NotImplemented, Truth(log, True), Truth(log, False), Truth(log, 1),
               Truth(log, KeyError("b")), Length(0), Length(3), Length(-1), Length("x"), ValueError("cmp"))
    for result in results:
        odd = Odd(log, result)
        for operator in (*ORDER, branch_lt, branch_le, branch_eq, branch_ne, branch_gt, branch_ge):
            log.grid(operator, [odd], [5])
            log.grid(operator, [5, 2.5, "s"], [odd])
    log.call(branch_eq, Odd(log, ValueError("v")), 1)
    log.call(branch_lt, Odd(log, Truth(log, KeyError("b"))), 1)
    log.call(branch_ne, Odd(log, Length(-1)), 1)


@case
def reflected(log):
    class Base:
        def __lt__(self, other):
            log("Base.lt")
            return NotImplemented

        def __gt__(self, other):
            log("Base.gt")
            return NotImplemented

        def __eq__(self, other):
            log("Base.eq")
            return NotImplemented

    class Derived(Base):
        def __gt__(self, other):
            log("Derived.gt")
            return "derived"

        def __eq__(self, other):
            log("Derived.eq")
            return "equal"

    for a in (Base, Derived):
        for b in (Base, Derived):
            for operator in (lt, gt, eq, ne):
                log.call(operator, a(), b())


@case
def chains(log):
    def note(x):
        log(x)
        return x

    def f(a, b, c):
        return note(a) < note(b) < note(c)

    def g(a, b, c, d):
        if note(a) <= note(b) == note(c) != note(d):
            return "all"
        return "some"

    def h(a, b):
        return 0 < a < 10 < b is not None

    def k(x):
        return 1 < x in [2, 3, 5] == [2, 3, 5]

    def loop(n):
        i = 0
        while 0 <= i < n:
            i += 3
        return i

    log.each(f, (1, 2, 3), (1, 0, 3), (1, 2, 2), (1.5, 2, 2.5), ("a", "b", "c"), (1, "a", 2), (1, 2, "a"), (3, 2, "a"))
    log.each(g, (1, 2, 2, 3), (1, 2, 2, 2), (3, 2, 2, 1), (1, 2, 3, 4))
    log.each(h, (5, 20), (5, 5), (50, 5), (5, None))
    log.each(k, (2,), (4,), (0,))
    log.each(loop, (0,), (10,))


@case
def chain_odd_results(log):
    def f(a, b, c):
        return a < b < c

    for first in (True, 0, "", "x", None, Truth(log, False), Truth(log, True), Truth(log, KeyError("z"))):
        log.call(f, Odd(log, first), 5, Odd(log, "unused"))
        log.call(f, 1, Odd(log, first), 3)


@case
def chain_operand_lifetime(log):
    class Value:
        def __init__(self, n):
            self.n = n
            self.probe = log.probe(f"v{n}")

        def __lt__(self, other):
            log("lt", self.n, other.n)
            return self.n < other.n

    def f(a, b, c):
        return Value(a) < Value(b) < Value(c)

    log.each(f, (1, 2, 3), (2, 1, 3), (1, 3, 2))


@case
def nested_conditions(log):
    def classify(a, b):
        if a < b:
            if a == 0:
                return "zero"
            elif a < 0 <= b:
                return "crosses"
            return "less"
        elif a > b or b != b:
            return "more" if a > b else "nan"
        else:
            return "same"

    log.grid(classify, NUMBERS, NUMBERS[:8])


@case
def sorting(log):
    class Key:
        def __init__(self, value):
            self.value = value

        def __lt__(self, other):
            return self.value < other.value

    log.call(lambda items: [k.value for k in sorted([Key(i * 7 % 11) for i in items])], range(11))
    log.call(lambda: max([3, 1, 2], key=lambda x: -x))
    log.call(lambda: sorted([1, "a"]))


@case
def containers_compare(log):
    log.grid(eq, [[1, NAN], [1, NAN], [1, float("nan")], (1,), {1: [2]}], [[1, NAN], (1,), {1: [2]}])
    log.grid(lt, [[1, 2], [1], [], [2]], [[1, 2], [1, 3], []])
    odd = Odd(log, ValueError("inside"))
    log.call(eq, [odd], [1])
    log.call(eq, [odd], [odd])
    log.call(lt, (1, odd), (1, 2))


@case
def site_changes_type(log):
    rows = ((1, 2), (1.5, 2.5), ("a", "b"), (2 ** 70, 1), (1, 1.5), ((1,), (2,)), (NAN, 1.0), (1, 2))
    for _ in range(3):
        for function in (lt, eq, branch_lt, branch_eq, branch_ne, branch_gt):
            log.each(function, *rows)
    log.call(branch_lt, 1, None)
    log.call(branch_lt, 1, 2)


@case
def counts(log):
    def f(a, b):
        r = a == b, a < b, a is b, a in [b]
        log("refs", refcount(a), refcount(b))
        return r

    log.call(f, 10 ** 50, 10 ** 51)
    log.call(f, [1], [2])
    log.call(f, "long text" * 5, "long text" * 5)


@case
def compare_drops_operands(log):
    class Item:
        def __init__(self, name):
            self.probe = log.probe(name)

        def __eq__(self, other):
            log("eq")
            raise LookupError("no")

    def f():
        if Item("a") == Item("b"):
            return 1

    log.call(f)


@case
def negated(log):
    log.grid(lambda a, b: not a < b, NUMBERS[:9], [0, NAN])
    log.grid(lambda a, b: not (a == b or a is b), NUMBERS, [NAN, 1])
    log.grid(lambda a: not not a, [0, 1, "", "x", None, [], [0], 0.0, NAN])


class Watcher:
    """Operators that reach into the frame that runs them."""

    def __init__(self, action):
        self.action = action

    def __lt__(self, other):
        self.action(sys._getframe(1))
        return self

    def __bool__(self):
        self.action(sys._getframe(1))
        return True

    def __mod__(self, other):
        self.action(sys._getframe(1))
        return other

    __gt__ = __rmod__ = __lt__


def operator_forms(a, b):
    out = []
    if a < b:
        out.append("LL")
    if a < 7:
        out.append("LC")
    if "x" < a:
        out.append("CL")
    if (a % 5, a % b < a)[0] == 5:
        out.append(a % b)
    out.append((a < b, b, a < "text"))
    out.append([b, a % "text", "%s" % b])
    return len(out), type(a).__name__, b


@case
def operators_switch_tracing_on(log):
    def trace(frame, event, arg):
        if frame.f_code.co_name == "operator_forms":
            log(event, frame.f_lineno - frame.f_code.co_firstlineno)
        return trace

    def traced(after):
        count = 0

        def action(frame):
            nonlocal count
            count += 1
            if count == after:
                frame.f_trace = trace
                sys.settrace(trace)

        try:
            return operator_forms(Watcher(action), 3)
        finally:
            sys.settrace(None)

    for after in range(1, 14):
        log.call(traced, after)


@case
def operators_change_locals(log):
    def change(frame):
        frame.f_locals["a"] = 4
        frame.f_locals["b"] = "other"

    log.call(operator_forms, Watcher(change), object())
    log.call(operator_forms, 9, Watcher(change))


@case
def operators_fail_at_each_step(log):
    def failing(after):
        count = 0

        def action(frame):
            nonlocal count
            count += 1
            if count == after:
                raise ValueError(after)

        return operator_forms(Watcher(action), 3)

    for after in range(1, 14):
        log.call(failing, after)
