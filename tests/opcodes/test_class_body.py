"""Class statements inside functions, decorators, metaclasses, annotations and type parameters."""

import typing

from harness import case

NATIVE_SHARE = 0.7      # class bodies and annotation scopes are interpreted


@case
def simple(log):
    def f(n):
        class C:
            """doc"""
            x = n
            y = [i for i in range(n)]

            def m(self):
                return self.x

            z = m
        return C.x, C.y, C().m(), C().z(), C.__doc__, C.__qualname__.split(".")[-1], C.__module__, C.__firstlineno__ > 0

    log.each(f, (1,), (3,))


@case
def bases_and_keywords(log):
    class Base:
        def __init_subclass__(cls, **kw):
            log("init_subclass", cls.__name__, sorted(kw.items()))

    def f(base, **kw):
        class C(base, tag=1, **kw):
            pass
        return C.__mro__[1].__name__

    def starred(bases):
        class C(*bases):
            pass
        return [b.__name__ for b in C.__bases__]

    log.call(f, Base)
    log.call(f, Base, extra=2)
    log.call(f, Base, tag=2)
    log.call(f, object)
    log.call(f, 5)
    log.call(starred, (Base,))
    log.call(starred, (int, str))
    log.call(starred, (Base, Base))


@case
def metaclasses(log):
    class Meta(type):
        @classmethod
        def __prepare__(mcls, name, bases, **kw):
            log("prepare", name, sorted(kw))
            return {"prepared": 1}

        def __new__(mcls, name, bases, space, **kw):
            log("new", name, [k for k in space if not k.startswith("__")])
            return super().__new__(mcls, name, bases, space)

        def __init__(cls, name, bases, space, **kw):
            log("init", name)

    def f(n):
        class C(metaclass=Meta, option=n):
            a = prepared + n
            b = 2
        return C.a, type(C).__name__

    def function_as_metaclass():
        class C(metaclass=lambda name, bases, space: (name, sorted(k for k in space if not k.startswith("__")))):
            q = 1
        return C

    class Recording(dict):
        def __setitem__(self, key, value):
            log("set", key)
            super().__setitem__(key, value)

        def __getitem__(self, key):
            log("get", key)
            return super().__getitem__(key)

        def __delitem__(self, key):
            log("del", key)
            super().__delitem__(key)

    class Recorder(type):
        @classmethod
        def __prepare__(mcls, name, bases):
            return Recording()

    def recorded(x):
        class C(metaclass=Recorder):
            a = 1
            b = a + x
            del a
            print(len("b"))
        return C.b

    log.call(f, 1)
    log.call(function_as_metaclass)
    log.call(recorded, 5)

    class Bad(type):
        @classmethod
        def __prepare__(mcls, name, bases):
            return 5

    def bad():
        class C(metaclass=Bad):
            pass

    log.call(bad)

    def conflict():
        class C(Base1, Base2):
            pass

    M1, M2 = type("M1", (type,), {}), type("M2", (type,), {})
    Base1, Base2 = M1("Base1", (), {}), M2("Base2", (), {})
    log.call(conflict)


@case
def errors_in_bodies(log):
    def f(x):
        class C:
            probe = log.probe("in body")
            y = 1 // x
        return C.y

    def unbound():
        class C:
            y = nothing_defined

    def deleted():
        class C:
            y = 1
            del y
            del y

    log.each(f, (0,), (1,))
    log.call(unbound)
    log.call(deleted)


@case
def set_name_and_descriptors(log):
    class D:
        def __set_name__(self, owner, name):
            log("set_name", owner.__name__, name)
            self.name = name

        def __get__(self, instance, owner):
            return self.name

    class BadName:
        def __set_name__(self, owner, name):
            raise ValueError("bad name")

    def f():
        class C:
            a = D()
            b = D()
            c = a
        return C.a, C.b, C.c

    def bad():
        class C:
            a = BadName()

    log.call(f)
    log.call(bad)


@case
def decorators(log):
    def mark(tag):
        log("make decorator", tag)

        def decorate(thing):
            log("decorate", tag, thing.__name__)
            thing.tag = tag
            return thing
        return decorate

    def f():
        @mark("outer")
        @mark("inner")
        class C:
            @mark("method")
            def m(self):
                return 1

            @staticmethod
            @mark("static")
            def s():
                return 2

            @property
            def p(self):
                return 3

            @p.setter
            def p(self, value):
                log("set p", value)
        o = C()
        o.p = 5
        return C.tag, C.m.tag, C.s.tag, o.p

    def replaced():
        @lambda cls: "not a class"
        class C:
            pass
        return C

    def fails():
        @5
        class C:
            pass

    log.call(f)
    log.call(replaced)
    log.call(fails)


