"""Classes and instances that change while compiled code that relies on them runs: each change is seen at the very turn at which the
interpreter sees it.
"""

import threading
import types

from harness import case
from sys import getrefcount as refcount

TURNS = 40
AT = (0, 19)        # turns at which something changes


def watch(log, make, body, *changes):
    """Calls `body(object, hook)`, whose loop calls hook(i) each turn; at the turns of AT one of `changes` is made to a fresh object."""
    for change in changes:
        for at in AT:
            o = make()

            def hook(i):
                if i == at:
                    change(o)

            log.call(body, o, hook)
            log.call(body, o, lambda i: None)


def make_point():
    class Point:
        kind = "point"

        def __init__(self):
            self.x, self.y = 1, 2.5

        def total(self, n):
            return self.x + n

        @property
        def double(self):
            return self.x * 2

        @classmethod
        def name(cls):
            return cls.__name__

        @staticmethod
        def constant():
            return 7

    return Point()


def set_on_class(name, value):
    return lambda o: setattr(type(o), name, value)


class Data:
    """A data descriptor."""

    def __get__(self, o, kind=None):
        return 1000

    def __set__(self, o, value):
        o.__dict__["stored"] = value


class NonData:
    def __get__(self, o, kind=None):
        return 5000


@case
def attributes(log):
    def read(o, hook):
        t = []
        for i in range(TURNS):
            t.append((o.x, o.kind, o.double))
            hook(i)
        return t

    def delete_double(o):
        del type(o).double

    def replace_dict(o):
        o.__dict__ = {"x": "new", "extra": 1}

    def clear_dict(o):
        o.__dict__.clear()

    def many_attributes(o):
        for n in range(50):
            setattr(o, f"a{n}", n)
            setattr(type(o), f"c{n}", n)

    def shadow(o):
        o.kind = "own"
        o.__dict__["double"] = "hidden by the property"

    def key_of_another_kind(o):
        o.__dict__[5] = 5
        o.x = "changed"

    watch(log, make_point, read, set_on_class("x", Data()), set_on_class("x", NonData()), set_on_class("kind", NonData()),
          set_on_class("kind", "other"), set_on_class("double", property(lambda self: -1)), set_on_class("double", 3), delete_double,
          replace_dict, clear_dict, many_attributes, shadow, key_of_another_kind,
          set_on_class("__getattr__", lambda self, name: name.upper()), lambda o: delattr(o, "x"),
          set_on_class("__getattribute__", lambda self, name: ("all", name)))


@case
def missing_attributes(log):
    def read(o, hook):
        t = []
        for i in range(TURNS):
            try:
                t.append(o.missing)
            except AttributeError as error:
                t.append(str(error))
            t.append(hasattr(o, "missing"))
            hook(i)
        return t

    watch(log, make_point, read, set_on_class("__getattr__", lambda self, name: name * 2), set_on_class("missing", "class"),
          lambda o: setattr(o, "missing", "instance"), set_on_class("missing", Data()))


@case
def stores(log):
    def write(o, hook):
        for i in range(TURNS):
            o.x = i
            o.y += 1
            hook(i)
        return sorted((k, v) for k, v in o.__dict__.items()), o.x

    def frozen(self, name, value):
        raise TypeError("frozen " + name)

    watch(log, make_point, write, set_on_class("x", Data()), set_on_class("x", NonData()), set_on_class("__setattr__", frozen),
          lambda o: setattr(o, "__dict__", {"y": 1}), set_on_class("x", property(lambda self: 3)),
          set_on_class("__setattr__", lambda self, name, value: object.__setattr__(self, name, (name, value) if name == "x" else value)))


