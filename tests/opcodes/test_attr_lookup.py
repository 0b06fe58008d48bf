"""Attribute look-up through the class: hooks, descriptors, metaclasses, modules, proxies."""

import datetime
import io
import math
import types
from sys import getrefcount as refcount

from harness import case
from opcodes.attr_objects import Derived, Point, Slotted, bump_x, call_total, del_x, get_kind, get_x, set_x


def get_product(o):
    return o.product


@case
def properties(log):
    p = Point(3, 4)
    log(get_product(p), get_product(p))
    p.product = 5
    log(p.x, p.y, get_product(p))
    log.call(lambda: setattr(p, "total", 1))
    p.__dict__["product"] = "shadow"
    log(get_product(p))

    def delete(o):
        del o.product

    log.call(delete, p)

    class Thing:
        @property
        def product(self):
            return self.missing

        @property
        def x(self):
            raise KeyError("from property")

    log.call(get_product, Thing())
    log.call(get_x, Thing())
    log.call(set_x, Thing(), 1)
    log.call(del_x, Thing())
    Thing.product = property(None)
    log.call(get_product, Thing())
    Thing.product = property(lambda self: "new")
    log.call(get_product, Thing())


@case
def property_tracebacks(log):
    class Thing:
        @property
        def product(self):
            return 1 // self.zero

        zero = 0

    def f(t):
        return [
            t,
            t.product,
        ]

    log.call(f, Thing())
    log.call(f, Thing())


@case
def getattr_hook(log):
    class Fallback:
        x = "class x"

        def __getattr__(self, name):
            log("getattr", name)
            if name.startswith("no"):
                raise AttributeError(f"never {name}")
            return name.upper()

    f = Fallback()
    log(get_x(f), f.other, get_kind(f), call_total_safe(f, log))
    log.call(lambda: f.nothing)
    log.call(lambda: f.nomethod())
    f.kind = "own"
    log(get_kind(f))
    del f.kind
    log(get_kind(f))
    log(hasattr(f, "nope"), getattr(f, "nope", "default"), hasattr(f, "yes"))
    del Fallback.__getattr__
    log.call(get_kind, f)


def call_total_safe(o, log):
    return log.call(call_total, o)


@case
def getattribute_hook(log):
    class All:
        def __init__(self):
            self.x = 1

        def __getattribute__(self, name):
            log("getattribute", name)
            if name == "bad":
                raise AttributeError("bad one")
            if name == "worse":
                raise KeyError("worse one")
            return object.__getattribute__(self, name)

        def total(self):
            return self.x

    a = All()
    log(get_x(a), call_total(a))
    set_x(a, 2)
    log(get_x(a))
    log.call(lambda: a.bad)
    log.call(lambda: a.worse)
    All.__getattr__ = lambda self, name: f"fallback {name}"
    log.call(lambda: a.bad)
    log.call(lambda: a.worse)
    del All.__getattribute__
    log(get_x(a), call_total(a), a.anything)


@case
def setattr_hooks(log):
    class Guarded:
        def __setattr__(self, name, value):
            log("set", name, value)
            if value == "reject":
                raise ValueError("rejected")
            object.__setattr__(self, name, value)

        def __delattr__(self, name):
            log("del", name)
            object.__delattr__(self, name)

    g = Guarded()
    log.each(set_x, (g, 1), (g, "reject"), (g, 2))
    log.call(bump_x, g, 2)
    log.call(del_x, g)
    log.call(del_x, g)
    del Guarded.__setattr__
    log.call(set_x, g, "reject")
    log(get_x(g))


class Descriptor:
    def __init__(self, log):
        self.log = log

    def __get__(self, instance, owner):
        self.log("get", instance is None, owner.__name__)
        return "value"


class DataDescriptor(Descriptor):
    def __set__(self, instance, value):
        self.log("set", value)

    def __delete__(self, instance):
        self.log("delete")


