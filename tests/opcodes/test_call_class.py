"""Construction of instances, callable objects and methods."""

from harness import case


@case
def classes(log):
    class Empty:
        pass

    class Init:
        def __init__(self, a, b=2, *rest, **kw):
            log("init", a, b, rest, kw)
            self.a = a

    class New:
        def __new__(cls, *args):
            log("new", args)
            return object.__new__(cls)

        def __init__(self, *args):
            log("init", args)

    class NewOther:
        def __new__(cls, x):
            return x * 2

        def __init__(self, x):
            log("never")

    class ReturnsValue:
        def __init__(self):
            return 5

    class Raises:
        def __init__(self):
            self.probe = log.probe("half made")
            raise ValueError("init failed")

    class Slots:
        __slots__ = ("v",)

        def __init__(self, v):
            self.v = v

    class Child(Init):
        pass

    class Super(Init):
        def __init__(self, z):
            super().__init__(z, z=z)

    def make(cls, *args, **kw):
        return type(cls(*args, **kw)).__name__

    for _ in range(2):
        log.call(lambda: type(Empty()).__name__)
        log.call(lambda: Empty(1))
        log.call(lambda: Empty(x=1))
        log.call(lambda: Init(1).a)
        log.call(lambda: Init(1, 3, 4, z=5).a)
        log.call(lambda: Init())
        log.call(lambda: Init(a=7).a)
        log.call(lambda: type(New()).__name__)
        log.call(lambda: type(New(1, 2)).__name__)
        log.call(lambda: NewOther(4))
        log.call(lambda: ReturnsValue())
        log.call(lambda: Raises())
        log.call(lambda: Slots(3).v)
        log.call(lambda: Slots())
        log.call(lambda: Child(8).a)
        log.call(lambda: Super(9).a)
        log.each(make, (Init, 1), (Child, 2), (Super, 3), (Slots, 4), (Empty,))


@case
def init_changes(log):
    class C:
        def __init__(self, x):
            self.x = x

    def f(x):
        return C(x).__dict__

    log.call(f, 1)
    C.__init__ = lambda self, x: setattr(self, "y", x)
    log.call(f, 1)
    C.__new__ = lambda cls, x: object.__new__(cls)
    log.call(f, 1)
    C.__init__ = object.__init__
    log.call(f, 1)
    del C.__init__
    log.call(f, 1)
    del C.__new__
    log.call(f, 1)
    C.__init__ = 5
    log.call(f, 1)


@case
def metaclass_call(log):
    class Meta(type):
        def __call__(cls, *args, **kw):
            log("meta call", cls.__name__, args, kw)
            if args == ("skip",):
                return "skipped"
            return super().__call__(*args, **kw)

    class C(metaclass=Meta):
        def __init__(self, x=0, **kw):
            self.x = x

    def f(*args, **kw):
        o = C(*args, **kw)
        return getattr(o, "x", o)

    log.call(f)
    log.call(f, 1)
    log.call(f, "skip")
    log.call(f, x=3)
    log.call(lambda: C(5).x)
    Meta.__call__ = lambda cls, *args: "replaced"
    log.call(lambda: C(5))
    del Meta.__call__
    log.call(lambda: C(5).x)


@case
def callable_objects(log):
    class Callable:
        def __call__(self, a, b=2):
            return "called", a, b

    class NoCall:
        pass

    class Delegates:
        __call__ = Callable()

    class Static:
        @staticmethod
        def __call__(x=0):
            return "static", x

    c = Callable()
    log.call(lambda: c(1))
    log.call(lambda: c(1, b=3))
    log.call(lambda: c())
    log.call(lambda: Delegates()(5))
    log.call(lambda: Static()(5))
    n = NoCall()
    n.__call__ = lambda: "instance"
    log.call(lambda: n())
    NoCall.__call__ = lambda self: "class"
    log.call(lambda: n())
    Callable.__call__ = lambda self, *a: ("replaced", a)
    log.call(lambda: c(1, 2, 3))


