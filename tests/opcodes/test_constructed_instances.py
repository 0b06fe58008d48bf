"""Loops that make instances: `__init__` is part of optimised code, and what becomes of its class is noticed."""

import gc
import sys
import weakref

from harness import case

TURNS = 300


class Vector:
    def __init__(self, x, y=2.0, *, scale=None):
        self.x = x
        self.y = y

    def __repr__(self):
        return f"<{self.x} {self.y}>"


class Point:
    def __init__(self, x, y=2.0):
        self.x = x
        self.y = y

    def plus(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __sub__(self, other):
        return Point(self.x - other.x, self.y - other.y)


class Bare:
    pass


class Slots:
    __slots__ = ("first", "second")

    def __init__(self, first, second):
        self.first = first
        self.second = second


@case(times=3)
def instances_in_a_loop(log):
    def run(turns):
        p, step = Point(1.0), Point(0.25, y=0.5)
        for i in range(turns):
            p = p.plus(step) - Point(i * 0.125)
        return p.x, p.y, list(vars(p))

    def keep(turns):
        kept = []
        for i in range(turns):
            kept.append(Slots(i, Bare()))
            if len(kept) > 10:
                kept.pop(0)
        return [s.first for s in kept], {type(s.second).__name__ for s in kept}

    def with_keywords(turns):
        total = 0
        for i in range(turns):
            total += Point(y=i, x=1).y + Vector(i, scale=3).x
        return total

    log(run(TURNS), keep(TURNS), with_keywords(TURNS))


def made(cls, turns, at=-1, change=None):
    seen = []
    for i in range(turns):
        if i == at:
            change(cls)
        o = cls(i)
        seen.append(o)
    return [type(s).__name__ for s in seen[at - 1 : at + 2]], [vars(s) for s in seen[-2:] if hasattr(s, "__dict__")]


GLOBAL = None


def made_of_global(turns, at, change):
    global GLOBAL
    GLOBAL = type("Point", (Point,), {})
    kept = []
    for i in range(turns):
        if i == at:
            change(GLOBAL)
        o = GLOBAL(i)
        if i > turns - 4 or at - 2 < i < at + 2:
            kept.append((type(o).__name__, getattr(o, "x", None), list(getattr(o, "__dict__", ()))))
    return kept


@case(times=2)
def the_class_changes(log):
    def init(cls):
        def __init__(self, x):
            self.z = self.x = -x

        cls.__init__ = __init__

    def code(cls):
        def __init__(self, x, y=0):
            self.y = self.x = x + 1000

        own = Point.__init__.__code__
        copy = type(__init__)(own, globals(), "__init__", (3.5,))
        cls.__init__ = copy
        copy.__code__ = __init__.__code__

    def new(cls):
        cls.__new__ = lambda cls, x: object.__new__(cls if x % 2 else Bare)

    def setter(cls):
        cls.x = property(lambda self: "read", lambda self, value: self.__dict__.__setitem__("stored", value))

    def setattr_hook(cls):
        cls.__setattr__ = lambda self, name, value: object.__setattr__(self, name + name, value)

    def rebind(cls):
        global GLOBAL
        GLOBAL = lambda x: Slots(x, x)

    def subclass(cls):
        global GLOBAL
        GLOBAL = type("Sub", (cls,), {"extra": 1})

    def defaults(cls):
        def __init__(self, x, y=4):
            self.x = x
            self.y = y

        cls.__init__ = __init__
        __init__.__defaults__ = ("other",)

    def take_away(cls):
        Other = type("Other", (), {"__init__": lambda self, *args: None})
        cls.__bases__ = (Other,)

    for change in init, code, new, setter, setattr_hook, rebind, subclass, defaults, take_away:
        for at in (TURNS // 2, TURNS - 5):
            log(change.__name__, made_of_global(TURNS, at, change))


@case(times=2)
def init_fails(log):
    class Fails:
        def __init__(self, i, limit):
            self.i = i
            if i == limit:
                raise ValueError(i)
            self.done = True

    class Returns:
        def __init__(self, i, limit):
            self.i = i
            return 5 if i == limit else None

    def run(cls, turns, limit):
        o = None
        for i in range(turns):
            o = cls(i, limit)
        return o.i

    for cls in Fails, Returns:
        log.call(run, cls, TURNS, -1)
        log.call(run, cls, TURNS, TURNS - 3)
        log.call(run, cls, TURNS, 20)


class Failing:
    limit = -1

    def __init__(self, i):
        self.i = i
        if i == self.limit:
            raise KeyError(i)


class Counting:
    bad = -1

    def __init__(self, i):
        self.i = i
        return 7 if i == self.bad else None


def many_failing(turns):
    total = 0
    for i in range(turns):
        total += Failing(i).i
    return total


def many_counting(turns):
    total = 0
    for i in range(turns):
        total += Counting(i).i
    return total


@case(times=2)
def init_of_a_global_class_fails(log):
    for limit in (-1, TURNS - 3, 10):
        Failing.limit = Counting.bad = limit
        log.call(many_failing, TURNS)
        log.call(many_counting, TURNS)
    Failing.limit = Counting.bad = -1


class Ordered:
    def __init__(self, flag):
        if flag:
            self.first = 1
            self.second = 2
        else:
            self.second = 2
            self.first = 1
        if flag == 2:
            del self.first
            self.third = 3
            self.first = 4


@case(times=2)
def attributes_are_in_the_order_of_their_stores(log):
    def run(turns):
        orders = set()
        for i in range(turns):
            o = Ordered(i % 3)
            orders.add(tuple(vars(o).items()))
        return sorted(orders)

    def unset(turns):
        orders = set()
        for i in range(turns):
            o = Ordered(True)
            del o.first
            o.first = i % 2
            orders.add(tuple(o.__dict__))
        return sorted(orders)

    log(run(TURNS), unset(TURNS))


class Meta(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.by_meta = True
        return made


class WithMeta(metaclass=Meta):
    def __init__(self, x):
        self.x = x


class PlainMeta(type):
    pass


class Quiet(metaclass=PlainMeta):
    def __init__(self, x):
        self.x = x


@case(times=2)
def metaclasses(log):
    def run(turns):
        return sum(WithMeta(i).by_meta for i in range(turns))

    def change(turns):
        seen = []
        for i in range(turns):
            if i == turns - 10:
                PlainMeta.__call__ = lambda cls, x: ("made otherwise", x)
            seen.append(Quiet(i))
        return [type(s).__name__ for s in seen[-12:]]

    log(run(TURNS))
    log(change(TURNS))
    del PlainMeta.__call__


DIED = []


class Finalized:
    def __init__(self, i):
        self.i = i
        if i % 50 == 49:
            raise ValueError(i)

    def __del__(self):
        DIED.append(getattr(self, "i", None))


@case(times=2)
def finalizers_see_instances_in_order(log):
    def run(turns):
        failed = 0
        for i in range(turns):
            try:
                o = Finalized(i)
            except ValueError:
                failed += 1
        return failed

    log(run(TURNS))
    gc.collect()
    log(len(DIED), sum(DIED), DIED[:3])
    DIED.clear()


class Holder:
    def __init__(self, held):
        self.held = held


@case(times=2)
def what_instances_hold(log):
    def refcounts(turns):
        held = object()
        before = sys.getrefcount(held)
        for i in range(turns):
            h = Holder(held)
            h = Holder(h)
        inside = sys.getrefcount(held) - before
        h = None
        return inside, sys.getrefcount(held) - before

    def chain(turns):
        h = None
        for i in range(turns):
            h = Holder(h)
        depth = 0
        while h is not None:
            h = h.held
            depth += 1
        return depth

    def shared(turns):
        inner, lengths = Holder([]), 0
        for i in range(turns):
            outer = Holder(inner)
            outer.twice = inner
            if i % 100 == 99:
                inner = Holder([i])
            lengths += len(outer.held.held)
        return lengths

    def watched(turns):
        gone = []
        for i in range(turns):
            inner = Bare()
            if i == turns - 20:
                ref = weakref.ref(inner, lambda r: gone.append(i))
            h = Holder(inner)
            inner = None
        return gone

    log(refcounts(TURNS), chain(TURNS), shared(TURNS), watched(TURNS))


class Looker:
    def __init__(self, i, at):
        self.i = i
        if i == at:
            frame = sys._getframe(1)
            self.seen = frame.f_code.co_name, frame.f_locals["i"], frame.f_lineno - frame.f_code.co_firstlineno
        else:
            self.seen = None


@case(times=2)
def init_looks_at_its_caller(log):
    def run(turns):
        kept = []
        for i in range(turns):
            o = Looker(i, turns - 5)
            if o.seen is not None:
                kept.append(o.seen)
        return kept

    log(run(TURNS))


class Tree:
    def __init__(self, depth):
        self.left = Tree(depth - 1) if depth > 0 else None
        self.right = Tree(depth - 1) if depth > 0 else None

    def count(self):
        return 1 if self.left is None else 1 + self.left.count() + self.right.count()


class Deep:
    def __init__(self, depth):
        self.below = Deep(depth + 1)


@case(times=2)
def instances_of_their_own_class(log):
    log(sum(Tree(5).count() for _ in range(10)))
    try:
        Deep(0)
    except RecursionError as e:
        log(str(e))
