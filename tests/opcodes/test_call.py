"""Calls: every way to bind arguments, every kind of callable, recursion."""

import functools
import operator
from sys import getrefcount as refcount

from harness import case


def plain(a, b):
    return a, b


def defaults(a, b=2, c=3):
    return a, b, c


def kwonly(a, *, b, c=3):
    return a, b, c


def varargs(a, *rest):
    return a, rest


def keywords(a, **rest):
    return a, rest


def everything(a, b, /, c=3, *rest, d, e=5, **more):
    return a, b, c, rest, d, e, more


def only_star(*args, **kwargs):
    return args, kwargs


def nothing():
    return None


class pair:
    def __init__(self, a, b):
        self.items = a, b

    def __repr__(self):
        return f"pair{self.items!r}"


@case
def positional(log):
    def f(g):
        return g(1, 2)

    for g in (plain, defaults, varargs, only_star, nothing, kwonly, keywords, everything):
        log.call(f, g)
        log.call(f, g)


@case
def argument_counts(log):
    for g in (plain, defaults, kwonly, varargs, keywords, everything, nothing, only_star):
        log.call(lambda: g())
        log.call(lambda: g(1))
        log.call(lambda: g(1, 2))
        log.call(lambda: g(1, 2, 3))
        log.call(lambda: g(1, 2, 3, 4, 5))


@case
def keyword_calls(log):
    for g in (plain, defaults, kwonly, varargs, keywords, everything, nothing, only_star):
        log.call(lambda: g(a=1))
        log.call(lambda: g(1, b=2))
        log.call(lambda: g(a=1, b=2))
        log.call(lambda: g(b=1, a=2))
        log.call(lambda: g(1, c=7))
        log.call(lambda: g(1, a=7))
        log.call(lambda: g(1, b=2, c=3, d=4))
        log.call(lambda: g(1, 2, d=4, z=9))
        log.call(lambda: g(1, 2, 3, 4, d=1, e=2, f=3, g=4))


@case
def star_calls(log):
    def tupled(g, args, kwargs):
        return g(*args, **kwargs)

    def mixed(g, args, kwargs):
        return g(0, *args, b=1, **kwargs)

    def double(g, args, kwargs):
        return g(*args, *args, **kwargs, **{"z": 1})

    def middle(g, args, kwargs):
        return g(*args, 5, *(x for x in "x"), d=2, **kwargs)

    for g in (plain, defaults, kwonly, varargs, keywords, everything, only_star, dict, max):
        for args in ((), (1,), [1, 2], "abc"):
            for kwargs in ({}, {"d": 4}, {"b": 2}, {"z": 0}):
                for function in (tupled, mixed, double, middle):
                    log.grid(function, [g], [args], [kwargs])


@case
def star_call_errors(log):
    log.call(lambda: plain(*5))
    log.call(lambda: plain(*None, **{}))
    log.call(lambda: plain(**5))
    log.call(lambda: plain(1, **[("b", 2)]))
    log.call(lambda: plain(**{1: 2}))
    log.call(lambda: plain(**{"a": 1}, **{"a": 2}))
    log.call(lambda: plain(a=1, **{"a": 2}))
    log.call(lambda: only_star(**{"a": 1}, **{"a": 2}))

    class Mapping:
        def keys(self):
            log("keys")
            return ["a", "b"]

        def __getitem__(self, key):
            log("item", key)
            return key * 2

    class Broken:
        def keys(self):
            raise ValueError("no keys")

    class BadIter:
        def __iter__(self):
            yield 1
            raise KeyError("in iter")

    class TypeErrorIter:
        def __iter__(self):
            raise TypeError("own type error")

    log.call(lambda: plain(**Mapping()))
    log.call(lambda: plain(**Broken()))
    log.call(lambda: plain(*BadIter()))
    log.call(lambda: plain(*TypeErrorIter()))


@case
def evaluation_order(log):
    def note(x, result=None):
        log("eval", x)
        return x if result is None else result

    def f():
        return note("f", only_star)(note(1),
                                    *note("args", (2, 3)),
                                    note(4),
                                    k=note(5),
                                    **note("kw", {"z": 6}),
                                    w=note(7))

    log.call(f)


