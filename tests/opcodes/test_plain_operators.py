"""Operators and comparisons of builtin types beyond ints and floats, at sites that see them all; globals that go on changing."""

import datetime
import enum
import sys
import weakref
from decimal import Decimal
from sys import getrefcount as refcount

from harness import case

ROUNDS = 40
VALUES = [0, 1, -7, 2**40, 2**70, -(2**65), True, 0.0, -2.5, 1e300, float("inf"), float("nan"), 1j, 2 - 3j, "", "ab", "a\u20ac", "\U0001f600",
          b"x", (1,), [2], None, ..., {1}]


SYMBOLS = ["+", "&", "//", "<<", "*", "%", "|", "**", ">>", "-", "/", "^"]
OPERATORS = []
for symbol_ in SYMBOLS:
    space = {}
    exec(f"def f(a, b): return a {symbol_} b\ndef g(a, b):\n x = a\n x {symbol_}= b\n return x\n"
         f"def c(a): return a {symbol_} 3\ndef d(a): return 2.5 {symbol_} a\ndef e(a, b): return (a {symbol_} b) {symbol_} (b {symbol_} a)\n", space)
    OPERATORS.append((symbol_, space))


def small(symbol, a, b):
    """Nothing that would take long."""
    return not (symbol in ("<<", "**") and (isinstance(b, int) and not -100 < b < 100 or isinstance(a, int) and abs(a) > 10**6))


def run(f, *args):
    try:
        r = f(*args)
        return type(r).__name__, repr(r)[:200]
    except (TypeError, ZeroDivisionError, OverflowError, ValueError, MemoryError) as e:
        return type(e).__name__, str(e)


@case(times=3)
def all_pairs(log):
    for symbol, space in OPERATORS:
        for a in VALUES:
            for b in VALUES:
                if small(symbol, a, b) and small(symbol, b, a) and not (symbol == "*" and 2**40 in (a, b)):
                    log(symbol, run(space["f"], a, b), run(space["g"], a, b))
                    if symbol not in ("<<", "**"):
                        log(run(space["e"], a, b))
            if small(symbol, a, 3) and small(symbol, 2, a):
                log(run(space["c"], a), run(space["d"], a))


@case
def lists_grow_in_place(log):
    def grow(a, b):
        c = a
        c += b
        return c is a, a + b, a

    def times(a, n):
        c = a
        c *= n
        return c is a, a * n

    for _ in range(ROUNDS):
        r = grow([1], [2]), grow((1,), (2,)), times([1], 3), times((1,), 3), times("ab", 2)
    log(r)
    log(run(grow, [1], (2,)), run(grow, (1,), [2]), run(times, [1], -1), run(times, "a", 2.0))


def eq(a, b):
    return a == b


def ne(a, b):
    return a != b


def jump(a, b):
    if a == b:
        return "equal"
    if not a != b:
        return "not unequal"
    while a < b:
        return "less"
    return "other"


def constants(a):
    return a == "ab", a != None, None == a, "ab" != a, a == 1, 1 != a, a < "b", "b" > a  # noqa: E711


def temporaries(a, b):
    return a + b == b + a, [a] == [b], (a, b) != (b, a), a * 1 == b * 1


class Plain:
    pass


class Member(enum.Enum):
    ONE = 1
    TWO = 2


class Same(Plain):
    __hash__ = Plain.__hash__

    def __eq__(self, other):
        return True


@case(times=3)
def comparisons(log):
    plain = Plain()
    objects = VALUES + [plain, Plain(), Same(), Member.ONE, Member.TWO, Plain, int, len, "ab"[:1] + "b", sys]
    for a in objects:
        for b in objects:
            log(run(eq, a, b), run(ne, a, b), run(jump, a, b), run(temporaries, a, b))
        log(run(constants, a))


class Dies:
    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log("died")


@case
def temporaries_die(log):
    def compare(a):
        r = Dies(log) == a
        log("compared", r)
        if Dies(log) != Dies(log):
            log("differ")
        return [Dies(log)] + [a] == None  # noqa: E711

    for _ in range(6):
        log(compare(None), compare(3))


@case
def a_class_gets_an_eq(log):
    class Late:
        pass

    a, b = Late(), Late()
    for _ in range(ROUNDS):
        assert not eq(a, b) and ne(a, b)
    Late.__eq__ = lambda self, other: "late"
    log(eq(a, b), ne(a, b), jump(a, b))
    del Late.__eq__
    log(eq(a, b), ne(a, b))
    log.call(jump, a, b)


def invert(x):
    return ~x, ~(x + 0)


@case
def inversions(log):
    for x in (0, -1, 5, 2**30 - 1, -(2**30), 2**60, -(2**90), True):
        for _ in range(3):
            log(invert(x))
    log(run(invert, 1.5), run(invert, "s"))


counter = 0
text = ""


def count(n):
    global counter, text
    for i in range(n):
        counter += 1
        text = text + "x" if i % 50 else ""
    return counter, len(text)


def delete():
    global counter
    del counter


def read():
    return counter


@case
def restless_globals(log):
    global counter
    counter = 0
    for _ in range(6):
        log(count(100), read())
    delete()
    log(run_name(read), run_name(lambda: count(1)))
    counter = 5
    log(read(), count(3))
    globals()["counter"] = "set"
    log(read())
    counter = 0


def run_name(f):
    try:
        return f()
    except NameError as e:
        return str(e)


@case
def old_globals_die(log):
    space = {"Dies": Dies, "log": log, "v": None}
    exec("def f(n):\n global v\n for i in range(n):\n  v = Dies(log)\n  log('stored')\n v = None\n log('cleared')\n", space)
    space["f"](4)
    exec("for i in range(3):\n v = Dies(log)\n log('stored')\n", space)
    odd = {1: 2, "Dies": Dies, "log": log}
    exec("for i in range(3):\n w = i\n log(w)\n", odd)
    log(odd["w"])