@case
def methods(log):
    class C:
        def m(self, a, b=2, *rest, k=0):
            return a, b, rest, k

        @classmethod
        def c(cls, a=0):
            return cls.__name__, a

        @staticmethod
        def s(a=0):
            return a

        def none():
            return 1

    o = C()
    bound = o.m
    for _ in range(2):
        log.call(lambda: o.m(1))
        log.call(lambda: o.m(1, 2, 3, 4))
        log.call(lambda: o.m(1, k=5))
        log.call(lambda: o.m())
        log.call(lambda: o.m(k=5))
        log.call(lambda: bound(1))
        log.call(lambda: bound(1, 2, 3, k=4))
        log.call(lambda: bound())
        log.call(lambda: bound(*(1, 2), **{"k": 3}))
        log.call(lambda: o.c(1))
        log.call(lambda: C.c(2))
        log.call(lambda: C.c(2, 3))
        log.call(lambda: o.s(1))
        log.call(lambda: C.s(1, 2))
        log.call(lambda: o.none())
        log.call(lambda: C.none())
        log.call(lambda: C.m(o, 1))
        log.call(lambda: C.m(1, 2))
        log.call(lambda: C.m())


@case
def instances_die(log):
    class C:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log("del", self.name)

        def chain(self):
            return C(self.name + "'")

    def f():
        C("a")
        log("1")
        C("b").chain().chain()
        log("2")
        x = C("c")
        x = C("d")
        log("3")
        return len([C("e"), C("f")])

    log.call(f)


@case
def arguments_that_the_callee_drops(log):
    """What the interpreter's stack holds around a call stays alive until the call is over."""
    class Init:
        def __init__(self, a, b=None, *rest, **more):
            del a, b, rest, more
            log("dropped", type(self).__name__)

    class Defaults:
        def __init__(self, a, b=3):
            a = None
            log("dropped", b)

    class Call:
        def __init__(self, name):
            self.name = name

        def __call__(self, a, b=3, *, k=4):
            name = self.name
            del self
            a = None
            log("called", name, b, k)

        def __del__(self):
            log("del", self.name)

    def f():
        Init(log.probe("1"), log.probe("2"))
        log("after 2")
        Init(log.probe("3"), b=log.probe("4"), c=log.probe("5"))
        log("after 5")
        Defaults(log.probe("6"))
        log("after 6")
        Defaults(b=5, a=log.probe("7"))
        log("after 7")
        Call("x")(log.probe("8"))
        log("after 8")
        Call("y")(k=log.probe("9"), a=log.probe("10"))
        log("after 10")
        Call("z")(log.probe("11"), log.probe("12"), k=1)
        log("end")

    log.call(f)
    log.call(f)


@case
def constructions_that_fail(log):
    class Init:
        def __init__(self, a, b=2, *, k=3):
            self.probe = log.probe("half made")
            if a == "value":
                return b
            if a == "raise":
                raise ValueError(b, k)
            self.done = True

        def __del__(self):
            log("del", hasattr(self, "done"))

    for _ in range(2):
        log.call(lambda: Init("value").done)
        log.call(lambda: Init("value", b=None).done)
        log.call(lambda: Init("value", 5, k=1).done)
        log.call(lambda: Init("raise").done)
        log.call(lambda: Init("raise", k=7).done)
        log.call(lambda: Init().done)
        log.call(lambda: Init(1, 2, 3).done)
        log.call(lambda: Init(1, z=3).done)
        log.call(lambda: Init(1, a=3).done)


@case
def calls_of_instances_that_fail(log):
    class Call:
        def __call__(self, a, b=2):
            if a == 1:
                raise KeyError(b)
            return a

    class Base:
        pass

    c = Call()
    for _ in range(2):
        log.call(lambda: c(1))
        log.call(lambda: c(1, b=log.probe("b")))
        log.call(lambda: c())
        log.call(lambda: c(1, 2, log.probe("c")))
        log.call(lambda: c(z=1))
        log.call(lambda: Base()(log.probe("d")))
        log.call(lambda: Base(log.probe("e")))


