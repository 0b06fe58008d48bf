"""Sites that see several classes: attributes, methods, properties, what classes themselves have, numbers of several kinds."""

import sys

from harness import case

TURNS = 300


class Base:
    kind = "base"
    count = 0

    def __init__(self, value):
        self.value = value

    def scaled(self, factor):
        return self.own() * factor

    def own(self):
        return self.value

    @property
    def twice(self):
        return self.value * 2


class Plain(Base):
    pass


class Shifted(Base):
    kind = "shifted"

    def __init__(self, value):
        self.shift = 3
        Base.__init__(self, value)

    def own(self):
        return self.value + self.shift


class Slotted:
    __slots__ = ("value",)
    kind = "slotted"

    def __init__(self, value):
        self.value = value

    def scaled(self, factor):
        return -factor

    def own(self):
        return 7

    twice = 14


class Fifth(Base):
    def own(self):
        return 5


class Sixth(Base):
    def own(self):
        return 6


def work(objects, turns, at=-1, change=None):
    total, kinds = 0, set()
    for i in range(turns):
        if i == at:
            change()
        o = objects[i % len(objects)]
        total += o.scaled(2) + o.value + o.own()
        o.value += 1
        kinds.add(o.kind)
    return total, sorted(map(str, kinds)), [getattr(o, "value", None) for o in objects]


def fresh():
    """Classes of their own, which a case may change."""
    made = [type(c.__name__, (c,), {}) for c in (Plain, Shifted, Base)]
    return made, [c(i) for i, c in enumerate(made)]


@case(times=3)
def several_classes(log):
    log(work([Plain(1), Shifted(2)], TURNS))
    log(work([Plain(1), Shifted(2), Slotted(3)], TURNS))
    log(work([Base(0), Plain(1), Shifted(2), Slotted(3)], TURNS))
    log(work([Base(0), Plain(1), Shifted(2), Slotted(3), Fifth(4), Sixth(5)], TURNS))


@case(times=2)
def a_class_that_was_not_seen_comes(log):
    def run(turns):
        objects = [Plain(1), Shifted(2)]

        def change():
            objects[0] = Slotted(1)
            objects.append(Sixth(9))

        return work(objects, turns, turns - 40, change)

    log(run(TURNS))