@case
def descriptors(log):
    class Thing:
        x = Descriptor(log)
        kind = DataDescriptor(log)
        total = Descriptor(log)

    t = Thing()
    log(get_x(t), get_kind(t), Thing.x, Thing.kind)
    log.call(call_total, t)
    set_x(t, "own x")
    t.__dict__["kind"] = "own kind"
    t.kind = "assigned"
    log(get_x(t), get_kind(t), t.__dict__)
    del_x(t)
    del t.kind
    log(get_x(t))
    Descriptor.__set__ = lambda self, instance, value: log("late set", value)
    try:
        set_x(t, "late")
        log(get_x(t))
    finally:
        del Descriptor.__set__
    set_x(t, "plain")
    log(get_x(t))


@case
def descriptor_with_odd_get(log):
    class Raises:
        def __get__(self, instance, owner):
            raise LookupError("in get")

    class NotADescriptor:
        pass

    plain = NotADescriptor()
    plain.__get__ = lambda *args: "never"

    class Thing:
        x = Raises()
        kind = plain

    log.call(get_x, Thing())
    log.call(get_x, Thing)
    log(get_kind(Thing()) is plain)
    NotADescriptor.__get__ = lambda self, instance, owner: "now"
    log(get_kind(Thing()))


@case
def functions_as_class_attributes(log):
    def plain(*args):
        return len(args)

    class Callable:
        def __call__(self, *args):
            return ("called", len(args))

    class Thing:
        total = plain
        builtin = len
        obj = Callable()
        lam = staticmethod(lambda: 0)
        bound = [1, 2].count
        cls = int

    t = Thing()
    log(t.total(), t.total(1), Thing.total(), t.builtin([1]), t.obj(1), t.lam(), t.bound(1), t.cls("3"))
    t.total = plain
    log(t.total())


@case
def modules(log):
    module = types.ModuleType("made")
    module.x = 1
    log(get_x(module), math.pi, math.floor(2.5))
    module.x = 2
    log(get_x(module))
    log.call(bump_x, module, 3)
    del module.x
    log.call(get_x, module)
    module.__getattr__ = lambda name: f"module getattr {name}"
    log(get_x(module), get_kind(module))
    module.x = "back"
    log(get_x(module))
    for i in range(50):
        setattr(module, f"n{i}", i)
    log(get_x(module))
    module.total = lambda: "function in module"
    log(call_total(module))
    log.call(lambda: math.nothing)
    log.call(lambda: types.ModuleType("x").y)
    log.call(lambda: math.floor.nothing)


@case
def module_subclass(log):
    class Module(types.ModuleType):
        @property
        def x(self):
            return "property of module"

    m = Module("m")
    log(get_x(m))
    log.call(set_x, m, 1)


@case
def types_and_metaclasses(log):
    class Meta(type):
        kind = "meta kind"

        @property
        def product(cls):
            return "meta product"

        def total(cls):
            return f"meta total {cls.__name__}"

    class Thing(metaclass=Meta):
        product = "class product"

    class Other(metaclass=Meta):
        kind = "own kind"
        total = staticmethod(lambda: "own total")

    log(get_kind(Thing), get_kind(Other), get_product(Thing), get_product(Other), call_total(Thing), call_total(Other))
    log(get_product(Thing()))
    log.call(get_kind, Thing())
    Thing.kind = "set"
    log(get_kind(Thing), get_kind(Thing()))
    del Thing.kind
    log(get_kind(Thing))
    log(Thing.__name__, Thing.__class__ is Meta, Thing.__mro__ == (Thing, object))
    Meta.__getattr__ = lambda cls, name: f"meta getattr {name}"
    log(Thing.anything, get_x(Other))
    log.call(get_x, Thing())
    del Meta.__getattr__
    Meta.__getattribute__ = lambda cls, name: f"meta getattribute {name}"
    log(Thing.anything, get_kind(Thing), get_x(Other))
    del Meta.__getattribute__
    log.call(get_x, Other)


@case
def megamorphic(log):
    def make(i):
        class C:
            kind = f"kind {i}"

            def total(self):
                return i
        C.__name__ = C.__qualname__ = f"C{i}"
        o = C()
        if i % 2:
            o.pad = 1
        o.x = i * 10
        return o

    objects = [make(i) for i in range(20)] + [Point(1, 2), Slotted(5), Derived(6, 7)]
    for _ in range(2):
        for o in objects:
            log(get_x(o))
            log.call(call_total, o)
            log.call(get_kind, o)
            set_x(o, "new")
            log(get_x(o))
            set_x(o, 1)