@case
def annotations(log):
    def f(n):
        class C:
            a: int
            b: str = "x"
            c: n = 1
            (d): "quoted" = 2
        return C.__annotations__, C.b

    def local(x):
        y: int = 5
        z: undefined_name
        w: print("never")
        return y

    def attribute(o):
        o.x: int = 3
        return o.x

    class Box:
        pass

    def g(a: int, b: "str" = "d", *c: float, d: list[int] = None, **e: dict) -> tuple:
        return a

    log.call(f, int)
    log.call(local, 1)
    log.call(attribute, Box())
    log(g.__annotations__)

    def order():
        class C:
            def m(self, a: log("annotation a"), b: log("annotation b") = log("default b")) -> log("returns"):
                pass
        return sorted(C.m.__annotations__)

    log.call(order)


@case
def type_parameters(log):
    def f():
        def generic[T](x: T, y: list[T] = None) -> T:
            return x

        class Box[T, *Ts, **P]:
            value: T

            def get[U: int](self, u: U) -> T:
                return u

        type Alias[K] = dict[K, Box[K]]
        type Lazy = undefined_thing
        return generic(5), [str(t) for t in generic.__type_params__], [str(t) for t in Box.__type_params__], \
            Box[int, str].__origin__ is Box, \
            Alias.__value__.__args__[0], Box().get(3), Box.get.__type_params__[0].__bound__, Lazy

    log.call(f)

    def bound():
        def g[T: (int, str)](x: T) -> T:
            return x
        return g.__type_params__[0].__constraints__, g.__annotations__

    def default():
        class C[T = int]:
            pass
        return C.__type_params__[0].__default__

    log.call(bound)
    log.call(default)
    log.call(lambda: typing.TypeVar("T").__name__)


@case
def nested_classes(log):
    def f(x):
        class Outer:
            y = x

            class Inner:
                try:
                    z = y
                except NameError as error:
                    z = str(error)
                w = x

            def m(self):
                class Local(Outer):
                    def n(self):
                        return self.y, x
                return Local().n()
        return Outer.Inner.z, Outer.Inner.w, Outer().m(), Outer.Inner.__qualname__

    log.call(f, 1)


@case
def dunder_class(log):
    def f():
        class A:
            def me(self):
                return __class__.__name__

            @classmethod
            def cm(cls):
                return __class__ is cls

        class B(A):
            pass
        return B().me(), A.cm(), B.cm()

    log.call(f)


@case
def class_created_repeatedly(log):
    def make(i):
        class C:
            n = i

            def __init__(self, x):
                self.x = x + self.n

            def get(self):
                return self.x * i
        return C

    classes = [make(i) for i in range(6)]
    log([c(10).get() for c in classes for _ in range(2)])
    log(len({id(c) for c in classes}))


@case
def class_lifetimes(log):
    import gc

    def f():
        class C:
            probe = log.probe("attribute")

            def __del__(self):
                log("instance dies")
        C()
        log("end of function")

    f()
    gc.collect()
    log("collected")


@case
def slots_and_more(log):
    def f():
        class S:
            __slots__ = ("a", "b")

            def __init__(self):
                self.a = 1

        class T(S):
            __slots__ = ()

        t = T()
        return t.a, hasattr(t, "b"), hasattr(t, "__dict__"), S.__slots__

    def bad():
        class S:
            __slots__ = ("a",)
            a = 1

    log.call(f)
    log.call(bad)


@case
def locals_in_class(log):
    def f(x):
        class C:
            a = 1
            names = sorted(k for k in locals() if not k.startswith("__"))
            exec("b = a + 1")
            if x:
                c = 3
            else:
                d = 4
            for i in range(2):
                pass
            with open("/dev/null") as file:
                pass
            try:
                1 // 0
            except ZeroDivisionError as error:
                e = str(error)
            del file
        return sorted(k for k in vars(C) if not k.startswith("__")), C.names, C.b

    log.each(f, (1,), (0,))


@case
def global_and_nonlocal(log):
    def f():
        n = 1

        class C:
            global made_by_class
            nonlocal n
            made_by_class = 5
            n = 2
        return n, made_by_class, hasattr(C, "n")

    log.call(f)
    globals().pop("made_by_class")


@case
def build_class_replaced(log):
    import builtins
    real = builtins.__build_class__

    def fake(function, name, *bases, **kw):
        log("build", name, len(bases), sorted(kw))
        return real(function, name, *bases, **kw)

    def f():
        class C(int):
            pass
        return C(5)

    builtins.__build_class__ = fake
    try:
        log.call(f)
    finally:
        builtins.__build_class__ = real
    log.call(f)
