"""Objects that are made over and over, from the blocks of dead ones: functions, iterators of loops."""

import gc
import sys
import weakref
from sys import getrefcount as refcount

from harness import case


class Falling:
    """Its death is noted."""

    def __init__(self, name, deaths):
        self.name, self.deaths = name, deaths

    def __del__(self):
        self.deaths.append((self.name, sys._getframe(1).f_code.co_name))


@case
def functions_are_complete(log):
    def make(x):
        def inner(a, b=x, *, c: int = 3) -> str:
            "Doc."
            return a, b, c, x

        return inner

    def plain():
        return lambda: 1

    def describe(f):
        return (f.__name__, f.__qualname__, f.__module__ == __name__, f.__doc__, f.__defaults__, f.__kwdefaults__, f.__annotations__,
                f.__closure__ and len(f.__closure__), f.__dict__, f.__builtins__ is make.__builtins__, f.__globals__ is globals(),
                f.__type_params__)

    def f(n):
        out = []
        for i in range(n):
            g = make(i)
            h = plain()
            out.append((describe(g), describe(h), g(1), h()))
            g.extra, g.__doc__, g.__defaults__ = i, "other", (7,)
            h.__name__ = "renamed"
            del g, h
        return out

    log.call(f, 6)


@case
def functions_of_other_modules(log):
    def f(names):
        source = "def make():\n    return lambda: len([1])\n"
        exec(source, names)
        out = []
        for i in range(4):
            g = names["make"]()
            out.append((g.__module__, g.__builtins__ is names["__builtins__"], g()))
            del g
        names["__name__"] = "changed"
        names["__builtins__"] = {"len": lambda x: "own"}
        for i in range(4):
            g = names["make"]()
            out.append((g.__module__, sorted(g.__builtins__), g()))
            del g
        names.pop("__name__")
        g = names["make"]()
        return out, g.__module__

    log.call(f, {"__builtins__": __builtins__, "__name__": "module"})
    log.call(f, {"__builtins__": __builtins__})


@case
def deaths_of_functions(log):
    deaths = []

    def f(n):
        for i in range(n):
            x = Falling(("closure", i), deaths)
            g = lambda a=Falling(("default", i), deaths): x  # noqa: B023, E731
            x = None
            g.field = Falling(("dict", i), deaths)
            del g
        return list(deaths)

    def weak(n):
        out = []
        for i in range(n):
            g = lambda: i  # noqa: B023, E731
            r = weakref.ref(g, lambda _, i=i: out.append(i))
            out.append(r() is g)
            del g
            out.append(r())
        return out

    def cycle(n):
        gc.collect()
        for i in range(n):
            def g():
                return g  # noqa: B023
            g.x = Falling(i, deaths)
            del g
        gc.collect()
        return len(deaths)

    log.call(f, 5)
    log.call(weak, 4)
    log.call(cycle, 4)


@case
def functions_made_in_a_death(log):
    made = []

    class Maker:
        def __del__(self):
            made.append((lambda x: x + 1)(1))
            made.append(sum(i for i in range(3)))

    def f(n):
        for _ in range(n):
            g = lambda a=Maker(): a  # noqa: E731
            del g
            h = lambda: 2  # noqa: E731
            made.append(h())
        return list(made)

    log.call(f, 40)


@case
def function_counts(log):
    def f(n):
        x = object()
        before = refcount(x), refcount(f.__code__), refcount(globals()) - len(gc.get_referrers())
        for _ in range(n):
            g = lambda a=x: (a, x)  # noqa: E731
            g()
        del g
        return before == (refcount(x), refcount(f.__code__), refcount(globals()) - len(gc.get_referrers())), refcount(x)

    log.call(f, 20)


