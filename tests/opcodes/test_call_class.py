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
