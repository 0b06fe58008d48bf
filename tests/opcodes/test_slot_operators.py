"""Operators of builtin types that are no numbers, in loops: their slots are asked by the code itself."""
import sys
from datetime import date, timedelta
from decimal import Decimal, DivisionByZero, localcontext

from sys import getrefcount as refcount

from harness import case

OPERATORS = ("a + b", "a - b", "a * b", "a / b", "a // b", "a % b", "a & b", "a | b", "a ^ b", "a << b", "a >> b", "a @ b", "a ** b")
IN_PLACE = ("a += b", "a -= b", "a *= b", "a /= b", "a //= b", "a %= b", "a &= b", "a |= b", "a ^= b")


class Money(Decimal):
    """Asked first when it stands on the right of a Decimal."""

    def __radd__(self, other):
        return "radd", str(other)


class Count(int):
    def __rmul__(self, other):
        return "rmul", str(other)


OBJECTS = [Decimal("1.25"), Decimal("-3"), Money("2"), Count(4), date(2024, 2, 29), timedelta(days=2), {1, 2}, frozenset({2}), {1: 2},
           {3: 4}.keys(), b"x%d", "x%s", 3, -(1 << 70), 2.5, 1 + 2j, True, False, (1, 2), [3], None]


def looping(source):
    scope = {}
    exec("def f(a, b):\n"
         "    out = []\n"
         "    first = a\n"
         "    for i in range(3):\n"
         f"        {source}\n"
         "        out.append((a, b))\n"
         "    return first, out", scope)
    return scope["f"]


@case
def all_pairs(log):
    for operator in OPERATORS:
        log.grid(looping(f"a = {operator}"), OBJECTS, OBJECTS)
    for statement in IN_PLACE:
        log.grid(looping(statement), OBJECTS, OBJECTS)


@case
def operands_on_the_stack(log):
    """Results as operands, that die here."""
    sources = ("x = (a + b) * (a - b)", "x = (a + b) - b", "x = a - (b + b)", "x = (a, a - b, (a + b) - (b - a))",
               "x = [a][0] - b", "x = a | b | a", "x = (a | b) & (b | a)")
    for source in sources:
        f = looping(source + "; a = a if i else b")
        for pair in ((Decimal(3), Decimal("0.5")), ({1, 2}, {2, 3}), (timedelta(3), timedelta(0, 5)), (1j, 2 - 3j), (True, False),
                     (date(2024, 2, 29), timedelta(1)), (Decimal(3), 4), (b"a", b"b")):
            log.call(f, *pair)


@case
def counts(log):
    a, b = Decimal("1.5"), Decimal("2.5")
    s = {1}

    def f(a, b, s):
        for i in range(40):
            c = a + b
            c += a
            c = (c * 2) - b
            t = s | s
            t = (t | s) & s
        return c, t

    c, t = f(a, b, s)
    log(c, t, refcount(a), refcount(b), refcount(s), refcount(c), refcount(t))


@case
def errors(log):
    def f(values, d):
        done = []
        for v in values:
            try:
                done.append(v / d)
            except ZeroDivisionError as e:
                done.append(type(e).__name__)
            except TypeError as e:
                done.append(str(e))
        return done

    log.call(f, [Decimal(1), Decimal(2)], Decimal(0))
    log.call(f, [Decimal(1), "s", Decimal(2)], Decimal(4))
    log.call(f, [timedelta(1), 5], timedelta(0))

    def g(values, d):
        for v in values:
            x = v / d
        return x

    log.call(g, [Decimal(1), Decimal(2)], Decimal(0))
    with localcontext() as context:
        context.traps[DivisionByZero] = False
        log.call(g, [Decimal(1), Decimal(2)], Decimal(0))


@case
def foreign_code(log):
    """What a set asks of its items may drop the operands, change locals, or switch tracing on."""
    class Item:
        action = None

        def __init__(self, n):
            self.n = n

        def __hash__(self):
            return 1

        def __eq__(self, other):
            if Item.action is not None:
                Item.action()
            return isinstance(other, Item) and self.n == other.n

        def __repr__(self):
            return f"Item({self.n})"

    def f(a, b, turns):
        for i in range(turns):
            c = a | b
            d = len(c)
        return d

    def drop():
        frame = sys._getframe(2)
        if "a" in frame.f_locals:
            frame.f_locals["a"] = frame.f_locals["b"] = frozenset({7})

    def fail():
        raise KeyError("in __eq__")

    events = []

    def trace(frame, event, arg):
        if frame.f_code.co_name == "f":
            events.append((event, frame.f_lineno - frame.f_code.co_firstlineno))
        return trace

    def watch():
        Item.action = None
        sys._getframe(2).f_trace = trace
        sys.settrace(trace)

    for action in (None, drop, fail, watch):
        Item.action = None
        left, right = {Item(1), Item(2)}, {Item(2), Item(3)}
        Item.action = action
        log.call(f, left, right, 3)
        sys.settrace(None)
    log(events)


@case
def the_dying_operand_is_noticed(log):
    class Mourned(Decimal):
        def __del__(self):
            log("dies", str(self))

    def f(n):
        x = Decimal(1)
        for i in range(n):
            x = Mourned(i) + x
            x = x - Mourned(1)
            log(i, str(x))
        return x

    log.call(f, 4)
