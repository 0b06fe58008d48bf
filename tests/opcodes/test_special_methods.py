"""Operators, comparisons, truth, membership, items and properties by methods of Python classes."""

import functools
import operator
import sys

from harness import case

ROUNDS = 60
NAMES = ["add", "and", "floordiv", "lshift", "matmul", "mul", "mod", "or", "pow", "rshift", "sub", "truediv", "xor"]


def binary_all(a, b):
    return [a + b, a & b, a // b, a << b, a @ b, a * b, a % b, a | b, a**b, a >> b, a - b, a / b, a ^ b]


def each(a, b, log):
    for name in NAMES:
        for kind in ("", "i"):
            try:
                log(kind, name, FUNCTIONS[kind, name](a, b))
            except TypeError as e:
                log(kind, name, str(e))


SYMBOLS = ["+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^"]
FUNCTIONS = {}
for name_, symbol_ in zip(NAMES, SYMBOLS):
    space = {}
    exec(f"def f(a, b):\n return a {symbol_} b\ndef g(a, b):\n a {symbol_}= b\n return a\n", space)
    FUNCTIONS["", name_] = space["f"]
    FUNCTIONS["i", name_] = space["g"]


def make(tag, answer, kinds=("", "r")):
    """A class whose operators tell who was asked, or give up."""
    members = {"__repr__": lambda self: f"<{tag}>"}
    for name in NAMES:
        for kind in kinds:

            def method(self, other, what=f"{kind}{name}"):
                return NotImplemented if answer is None else (tag, what, repr(other))

            # An exact number of parameters: defaults would keep it from being entered.
            def exact(self, other, method=method):
                return method(self, other)

            space = {"method": method}
            exec("def exact(self, other):\n return method(self, other)\n", space)
            members[f"__{kind}{name}__"] = space["exact"]
    return type(tag, (), members)


@case(times=8)
def who_is_asked(log):
    answers, gives_up = make("answers", 1), make("gives_up", None)
    inplace, inplace_gives_up = make("inplace", 1, ("i",)), make("inplace_gives_up", None, ("", "i", "r"))
    derived = type("derived", (gives_up,), {f"__r{n}__": lambda self, other: ("derived", repr(other)) for n in NAMES})
    bare = type("bare", (), {"__repr__": lambda self: "<bare>"})
    objects = [answers(), gives_up(), inplace(), inplace_gives_up(), derived(), bare(), 3, 2.5, "s", [1], None]
    for _ in range(3):
        for a in objects[:6]:
            for b in objects:
                each(a, b, log)
                each(b, a, log)


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)

    def __rmul__(self, k):
        return self * k

    def __neg__(self):
        return Vector(-self.x, -self.y)

    def __invert__(self):
        return Vector(self.y, self.x)

    def __eq__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return self.x == other.x and self.y == other.y

    def __lt__(self, other):
        return (self.x, self.y) < (other.x, other.y)

    def __bool__(self):
        return self.x != 0

    def __len__(self):
        return 2

    def __contains__(self, v):
        return v == self.x or v == self.y

    def __getitem__(self, i):
        if i == 0:
            return self.x
        if i == 1:
            return self.y
        raise IndexError(i)

    def __setitem__(self, i, v):
        if i == 0:
            self.x = v
        else:
            self.y = v

    @property
    def size(self):
        return self.x * self.x + self.y * self.y


def vectors(n):
    a, b = Vector(1, 2), Vector(3, 4)
    r = 0
    for i in range(n):
        c = a + b * i + 2 * a
        d = -c
        if c == d or c != a:
            r += c.size
        if a < b and b > a:
            r += c[0] + c[1]
        if 3 in b and 7 not in b:
            c[0] = r
            c[i & 1] += 1
        if c and not Vector(0, 0):
            r += len(c)
        r += (~c)[0] + (a == 5) + (5 != a) + (not c)
    return r, c.x, c.y, d.size


@case
def all_together(log):
    for _ in range(4):
        log(vectors(ROUNDS))


def eq(a, b):
    return a == b


def ne(a, b):
    return a != b


def lt(a, b):
    return a < b


def branches(a, b):
    r = 0
    if a == b:
        r |= 1
    if a != b:
        r |= 2
    if a < b:
        r |= 4
    if not a >= b:
        r |= 8
    while a > b:
        return r | 16
    return r


def relation_class(tag, result, names):
    members = {"__hash__": None, "__repr__": lambda self: tag}
    for name in names:
        space = {"result": result}
        exec("def method(self, other):\n return result\n", space)
        members[f"__{name}__"] = space["method"]
    return type(tag, (), members)


class OddTruth:
    def __bool__(self):
        raise ValueError("truth")


