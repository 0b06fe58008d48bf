"""Displays: lists, tuples, sets, dictionaries, slices and strings made from parts."""

from sys import getrefcount as refcount

from harness import case


@case
def literals(log):
    def f(a, b):
        return [], (), {}, [a], (a, ), {a}, {
            a: b
        }, [a, b], (a, b), {a, b}, {
            a: b,
            b: a
        }, [1, 2, 3, 4], (1, 2, 3), {1, 2, 3}, {
            1: 2,
            3: 4,
            5: 6
        }, [[a], (b, )], {
            (a, b): [a]
        }

    log.each(f, (1, 2), ("x", "x"), (1, True), (1.5, None))
    log.each(f, ([], 1), (1, []), ({}, {}))


@case
def fresh_objects(log):
    def f():
        return [], {}, set(), [1, 2, 3], {1: 2}, {1, 2, 3}

    a, b = f(), f()
    log([x is y for x, y in zip(a, b)])
    for x in a:
        x.clear()
    log(a, b, f())

    def g():
        return (), (1, 2), ((),)

    log([x is y for x, y in zip(g(), g())])


@case
def constant_lists_are_copied(log):
    def f():
        a = [1, 2, 3, 4, 5]
        a.append(6)
        b = {1, 2, 3, 4}
        b.add(5)
        c = {"a": 1, "b": 2, "c": 3}
        c["d"] = 4
        return a, b, c

    log(f(), f())


@case
def unpacking_displays(log):
    def lists(a, b):
        return [*a, *b], [1, *a, 2], [*a], (*a,), (*a, *b, 3), {*a, *b}, {*a}, [*a, *[1, *b]]

    log.each(lists, ([1, 2], (3,)), ("ab", {1: 2}), ((), []), (range(3), iter([7])), ([1], 5), (5, [1]), (None, None))

    def dicts(a, b):
        return {**a, **b}, {"x": 1, **a}, {**a, "x": 1}, {**a}, {**a, **{"y": 2}, **b}

    class Mapping:
        def keys(self):
            return iter(["k", "l"])

        def __getitem__(self, key):
            log("item", key)
            return key * 2

    class Half:
        def keys(self):
            return ["k"]

    log.each(dicts, ({
        "x": 0
    }, {
        "x": 2
    }), ({}, {}), (Mapping(), {
        "k": 0
    }), (Half(), {}), ([1], {}), ({}, None), ({
        1: 2
    }, {
        (): 3
    }))


@case
def unpack_errors(log):
    class Bad:
        def __iter__(self):
            yield 1
            raise ValueError("in the middle")

    class TypeBad:
        def __iter__(self):
            raise TypeError("mine")

    for thing in (Bad(), TypeBad(), 5, None):
        log.call(lambda: [*thing])
        log.call(lambda: (1, *thing))
        log.call(lambda: {*thing})
        log.call(lambda: print(*thing))
    log.call(lambda: {*[[]]})
    log.call(lambda: {**5})
    log.call(lambda: {**{"a": 1}, **[1]})


@case
def unhashable(log):
    log.call(lambda: {[]})
    log.call(lambda: {1, {}, 2})
    log.call(lambda: {[]: 1})
    log.call(lambda: {1: 1, {}: 2})

    class Key:
        def __hash__(self):
            log("hash")
            raise OSError("no hash")

    log.call(lambda: {Key()})
    log.call(lambda: {Key(): log("value")})
    log.call(lambda: {"a": 1, Key(): 2})


@case
def evaluation_order(log):
    def n(x):
        log("eval", x)
        return x

    def f():
        return [n(1), n(2)], (n(3), n(4)), {
            n(5): n(6),
            n(7): n(8)
        }, {n(9), n(10)}, [n(11), *n((12, 13)), n(14)], {
            **n({"a": 1}), n("b"): n(2)
        }

    log.call(f)


@case
def duplicate_keys(log):
    class Key:
        def __init__(self, name):
            self.name = name

        def __hash__(self):
            log("hash", self.name)
            return 1

        def __eq__(self, other):
            log("eq", self.name, other.name)
            return True

        def __repr__(self):
            return self.name

    log.call(lambda: {Key("a"): 1, Key("b"): 2})
    log.call(lambda: {Key("a"), Key("b")})
    log.call(lambda: {1: "int", 1.0: "float", True: "bool"})
    log.call(lambda: {1, 1.0, True})
    log.call(lambda: {True, 1})


@case
def parts_die_on_error(log):
    def fail():
        log("failing")
        raise KeyError("x")

    def p(name):
        return log.probe(name)

    log.call(lambda: [p("a"), p("b"), fail()])
    log.call(lambda: (p("c"), (p("d"), fail())))
    log.call(lambda: {p("e"): p("f"), "x": fail()})
    log.call(lambda: {p("g"), fail()})
    log.call(lambda: [p("h"), *[p("i")], fail()])
    log.call(lambda: {**{"k": p("j")}, **fail()})
    log.call(lambda: {p("k"): 1, fail(): 2})
    log.call(lambda: print(p("l"), k=p("m"), z=fail()))
    log.call(lambda: f"{p('n')}{fail()}")
    log.call(lambda: [1, 2][p("o"):fail()])


