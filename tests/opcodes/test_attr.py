"""Attribute loads, stores and deletes: every place where one can live, and every way to move it."""

import math
import types

from harness import case


class Point:
    kind = "point"
    _hidden = [1]

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def total(self):
        return self.x + self.y

    @property
    def product(self):
        return self.x * self.y

    @product.setter
    def product(self, value):
        self.x = self.y = value

    @classmethod
    def make(cls, n):
        return cls(n, n + 1)

    @staticmethod
    def static(a):
        return a * 2


class Slotted:
    __slots__ = ("x", "y", "__weakref__")

    def __init__(self, x):
        self.x = x


class Derived(Point):
    kind = "derived"


def get_x(o):
    return o.x


def get_kind(o):
    return o.kind


def set_x(o, value):
    o.x = value


def del_x(o):
    del o.x


def call_total(o):
    return o.total()


def get_product(o):
    return o.product


def bump_x(o, n):
    for _ in range(n):
        o.x += 1
    return o.x


@case
def instance_values(log):
    p = Point(1, 2)
    log.each(get_x, (p,), (p,))
    set_x(p, "text")
    log.each(get_x, (p,))
    log.call(del_x, p)
    log.call(get_x, p)
    log.call(del_x, p)
    set_x(p, 5)
    log.call(get_x, p)
    log(p.__dict__, vars(p) is p.__dict__)
    log.call(bump_x, p, 20)


@case
def slots(log):
    s = Slotted(1)
    log.call(get_x, s)
    log.call(bump_x, s, 5)
    log.call(del_x, s)
    log.call(get_x, s)
    log.call(del_x, s)
    log.call(set_x, s, 3)
    log.call(get_x, s)
    log.call(lambda o: o.y, s)
    log.call(lambda o: setattr(o, "z", 1), s)

    def f(o):
        o.z = 1

    log.call(f, s)
    log.call(lambda o: o.__dict__, s)


@case
def class_attributes(log):
    p, d = Point(1, 2), Derived(3, 4)
    log.each(get_kind, (p,), (d,), (Point,), (Derived,), (p,))
    Derived.kind = "changed"
    log.each(get_kind, (p,), (d,), (Derived,))
    p.kind = "own"
    log.each(get_kind, (p,), (d,), (Point(0, 0),))
    del p.kind
    log.each(get_kind, (p,))
    del Derived.kind
    log.each(get_kind, (d,), (Derived,))
    Derived.kind = "derived"
    log.each(get_kind, (d,), (Derived,))


@case
def methods(log):
    class Thing:
        def total(self):
            return "first"

    t = Thing()
    log(call_total(t), call_total(t))
    Thing.total = lambda self: "second"
    log(call_total(t))
    t.total = lambda: "instance"
    log(call_total(t), call_total(Thing()))
    del t.total
    log(call_total(t))
    del Thing.total
    log.call(call_total, t)
    Thing.total = staticmethod(lambda: "static")
    log(call_total(t))
    Thing.total = classmethod(lambda cls: cls.__name__)
    log(call_total(t))
    Thing.total = property(lambda self: lambda: "property")
    log(call_total(t))
    Thing.total = 5
    log.call(call_total, t)
    Thing.total = len
    log.call(call_total, t)


@case
def bound_methods(log):
    p = Point(1, 2)
    m = p.total
    log(m(), m.__self__ is p, m.__func__ is Point.total, p.total == p.total, p.total is p.total)
    log(Point.total(p), Derived.total(p), Derived.make(1).kind, Point.make(2).total(), p.make(3).x)
    log(p.static(4), Point.static(5), Derived.static("x"))
    log.call(Point.total)
    log.call(p.total, 1)
    log.call(p.missing if hasattr(p, "missing") else call_total, 5)
    log.call(lambda: p.missing(1))
    log.call(lambda: p.x())


@case
def base_class_changes(log):
    class Base:
        def total(self):
            return "base"

        kind = "base kind"

    class Middle(Base):
        pass

    class Leaf(Middle):
        pass

    leaf = Leaf()
    log(call_total(leaf), get_kind(leaf))
    Middle.total = lambda self: "middle"
    Middle.kind = "middle kind"
    log(call_total(leaf), get_kind(leaf))
    Base.total = lambda self: "base again"
    log(call_total(leaf), get_kind(leaf))
    del Middle.total, Middle.kind
    log(call_total(leaf), get_kind(leaf))

    class Stranger:
        def total(self):
            return "stranger"

        kind = "strange"

    Middle.__bases__ = (Stranger,)
    log(call_total(leaf), get_kind(leaf))


@case
def class_of_instance_changes(log):
    class A:
        kind = "A"

        def total(self):
            return "A.total"

    class B:
        kind = "B"

        def total(self):
            return "B.total"

    o = A()
    o.x = 1
    log(get_kind(o), call_total(o), get_x(o))
    o.__class__ = B
    log(get_kind(o), call_total(o), get_x(o))
    o.x += 1
    log(get_x(o), o.__dict__)
    o.__class__ = A
    log(get_kind(o), call_total(o), get_x(o))


@case
def dict_replaced(log):
    p = Point(1, 2)
    log(get_x(p), bump_x(p, 2))
    p.__dict__ = {"x": "from dict", "total": lambda: "dict total"}
    log(get_x(p), call_total(p))
    log.call(lambda o: o.y, p)
    set_x(p, 7)
    log(p.__dict__, bump_x(p, 3))
    del p.__dict__
    log.call(get_x, p)
    set_x(p, 8)
    log(get_x(p), p.__dict__)
    p.__dict__["x"] = "via dict"
    log(get_x(p))
    p.__dict__.clear()
    log.call(get_x, p)
    log(call_total(p) if hasattr(p, "x") else "nothing")