@case
def error_messages(log):
    class Thing:
        __slots__ = ("x",)
        y = 1

    t = Thing()
    for function in (lambda: t.x, lambda: t.q, lambda:
                     (1).q, lambda: None.q, lambda: "s".q, lambda: Thing.q, lambda: [].q(1), lambda: None.x.y, lambda:
                     (lambda: 0).q, lambda: object().q, lambda: print.q, lambda: int.q, lambda: t.q()):
        log.call(function)

    def store(o):
        o.y = 2

    def store_new(o):
        o.q = 2

    def delete(o):
        del o.q

    for target in (t, 1, None, "s", object(), int, [], (lambda: 0), Point(1, 2), len):
        log.call(store, target)
        log.call(store_new, target)
        log.call(delete, target)
        log.call(delete, target)


@case
def error_attributes(log):
    def f(o):
        return o.missing_name

    for o in (Point(1, 2), Point, math, 5):
        try:
            f(o)
        except AttributeError as error:
            log(error.name, error.obj is o, str(error))


@case
def multi_line_tracebacks(log):
    def f(a):
        return (
            a.x
            .y
            .z
        )

    def g(a):
        a.x.y = (
            a.q
        )

    log.call(f, Point(1, 2))
    log.call(g, Point(1, 2))
    log.call(g, Point(Point(0, 0), 2))


@case
def super_attributes(log):
    class Base:
        x = "base x"

        def total(self):
            return "base total"

    class Child(Base):
        x = "child x"

        def total(self):
            return super().total() + " extended", super().x, self.x

    c = Child()
    log(call_total(c))
    c.x = "own"
    log(call_total(c))
    Base.x = "changed"
    log(call_total(c))


@case
def special_names(log):
    def f(o):
        return o.__class__.__name__, type(o).__name__, o.__doc__ is None, o.__module__

    log(f(Point(1, 2)), f(Slotted(1)), f(Derived(1, 2)))
    log.call(lambda o: o.__dict__["x"], Point(1, 2))

    class Mangled:
        def __init__(self):
            self.__secret = 1

        def get(self):
            return self.__secret

    log(Mangled().get(), list(Mangled().__dict__))
    log.call(lambda: Mangled().__secret)


@case
def class_proxies(log):
    class Proxy:
        def __init__(self, target):
            object.__setattr__(self, "_target", target)

        @property
        def __class__(self):
            return type(self._target)

        def __getattr__(self, name):
            return getattr(self._target, name)

        def __setattr__(self, name, value):
            setattr(self._target, name, value)

    p = Proxy(Point(1, 2))
    log(get_x(p), call_total(p), isinstance(p, Point), get_product(p), bump_x(p, 2))


@case
def instance_of_builtin_subclasses(log):
    class List(list):
        pass

    class Dict(dict):
        kind = "dict"

    class Int(int):
        pass

    class Error(Exception):
        pass

    for o in (List([1]), Dict(a=1), Int(5), Error("e")):
        set_x(o, "attribute")
        log(get_x(o), o)
        log.call(get_kind, o)
        del_x(o)
        log.call(get_x, o)
    log([].append.__name__, {}.get(1, 2), "a,b".split(","), (5).bit_length(), [3, 1].sort())


@case
def inherits_slots_and_dict(log):
    class Mixed(Slotted):
        def __init__(self, x, y):
            self.x = x
            self.z = y

    m = Mixed(1, 2)
    log(m.x, m.z, m.__dict__)
    m.x += 1
    m.z += 1
    log(m.x, m.z, m.__dict__)
    m.__dict__["x"] = "hidden by slot"
    log(get_x(m))
    del m.x
    log.call(get_x, m)


def read_mark(owner):
    return owner.mark


def call_mark(owner):
    return owner.mark()