@case
def counts(log):
    def f(a, b):
        x = [a, b, a]
        log("refs", refcount(a), refcount(b), refcount(x))
        y = (a, x)
        log("refs", refcount(a), refcount(x), refcount(y))
        z = {"k": a, a[0]: y}
        log("refs", refcount(a), refcount(y), refcount(z))
        w = {1, a[0]}
        v = [*x, *y]
        log("refs", refcount(a), refcount(b), refcount(x), refcount(y), refcount(v))
        del x, y, z, v
        log("refs", refcount(a), refcount(b))

    f(["a"], ["b"])


@case
def display_lifetimes(log):
    def f():
        [log.probe("a"), log.probe("b")]
        log("list")
        (log.probe("c"), log.probe("d"))
        log("tuple")
        {"x": log.probe("e"), "y": log.probe("f")}
        log("dict")
        x = [[log.probe("g")]]
        x = (x,)
        log("nested")

    f()


@case
def big_displays(log):
    space = {}
    exec("def f(x):\n return [" + ", ".join(["x"] * 300) + "]\n"
         "def g(x):\n return (" + ", ".join(f"x + {i}" for i in range(100)) + ")\n"
         "def h(x):\n return {" + ", ".join(f"{i}: x" for i in range(300)) + "}\n"
         "def k(x):\n return {" + ", ".join(f"x + {i}" for i in range(70)) + "}\n"
         "def s(x):\n return f'" + "{x}-" * 90 + "'\n", space)
    log.call(lambda: len(space["f"](1)))
    log.call(space["g"], 1)
    log.call(lambda: sum(space["h"](2).values()))
    log.call(lambda: sum(space["k"](2)))
    log.call(space["s"], 7)


@case
def slices(log):
    def f(a, b, c):
        return slice(a, b, c), [0, 1, 2, 3, 4][a:b:c], "abcde"[a:b], (1, 2, 3)[::c]

    log.each(f, (1, 3, 1), (None, None, -1), (0, 10, 2), ("x", 1, 1), (0, 1, 0))


@case
def gc_tracking(log):
    import gc

    def f(a):
        t1, t2, d1, d2, l1 = (a, 1), (a, []), {1: a}, {1: []}, [a]
        return [gc.is_tracked(x) for x in (t1, t2, d1, d2, l1)]

    log.each(f, (1,), ("x",), ([],))


@case
def self_reference(log):
    import gc

    def f():
        a = [log.probe("cycle")]
        a.append(a)
        d = {"self": None, "p": log.probe("dict cycle")}
        d["self"] = d
        t = ([],)
        t[0].append(t)
        return repr(a[1] is a), repr(t)

    log.call(f)
    gc.collect()
    log("collected")


@case
def tuples_of_each_size(log):
    def f(a):
        return (), (a,), (a, a), (a, a, a), (a,) * 4, (a, a, a, a, a), (a, a, a, a, a, a)

    kept = [f(i) for i in range(40)]
    log(kept[-1], kept[3], [len(t) for t in kept[0]])
    del kept
    log(f("again"))


@case
def empty_tuple_identity(log):
    def f(*args):
        empty = ()
        return args is empty, tuple([]) is args, args[:0] is args

    log.call(f)


@case
def dict_order(log):
    def f(a, b, c):
        d = {c: 1, a: 2, b: 3, a: 4}
        d[c] = 5
        del d[a]
        d[a] = 6
        return list(d), list(d.values()), d

    log.each(f, ("x", "y", "z"), (1, 2, 3), ("x", "x", "z"))


@case
def formatting_builds(log):
    def f(a, b):
        return f"{a}{b}", f"{a}", f"x{a}y", "" f"", f"{a}" "lit" f"{b}", f"{{}}{a}"

    log.each(f, (1, 2), ("", ""), ("é", 1.5))


@case
def nested_starred_calls(log):
    def f(*a, **k):
        return a, k

    log.call(lambda x: f(*x, *[*x], **{**{"k": 1}}, **dict(z=2)), [1, 2])
    log.call(lambda x: [*f(*x)[0], *f(**{"a": 1})[1]], (1,))


@case
def list_to_tuple_and_sets(log):
    def f(a):
        return (*a, 1), {*a, 1}, [*a, 1], tuple([*a]), frozenset({*a}), 1 in {*a}, 1 in (*a, 2)

    log.each(f, ([1, 2],), ("",), ([[]],))


@case
def lists_from_comprehension_and_display(log):
    def f(n):
        return [[i, [i], (i, [i])] for i in range(n)], [{i: {i}} for i in range(n)]

    log.call(f, 5)


@case
def subclass_keys(log):
    class S(str):
        pass

    class I(int):
        pass

    log.call(lambda: {S("a"): 1, "a": 2, I(1): 3, 1: 4})
    log.call(lambda: dict(**{S("a"): 1}))
    log.call(lambda: (lambda **k: k)(**{S("b"): 1}))


@case
def numbers_die_with_their_container(log):
    class Int(int):
        pass

    def f(n):
        kept = []
        for i in range(n, n + 5):
            item = i * 3
            t = (i, item, float(i), -i, Int(i), i * 2**70, True, str(i))
            u = [item, (i, i / 3), [i + 1, t]]
            if i % 2:
                kept.append(item)
            t = u = None
            v = (i + 7, i / 2)
            kept.append(v[0] + v[1])
        return kept, item, i

    for n in (0, 300, 2**29, 2**40):
        log.call(f, n)
    shared = [1000.5, 100000]
    log.call(lambda: ([shared[0], shared[1]], shared)[1])
    log(refcount(shared[0]), refcount(shared[1]))