@case(times=2)
def one_of_the_classes_changes(log):
    def patch(classes, objects):
        classes[1].own = lambda self: 100

    def shared(classes, objects):
        Base.scaled, Base.scaled_before = (lambda self, factor: factor), Base.scaled

    def value(classes, objects):
        classes[0].kind = 8

    def hide(classes, objects):
        objects[0].own = lambda: 1000

    def descriptor(classes, objects):
        classes[2].value = property(lambda self: 50, lambda self, v: None)

    def reclass(classes, objects):
        objects[1].__class__ = classes[2]

    def dictionary(classes, objects):
        objects[2].__dict__ = {"value": 11, "kind": "own"}

    def drop(classes, objects):
        del objects[0].value
        objects[0].value = 2.5

    for change in patch, shared, value, hide, descriptor, reclass, dictionary, drop:
        for at in (TURNS // 2, TURNS - 9):
            classes, objects = fresh()
            log(change.__name__)
            log.call(work, objects, TURNS, at, lambda: change(classes, objects))
            if change is shared:
                Base.scaled = Base.scaled_before
                del Base.scaled_before


@case(times=2)
def attributes_are_missing_in_some(log):
    def run(turns):
        found = missed = 0
        objects = [Plain(1), Shifted(2), None, Slotted(3)]
        for i in range(turns):
            o = objects[i % 4]
            try:
                found += o.shift
            except AttributeError as e:
                missed += len(str(e))
        return found, missed

    log(run(TURNS))


@case(times=2)
def properties_beside_values(log):
    def run(turns):
        total = 0
        objects = [Plain(1), Slotted(3), Shifted(2)]
        for i in range(turns):
            total += objects[i % 3].twice
        return total

    log(run(TURNS))


class Tools:
    factor = 3
    name = "tools"

    @staticmethod
    def double(x):
        return x * 2

    @classmethod
    def times(cls, x):
        return cls.factor * x

    def method(self, x):
        return x + 1


@case(times=2)
def what_classes_have(log):
    def run(turns, at=-1, change=None):
        total = 0
        for i in range(turns):
            if i == at:
                change()
            total += Tools.double(i) + Tools.times(i) + Tools.factor + len(Tools.name) + Tools.method(None, i)
        return total

    def other_factor():
        Tools.factor = 2.5

    def other_static():
        Tools.double = staticmethod(lambda x: -x)

    def no_name():
        del Tools.name

    log(run(TURNS))
    before = dict(vars(Tools))
    for change in other_factor, other_static, no_name:
        log.call(run, TURNS, TURNS - 30, change)
        for name in ("factor", "double", "name"):
            setattr(Tools, name, before[name])


class WithHook(type):
    def __getattribute__(cls, name):
        return 5 if name == "limit" else type.__getattribute__(cls, name)


class Hooked(metaclass=WithHook):
    limit = 1


@case(times=2)
def metaclasses_decide(log):
    def run(turns):
        total = 0
        for i in range(turns):
            total += Hooked.limit
        return total

    log(run(TURNS))


@case(times=2)
def objects_that_look_attributes_up_themselves(log):
    class Asks:
        def __getattr__(self, name):
            log(name)
            return 3

    def run(turns):
        total, objects = 0, [Plain(1), Shifted(2), Slotted(3), Fifth(4), Sixth(5), Asks()]
        for i in range(turns):
            total += objects[i % 6].value
        return total

    log(run(60))


@case(times=3)
def numbers_of_several_kinds(log):
    numbers = [1, 2.5, True, 10**20, -3, 0.0, -(10**18), 7]

    def run(turns):
        total, less, same = 0, 0, 0
        for i in range(turns):
            a, b = numbers[i % 8], numbers[(i * 5 + 1) % 8]
            total = total + a * b - b
            less += a < b
            same += (a == b) + (a is not None and a >= b)
        return total, less, same

    def late(turns, value):
        x, total = 2, 0
        for i in range(turns):
            if i == turns - 20:
                x = value
            total += x * 3 + (x > 1)
        return total

    def divide(turns, by):
        total = 0
        for i in range(turns):
            total += numbers[i % 8] / by[i % len(by)]
        return total

    log(run(TURNS))
    for value in (2.5, True, 10**30, "ab", None):
        log.call(late, TURNS, value)
    log.call(divide, TURNS, [1, 2.0, 3])
    log.call(divide, TURNS, [1] * 290 + [0])


@case(times=2)
def numbers_and_none(log):
    def run(turns):
        values = [None, 1.5, None, 3, 0.5]
        over = 0
        for i in range(turns):
            v = values[i % 5]
            if v is not None and v > 1:
                over += 1
            over += v == 3
        return over

    log(run(TURNS))


@case(times=2)
def references_of_what_is_told_apart(log):
    def run(turns):
        held = object()
        objects = [Plain(held), Shifted(held), Slotted(held)]
        before = sys.getrefcount(held)
        seen = 0
        for i in range(turns):
            o = objects[i % 3]
            seen += o.value is held
        return seen, sys.getrefcount(held) - before

    log(run(TURNS))


@case(times=2)
def numbers_that_only_classes_have(log):
    class Symbol:
        __slots__ = ()
        is_number, rank, weight = False, 0, 0.5

    class Integer(Symbol):
        __slots__ = ()
        is_number, rank, weight = True, 2, 1.5

    class One(Integer):
        __slots__ = ()

    class Zero(Integer):
        __slots__ = ()

    class Product(Symbol):
        __slots__ = ()
        rank = 1

    def flags(objects):
        n = 0
        for o in objects:
            if o.is_number:
                n += 1
        return n, lambda: o

    def sums(objects):
        rank, weight = 0, 0.0
        for i in range(len(objects)):
            rank += objects[i].rank
            weight += objects[i].weight
        return rank, weight

    def of_classes(classes):
        n = 0
        for c in classes:
            if c.is_number:
                n += 1
        return n, lambda: c

    early, late = [Integer(), One()] * TURNS, [Integer(), One(), Product(), Zero(), Symbol()] * 20
    for objects in (early, late, early, late):
        log(flags(objects)[0], sums(objects), of_classes([type(o) for o in objects])[0])
    One.is_number, One.rank, One.weight = False, 7, 0.25
    log(flags(early)[0], sums(early), of_classes([type(o) for o in early])[0])
