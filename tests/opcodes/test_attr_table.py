"""Attributes of instances with dicts of their own, of classes with metaclasses, of builtin instances, and sites that see them all."""

import collections
import enum
import gc
import re
import sys
import types

from harness import case

ROUNDS = 40


class Plain:
    kind = "plain"

    def __init__(self, x):
        self.x = x

    def get(self):
        return self.x

    @classmethod
    def make(cls, x):
        return cls(x)

    @staticmethod
    def twice(x):
        return x * 2


def load_x(o):
    return o.x


def load_kind(o):
    return o.kind


def call_get(o):
    return o.get()


def store_x(o, value):
    o.x = value


def bound_get(o):
    return o.get


@case
def dict_instances(log):
    """The values lie in a dict at any place of it, and the dict changes in all ways."""
    objects = []
    for i in range(12):
        o = Plain(i)
        vars(o)["first"] = i
        for j in range(i):
            setattr(o, f"other{j}", j)
        if i % 3 == 0:
            o.__dict__ = {f"k{i}": 1, "x": -i}
        if i % 5 == 4:
            del o.x
            o.x = i * 100
        objects.append(o)
    for _ in range(ROUNDS):
        for o in objects:
            store_x(o, load_x(o) + 1)
    log([load_x(o) for o in objects], [call_get(o) for o in objects], [load_kind(o) for o in objects])
    objects[0].kind = "own kind"
    objects[3].__dict__["kind"] = "dict kind"
    objects[4].get = lambda: "own get"
    log([load_kind(o) for o in objects], [call_get(o) for o in objects])
    del objects[3].__dict__["kind"]
    Plain.kind = "new"
    log([load_kind(o) for o in objects])
    Plain.kind = "plain"
    for o in objects:
        o.__dict__.clear()
        try:
            log(load_x(o))
        except AttributeError as e:
            log(str(e))
        store_x(o, 5)
        log(vars(o), list(o.__dict__))


@case
def many_attributes(log):
    class Wide:
        def __init__(self):
            for i in range(50):
                setattr(self, f"a{i}", i)
            self.x = 1

        def get(self):
            return self.a49

    wide = [Wide() for _ in range(4)]
    for _ in range(ROUNDS):
        for o in wide:
            store_x(o, load_x(o) + call_get(o))
    log([o.x for o in wide], sys.getrefcount(wide[0]))


class Tuple(tuple):
    pass


class Error(Exception):
    code = 7

    def __init__(self, x):
        super().__init__(x)
        self.x = x

    def get(self):
        return self.args


class Int(int):
    x = 3

    def get(self):
        return self + 1


@case
def subclasses_of_builtins(log):
    t, e, i = Tuple((1, 2)), Error(5), Int(6)
    t.x = "tuple"
    t.get = lambda: len(t)
    for _ in range(ROUNDS):
        for o in (t, e, i):
            load_x(o), call_get(o)
            store_x(o, load_x(o))
    log(load_x(t), call_get(t), load_x(e), call_get(e), load_x(i), call_get(i), vars(i))
    del i.x
    log(load_x(i), e.args, e.__traceback__, e.code)


class Colour(enum.Enum):
    RED = 1
    GREEN = 2

    @property
    def next(self):
        return Colour.GREEN if self is Colour.RED else Colour.RED


def colour(which):
    return Colour.GREEN if which else Colour.RED


@case
def enum_members(log):
    for i in range(ROUNDS * 3):
        member = colour(i & 1)
    log(member, member.name, member.value, member.next, colour(0) == colour(1), colour(0) != colour(0))


class Meta(type):
    answer = 42

    def method(cls):
        return cls.__name__

    @property
    def shape(cls):
        return "meta shape"


class Made(metaclass=Meta):
    x = 1
    shape = "class shape"

    def get(self="none"):
        return self

    @classmethod
    def make(cls):
        return cls.x


class Other(Made):
    x = 2


def class_things(cls):
    return cls.x, cls.answer, cls.method(), cls.get(), cls.make(), cls.shape