@case
def mutable_defaults(log):
    def f(x, seen=[], *, table={}):
        seen.append(x)
        table[x] = len(seen)
        return list(seen), dict(table)

    log.each(f, (1,), (2,), (1,))
    log(f.__defaults__, f.__kwdefaults__)


@case
def function_attributes_change(log):
    def f(a, b=2, *, c=3):
        return a, b, c

    def call(n):
        return f(n)

    log.call(call, 1)
    f.__defaults__ = ("changed",)
    log.call(call, 1)
    f.__defaults__ = (10, 20)
    log.call(lambda: f())
    f.__defaults__ = None
    log.call(call, 1)
    f.__defaults__ = (5,)
    f.__kwdefaults__ = {"c": "kw"}
    log.call(call, 1)
    f.__kwdefaults__["c"] = "mutated"
    log.call(call, 1)
    f.__kwdefaults__ = None
    log.call(call, 1)
    f.__kwdefaults__ = {"c": 1, "unknown": 2}
    log.call(call, 1)

    def other(a, b="other b", *, c="other c"):
        return "other", a, b, c

    f.__code__ = other.__code__
    log.call(call, 1)
    f.__code__ = (lambda *args: args).__code__
    log.call(call, 1)
    f.__name__ = "renamed"
    f.__qualname__ = "module.renamed"
    f.__code__ = (lambda x, y, z: 0).__code__
    f.__defaults__ = None
    f.__kwdefaults__ = None
    log.call(call, 1)


@case
def code_changes_while_running(log):
    def first(n):
        if n == 3:
            recursive.__code__ = second.__code__
        return [n] + (recursive(n - 1) if n else [])

    def second(n):
        return ["second", n]

    def recursive(n):
        return first(n)

    log.call(recursive, 6)
    log.call(recursive, 6)

    log.call(self_changing_maker(log), 1)


def self_changing_maker(log):
    def changed(n):
        return "changed", n

    def changing(n):
        function.__code__ = template.__code__
        log("now changed")
        return n, function(n)

    def template(n):
        changed
        return "template", n, function is not None

    def function(n):
        template, changed
        return changing(n)

    return function


@case
def self_removing(log):
    space = {"log": log}
    exec("""
def f(n):
    global f
    del f
    log("removed", n)
    try:
        f
    except NameError as error:
        log(str(error))
    return n * 2
""", space)
    log.call(lambda: space["f"](4))
    log("f" in space)

    class Self:
        def run(self):
            del Self.run
            self.probe = None
            log("still here")
            return 5

    o = Self()
    o.probe = log.probe("p")
    log.call(lambda: o.run())
    log.call(lambda: o.run())


@case
def callee_dies_during_call(log):
    def make():
        probe = log.probe("closure")

        def inner(holder):
            holder.clear()
            log("cleared", probe)
            return 1 + len(holder)
        return inner

    def f(holder):
        return holder[0](holder)

    log.call(f, [make()])
    log("done")


@case
def builtins_of_each_convention(log):
    def calls(x):
        return (len(x), repr(x), isinstance(x, str), max(x), sorted(x), min(x, key=str), sum([1, 2], 3), abs(-1),
                divmod(7, 2), pow(2, 3, 5), getattr(x, "nothing", 5), hash(1), chr(65), ord("a"), callable(x), any(x),
                bool(x), str(x), type(x), tuple(x), list(x), set(x) == set(x), dict(a=1), int("12"), int("ff", 16),
                int("ff", base=16), float("1.5"), round(2.567, 1), enumerate(x).__class__, list(zip(x, x))[0],
                list(map(str, x)), "-".join(["a", "b"]), "abc".find("c"), "abc".upper(), [1, 2].index(2), {}.get(1),
                [].append(1), "a{}".format(1), "x".encode(), (1, 2).count(1), print("printed", x), print("a", end="|"),
                issubclass(int, object), id(x) == id(x), range(3), slice(1), bytes(3), b"a".hex(),
                isinstance(x, (int, str)), iter(x).__class__, next(iter(x)), vars.__name__, format(1.5, ".2f"), bin(5))

    log.each(calls, ("ab",), ([1, 2],))