@case
def methods(log):
    def call(o, hook):
        t = []
        for i in range(TURNS):
            t.append((o.total(i), o.name(), o.constant()))
            hook(i)
        return t

    def delete(o):
        del type(o).total

    watch(log, make_point, call, set_on_class("total", lambda self, n: "replaced"), set_on_class("total", len), delete,
          set_on_class("total", staticmethod(lambda n: n)), set_on_class("total", classmethod(lambda cls, n: cls.kind)),
          set_on_class("total", property(lambda self: lambda n: -n)), lambda o: setattr(o, "total", lambda n: "own"),
          set_on_class("name", lambda self: "a method now"), set_on_class("constant", classmethod(lambda cls: cls.__qualname__[-5:])),
          set_on_class("__getattribute__", lambda self, name: lambda *args: (name, args)))


@case
def class_of_an_instance(log):
    def use(o, hook):
        t = []
        for i in range(TURNS):
            t.append((o.total(i), o.double, type(o).__name__, isinstance(o, Other), o.x))
            hook(i)
        return t

    class Other:
        def __init__(self):
            self.x, self.y = 1, 2

        def total(self, n):
            return ("other", n)

        double = "attribute"

    class Slotted:
        __slots__ = ("x",)

    def to_other(o):
        o.__class__ = Other

    def refused(o):
        o.__class__ = Slotted

    def there_and_back(o):
        kind = type(o)
        o.__class__ = Other
        o.__class__ = kind

    watch(log, make_point, use, to_other, refused, there_and_back)


@case
def bases(log):
    class A:
        def who(self):
            return "A"

        value = 1

    class B:
        def who(self):
            return "B"

        value = 2
        more = 3

    def make():
        class Base(A):
            pass

        class C(Base):
            pass

        return C()

    def use(o, hook):
        t = []
        for i in range(TURNS):
            t.append((o.who(), o.value, getattr(o, "more", None), isinstance(o, B)))
            hook(i)
        return t

    def of_base(o):
        type(o).__base__.__bases__ = (B,)

    def of_class(o):
        type(o).__bases__ = (B,)

    def of_both(o):
        type(o).__bases__ = (B, A)

    def refused(o):
        type(o).__bases__ = (int,)

    def method_of_far_base(o):
        type(o).__mro__[1].who = lambda self: "in between"

    watch(log, make, use, of_base, of_class, of_both, refused, method_of_far_base)

    class D(A):
        def who(self):
            return "D" + super().who()

    def by_super(o, hook):
        t = []
        for i in range(TURNS):
            t.append(o.who())
            hook(i)
        return t

    def to_b(o):
        D.__bases__ = (B,)

    def back(o):
        D.__bases__ = (A,)

    watch(log, D, by_super, to_b, back)


@case
def metaclasses(log):
    class Meta(type):
        pass

    class Other(type):
        @property
        def value(cls):
            return "of the metaclass"

        def __instancecheck__(cls, o):
            return "maybe" == o

        def __call__(cls, *args):
            return ("made by", args)

    def make():
        class C(metaclass=Meta):
            value = 1

            def __init__(self, n=0):
                self.n = n

        return C

    def use(c, hook):
        t = []
        for i in range(TURNS):
            made = c(i)
            t.append((getattr(made, "n", made), isinstance(i, c)))
            hook(i)
        return t

    def set_meta(name, value):
        return lambda c: setattr(type(c), name, value) if type(c) is Meta else None

    def other_class(c):
        c.__class__ = Other

    def no_longer():
        for name in ("__call__", "__instancecheck__", "value"):
            if name in vars(Meta):
                delattr(Meta, name)

    for change in (other_class, set_meta("__call__", lambda cls, *args: "called"), set_meta("__instancecheck__", lambda cls, o: o % 2),
                   lambda c: setattr(c, "__init__", lambda self, n: None), lambda c: setattr(c, "__new__", lambda cls, n: n)):
        watch(log, make, use, change)
        no_longer()