@case
def comparisons(log):
    everything = ["lt", "le", "eq", "ne", "gt", "ge"]
    classes = [relation_class(f"{k}{i}", r, names)
               for i, names in enumerate([everything, ["eq"], ["lt", "gt"]])
               for k, r in [("true", True), ("false", False), ("one", 1), ("empty", []), ("up", NotImplemented), ("odd", OddTruth())]]
    derived = type("derived", (classes[0],), {"__eq__": lambda self, other: "derived", "__gt__": lambda self, other: "derived gt"})
    objects = [c() for c in classes] + [derived(), 5, None, "s"]
    for _ in range(3):
        for a in objects:
            for b in (a, objects[0], objects[1], objects[7], objects[-4], 5, None):
                for f in (eq, ne, lt, branches):
                    for x, y in ((a, b), (b, a)):
                        try:
                            r = f(x, y)
                            log(type(r).__name__, r if isinstance(r, (bool, int, str)) else "")
                        except (TypeError, ValueError) as e:
                            log(str(e))


def truth(o):
    return "yes" if o else "no"


def negation(o):
    return not o


def lasting(o):
    return bool(o), o and 1, o or 2


def truth_class(name, result):
    space = {"result": result}
    exec("def method(self):\n if isinstance(result, type): raise result('raised')\n return result\n", space)
    return type("Truth", (), {name: space["method"]})


@case
def truths(log):
    class Index:
        def __index__(self):
            return 3

    results = [True, False, 1, 0, -1, 2**70, -(2**70), None, "s", 1.5, Index(), KeyError]
    for name in ("__bool__", "__len__"):
        for result in results:
            o = truth_class(name, result)()
            for _ in range(3):
                for f in (truth, negation, lasting):
                    try:
                        log(f(o))
                    except (TypeError, ValueError, OverflowError, KeyError) as e:
                        log(type(e).__name__, str(e))


def contains(a, b):
    r = a in b
    if a not in b:
        return r, "not in"
    return r, "in"


@case
def memberships(log):
    for result in (True, False, 0, 5, [], "s", NotImplemented, None):
        space = {"result": result}
        exec("def method(self, item):\n return result\n", space)
        o = type("C", (), {"__contains__": space["method"]})()
        for _ in range(3):
            try:
                log(contains(1, o))
            except TypeError as e:
                log(str(e))
    none = type("C", (), {"__contains__": None})()
    iterates = type("C", (), {"__iter__": lambda self: iter([1, 2])})()
    for o in (none, iterates):
        try:
            log(contains(1, o), contains(3, o))
        except TypeError as e:
            log(str(e))


def add(a, b):
    return a + b


@case
def methods_of_other_kinds(log):
    class Callable:
        def __call__(self, *args):
            return "callable", len(args)

    def plain(self, other):
        return "plain"

    def defaults(self, other, more=3):
        return "defaults", more

    def star(*args):
        return "star", len(args)

    def generator(self, other):
        yield other

    kinds = [plain, defaults, star, generator, staticmethod(lambda other: "static"), classmethod(lambda cls, other: cls.__name__),
             functools.partial(plain, None), Callable(), None, operator.add, property(lambda self: lambda other: "property")]
    for kind in kinds:
        C = type("C", (), {"__add__": kind, "__eq__": kind, "__bool__": kind, "__getitem__": kind})
        for _ in range(3):
            for f in (add, eq, lambda a, b: a[b]):
                try:
                    r = f(C(), 1)
                    log(list(r) if type(r).__name__ == "generator" else r)
                except (TypeError, RecursionError) as e:
                    log(type(e).__name__)
            try:
                log(truth(C()))
            except TypeError as e:
                log(str(e))


@case
def methods_change_meanwhile(log):
    class C:
        def __add__(self, other):
            return "first"

        def __getattr__(self, name):
            return name

        @property
        def p(self):
            return "p"

    def prop(o):
        return o.p

    c = C()
    for _ in range(ROUNDS):
        add(c, c), prop(c)
    C.__add__ = lambda self, other: "second"
    log(add(c, c))
    C.__iadd__ = lambda self, other: "in place"
    log(FUNCTIONS["i", "add"](c, c))
    del C.__add__
    try:
        log(add(c, c))
    except TypeError as e:
        log(str(e))
    C.__add__ = lambda self, other: self.__class__.__name__
    log(add(c, c), prop(c))

    class D:
        pass

    def changes(self, other):
        self.__class__ = D
        del C.__add__
        return NotImplemented

    C.__add__ = changes
    try:
        log(add(c, 1))
    except TypeError as e:
        log(str(e))
    C.p = property(lambda self: 1 // 0)
    try:
        log(prop(C()))
    except ZeroDivisionError as e:
        log(e.__traceback__.tb_next.tb_lineno - e.__traceback__.tb_lineno != 0)


class Raises:
    def __add__(self, other):
        raise KeyError("add")

    def __eq__(self, other):
        raise KeyError("eq")

    def __bool__(self):
        raise KeyError("bool")

    def __getitem__(self, i):
        raise KeyError("getitem")

    def __setitem__(self, i, v):
        raise KeyError("setitem")

    def __contains__(self, i):
        raise KeyError("contains")

    def __neg__(self):
        raise KeyError("neg")

    @property
    def p(self):
        raise KeyError("p")


def raise_in(what, o, log):
    try:
        if what == 0:
            return o + 1
        if what == 1:
            return o == 1
        if what == 2:
            if o:
                return 1
        if what == 3:
            return o[3]
        if what == 4:
            o[3] = o
        if what == 5:
            return 3 in o
        if what == 6:
            return -o
        if what == 7:
            return o.p
        if what == 8:
            return [1, o + [], 3]
    except KeyError as e:
        tb = e.__traceback__
        lines = []
        while tb is not None:
            lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti))
            tb = tb.tb_next
        return str(e), lines


