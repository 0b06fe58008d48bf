"""Calls of C functions from sites that the interpreter has not seen: functions with loops are compiled before they have run."""

import collections
import decimal
import functools
import sys
from sys import getrefcount as refcount

from harness import case


class Text(str):
    def upper(self):
        return "mine"


class Items(list):
    pass


class Loud:
    def __init__(self, log, name):
        self.log, self.name = log, name

    def __del__(self):
        self.log("died", self.name)


@case
def one_site_many_callables(log):
    def each(callables, *args):
        out = []
        for f in callables:
            out.append(f(*args) if len(args) > 2 else f(args[0]) if len(args) == 1 else f())
        return out

    log.call(each, [str, int, float, len, ord, abs, repr, type, bool, str.isdigit, "7".__add__, functools.partial(int, base=8), list], "7")
    log.call(each, [str, int, list, dict, tuple, set, "a".upper, [3].pop, {}.keys, object.__subclasses__.__class__, "x".join])
    log.call(each, [lambda: 1, dict, int, lambda: 2, "b".title])


@case
def methods_of_builtin_types_and_of_classes_derived_from_them(log):
    def f(objects):
        out = []
        for o in objects:
            out.append(o.upper())
            out.append(o.strip("x"))
            out.append(o.split())
        return out

    log.call(f, ["ab x", Text("cd x"), b"ef x", bytearray(b"gh"), "ij", 3])

    def g(lists):
        for o in lists:
            o.append(1)
            o.extend((2, 3))
            o.pop()
        return lists

    log.call(g, [[], Items(), collections.deque(), [0], Items([5])])


@case
def wrong_numbers_of_arguments(log):
    def none(o):
        for _ in range(2):
            o.isalpha(1)

    def one(o):
        for _ in range(2):
            o.append()

    def two(o):
        for _ in range(2):
            o.append(1, 2)

    def many(o):
        for _ in range(2):
            o.find()

    def unbound(f):
        for _ in range(2):
            f()

    log.call(none, "a")
    log.call(one, [])
    log.call(two, [])
    log.call(many, "a")
    for f in (str.upper, list.append, len, ord, isinstance, str.maketrans, int.from_bytes):
        log.call(unbound, f)


@case
def wrong_self(log):
    def f(method, o):
        for _ in range(2):
            method(o)

    log.call(f, str.upper, 1)
    log.call(f, str.upper, Text("a"))
    log.call(f, list.pop, Items([1, 2, 3]))
    log.call(f, list.pop, (1, 2))


@case
def methods_of_types_themselves(log):
    def f():
        out = []
        for i in range(3):
            out.append(int.from_bytes(b"\1\2", "big"))
            out.append(dict.fromkeys("ab", i))
            out.append(str.maketrans("a", "b"))
            out.append(bytes.fromhex("0a"))
            out.append(float.fromhex("0x1p3"))
        return out

    log.call(f)


@case
def errors_of_c_functions(log):
    def f(calls):
        out = []
        for call, argument in calls:
            try:
                out.append(call(argument))
            except Exception as e:
                out.append((type(e).__name__, str(e)))
        return out

    log.call(f, [(int, "x"), (float, "y"), (ord, "ab"), (chr, -1), ([].index, 1), ({}.popitem, 1), (len, 3), (iter, 3), (tuple, 5), (str, b"a"),
                 ("a".join, [1]), (decimal.Decimal, "z")])

    def deep(o):
        for _ in range(1):
            return o.index(5)

    log.call(deep, [1, 2])


@case
def references_and_deaths(log):
    def f(values):
        for v in values:
            str.__len__("abc")
            [].append(v)
            repr(v)
            [v].index(v)
            (v,).count(v)
            dict(a=v).get("a")
        return refcount(values[0])

    log.call(f, [object(), "a" * 50, 10**30])

    def dies():
        for i in range(3):
            id(Loud(log, ("argument", i)))
            [Loud(log, ("item", i))].clear()
            [].append(Loud(log, ("appended", i)))
            log("behind", i)

    log.call(dies)

    def fails():
        for i in range(2):
            try:
                ord(Loud(log, i))
            except TypeError:
                log("caught")

    log.call(fails)


@case
def results_that_nobody_wants(log):
    def f(s, n):
        for i in range(n):
            s.lower()
            s.split(",")
            s.encode()
            tuple(s)
            complex(i, 1).conjugate()
            int(str(10**20 + i))
            iter(s)
            enumerate(s)
        return refcount(s)

    log.call(f, "Ab,Cd" * 3, 5)


@case
def recursion_through_c_functions(log):
    class Deep:
        def __repr__(self):
            for _ in range(1):
                return repr(self)

    def f(o):
        for _ in range(2):
            try:
                repr(o)
            except RecursionError:
                log("too deep")

    log.call(f, Deep())


@case
def c_functions_switch_tools_on(log):
    def f():
        events = []
        for i in range(3):
            if i == 1:
                sys.setprofile(lambda frame, event, arg: events.append((event, getattr(arg, "__name__", None))))
            "a".upper()
            len("abc")
            if i == 2:
                sys.setprofile(None)
        return events

    log.call(f)


@case
def tuples_that_iterators_reuse(log):
    def f(n):
        kept, out = [], []
        for i, c in enumerate("abcdef"):
            out.append((i, c))
        for pair in enumerate("abcdef"):
            if len(kept) < n:
                kept.append(pair)
        for a, b in zip("abc", range(1000, 1003)):
            out.append((a, b))
        for k, v in {1: "x", 2: "y"}.items():
            out.append((k, v))
        for pair in zip("abc", "def"):
            kept.append(pair)
        return kept, out

    for n in range(4):
        log.call(f, n)


@case
def operators_of_c_types(log):
    def f(values):
        out = []
        for v in values:
            for w in values:
                try:
                    x = -v
                    x += v * w
                    out.append(x)
                except Exception as e:
                    out.append(type(e).__name__)
        return out

    log.call(f, [decimal.Decimal("1.5"), 2, 2.5, 1j, True, "a", [1], (2,), Text("b"), Items([3])])

    def store(boxes):
        for box in boxes:
            box["k"] = len(boxes)
            box["k"] += 1
            del box["k"]
        return boxes

    log.call(store, [{}, collections.OrderedDict(a=1), collections.defaultdict(int), collections.Counter(), collections.UserDict()])