@case(times=4)
def lookup_changes_bases(log):
    """A key that is not a str compares itself with the name, and changes the class by that."""
    class Key:
        def __hash__(self):
            return hash("mark")

        def __eq__(self, other):
            Thing.__bases__ = (Second,)

    class First:
        mark = "first"

    class Second:
        mark = "second"

    Thing = type("Thing", (First,), {Key(): 1})
    log(read_mark(Thing), read_mark(Thing))


@case
def metaclass_gains_attribute(log):
    class Meta(type):
        pass

    class Thing(metaclass=Meta):
        mark = "class"

    for _ in range(3):
        log(read_mark(Thing))
    Meta.mark = property(lambda cls: "metaclass")
    log(read_mark(Thing))
    del Meta.mark
    log(read_mark(Thing))


@case
def names_that_are_not_interned(log):
    class Thing:
        def mark(self):
            return "method"

    first, second = Thing(), Thing()
    name = "".join(["ma", "rk"])
    first.__dict__[name] = lambda: "own"
    for _ in range(3):
        log(call_mark(first), call_mark(second))
    second.__dict__["".join(["ma", "rk"])] = lambda: "own too"
    log(call_mark(first), call_mark(second))


@case
def fields_of_classes(log):
    class Meta(type):
        pass

    class Named(type):
        @property
        def __name__(cls):
            return "named by its metaclass"

        __module__ = "shadowed"

    class Plain:
        __slots__ = ()
        a = 1

    class Derived(Plain, metaclass=Meta):
        __name__ = "hidden"
        __mro__ = "hidden"

    class Strange(metaclass=Named):
        pass

    def read(cls):
        return (cls.__name__, cls.__qualname__, cls.__module__, len(cls.__mro__), len(cls.__bases__), cls.__base__,
                cls.__basicsize__, cls.__dictoffset__, "a" in cls.__dict__, "__doc__" in cls.__dict__, 3 in cls.__dict__,
                cls.__dict__.get("a"), [] if cls.__dict__ else None)

    def has(cls, name):
        return name in cls.__dict__

    for cls in (Plain, Derived, Strange, Meta, int, type, object, OSError) * 3:
        log.call(read, cls)
    log.call(has, Plain, [])
    Plain.__name__ = "Renamed"
    Plain.b = 2
    log(has(Plain, "b"), Plain.__name__, Derived.__name__)
    Derived.__module__ = 5
    log.call(read, Derived)
    del Derived.__module__
    log.call(lambda: Derived.__module__)
    Derived.__class__ = Named
    log.call(lambda: (Derived.__name__, Derived.__qualname__))
    log.call(read, Derived)


@case
def vars_of_a_class_with_odd_keys(log):
    class Key(str):
        def __hash__(self):
            return hash("a")

        def __eq__(self, other):
            log("asked", other == "a")
            return True

    class Thing:
        a = 1

    def has(name):
        return name in Thing.__dict__

    for _ in range(3):
        log.call(has, Key("b"))
        log.call(has, "a")


@case
def getters_that_do_things(log):
    """Properties read over and over, whose getters change what the caller looks at."""

    class Thing:
        def __init__(self, value):
            self.value = value
            self.reads = 0

        @property
        def plain(self):
            return self.value

        @property
        def counted(self):
            self.reads += 1
            if self.reads == 7:
                raise ValueError(self.reads)
            return self.reads

        @property
        def depth(self):
            self.reads -= 1
            return 0 if self.reads < 0 else 1 + self.depth

        @property
        def changing(self):
            if self.value == 3:
                Thing.changing = property(lambda self: ("new", self.value))
            if self.value == 5:
                Thing.changing = "attribute"
            return self.value

    class Derived(Thing):
        @property
        def plain(self):
            return super().plain, "derived"

    def read(things):
        return [(t.plain, t.plain is t.value, refcount(t)) for t in things]

    def temporaries(n):
        return [Thing([k]).plain for k in range(n)], Thing(1).plain + Thing(2).plain * Thing(3).plain

    def errors(thing, n):
        out = []
        for k in range(n):
            try:
                out.append((k, [k, thing.counted]))
            except ValueError as e:
                out.append((str(e), e.__traceback__.tb_next.tb_lineno - e.__traceback__.tb_lineno > 0))
        return out

    def recursion(n):
        thing = Thing(1)
        thing.reads = n
        return thing.depth

    def change(n):
        out = []
        thing = Thing(0)
        for k in range(n):
            thing.value = k
            out.append(thing.changing)
        return out

    things = [Thing(k + 1000) for k in range(10)]
    log.call(read, things)
    log.call(read, [*things, Derived(1), Thing(2), Derived(3)])
    log.call(temporaries, 5)
    log.call(errors, Thing(1), 12)
    log.each(recursion, (10,), (100,))
    log.call(change, 9)