@case
def calls_that_change_the_callee(log):
    class Meta(type):
        def __call__(cls, *args):
            log("meta", args)
            return super().__call__(*args)

    class C(metaclass=Meta):
        def __init__(self, a=0):
            C.__init__ = lambda self, a=0: log("second", a)
            log("first", a)

        def __call__(self, a):
            C.__call__ = lambda self, a: (a, a)
            return a

    def f():
        return [C(i)(i) for i in range(3)]

    log.call(f)


@case
def construction_under_recursion(log):
    class Node:
        def __init__(self, depth):
            self.child = Node(depth - 1) if depth else None

        def __call__(self):
            return 1 + (self.child() if self.child else 0)

    log.call(lambda: Node(50)())

    class Endless:
        def __init__(self):
            self.next = Endless()

        def __call__(self):
            return self()

    def f():
        try:
            Endless()
        except RecursionError:
            return "recursion"

    def g():
        try:
            return object.__new__(Endless)()
        except RecursionError:
            return "recursion"

    log.call(f)
    log.call(g)


@case
def conventions_of_builtins(log):
    def f(function, *args):
        n = len(args)
        if n == 0:
            return function()
        if n == 1:
            return function(args[0])
        if n == 2:
            return function(args[0], args[1])
        return function(args[0], args[1], args[2])

    import math
    functions = [len, abs, chr, ord, isinstance, getattr, divmod, min, max, sum, sorted, iter, next, math.sqrt, math.gcd,
                 str.upper, str.split, str.join, list.append, list.pop, dict.get, [1].pop, {}.get, "a,b".split, int, float, str,
                 tuple, list, dict, set, bool, range, type, object, bytes, slice, str.maketrans, dict.fromkeys,
                 int.from_bytes, ValueError, math.hypot, round]
    arguments = [(), (4,), ("ab",), ([1, 2],), (7, 2), ("a", "b"), ([1, 2], 0), (4, 2, 1), ({1: 2}, 1), ("x", [], 3)]
    for function in functions:
        for args in arguments:
            log.call(f, function, *args)


@case
def special_methods_as_attributes(log):
    """A call of an instance, and its `__call__` as a plain attribute."""
    class C:
        def __call__(self):
            return "called"

    def f(c):
        return c(), type(c.__call__).__name__, c()

    log.call(f, C())
    log.call(f, C())


@case
def classes_with_new_alone(log):
    import collections

    class New:
        def __new__(cls, a, b=2, *rest):
            if a == "raise":
                raise ValueError(a)
            if a == "other":
                return b
            made = object.__new__(Sub if a == "sub" else cls)
            made.args = a, b, rest
            return made

    class Sub(New):
        def __init__(self, *args):
            log("init", args)
            if args[1:] == (3,):
                raise KeyError("init")

    class Tuple(tuple):
        def __new__(cls, *items):
            return super().__new__(cls, items)

    Point = collections.namedtuple("Point", "x y", defaults=[5])

    for _ in range(2):
        log.call(lambda: New(1).args)
        log.call(lambda: New(1, 2, 3).args)
        log.call(lambda: New(b=1, a=2).args)
        log.call(lambda: New("raise"))
        log.call(lambda: New("other", 7))
        log.call(lambda: New("other", int))
        log.call(lambda: New("sub").args)
        log.call(lambda: New("sub", 3).args)
        log.call(lambda: New("sub", 4, log.probe("x")).args[:2])
        log.call(lambda: New())
        log.call(lambda: Sub(1).args)
        log.call(lambda: Tuple(1, 2, 3))
        log.call(lambda: Point(1, 2))
        log.call(lambda: Point(1))
        log.call(lambda: Point(x=1, y=3))
        log.call(lambda: Point())
        log.call(lambda: Point(1, 2, 3))
    New.__new__ = lambda cls, *args: args
    log.call(lambda: New(1))
    New.__init__ = lambda self, *args: log("now", args)
    log.call(lambda: New(1))