@case
def builtin_errors(log):
    for function in (lambda: len(), lambda: len(1), lambda: len([], []), lambda: isinstance(1),
                     lambda: isinstance(1, 2), lambda: ord("ab"), lambda: [].append(), lambda: [].append(1, 2),
                     lambda: {}.get(), lambda: "x".join(5), lambda: int("x"), lambda: int([]), lambda: max(),
                     lambda: max([]), lambda: sum(["a"]), lambda: len(x=1), lambda: print(foo=1), lambda: "a".upper(1),
                     lambda: list.append(1, 2), lambda: list.append(), lambda: str.upper(5), lambda: dict(1),
                     lambda: type(), lambda: type(1, 2), lambda: str(b"", 5), lambda: tuple(5), lambda: [].pop(),
                     lambda: {}.pop(1), lambda: iter(5), lambda: next([]), lambda: chr(-1), lambda: object(1),
                     lambda: bool(1, 2), lambda: range(), lambda: [].sort(5), lambda: "%d".__mod__("x"),
                     lambda: getattr(1, "x"), lambda: open("/nonexistent/file"), lambda: abs("x")):
        log.call(function)


@case
def not_callable(log):
    for thing in (5, None, "s", [], object(), ..., 1.5, (), {}):
        log.call(lambda: thing())
        log.call(lambda: thing(1, 2))
        log.call(lambda: thing(k=1))
        log.call(lambda: thing(*[1]))


@case
def same_site_many_callees(log):
    class C:
        def __init__(self, *args):
            self.args = args

        def __repr__(self):
            return f"C{self.args}"

        def method(self, *args):
            return "method", args

        def __call__(self, *args):
            return "instance", args

    def call(g, *args):
        return g(*args)

    def call1(g, x):
        return g(x)

    callees = [
        plain, defaults, varargs, only_star, C,
        C(1).method,
        C(2), str, len, print,
        functools.partial(plain, 0), lambda x: x, [].append, int, type, operator.neg, C.method, tuple, "x".join,
        nothing, repr, abs
    ]
    for _ in range(2):
        for g in callees:
            for x in (1, "ab", [1, 2]):
                log.grid(call1, [g], [x])
            log.grid(call, [g], [(1,)], [2])


@case
def counts(log):
    def callee(a, b=None, *rest, **kw):
        log("refs", refcount(a), refcount(b), refcount(rest), refcount(kw))
        return a

    def f(x):
        callee(x)
        callee(x, x)
        callee(x, x, x, x)
        callee(x, k=x)
        # Not `callee(*[x, x], **{"k": x})`: an interpreted caller hands those to a function with an entry of tierjit's
        # through an array that holds references of its own during the call.
        r = callee(x)
        log("refs", refcount(x), refcount(r))
        return r

    value = ["value"]
    log("refs", refcount(value))
    log(f(value) is value)
    log("refs", refcount(value))
    log("refs", refcount(f), refcount(callee))


@case
def counts_after_errors(log):
    def callee(a, b):
        raise ValueError(a, b)

    value = ["value"]
    for function in (lambda: callee(value, value), lambda: callee(value), lambda: callee(value, b=value, c=value),
                     lambda: callee(*[value] * 3), lambda: len(value, value), lambda: value(value),
                     lambda: value.append(value, value)):
        try:
            function()
        except (ValueError, TypeError) as error:
            log(type(error).__name__)
        log("refs", refcount(value))


@case
def arguments_die(log):
    def callee(a, b=None):
        log("in callee")
        a = None
        log("rebound")

    def drop(*args, **kw):
        log("drop", len(args), sorted(kw))

    callee(log.probe("1"))
    log("after 1")
    callee(log.probe("2"), log.probe("3"))
    log("after 3")
    drop(log.probe("4"), log.probe("5"), k=log.probe("6"))
    log("after 6")
    len([log.probe("7")])
    log("after 7")
    log.call(lambda: drop(*[log.probe("8")], **{"z": log.probe("9")}))
    log.call(lambda: callee(log.probe("10"), log.probe("11"), log.probe("12")))
    log("end")


