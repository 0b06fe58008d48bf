"""super() in all its forms."""

from sys import getrefcount as refcount

from harness import case


class Base:
    kind = "base"

    def __init__(self, x=0):
        self.x = x

    def m(self, *args, **kw):
        return "Base.m", args, kw

    @classmethod
    def c(cls, *args):
        return "Base.c", cls.__name__, args

    @staticmethod
    def s(*args):
        return "Base.s", args

    @property
    def p(self):
        return "Base.p", self.x


class Left(Base):
    kind = "left"

    def __init__(self, x):
        super().__init__(x * 2)

    def m(self, *args, **kw):
        return "Left.m", super().m(*args, **kw)

    @classmethod
    def c(cls, *args):
        return "Left.c", super().c(*args)

    @staticmethod
    def s(*args):
        return "Left.s", super(Left, Left).s(*args)

    @property
    def p(self):
        return "Left.p", super().p, super().kind


class Right(Base):
    kind = "right"

    def m(self, *args):
        return "Right.m", super().m(*args, right=1)

    @property
    def p(self):
        return "Right.p", super().p


class Both(Left, Right):
    def m(self, a=5):
        return super().m(a), super(Left, self).m(a), super(Both, self).kind


@case
def chains(log):
    for cls in (Left, Right, Both):
        o = cls(3)
        log.call(lambda: o.m())
        log.call(lambda: o.m(1))
        log.call(lambda: o.c(1))
        log.call(lambda: cls.c())
        log.call(lambda: o.s(1))
        log.call(lambda: o.p)
        log(o.x)


@case
def errors(log):
    class C(Base):
        def missing(self):
            return super().nothing

        def missing_call(self):
            return super().nothing(1)

        def deleted(self):
            del self
            return super().m()

        def rebound(self):
            self = 5
            return super().m()

        def no_arguments():
            return super().m()

        def store(self):
            super().kind = 5

        def plain_super(self):
            return super().__class__, super().__self__ is self, super().__thisclass__ is C

    o = C()
    for name in ("missing", "missing_call", "deleted", "rebound", "store", "plain_super"):
        log.call(getattr(o, name))
    log.call(C.no_arguments)
    log.call(lambda: super().m())
    log.call(lambda: super(C, 5).m())
    log.call(lambda: super(5, o))
    log.call(lambda: super(C, o).m(1))
    log.call(lambda: super(C, C).c(1))
    log.call(lambda: super(Base, o).m)


@case
def shadowed_super(log):
    space = {"Base": Base, "log": log}
    exec("""
class C(Base):
    def m(self):
        return super().m()
    def k(self):
        return super().kind
    def two(self):
        return super(C, self).m(2)
def fake(*args):
    log("fake super", len(args))
    return args[1] if len(args) > 1 else Fake()
class Fake:
    kind = "fake kind"
    def m(self, *args):
        return "fake m"
""", space)
    o = space["C"]()
    log.call(o.m)
    log.call(o.k)
    log.call(o.two)
    space["super"] = space["fake"]
    for name in ("m", "k"):
        log.call(getattr(o, name))
    del space["super"]
    log.call(o.m)
    log.call(o.two)


@case
def bases_change(log):
    class A:
        def m(self):
            return "A"

    class B:
        def m(self):
            return "B"

    class C(A):
        def m(self):
            return "C", super().m()

    o = C()
    log.call(o.m)
    A.m = lambda self: "A changed"
    log.call(o.m)
    C.__bases__ = (B,)
    log.call(o.m)
    del B.m
    log.call(o.m)
    B.m = staticmethod(lambda: "static")
    log.call(o.m)
    B.m = property(lambda self: lambda: "property")
    log.call(o.m)
    B.m = 5
    log.call(o.m)


@case
def class_cell_changes(log):
    def make():
        class C(Base):
            def m(self):
                return super().m()

            def set(self, value):
                nonlocal_cell = C.m.__closure__[0]
                nonlocal_cell.cell_contents = value

            def empty(self):
                del C.m.__closure__[0].cell_contents
        return C

    C = make()
    o = C()
    log.call(o.m)
    cell = C.m.__closure__[0]
    cell.cell_contents = Left
    log.call(o.m)
    cell.cell_contents = 5
    log.call(o.m)
    del cell.cell_contents
    log.call(o.m)
    cell.cell_contents = C
    log.call(o.m)


@case
def nested_functions(log):
    class C(Base):
        def m(self):
            def inner(self):
                return super().m()

            def other():
                return __class__

            return inner(self), other() is C, [super(C, self).kind for _ in range(2)]

        def comprehension(self):
            return [super().m(i) for i in range(1)]

        def cell_self(self):
            def get():
                return self
            return super().m(), get() is self

    o = C()
    log.call(o.m)
    log.call(o.comprehension)
    log.call(o.cell_self)


@case
def new_and_metaclass(log):
    class Meta(type):
        def __new__(mcls, name, bases, space, **kw):
            log("new", name, sorted(kw))
            return super().__new__(mcls, name, bases, space)

        def __call__(cls, *args):
            log("call", args)
            return super().__call__(*args)

        def c(cls):
            return "Meta.c"

    class A(metaclass=Meta, option=1):
        def __new__(cls, *args):
            o = super().__new__(cls)
            o.args = args
            return o

    class B(A):
        @classmethod
        def up(cls):
            return super().__thisclass__.__name__

    log(A(1).args, B(2, 3).args, B.up())
    log.call(lambda: A.c())


@case
def custom_getattribute(log):
    class A:
        def __getattribute__(self, name):
            log("getattribute", name)
            return object.__getattribute__(self, name)

        def m(self):
            return "A.m"

    class B(A):
        def m(self):
            return "B", super().m()

    log.call(lambda: B().m())


@case
def cooperative_init(log):
    class A:
        def __init__(self, **kw):
            log("A", sorted(kw))
            super().__init__(**kw)

    class B(A):
        def __init__(self, b, **kw):
            log("B", b)
            super().__init__(**kw)
            self.b = b

    class C(A):
        def __init__(self, c, **kw):
            log("C", c)
            super().__init__(**kw)
            self.c = c

    class D(B, C):
        pass

    d = D(b=1, c=2)
    log(d.b, d.c)
    log.call(lambda: type(D(b=1)))
    log.call(lambda: type(D(b=1, c=2, d=3)))


@case
def counts(log):
    class A:
        def m(self):
            log("refs", refcount(self))

    class B(A):
        def m(self):
            log("refs", refcount(self))
            super().m()
            f = super().m
            log("refs", refcount(self))
            f()
            del f
            log("refs", refcount(self))

    o = B()
    o.m()
    log("refs", refcount(o))