@case
def constructions_at_one_site(log):
    """A site that is warm for one class meets others, of other arities, and callables that are no classes."""
    class Plain:
        def __init__(self, a):
            self.a = a

    class Slots:
        __slots__ = ("a", "b")

        def __init__(self, a):
            self.a = a

    class MoreSlots(Slots):
        __slots__ = ("c",)

    class Default:
        def __init__(self, a, b=7):
            self.a = a, b

    class Rest:
        def __init__(self, *a):
            self.a = a

    class NoInit:
        a = "class"

    class Value:
        def __init__(self, a):
            if a == 33:
                return a
            self.a = a

    class Meta(type):
        def __call__(cls, a):
            return type.__call__(cls, (a, a))

    class WithMeta(Plain, metaclass=Meta):
        pass

    class Method:
        def make(self, a):
            return Slots(a)

    def f(cls, a):
        return cls(a).a

    def function(a):
        return Plain(a)

    for first in (Plain, Slots):
        for i in range(40):
            log.call(f, first, i)
        for cls in (MoreSlots, Default, Rest, NoInit, Value, WithMeta, function, Method().make, lambda a: None, int, 5, first):
            log.call(f, cls, 2)
            log.call(f, cls, 33)
    log.call(lambda: [f(c, i) for i in range(30) for c in (Plain, Slots, MoreSlots)])


@case
def constructions_of_every_arity(log):
    class C0:
        def __init__(self):
            self.all = ()

    class C1:
        def __init__(self, a):
            self.all = a,

    class C2:
        def __init__(self, a, b):
            self.all = a, b

    class C3:
        def __init__(self, a, b, c):
            self.all = a, b, c

    class C4:
        def __init__(self, a, b, c, d):
            self.all = a, b, c, d

    class C6:
        def __init__(self, a, b, c, d, e, f):
            self.all = f, e, d, c, b, a

    class Holder:
        pass

    for cls in (C0, C1, C2, C3, C4, C6):
        setattr(Holder, cls.__name__, cls)

    def plain(x, y):
        return (C0().all, C1(x).all, C1(x + y).all, C2(x, y).all, C2(x, x + y).all, C3(x, y, x * y).all, C3(1, 2, 3).all,
                C4(x, y, x, y - x).all, C4(y, x, y, (x, y)).all, C6(x, y, 1, 2, 3, x - y).all)

    def through_attribute(h, x, y):
        return (h.C0().all, h.C1(x).all, h.C2(x, x + y).all, h.C3(x, y, x * y).all, h.C4(x, y, x, y - x).all,
                h.C6(x, y, 1, 2, 3, x - y).all)

    for i in range(40):
        log.call(plain, i, i + 1)
        log.call(through_attribute, Holder, i, i + 1)
        log.call(through_attribute, Holder(), i, i + 1)
    for cls in (C0, C1, C2, C3, C4, C6):
        log.call(lambda: plain(log.probe("x"), 1))
        cls.__init__ = lambda self, *args: setattr(self, "all", ("new", args))
        log.call(plain, 1, 2)


@case
def slots_die_in_order(log):
    class Base:
        __slots__ = ("z", "b")

        def __init__(self, name, next=None):
            self.b = log.probe(name + ".b")
            self.z = next

    class Derived(Base):
        __slots__ = ("y", "a", "never")

        def __init__(self, name, next=None):
            Base.__init__(self, name, next)
            self.a = log.probe(name + ".a")
            self.y = log.probe(name + ".y")

    class Referenced:
        __slots__ = ("v", "__weakref__")

        def __init__(self, v):
            self.v = v

    class Open(Base):
        def __init__(self, name):
            Base.__init__(self, name)
            self.own = log.probe(name + ".own")

    class Boss(list):
        __slots__ = ("v",)

        def __init__(self, v):
            self.append(v)
            self.v = v

    import weakref

    def f(i):
        Derived("d")
        d = Derived("e", Base("f", Derived("g")))
        log(hasattr(d, "never"))
        r = Referenced(log.probe("r"))
        w = weakref.ref(r, lambda w: log("callback"))
        Open("o")
        log(Boss(i), d.z.z.z)
        del d
        log("dropped")
        del r
        return w()

    for i in range(30):
        log.call(f, i)


