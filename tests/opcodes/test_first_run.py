"""Instructions that the interpreter has never run when their function is compiled: what they meet is met by code that all units share."""

import functools

from harness import case


class Plain:
    kind = "plain"

    def __init__(self, x=1, y=2):
        self.x = x
        self.y = y

    def method(self, a, b=3):
        return self.x, a, b

    @property
    def double(self):
        return self.x * 2


class Other(Plain):
    pass


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x

    def method(self, a):
        return self.x, a


class Dict(Plain):
    def __init__(self, x):
        self.__dict__ = {"x": x}


class Called:
    def __call__(self, *args):
        return args


class Made:
    def __new__(cls, x):
        self = super().__new__(cls)
        self.x = x
        return self


class Refuses:
    def __init__(self, x):
        return x


def two(a, b):
    return a, b


def more(a, b=2, *rest, c=3, **names):
    return a, b, rest, c, names


def raises(a):
    raise KeyError(a)


@case
def callables_of_all_kinds(log):
    def one(late, f, a):
        if late:
            return f(a)

    def both(late, f, a, b):
        if late:
            return f(a, b)

    for _ in range(3):
        log.each(one, (False, len, "x"))
        log.each(both, (False, two, 1, 2))
    bound, held = Plain(5).method, [].append
    for f in (len, raises, more, two, bound, held, Plain, Made, Refuses, Called(), type, iter, functools.partial(two, 1), None, Slotted(1).method):
        log(getattr(f, "__name__", type(f).__name__))
        for _ in range(2):
            log.each(one, (True, f, "abc"), (True, f, 5))
            log.each(both, (True, f, 1, 2))


@case
def methods_of_all_kinds(log):
    import math

    def call(late, o, a):
        if late:
            return o.method(a)

    def append(late, items, a):
        if late:
            return items.append(a)

    def floor(late, module, a):
        if late:
            return module.floor(a)

    for _ in range(3):
        log.each(call, (False, None, 1))
        log.each(append, (False, None, 1))
        log.each(floor, (False, None, 1))
    own = Plain()
    own.method = two
    for o in (Plain(), Other(), Slotted(3), Dict(4), own, Plain, None, Plain(), Other()):
        log.each(call, (True, o, 1), (True, o, 2))
    items = [1]
    log.each(append, (True, items, 2), (True, items, items), (True, list, 1), (True, (), 1))
    log(len(items))
    log.each(floor, (True, math, 2.5), (True, math, "x"), (True, None, 1))


@case
def attributes_in_all_places(log):
    def load(late, o):
        if late:
            return o.x

    def below(late, a, o):
        if late:
            return a + o.x * o.x

    def of_temporary(late, a, make):
        if late:
            return a, make().x, make().double

    for _ in range(3):
        log.each(load, (False, None))
        log.each(below, (False, 1, None))
        log.each(of_temporary, (False, 1, None))
    unset = Slotted.__new__(Slotted)
    for o in (Plain(), Other(7), Slotted(3), Dict(4), unset, Plain, None, Dict(5), Slotted(6), Plain(8)):
        log.each(load, (True, o), (True, o))
        log.each(below, (True, 100, o), (True, "s", o))
    log.each(of_temporary, (True, 1, Plain), (True, 1, Other), (True, 1, lambda: Slotted(2)), (True, 1, list))


@case
def deaths_while_loads_are_pending(log):
    class Watched:
        def __init__(self, name):
            self.name = name
            self.items = [1, 2]

        def __del__(self):
            log("dies", self.name)

        def get(self, *args):
            return self.name, args

    def attribute(a, b):
        return a, Watched(a).name, b, Watched(b).items

    def method(a, b):
        return a, Watched(a).get(a, b), Watched(b).items.index(2)

    def member(a, b):
        return a + ((c := b + b) in [c, Watched(a)]) + b

    def store(a):
        w = Watched(a)
        return a, (w := a), w

    for _ in range(6):
        log.each(attribute, (1, 2), ("x", 3))
        log.each(method, (1, 2), ("x", 3))
        log.each(member, (1, 2), (3, 4))
        log.each(store, (1,), ("s",))


@case
def objects_that_look_up_by_themselves(log):
    import decimal
    import threading

    class Local(threading.local):
        pass

    def load(a, o):
        return a, o.prec

    def call(a, o):
        return a, o.quantize(decimal.Decimal("1.25"), decimal.Decimal("0.1"))

    local = Local()
    local.prec = 5
    context = decimal.Context(prec=7)
    for _ in range(4):
        for o in (context, local, threading.local(), 5, context, super(Local, local)):
            log.each(load, (1, o), ("x", o))
            log.each(call, (1, o), ("x", o))


def counter(n):
    global total
    for i in range(n):
        total += i
        if i % 7 == 3:
            globals()["total"] = str(i).__len__()
    return total


total = 0


@case
def globals_that_change(log):
    global total
    for n in (5, 40, 400):
        total = 0
        log.call(counter, n)
    del total
    log.call(counter, 3)
    total = 0


def deep(f, n):
    return 0 if n == 0 else 1 + f(f, n - 1)


class Deep:
    def __init__(self, n):
        self.below = Deep(n - 1) if n else None


@case
def recursion_has_its_limit(log):
    log.call(deep, deep, 50)
    for make in (lambda: deep(deep, 100000), lambda: Deep(100000)):
        try:
            make()
        except RecursionError as e:
            log(type(e))
