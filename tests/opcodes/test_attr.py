"""Attribute loads, stores and deletes: every place where one can live, and every way to move it."""

from sys import getrefcount as refcount

from harness import case
from opcodes.attr_objects import Derived, Point, Slotted, bump_x, call_total, del_x, get_kind, get_x, set_x


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
def counts(log):
    class Box:
        pass

    value = ["value"]
    box = Box()
    box.x = value
    log("refs", refcount(box), refcount(value))

    def f(o):
        a = o.x
        log("refs", refcount(o), refcount(a))
        b = [o.x, o.x]
        log("refs", refcount(o), refcount(a), refcount(b))
        o.y = o.x
        log("refs", refcount(o), refcount(a))
        o.x = None
        log("refs", refcount(o), refcount(a))
        del o.y
        log("refs", refcount(o), refcount(a))
        o.x = a
        return o.x

    log(f(box) is value)
    log("refs", refcount(box), refcount(value))


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


@case
def attributes_of_c_objects_by_foreign_code(log):
    """A weak proxy asks its object for everything."""
    import sys
    import weakref

    class Asked:
        kind = "class"

        def __init__(self):
            self.action = None
            self.own = 1

        @property
        def value(self):
            if self.action is not None:
                self.action(sys._getframe(1))
            return self.own

        def method(self, *args):
            return self.own, args

        def __getattr__(self, name):
            if name.startswith("no"):
                raise AttributeError(name)
            return name.upper()

    def one(p):
        return p.value

    def forms(p, x):
        a = p.value
        b = [x, p.value, p.method(x), p.made_up]
        c = (p.kind, x + p.own, p.method(p.value), str(p.value))
        return a, b, c, x

    def temporary(make):
        return make().value, len(make().method(2))

    o = Asked()
    p = weakref.proxy(o)
    log.each(one, (p,), (p,), (o,))
    for _ in range(20):
        forms(p, 3)
    log.call(forms, p, 5)
    log.call(forms, o, 5)
    log.call(temporary, lambda: weakref.proxy(o))
    log.call(lambda: p.nothing)
    log.call(lambda: [1, p.nothing, 2])
    log.call(lambda q: (q, str(q.nothing)), p)
    log(refcount(o))

    def caught(q):
        kept = []
        for name in range(3):
            try:
                kept.append((name, q.nothing))
            except AttributeError as e:
                kept.append(str(e))
        return kept

    log.call(caught, p)

    def fail(frame):
        raise ValueError("value")

    o.action = fail
    log.call(forms, p, 5)

    def change(frame):
        frame.f_locals["x"] = "changed"
        frame.f_locals["p"] = o

    o.action = change
    log.call(forms, p, 5)
    log.call(one, p)

    def drop(frame):
        nonlocal o
        o = None

    o.action = drop
    log.call(one, p)
    log.call(one, p)


@case
def attributes_of_c_objects_switch_tracing_on(log):
    import sys
    import weakref

    class Asked:
        count = 0
        after = 0

        @property
        def value(self):
            self.count += 1
            if self.count == self.after:
                frame = sys._getframe(1)
                frame.f_trace = trace
                sys.settrace(trace)
            return self.count

    def trace(frame, event, arg):
        if frame.f_code.co_name == "asks":
            log(event, frame.f_lineno - frame.f_code.co_firstlineno)
        return trace

    def asks(p, x):
        a = p.value
        b = (x, p.value,
             p.value)
        c = str(
            p.value)
        return a, b, c

    def traced(after):
        o = Asked()
        o.after = after
        try:
            return asks(weakref.proxy(o), 7)
        finally:
            sys.settrace(None)

    for after in range(30):
        log.call(traced, after % 6)


@case
def first_stores_into_other_objects(log):
    """Objects whose dict is made by the first store, and those that keep it themselves."""

    class Items(list):
        pass

    class Text(str):
        pass

    class Number(int):
        pass

    class Problem(Exception):
        def __init__(self, code):
            super().__init__(code)
            self.code = code

    class Guarded(Exception):
        @property
        def code(self):
            return 1

    class Slotted(list):
        __slots__ = ("code",)

    class Watched(list):
        def __setattr__(self, name, value):
            log("set", name, value)
            super().__setattr__(name, value)

    class Dies:
        def __del__(self):
            log("dead")

    def store(o, value):
        o.code = value
        o.other = value
        return o

    for kind in (Items, Text, Number, ValueError, Slotted, Watched, Guarded, object, list):
        for value in (1, "two"):
            def fresh():
                o = kind()
                store(o, value)
                store(o, [value])
                return vars(o)

            log.call(fresh)

    def raised(i):
        try:
            raise Problem(i)
        except Problem as e:
            e.more = i
            return e.code, vars(e)

    for i in range(30):
        raised(i)
    log.call(raised, 5)
    o = Items()
    store(o, Dies())
    log("before")
    store(o, 3)
    log("after")
    p = Problem(1)
    p.__dict__ = {1: 2}
    log.call(lambda: vars(store(p, 4)))
    q = Items()
    value = object()
    log(refcount(value))
    store(q, value)
    log(refcount(value))