@case
def slots_come_back_unset(log):
    class Point:
        __slots__ = ("x", "y")

        def __init__(self, x):
            self.x = x

    def f(x):
        p = Point(x)
        seen = hasattr(p, "y")
        p.y = [x]
        return seen, p.x, p.y

    for i in range(30):
        log.call(f, i)

    def unset(x):
        p = Point(x)
        del p.x
        return p.y

    for i in range(30):
        log.call(unset, i)

    import gc

    def tracked(x):
        return gc.is_tracked(Point(x))

    for i in range(30):
        log.call(tracked, i)

    def finalizer_later(x):
        Point(x)
        if x == 20:
            Point.__del__ = lambda self: log("del", self.x)
        return Point(x).x

    for i in range(25):
        log.call(finalizer_later, i)
    del Point.__del__
    log.call(f, 5)


@case
def class_changes_while_its_instance_dies(log):
    class Slots:
        __slots__ = ("v", "w")

        def __init__(self, v):
            self.v = v

    class Killer:
        def __init__(self, what):
            self.what = what

        def __del__(self):
            log("killer", Slots(1).v)
            if self.what:
                Slots.__init__ = lambda s, v: setattr(s, "v", ("changed", v))

    def f(x):
        return Slots(x).v

    for i in range(30):
        log.call(lambda: f(Killer(i == 20)).what)
        log.call(f, i)


@case
def init_switches_tracing_on(log):
    import sys

    class C:
        def __init__(self, events):
            if events is not None:
                sys.settrace(lambda frame, event, arg: events.append((event, frame.f_code.co_name)))
            self.events = events

    def f(events):
        c = C(events)
        sys.settrace(None)
        return c.events

    for _ in range(30):
        f(None)
    log.call(f, [])
    log.call(f, None)


@case
def instance_resurrected_by_init(log):
    kept = []

    class C:
        __slots__ = ("x",)

        def __init__(self, x):
            kept.append(self)
            self.x = x
            if x % 7 == 0:
                raise ValueError(x)

    def f(x):
        return C(x).x

    for i in range(30):
        log.call(f, i)
    log(len(kept), [c.x for c in kept])


@case
def classes_with_metaclasses(log):
    import abc

    class Meta(type):
        pass

    class Calls(type):
        def __call__(cls, *args):
            log("called", cls.__name__, args)
            return super().__call__(*args)

    class Thing(metaclass=Meta):
        def __init__(self, x, y=2):
            self.x, self.y = x, y

    class Shape(abc.ABC):
        def __init__(self, x):
            self.x = x

        @abc.abstractmethod
        def area(self):
            pass

    class Square(Shape):
        def area(self):
            return self.x

    class Called(metaclass=Calls):
        def __init__(self, x):
            if x == 3:
                raise ValueError(log.probe("died"))
            self.x = x

    def make(cls, x):
        return cls(x).x

    for x in range(6):
        for cls in (Thing, Square, Shape, Called):
            log.call(make, cls, x)
    log.call(lambda: Thing())
    log.call(lambda: Thing(1, y=3).y)
    for x in range(6):
        log.call(make, Thing, x)
        if x == 2:
            Meta.__call__ = lambda cls, x: cls.made(x)
            Thing.made = classmethod(lambda cls, x: log.probe("other"))
        if x == 4:
            del Meta.__call__