@case
def operators_added_later(log):
    def make(base, value):
        def new():
            class N(base):
                pass

            return N(value)

        return new

    def arithmetic(o, hook):
        t = []
        for i in range(TURNS):
            try:
                t.append((o + o, o < o, o == o, o * 2, bool(o), len(repr(o))))
            except Exception as error:
                t.append((type(error).__name__, str(error)))
            hook(i)
        return t

    def sequence(o, hook):
        t = []
        for i in range(TURNS):
            try:
                t.append((len(o), [x for x in o][:3], 1 in o, o[0], o[:1], o + o == o))
            except Exception as error:
                t.append((type(error).__name__, str(error)))
            hook(i)
        return t

    changes = [set_on_class(name, method) for name, method in {
        "__add__": lambda self, other: "added", "__radd__": lambda self, other: "reflected", "__lt__": lambda self, other: "less",
        "__eq__": lambda self, other: "equal", "__bool__": lambda self: False, "__mul__": lambda self, n: n,
        "__repr__": lambda self: "R"}.items()]
    for base, value in ((int, 5), (float, 2.5), (str, "ab")):
        watch(log, make(base, value), arithmetic, *changes)
    changes = [set_on_class(name, method) for name, method in {
        "__len__": lambda self: 77, "__iter__": lambda self: iter("xyz"), "__contains__": lambda self, x: "in",
        "__getitem__": lambda self, key: str(key), "__eq__": lambda self, other: "same", "__add__": lambda self, other: None}.items()]
    for base, value in ((list, [1, 2]), (tuple, (1, 2)), (dict, {0: 1, 1: 2})):
        watch(log, make(base, value), sequence, *changes)


@case
def protocols_added_and_removed(log):
    class Plain:
        def __init__(self):
            self.items = [3, 4]

    def make():
        class P(Plain):
            def __iter__(self):
                return iter(self.items)

            def __len__(self):
                return 2

            def __getitem__(self, i):
                return self.items[i]

            def __contains__(self, x):
                return x == 3

            def __hash__(self):
                return 11

            def __eq__(self, other):
                return True

            def __call__(self, n):
                return n

            def __enter__(self):
                return "entered"

            def __exit__(self, *exception):
                return False

        return P()

    def use(o, hook):
        t = []
        table = {o: "found"}
        for i in range(TURNS):
            for step in (lambda: list(o), lambda: len(o), lambda: o[1], lambda: 3 in o, lambda: bool(o), lambda: hash(o) == 11,
                         lambda: table.get(o), lambda: o(i)):
                try:
                    t.append(step())
                except Exception as error:
                    t.append(type(error).__name__)
            try:
                with o as entered:
                    t.append(entered)
            except Exception as error:
                t.append(str(error))
            hook(i)
        return t

    names = ("__iter__", "__len__", "__getitem__", "__contains__", "__call__", "__enter__", "__exit__")
    watch(log, make, use, *(lambda o, name=name: delattr(type(o), name) for name in names),
          *(set_on_class(name, None) for name in ("__iter__", "__contains__", "__hash__")),
          set_on_class("__bool__", lambda self: False), set_on_class("__bool__", lambda self: 5), set_on_class("__len__", lambda self: -1),
          set_on_class("__hash__", lambda self: 12), set_on_class("__exit__", lambda self, *e: True),
          set_on_class("__enter__", lambda self: ["other"]))


@case
def iterators_that_change(log):
    class Count:
        def __init__(self):
            self.n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            if self.n > TURNS:
                raise StopIteration
            return self.n

    def make():
        return type("Count", (Count,), {})()

    def use(o, hook):
        t = []
        for i, x in enumerate(o):
            t.append(x)
            hook(i)
            if i > 2 * TURNS:
                break
        return t

    def other(self):
        self.n += 10
        if self.n > 10 * TURNS:
            raise StopIteration
        return -self.n

    def as_list(o):
        o.__class__ = type("Other", (Count,), {"__next__": other})

    watch(log, make, use, set_on_class("__next__", other), as_list, set_on_class("__next__", lambda self: 1 / 0))