@case
def comparisons_of_kinds(log):
    def compare(a, b):
        return a < b, a <= b, a == b, a != b, a > b, a >= b

    def member(x, items):
        return x in items, x not in items

    nan, big = float("nan"), 2**62
    for a in (0, -1, 3, 2**30, big, 1.5, 3.0, -0.0, nan, float("inf"), True):
        for b in (0, 0.0, 3, 3.0, 2.0**62, big + 1, nan, -1, False):
            log.call(compare, a, b)
    for x in (0, 3, -3, 2**31, 2.0, True, "a", None):
        log.each(member, (x, [1, 2, 3]), (x, (-3, 0, "a")), (x, []), (x, [2**31, 1.0, 3.0]), (x, [None, True, "b", False]))


@case
def properties_of_any_site(log):
    """Sites that have been compiled before they were ever run, and those that see many classes."""

    class Base:
        def __init__(self, value):
            self._value = value

        @property
        def value(self):
            return self._value

    class Counting(Base):
        @property
        def value(self):
            self._value += 1
            return self._value

    class Broken(Base):
        @property
        def value(self):
            raise AttributeError("broken")

    class Hooked(Broken):
        def __getattr__(self, name):
            return name, "hook"

    class Plain:
        value = "of the class"

    class Own:
        def __init__(self, value):
            self.value = value

    def read(o):
        return [o, o.value, o.value][1:]

    kinds = (Base, Counting, Own, Broken, Hooked)
    for _ in range(4):
        for kind in kinds:
            o = kind(3)
            log.call(read, o)
            log(refcount(o))
        log.call(read, Plain())
        log.call(read, 5)
        log.call(read, Base)
    Base.value = property(lambda self, more=2: self._value * more)
    log.call(read, Base(4))
    Base.value = property(lambda self, *, key="k": (self._value, key))
    log.call(read, Base(4))
    Base.value = property(lambda: 1)
    log.call(read, Base(4))
    Base.value = 7
    log.call(read, Base(4))


@case
def property_that_drops_its_owner(log):
    class Dies:
        @property
        def value(self):
            keep.clear()
            return 5

        def __del__(self):
            log("dead")

    def f():
        return keep[0].value + 1

    keep = []
    for _ in range(3):
        keep.append(Dies())
        log.call(f)


@case
def getters_of_c_types(log):
    class Day(datetime.date):
        pass

    class Odd(datetime.date):
        @property
        def day(self):
            return "property"

    class Shadowed(datetime.date):
        def __init__(self, *args):
            self.__dict__["day"] = "own"

        def __getattr__(self, name):
            return name

    def read(o):
        return o.day, o.month

    for kind in (datetime.date, Day, Odd, Shadowed, datetime.datetime):
        for _ in range(3):
            log.call(read, kind(2020, 2, 3))
    Day.month = "other"
    log.call(read, Day(2020, 2, 3))

    def look(view):
        return view.nbytes, view.shape

    view = memoryview(b"abc")
    for _ in range(3):
        log.call(look, view)
    view.release()
    for _ in range(3):
        log.call(look, view)

    class Stream(io.RawIOBase):
        def __getattr__(self, name):
            log("hook", name)
            return name

    def closed(stream):
        return stream.closed, stream.missing

    stream = Stream()
    for _ in range(3):
        log.call(closed, stream)
    wrapper = io.TextIOWrapper(io.BytesIO())

    def detached(text):
        return text.closed

    log.call(detached, wrapper)
    wrapper.detach()
    log.call(detached, wrapper)
    log.call(detached, wrapper)