@case
def errors(log):
    for _ in range(8):
        for what in range(9):
            o = Raises()
            before = sys.getrefcount(o)
            r = raise_in(what, o, log)
            log(r, sys.getrefcount(o) - before)


class Counts:
    def __init__(self, log):
        self.log = log

    def __add__(self, other):
        self.log(sys.getrefcount(self), sys.getrefcount(other))
        return other

    def __eq__(self, other):
        self.log(sys.getrefcount(self), sys.getrefcount(other))
        return True

    def __setitem__(self, key, other):
        self.log(sys.getrefcount(self), sys.getrefcount(other))

    def __bool__(self):
        self.log(sys.getrefcount(self))
        return False

    def __contains__(self, other):
        self.log(sys.getrefcount(self), sys.getrefcount(other))
        return True


def count_all(a, b, log):
    r = a + b, a == b, b in a, not a
    a[b] = b
    if a:
        return 0
    if a == b:
        log("equal")
    return len(r)


@case
def reference_counts(log):
    for i in range(8):
        a, b = Counts(log), []
        log(count_all(a, b, log), sys.getrefcount(a), sys.getrefcount(b))


class Dies:
    def __init__(self, name, log):
        self.name = name
        self.log = log

    def __add__(self, other):
        return 5

    def __eq__(self, other):
        return NotImplemented

    def __lt__(self, other):
        return self.name < other.name

    def __getitem__(self, i):
        return self.name

    def __del__(self):
        self.log("dies", self.name)


def temporaries(log):
    log(Dies("a", log) + Dies("b", log))
    log(Dies("a", log) == Dies("b", log))
    if Dies("a", log) < Dies("b", log):
        log("less")
    log(Dies("a", log)[3])
    return Dies("c", log) + 1


@case
def temporaries_die(log):
    for _ in range(8):
        log(temporaries(log))


class Meddles:
    def __add__(self, other):
        sys._getframe(1).f_locals["x"] = "changed"
        return 10

    def __lt__(self, other):
        sys._getframe(1).f_locals["x"] = "changed"
        return True


def meddled(m):
    x = 1
    r = (x, m + 1, x)
    y = 2
    x = 1
    t = [y, x, y] + ([x] if m < 3 else [y])
    return r, t, x


@case
def locals_change(log):
    for _ in range(8):
        log(meddled(Meddles()))


class Traces:
    def __init__(self, log):
        self.log = log
        self.on = False

    def tracer(self, frame, event, arg):
        if frame.f_code.co_name in ("traced", "__add__", "__lt__"):
            self.log(event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno)
        return self.tracer

    def __add__(self, other):
        if self.on:
            sys.settrace(self.tracer)
            sys._getframe(1).f_trace = self.tracer
        return other

    def __lt__(self, other):
        return self.on


def traced(t):
    a = t + 1
    b = a + 1
    if t < b:
        b += t + 5
    return a, b


@case
def tracing_starts_in_a_method(log):
    for i in range(12):
        t = Traces(log)
        t.on = i > 8
        try:
            r = traced(t)
        finally:
            sys.settrace(None)
        log(r)


class Deep:
    def __init__(self, n):
        self.n = n

    def __add__(self, other):
        return Deep(self.n - 1) + 1 if self.n > 0 else other

    @property
    def p(self):
        return Deep(self.n - 1).p if self.n > 0 else self.n

    def __eq__(self, other):
        return Deep(self.n - 1) == 0 if self.n else True


@case
def recursion(log):
    for _ in range(10):
        log(Deep(50) + 0, Deep(50).p, Deep(50) == 0)
    for f in (lambda: Deep(10**6) + 0, lambda: Deep(10**6).p, lambda: Deep(10**6) == 0):
        try:
            f()
        except RecursionError:
            log("too deep")
    log(Deep(20) + 7)


class Loop:
    def __init__(self):
        self.total = 0

    def __add__(self, n):
        for i in range(n):
            self.total += i
        return self


@case
def methods_with_loops(log):
    o = Loop()
    for i in range(ROUNDS):
        o = o + i
    log(o.total)