@case
def methods_replaced_while_they_run(log):
    class C:
        def __init__(self):
            self.n = 0

        def step(self, i):
            self.n += 1
            if i == 20:
                C.step = lambda self, i: "replaced"
            if i == 21:
                C.step = first
            return self.n

    first = C.step

    def use(n):
        o = C()
        return [o.step(i) for i in range(n)], o.n

    for _ in range(3):
        log.call(use, TURNS)

    class Bomb:
        def __del__(self):
            D.step = lambda self, i: ("by a finalizer", i)

    class D:
        def step(self, i):
            bomb = Bomb() if i == 30 else None
            del bomb
            return i

    kept = D.step

    def explode(n):
        o = D()
        t = []
        for i in range(n):
            t.append(o.step(i))
        return t

    for _ in range(3):
        log.call(explode, TURNS)
        D.step = kept


@case
def changed_by_another_thread(log):
    class C:
        flag = False

        def step(self):
            return 1

    def spin(o):
        turns = 0
        while not o.flag:
            turns += o.step()
        return o.step()

    for _ in range(3):
        o = C()
        timer = threading.Timer(0.01, lambda: (setattr(C, "step", lambda self: 2), setattr(C, "flag", True)))
        timer.start()
        log.call(spin, o)
        timer.join()
        C.step, C.flag = (lambda self: 1), False


@case
def thousands_of_changes(log):
    class C:
        value = 0

        def get(self):
            return self.value

    def use(n):
        o, t = C(), 0
        for i in range(n):
            C.value = i
            t += o.get() + C.value
        return t

    log.call(use, 3000)

    def many_classes(n):
        t = 0
        for i in range(n):
            kind = type(f"K{i}", (C,), {"value": i})
            t += kind().get()
        return t

    log.call(many_classes, 300)


@case
def subclass_hooks(log):
    record = []

    class Base:
        def __init_subclass__(cls, **kw):
            record.append((cls.__name__, sorted(kw)))

    class Named:
        def __set_name__(self, owner, name):
            record.append((owner.__name__, name))

    def define(n, hook):
        for i in range(n):
            class C(Base, k=i):
                field = Named()

            hook(i)
        return list(record)

    for at in (0, 5):
        for change in (lambda: setattr(Base, "__init_subclass__", classmethod(lambda cls, **kw: record.append("other"))),
                       lambda: setattr(Named, "__set_name__", lambda self, owner, name: record.append(name))):
            kept = Base.__dict__["__init_subclass__"], Named.__set_name__
            record.clear()
            log.call(define, 10, lambda i: change() if i == at else None)
            Base.__init_subclass__, Named.__set_name__ = kept


@case
def slots_and_counts(log):
    class S:
        __slots__ = ("x", "y")

    sentinel = object()

    def use(o, hook):
        o.x = sentinel
        t = 0
        for i in range(TURNS):
            t += o.x is sentinel
            o.y = i
            hook(i)
        return t, o.y

    kept = S.x

    def restore():
        S.x = kept

    for change in (lambda: setattr(S, "x", property(lambda self: sentinel)), lambda: setattr(S, "x", None), lambda: delattr(S, "x")):
        for at in AT:
            o = S()
            before = refcount(sentinel)
            log.call(use, o, lambda i: change() if i == at else None)
            restore()
            del o
            log(refcount(sentinel) - before)


@case
def properties_swapped(log):
    def make():
        class C:
            def __init__(self):
                self._v = 1

            @property
            def v(self):
                return self._v

            @v.setter
            def v(self, value):
                self._v = value

        return C()

    def use(o, hook):
        t = []
        for i in range(TURNS):
            try:
                o.v = i
            except AttributeError as error:
                t.append(str(error))
            t.append(o.v)
            hook(i)
        return t

    def other_setter(o):
        type(o).v = type(o).v.setter(lambda self, value: setattr(self, "_v", -value))

    def no_setter(o):
        type(o).v = property(type(o).v.fget)

    def getter(o):
        type(o).v = type(o).v.getter(lambda self: ("got", self._v))

    watch(log, make, use, other_setter, no_setter, getter, set_on_class("v", types.MethodType(print, 1)))