@case
def materialised_dict(log):
    p = Point(1, 2)
    d = p.__dict__
    log(get_x(p))
    d["x"] = 10
    log(get_x(p), bump_x(p, 3), d)
    for i in range(40):
        d[f"k{i}"] = i
    log(get_x(p), bump_x(p, 3), len(d))
    d["total"] = lambda: "shadow"
    log(call_total(p))
    del d["total"]
    log(call_total(p))
    del d["x"]
    log.call(get_x, p)
    d[5] = "non-string key"
    set_x(p, 1)
    log(get_x(p))


@case
def many_attributes(log):
    class Wide:
        pass

    w = Wide()
    for i in range(60):
        setattr(w, f"a{i}", i)
    w.x = "x"
    log(get_x(w), w.a0, w.a29, w.a30, w.a31, w.a59)
    log.call(bump_x, Point(1, 2), 3)
    v = Wide()
    v.x = 1
    log(get_x(v), bump_x(v, 2))


@case
def order_of_attributes(log):
    class Bag:
        pass

    def fill(o, names):
        for name in names:
            if name == "x":
                o.x = name
            elif name == "y":
                o.y = name
            else:
                o.z = name
        return list(o.__dict__)

    for names in ("xyz", "zyx", "yxz", "z", "xxx"):
        b = Bag()
        log(fill(b, names), hasattr(b, "x"))
    b = Bag()
    fill(b, "xyz")
    del b.y
    log(list(b.__dict__))
    b.y = 1
    log(list(b.__dict__))


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
def counts(log):
    class Box:
        pass

    value = ["value"]
    box = Box()
    box.x = value
    log.refs(box, value)

    def f(o):
        a = o.x
        log.refs(o, a)
        b = [o.x, o.x]
        log.refs(o, a, b)
        o.y = o.x
        log.refs(o, a)
        o.x = None
        log.refs(o, a)
        del o.y
        log.refs(o, a)
        o.x = a
        return o.x

    log(f(box) is value)
    log.refs(box, value)


@case
def old_value_dies(log):
    class Box:
        pass

    def f(o):
        o.x = log.probe("one")
        log("stored one")
        o.x = log.probe("two")
        log("stored two")
        o.x = o.x
        del o.x
        log("deleted")
        o.x = log.probe("three")
        o = None
        log("dropped")

    f(Box())
    s = Slotted(log.probe("slot"))
    set_x(s, 1)
    log("slot stored")


@case
def destructor_sees_new_value(log):
    class Box:
        pass

    box = Box()

    class Peek:
        def __del__(self):
            log("peek", getattr(box, "x", "no x"))
            if getattr(box, "x", None) == "new":
                box.x = "from destructor"

    def f(o):
        o.x = Peek()
        o.x = "new"
        return o.x

    log.call(f, box)
    log.call(f, box)
    box.x = Peek()
    log.call(del_x, box)


@case
def temporary_receivers(log):
    class Box:
        def __init__(self, name):
            self.probe = log.probe(name)
            self.x = name
            self.box = None

        def total(self):
            log("in total")
            return self.x

    def f():
        a = Box("a").x
        log("loaded", a)
        b = Box("b").total()
        log("called", b)
        Box("c").x = 5
        log("stored")
        Box("d").box = Box("e")
        log("nested")
        return Box("f").total

    m = log.call(lambda: f().__name__)
    log(m)


@case
def method_receiver_survives_deletion(log):
    class Box:
        def __init__(self):
            self.probe = log.probe("box")

        def total(self):
            holder.clear()
            log("cleared")
            return self.probe.name

    holder = [Box()]

    def f(h):
        return h[0].total()

    log.call(f, holder)


@case
def method_replaced_while_running(log):
    class Box:
        def total(self):
            Box.total = lambda self: "replaced"
            log("running")
            return self.total()

    def f(o):
        return o.total(), o.total()

    log.call(f, Box())


@case
def evaluation_order(log):
    def obj(name):
        log("object", name)
        return Point(1, 2)

    def value(x):
        log("value", x)
        return x

    def f():
        obj("a").x = value(1)
        obj("b").x += value(2)
        obj("c").x = obj("d").y = value(3)

    log.call(f)


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


@case
def loops_over_objects(log):
    def run(points, n):
        for _ in range(n):
            for p in points:
                p.x += p.y * 0.5
                p.y -= p.total() * 0.1
        return [(p.x, p.y) for p in points]

    log.call(run, [Point(1, 2), Point(1.5, 2.5), Derived(3, 4)], 10)


@case
def attribute_changes_type_in_loop(log):
    def run(o, values):
        out = []
        for value in values:
            o.x = value
            out.append(o.x + o.x)
        return out

    log.call(run, Point(0, 0), [1, 2.5, "s", [1], 2 ** 70, 3])
    log.call(run, Point(0, 0), [1, None])


@case
def cached_type_is_recreated(log):
    """A class that dies and another one at (perhaps) the same address must not be mistaken."""
    for i in range(12):
        body = {"kind": i, "total": lambda self, i=i: i * 2}
        if i % 3 == 0:
            body["__slots__"] = ("x",)
        cls = type("Temp", (), body)
        o = cls()
        set_x(o, i)
        log(get_x(o), get_kind(o), call_total(o))
        del cls, o
        __import__("gc").collect()


@case
def weak_reference_callback_on_store(log):
    import weakref

    class Box:
        pass

    box = Box()

    def f(o):
        value = Box()
        o.x = value
        ref = weakref.ref(value, lambda r: log("callback", hasattr(o, "x"), getattr(o, "x", None)))
        del value
        log(ref() is o.x)
        o.x = 5
        return ref() is None

    log.call(f, box)