@case
def range_arguments(log):
    class Index:
        def __index__(self):
            return 3

    class Int(int):
        pass

    def one(a):
        return [x for _ in range(3) for x in range(a)], [x for x in range(a)]

    def two(a, b):
        out = []
        for _ in range(3):
            for x in range(a, b):
                out.append(x)
        return out

    def three(a, b, c):
        out = []
        for _ in range(3):
            for x in range(a, b, c):
                out.append(x)
        return out

    log.each(one, (2,), (0,), (-3,), (True,), (Index(),), (Int(2),), (1.0,), ("2",), (None,), (-2**70,))
    log.each(two, (1, 4), (4, 1), (-2, 2), (True, 3), (Index(), 5), (0, Int(2)), (2**31, 2**31 + 2), (0, 1.5), (None, 2),
             (2**30 - 1, 2**30), (-2**30, 3 - 2**30))
    log.each(three, (0, 9, 4), (9, 0, -4), (0, 9, 0), (0, 9, 2.0), (1, True, 1))


@case
def range_argument_counts(log):
    def f(n):
        a, b = n + 100_000, n + 100_003
        before = refcount(a), refcount(b)
        for _ in range(n):
            for _ in range(a, b):
                pass
            for _ in range(a + 1, b + 1):
                pass
            for _ in range(n - n):
                pass
        return before, (refcount(a), refcount(b))

    log.call(f, 20)


@case
def another_range(log):
    def f(n):
        return [x for x in range(n)], [x for x in range(1, n)]

    def g(n):
        out = [f(n)]
        for other in (lambda *a: iter("ab"), list, lambda *a: a, str, lambda: 1, type):
            globals()["range"] = other
            try:
                out.append(f(n))
            except Exception as e:
                out.append((type(e).__name__, str(e)))
            del globals()["range"]
            out.append(f(n))
        return out

    log.call(g, 3)


@case
def range_iterators_held(log):
    def f(n):
        held = []
        for k in range(n):
            it = iter(range(k, k + 3))
            for i in it:
                held.append((i, it.__length_hint__()))
                if i == k + 1:
                    break
            held.append(list(it))
            for i in it:
                held.append("never")
            held.append(refcount(it))
        return held

    def nested(n):
        gens = [(x for x in range(k)) for k in range(n)]
        return [list(g) for g in gens]

    log.call(f, 5)
    log.call(nested, 5)


@case
def sequence_iterators(log):
    deaths = []

    def f(n):
        out = []
        for k in range(n):
            for x in [Falling(k, deaths), k]:
                out.append(x if x == k else len(deaths))
                break
            for x in (k, k + 1):
                out.append(x)
            x = None
            items = [k, k + 1]
            for x in items:
                if len(items) < 5:
                    items.append(x * 2)
                out.append(x)
            out.append((refcount(items), len(deaths)))
            for x in items:
                it = iter(items)
                for y in it:
                    break
                out.append((y, next(it)))
        return out

    def unfinished(items):
        for x in items:
            for y in items:
                if y > x:
                    return x, y, refcount(items)

    def own(kind, n):
        return [[x for x in kind((k, k))] for k in range(n)]

    class List(list):
        def __iter__(self):
            return iter("list")

    class Tuple(tuple):
        pass

    log.call(f, 6)
    log.each(unfinished, ([1, 2],), ((1, 2),), ([],))
    log.each(own, (list, 4), (tuple, 4), (List, 4), (Tuple, 4), (set, 3), (iter, 3), (enumerate, 3), (reversed, 3))
    log.each(own, (lambda t: 1, 2), (lambda t: type("NoNext", (), {"__iter__": lambda s: s})(), 2))


@case
def iterators_and_the_collector(log):
    def f(n):
        out = []
        for k in range(n):
            items = [k]
            for x in items:
                out.append(sorted(type(r).__name__ for r in gc.get_referrers(items)))
                out.append(gc.is_tracked(gc.get_referrers(items)[0]))
                items.append(items) if len(items) < 2 else None
            gc.collect()
            for x in (k, items):
                gc.collect()
            items.clear()
        return out

    log.call(f, 3)