@case
def new_globals_of_the_same_code(log):
    source = "n = 0\ndef f():\n global n\n n += 1\n return n\n"
    code = compile(source, "m", "exec")
    spaces = []
    for i in range(20):
        space = {}
        exec(code, space)
        spaces.append(space)
        for _ in range(10):
            space["f"]()
    log([s["n"] for s in spaces])


class Adding:
    """Each operation is noted."""
    def __init__(self, log): self.log = log

    def __add__(self, other):
        self.log("added", other)
        return 1

    def __mul__(self, other):
        self.log("multiplied", other)
        return 0

    def __lt__(self, other):
        self.log("compared", other)
        return True

    def __len__(self):
        self.log("measured")
        return 3


@case
def results_that_nobody_wants(log):
    """They are computed all the same: operands may raise, or be told."""
    def unused(values):
        for v in values:
            v + 1
            v * 2
            v < 3

    def lengths(values):
        for v in values: len(v)

    def overwritten(values):
        for v in values:
            x = v + 1
            x = 5
        return x

    def always_the_same(values, seen):
        for v in values:
            seen.append(v * 0 == 0)
        return seen

    for odd in (None, "s", float("nan"), float("inf"), 2.5, True, 1 << 70, Adding(log)):
        log.call(unused, [1] * 12 + [odd])
        log.call(unused, [0.5] * 12 + [odd])
        log.call(lengths, [[1]] * 12 + [odd])
        log.call(overwritten, [1] * 12 + [odd])
        log.call(always_the_same, [1] * 12 + [odd], [])
        log.call(always_the_same, [1.0] * 12 + [odd], [])


@case
def builtin_types_above_pending_loads(log):
    """Operators that C types do while loads wait below: they raise, and run foreign code that changes what was loaded."""
    class Target:
        def __init__(self, act):
            self.act = act

        def __add__(self, other):
            return self.act("add")

        def __radd__(self, other):
            return self.act("radd")

        def __neg__(self):
            return self.act("neg")

        def __invert__(self):
            return self.act("invert")

        def __bool__(self):
            return self.act("bool")

        def __eq__(self, other):
            return self.act("eq")

        __hash__ = None

        def __lt__(self, other):
            return self.act("lt")

    def add(keep, a, b):
        return keep, a + b, keep

    def sub(keep, a, b):
        return keep, a - b, refcount(keep) > 0

    def inplace(keep, a, b):
        a += b
        return keep, a

    def nested(keep, a, b):
        return keep == keep, a + (b + a)

    def equal(keep, a, b):
        return keep, a == b, a < b, keep

    def negative(keep, a, b):
        return keep, -a, keep

    def invert(keep, a, b):
        return keep, ~a

    def temporary(keep, a, b):
        return keep, [a] + [b], -(a + b)

    def truth(keep, a, b):
        if a:
            return keep, "true"
        return keep, "false"

    def truth_of_temporary(keep, a, b):
        while a + b:
            return keep, "true"
        return keep, "false" if [a, b][1:] else "none"

    functions = (add, sub, inplace, nested, equal, negative, invert, temporary, truth, truth_of_temporary)

    def guarded(f, keep, a, b):
        before = refcount(keep)
        try:
            result = f(keep, a, b)
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            result = type(error).__name__, str(error), error.__traceback__.tb_next.tb_lineno - f.__code__.co_firstlineno
        text = repr(result)
        del result
        return text, refcount(keep) - before

    def failing(what):
        return 1 // 0

    def changing(what):
        frame = sys._getframe(2)
        if "keep" in frame.f_locals:
            frame.f_locals["keep"] = what
        return what == "bool"

    def quiet(what):
        return len(what)

    def truthful(what):
        return True

    keep = ["kept"]
    plain = (Decimal("1.5"), datetime.timedelta(3), {1, 2}, b"ab", (1,), [1], {1: 2}, None, 10**30, 2.5, 1j, "text", True, range(3))
    for f in functions:
        for a in plain:
            for b in (a, plain[0], plain[2], 7):
                log.call(guarded, f, keep, a, b)
        for act in (quiet, truthful, failing, changing):
            if act is truthful and f is not truth:
                continue
            target = Target(act)
            proxy = weakref.proxy(target)
            log.call(f, "kept", proxy, 5)
            log.call(f, "kept", 5, proxy)
            log.call(f, "kept", proxy, proxy)
            log.call(f, "kept", [target], [target, 1])
            log.call(f, "kept", [target], [1])
            log.call(f, "kept", (target,), (1,))


@case
def builtin_types_under_tracing(log):
    """Foreign code in an operator on builtin types switches tracing on."""
    class Target:
        def __eq__(self, other):
            sys.settrace(trace)
            sys._getframe(1).f_trace = trace
            return True

        __hash__ = None

        def __neg__(self):
            sys.settrace(trace)
            sys._getframe(1).f_trace = trace
            return 1

        def __bool__(self):
            sys.settrace(trace)
            sys._getframe(1).f_trace = trace
            return False

    def trace(frame, event, arg):
        log(frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno)
        return trace

    def compare(keep, a, b):
        r = keep, a == b
        sys.settrace(None)
        return r

    def negate(keep, a, b):
        r = keep, -b
        sys.settrace(None)
        return r

    def test(keep, a, b):
        if b:
            r = 1
        else:
            r = 2
        sys.settrace(None)
        return keep, r

    target = Target()
    for f in (compare, negate, test):
        log.call(f, "kept", [target], weakref.proxy(target))
        log.call(f, "kept", [target], [5])
        log.call(f, "kept", [5], [5])