@case
def metaclass_changes(log):
    for _ in range(ROUNDS):
        class_things(Made), class_things(Other)
    log(class_things(Made), class_things(Other))
    Made.x = 10
    log(class_things(Made), class_things(Other))
    del Other.x
    log(class_things(Other))
    Meta.x = property(lambda cls: "meta x")
    log(class_things(Made), class_things(Other))
    del Meta.x
    log(class_things(Made))

    class Get:
        pass

    value = Get()
    Made.x = value
    for _ in range(ROUNDS):
        assert load_x(Made) is value and load_x(Other) is value and load_x(Made()) is value
    Get.__get__ = lambda self, owner, cls: ("got", owner is None, cls.__name__)
    log(load_x(Made), load_x(Other), load_x(Made()))
    Get.__set__ = lambda self, owner, value: log("set", value)
    m = Made()
    m.__dict__["x"] = "own"
    log(load_x(m))
    store_x(m, 3)
    log(m.__dict__)
    Made.x, Other.x = 1, 2


@case
def data_descriptor_appears_over_dict_value(log):
    class Get:
        pass

    class Thing:
        x = Get()

        def __init__(self):
            self.__dict__ = {"x": "own"}

    things = [Thing() for _ in range(3)]
    for _ in range(ROUNDS):
        for o in things:
            store_x(o, load_x(o))
    Get.__set__ = lambda self, owner, value: log("set", value)
    Get.__get__ = lambda self, owner, cls: "descriptor"
    log(load_x(things[0]))
    store_x(things[1], 1)
    log(things[1].__dict__)


def builtin_things(c, i, f, s, q, m, e):
    return c.real, c.imag, i.real, i.numerator, f.real, s.start, s.stop, q.maxlen, m.string, m.pos, e.args, e.__cause__, c.__class__


@case
def builtin_instances(log):
    arguments = (3 + 4j, 5, 2.5, slice(1, 2), collections.deque([1], 3), re.match("a", "abc"), KeyError(1))
    for _ in range(ROUNDS):
        r = builtin_things(*arguments)
    log(r)

    class Complex(complex):
        real = "class real"

    log(builtin_things(Complex(1, 2), True, *arguments[2:]))


def any_x(o):
    return o.x


@case
def one_site_for_everything(log):
    module = types.ModuleType("m")
    module.x = "module"

    class Slots:
        __slots__ = "x"

    class Property:
        x = property(lambda self: "property")

    class Hook:
        def __getattr__(self, name):
            return f"hook {name}"

    class Hooked(Hook):
        pass

    class Everything:
        def __getattribute__(self, name):
            return f"everything {name}"

    slots, hooked, gone = Slots(), Hooked(), Plain(1)
    slots.x = "slot"
    hooked.x = "own"
    del gone.x
    objects = [module, slots, Property(), Hook(), hooked, Everything(), Plain(1), Plain, gone, Made, Made(), Error(2), Int(3), 5,
               types.SimpleNamespace(x="namespace"), super(Made, Other)]
    for _ in range(ROUNDS):
        for o in objects:
            try:
                r = any_x(o)
            except AttributeError as e:
                r = str(e)
        for o in objects:
            try:
                store_x(o, any_x(o))
            except (AttributeError, TypeError):
                pass
    for o in objects:
        try:
            log(any_x(o))
        except AttributeError as e:
            log(str(e))
    del hooked.x, slots.x
    for o in (hooked, slots):
        try:
            log(any_x(o))
        except AttributeError as e:
            log(str(e))
    Hooked.__getattribute__ = lambda self, name: "attribute " + name
    log(any_x(hooked))


class Dies:
    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log("died")


@case
def old_values_and_owners_die(log):
    def make():
        o = Plain(Dies(log))
        o.__dict__["more"] = 1
        return o

    for _ in range(ROUNDS):
        load_x(make())
    o = make()
    for i in range(3):
        store_x(o, Dies(log) if i < 2 else None)
    log("stored")
    make().x = 3
    log(bound_get(make()).__name__)


@case
def references(log):
    o = Plain([])
    o.__dict__["more"] = 1
    p = Plain(o.x)
    before = sys.getrefcount(o.x)
    for _ in range(ROUNDS):
        for q in (o, p, Plain(o.x), Tuple()):
            q.x = load_x(o)
            call_get(o), load_x(q), bound_get(o), Plain.make(1), q.__class__, o.twice(2), Plain.get, load_kind(o)
    del q
    gc.collect()
    log(sys.getrefcount(o.x) - before, sys.getrefcount(o), sys.getrefcount(Plain.get), sys.getrefcount(Plain.kind) > 0)


@case
def modules_that_change(log):
    m = types.ModuleType("m")
    for i in range(200):
        m.x = i
        assert load_x(m) == i
    del m.x
    try:
        load_x(m)
    except AttributeError as e:
        log(str(e))
    m.__getattr__ = lambda name: name * 2
    log(load_x(m))