@case
def short_sequences(log):
    deaths = []

    def displays(n):
        out = []
        for k in range(n):
            a, b = [k, k + 1, k + 2], (k, [k])
            a.append(k)
            out.append((a, b, sys.getsizeof([k, k]), sys.getsizeof([]), sys.getsizeof((k,)), [], ()))
            del a, b
        return out

    def sizes(n):
        out = []
        for k in range(n):
            items = [k] * k
            out.append(([sys.getsizeof(items[i:]) for i in range(k + 1)], items[::-1], tuple(items)[1:], items[:0] is items[:0]))
            items.append(k)
            items.pop()
            out.append((items[:], sys.getsizeof(items)))
            del items
        return out

    def slices(s):
        return s[1:3], s[:], s[::2], s[::-1], s[5:2], s[-2:], s[:] is s, s[::1] is s

    def nested(depth):
        deep = []
        for _ in range(depth):
            deep = [deep, (deep,)]
        del deep
        for _ in range(depth):
            deep = ()
            deep = (deep, [deep])
        return len(deep)

    def dying(n):
        for k in range(n):
            pair = [Falling((k, 0), deaths), (Falling((k, 1), deaths), Falling((k, 2), deaths))]
            pair = None
            [Falling((k, 3), deaths)]
        return list(deaths), pair

    log.call(displays, 4)
    log.call(sizes, 20)
    log.each(slices, ([1, 2, 3, 4],), ((1, 2, 3, 4),), ([],), ((),), ("abcd",), ([object] * 40,))
    log.call(nested, 100)
    log.call(dying, 6)


@case
def sequences_made_in_a_death(log):
    made = []

    class Maker:
        def __del__(self):
            made.append([len(made), (1, 2)])
            del made[:-3]
            gc.collect()

    def f(n):
        for k in range(n):
            a = [Maker(), k]
            b = (Maker(), k)
            del a, b
            made.append([k, k])
        return made

    log.call(f, 30)


@case
def sequences_and_the_collector(log):
    def f(n):
        out = []
        for k in range(n):
            a = [k, None]
            t = (a, k)
            out.append((gc.is_tracked(a), gc.is_tracked(t), gc.is_tracked((k, k + 1000))))
            a[1] = a
            del a, t
        gc.collect()
        return out

    log.call(f, 5)
    log.call(f, 40)


counter = 1000


@case
def globals_that_count(log):
    def f(n):
        global counter
        for _ in range(n):
            counter += 1
        return counter

    def g(n):
        global counter
        seen = []
        for k in range(n):
            counter = Falling(k, seen)
        counter = 1000
        return seen

    def h(n):
        global counter
        out = []
        for k in range(n):
            counter = k
            out.append((counter, globals()["counter"], eval("counter")))
            if k % 50 == 7:
                del counter
                try:
                    counter
                except NameError as e:
                    out.append(str(e))
        counter = 1000
        return out

    log.each(f, (10,), (200,))
    log.call(g, 100)
    log.call(h, 120)


@case
def attributes_in_dicts_of_objects(log):
    """Instances with more attributes than their class has room for."""
    seen = []

    class Wide:
        def method(self):
            return self.b3

    def make(n):
        objects = []
        for k in range(n):
            o = Wide()
            o.a = k
            objects.append(o)
        for o in objects:
            for k in range(6):
                setattr(o, f"b{k}", k)
        return objects

    def use(objects):
        out = []
        for o in objects:
            o.b3 += 1
            o.b4 = o.b3 + o.a
            o.a = Falling(o.b4, seen)
            o.a = o.method()
            out.append((o.a, o.b3, o.b4, o.method()))
        return out

    def hide(objects):
        for o in objects:
            o.method = lambda: "own"  # noqa: E731
        return use(objects), [sorted(o.__dict__) for o in objects[:2]]

    objects = make(40)
    log.call(use, objects)
    log.call(use, objects)
    log.call(hide, objects)
    log(len(seen))