@case
def decorators(log):
    def trace(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            log("call", function.__name__, args, kwargs)
            try:
                return function(*args, **kwargs)
            finally:
                log("return", function.__name__)
        return wrapper

    @trace
    def f(a, b=1):
        return a + b

    @functools.lru_cache
    def cached(n):
        log("compute", n)
        return n if n < 2 else cached(n - 1) + cached(n - 2)

    log.call(f, 1)
    log.call(f, 1, b=2)
    log.call(f, "x")
    log.call(cached, 6)
    log.call(cached, 7)


@case
def lambdas_and_sorting(log):
    log.call(lambda items: sorted(items, key=lambda x: (-x[1], x[0])), [("a", 1), ("b", 2), ("c", 2)])
    log.call(lambda: list(map(lambda x, y=2: x * y, [1, 2, 3])))
    log.call(lambda: list(filter(lambda x: x % 2, range(6))))
    log.call(lambda: functools.reduce(lambda a, b: a * 10 + b, [1, 2, 3], 0))
    log.call(lambda: max("bca", key=lambda c: -ord(c)))
    log.call(lambda: (lambda *a, **k: (a, k))(1, *[2], x=3))
    log.call(lambda: functools.reduce(lambda a, b: a + b, [1, "x"]))


@case
def calls_within_arguments(log):
    def choose(f, g, x, y):
        a = f(x, g(y, f(g(x, y), 1)))
        b = f(x if y else y, g(y, 2) if x else f(x or y, 0))
        c = f([i for i in (x, y)], {k: g(k, v) for k, v in [(1, x)]})
        return a, b, c, g(0 if x is None else x, (lambda *r: r)(x, f(x, y)))

    class Able:
        def __call__(self, a, b):
            return a, b

        def method(self, a, b):
            return b, a

        @staticmethod
        def alone(a, b):
            return [a, b]

    able = Able()
    for f in (plain, defaults, able, able.method, Able.alone, divmod, pair):
        for g in (plain, able.method, max, Able.alone):
            log.call(choose, f, g, 7, 3)
            log.call(choose, f, g, 0, 3)
            log.call(choose, f, g, None, 3)
    log.call(choose, plain, 5, 1, 2)
    log.call(choose, 5, plain, 1, 2)

    def of_object(o, x):
        return o.method(x, o.alone(x, o.method(x, 1) if x else o(x, 2))), refcount(o)

    log.call(of_object, able, 1)
    log.call(of_object, able, 0)

    def unwinding(f, x):
        out = []
        for k in x:
            try:
                out.append(f(k, f(1 // k, [1 // n for n in (k, k - 1)])))
            except ZeroDivisionError as e:
                out.append(f(str(e), f(k, k)))
        return out

    log.call(unwinding, plain, [0, 1, 2, 3])


@case
def traceback_of_nested_calls(log):
    def one(x):
        return two(
            x,
            k=x + 1)

    def two(a, *, k):
        def three():
            return [
                a,
                k // a,
            ]
        return three()

    log.call(one, 0)
    log.call(one, 2)
    log.call(one, "x")


@case
def generic_callables(log):
    log.call(functools.partial(plain, 1), 2)
    log.call(functools.partial(plain, b=1), 2)
    log.call(operator.methodcaller("upper"), "x")
    log.call(operator.attrgetter("real"), 5)
    log.call(operator.itemgetter(1, 0), "ab")
    log.call(lambda: str.join("-", ["a"]))
    log.call(lambda: type("T", (), {"x": 1})().x)
    log.call(lambda: dict.fromkeys("ab", 0))
    log.call(lambda: int.from_bytes(b"\x01\x02", "big"))
    log.call(lambda: object.__new__(int))
    log.call(lambda: plain.__call__(1, 2))
    log.call(lambda: plain.__get__("self")(2))


@case
def many_arguments(log):
    space = {}
    names = [f"a{i}" for i in range(40)]
    exec(f"def f({', '.join(names)}):\n return a0, a17, a39\n"
         f"def g():\n return f({', '.join(str(i) for i in range(40))})\n"
         f"def k():\n return f({', '.join(f'{n}={i}' for i, n in enumerate(reversed(names)))})\n", space)
    log.call(space["g"])
    log.call(space["k"])


@case
def return_values_ignored(log):
    def f(n):
        for i in range(n):
            plain(i, i)
            str(i)
            [].append(i)
            log(i)
        return "done"

    log.call(f, 3)


@case
def missing_message_variants(log):
    def one(a): pass
    def two(a, b): pass
    def three(a, b, c): pass
    def posonly(a, b, /): pass
    def mixed(a, /, b, *, c, d): pass
    def defaulted(a, b=1, *, c=2): pass

    for f in (one, two, three, posonly, mixed, defaulted):
        log.call(lambda: f())
        log.call(lambda: f(1, 2, 3, 4))
        log.call(lambda: f(1, 2, 3, 4, c=1))
        log.call(lambda: f(a=1, b=2))
        log.call(lambda: f(1, 2, z=3))
        log.call(lambda: f(1, bb=3))
        log.call(lambda: f(**{"not a name": 1}))


@case
def every_shape_of_parameters(log):
    def p(a, b, /, c, d=4):
        return a, b, c, d

    def o(a, *, k, m=2):
        return a, k, m

    def r(a, *rest, k=1):
        return a, rest, k

    def m(a, /, b=2, **more):
        return a, b, sorted(more.items())

    def e(a, b=2, *rest, k, n=5, **more):
        return a, b, rest, k, n, sorted(more.items())

    def f(g, args, kwargs):
        return g(*args, **kwargs)

    for _ in range(2):
        for g in (p, o, r, m, e):
            log.call(lambda: g(1))
            log.call(lambda: g(1, 2))
            log.call(lambda: g(1, 2, 3))
            log.call(lambda: g(1, 2, 3, 4, 5))
            log.call(lambda: g(1, 2, c=3))
            log.call(lambda: g(1, k=3))
            log.call(lambda: g(1, a=3))
            log.call(lambda: g(1, b=3, a=4))
            log.call(lambda: g(1, 2, 3, k=4, z=5, y=6))
            log.call(lambda: g(c=1, b=2, a=3))
            log.call(lambda: g(k=1, m=2, a=3))
            log.call(f, g, (1, 2), {})
            log.call(f, g, (1, 2, 3), {"k": 4})
            log.call(f, g, (1,), {"".join(["", "k"]): 4, "".join(["z", "z"]): 5})
            log.call(f, g, [1, 2], {"a": 1})
            log.call(f, g, (), {1: 2})
            log.call(f, g, range(40), {"k": 1})


@case
def changed_defaults(log):
    def f(a, b=2, *, k=3):
        return a, b, k

    def call():
        return f(1), f(1, k=4), f(b=3, a=1)

    log.call(call)
    f.__defaults__ = (5, 6)
    f.__kwdefaults__ = {"k": 7}
    log.call(call)
    log.call(lambda: f())
    f.__defaults__ = None
    log.call(call)
    f.__defaults__ = (1, 2, 3)
    f.__kwdefaults__ = None
    log.call(call)
    log.call(lambda: f(k=1))


class Counted:
    def __init__(self):
        self.total = 0
        self.held = self.add

    def add(self, n, *more):
        self.total += n
        return self.total

    def plain(self, n):
        self.total -= n
        return refcount(self)


@case
def bound_methods_that_somebody_holds(log):
    counted = Counted()
    add, plain = counted.add, counted.plain
    for i in range(6):
        log(add(i), plain(1), counted.held(2))
    log(refcount(add), refcount(plain), refcount(counted), counted.total)
    for wrong in ((), (1, 2)):
        try:
            plain(*wrong)
        except TypeError as e:
            log(str(e))
    try:
        plain()
    except TypeError as e:
        log(str(e))
    counted.held = len
    log(counted.held("abc"))


@case
def bound_methods_of_other_callables(log):
    import types
    bound = types.MethodType(len, [1, 2, 3])
    classed = types.MethodType(dict, ())
    for _ in range(4):
        log(bound(), classed())


@case
def callables_of_c_types(log):
    """All that ends in C code, positionally, with keywords, and unpacked."""
    import functools
    import io
    import operator
    import types
    import weakref
    from collections import deque

    class Held:
        def method(self, a=0, *rest, **named):
            return a, rest, sorted(named.items())

        def __repr__(self):
            return "Held()"

    class Meta(type):
        def __call__(cls, *args, **named):
            log("meta", args, named)
            return super().__call__(*args, **named)

    class Made(metaclass=Meta):
        def __init__(self, a, b=2):
            self.ab = a, b

        def __repr__(self):
            return f"Made{self.ab}"

    class Number(int):
        pass

    held = Held()
    out = io.StringIO()
    kinds = [weakref.ref(held), functools.lru_cache(lambda *a, **k: (a, k)), functools.partial(held.method, 1, z=2),
             type.__dict__["__mro__"].__get__, operator.itemgetter(1), operator.methodcaller("method", 5),
             held.__repr__, object.__repr__, deque, ValueError, weakref.ref, type, Made, Number, types.MethodType(len, "abc"),
             functools.partial(print, file=out), sorted, "text".split, str.join, super, object, 5]

    def plain(f, a):
        return f(), f(a), [a, f(a)], f(a, a)

    def one(f, a):
        return f(a)

    def none(f):
        return f()

    def two(f, a, b):
        return f(a, b)

    def keyword(f, a):
        return [a, f(a, key=len)]

    def spread(f, args, named):
        return f(*args, **named)

    def listed(f, args):
        return f(*args)

    for f in kinds:
        for a in (held, [3, 1, 2], "ab", int):
            for _ in range(2):
                log.call(one, f, a)
                log.call(two, f, a, [a])
                log.call(plain, f, a)
                log.call(keyword, f, a)
                log.call(spread, f, (a,), {})
                log.call(spread, f, [a], {"sep": ""})
                log.call(listed, f, [a])
                log.call(listed, f, 7)
            log(refcount(a) if a is held else None)
        log.call(none, f)
    log(out.getvalue())
    log.call(keyword, max, ["a", "bcd"])
    log.call(lambda: print(held, "x", sep="-", file=out))
    log.call(lambda: print(held, file=1))
    log(out.getvalue())


@case
def operands_of_c_callables_die(log):
    import functools
    import weakref

    class Dies:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log("dead", self.name)

        def __call__(self, *args, **named):
            return len(args)

    def f():
        log(functools.partial(Dies("callee"))(Dies("a"), Dies("b")))
        log(functools.partial(Dies("callee"), 1)(Dies("a"), k=Dies("b")))
        log(functools.partial(Dies("callee"))(*[Dies("a"), Dies("b")]))
        log(weakref.ref(Dies("gone"))())
        log(isinstance(functools.partial(Dies("last")), functools.partial))
        log([].append(Dies("item")))

    for _ in range(3):
        log.call(f)


@case
def c_callables_switch_tracing_on(log):
    import functools
    import sys

    def trace(frame, event, arg):
        if frame.f_code.co_name == "calls":
            log(event, frame.f_lineno - frame.f_code.co_firstlineno)
        return trace

    def switch(on, *rest, key=None):
        if on:
            frame = sys._getframe(1)
            frame.f_trace = trace
            sys.settrace(trace)
        return on

    def calls(g, first, second, third):
        a = g(first)
        b = g(second,
              key=1)
        c = g(*[third])
        return a, b, c

    def traced(*which):
        try:
            return calls(functools.partial(switch), *which)
        finally:
            sys.settrace(None)

    for i in range(24):
        log.call(traced, i % 4 == 1, i % 4 == 2, i % 4 == 3)
