"""Element access and membership by helpers: keys of all kinds, look-ups that meet foreign keys, deaths of operands."""

from array import array
from sys import getrefcount as refcount

from harness import case

load = lambda a, k: a[k]
inside = lambda a, b: a in b
outside = lambda a, b: a not in b


def store(a, k, v):
    a[k] = v
    return a


class Same:
    """Equal to, and with the hash of, a plain object."""

    def __init__(self, log, twin):
        self.log, self.twin = log, twin

    def __repr__(self):
        return f"<same as {self.twin!r}>"

    def __hash__(self):
        return hash(self.twin)

    def __eq__(self, other):
        self.log("eq", self, other)
        return self.twin == other


class Plain:
    pass


def Keys():
    return [
        0, 1, -1, -2, 2**30, -2**30, 2**61 - 1, 2**61, 2**70, True, False, None, 1.0, 0.0, -0.0, 1.5, 2.0**80, float("inf"),
        "", "a", "é", "€uro", "\U0001F600", "a" * 100, b"", b"a", (), (1,), (1, "a"), (1.0, "a"), ((1, 2), 3),
        ((((((1,),),),),),), (None, True), ..., int, Plain, len, frozenset((1, 2)), 1j
    ]


KEYS = Keys()


@case
def keys_of_all_kinds(log):
    tables = [{}, dict.fromkeys(KEYS, "value"), {k: repr(k) for k in KEYS if type(k) is str}, {k: k for k in KEYS[::2]}]
    for key in KEYS:
        for table in tables:
            log.call(load, table, key)
            log.call(inside, key, table)
            log.call(outside, key, table)
            log.call(inside, key, table.keys())
            log.call(inside, key, set(table))
            log.call(outside, key, frozenset(table))
            log.call(inside, key, list(table))
            log.call(inside, key, tuple(table))
            log.call(lambda t, k: len(store(dict(t), k, 1)), table, key)


TABLES = [({i * 7: i for i in range(count)}, {f"name{i}": i for i in range(count)}) for count in (5, 127, 200, 40000)]


@case
def many_entries(log):
    """Tables with indices of every width, and collisions."""
    for table, names in TABLES:
        count, numbers = len(table), set(table)

        def f():
            found = 0
            for i in range(0, count, 1 + count // 50):
                found += table[i * 7] == i
                found += names[f"name{i}"] == i
                found += (i * 7 in table) + (i * 7 + 1 in table) + (i * 7 in numbers) + (-i - 3 in numbers)
                found += f"name{i}" in names
                names[f"name{i}"] = i + 1
                table[-i - 1] = i
                del table[-i - 1]
            return found, len(table), len(names)

        log.call(f)
    crowded = {i << 61: i for i in range(20)} | {i << 40: i for i in range(20)}

    def g():
        for i in range(10, 30):
            crowded.pop(i << 40, None)
            crowded[i << 50] = i
        return [(i << 40 in crowded, i << 50 in crowded, i << 61 in crowded, i << 40 in set(crowded)) for i in range(40)]

    log.call(g)


@case
def foreign_keys(log):
    for twin in (1, "a", (1, 2), None, 2.5):
        for box in ({Same(log, twin): "foreign"}, {Same(log, twin)}, [Same(log, twin)], (0, Same(log, twin))):
            log.call(inside, twin, box)
            log.call(outside, twin, box)
            log.call(inside, Same(log, twin), box)
        table = {Same(log, twin): "foreign"}
        log.call(load, table, twin)
        log.call(lambda t, k: store(t, k, "new")[k], table, twin)
        log(len(table))
        log.call(load, {twin: "plain"}, Same(log, twin))
        log.call(load, {(twin, 5): "plain"}, (Same(log, twin), 5))
        log.call(load, {(Same(log, twin), 5): "foreign"}, (twin, 5))
        log.call(load, {(5, Same(log, twin)): "foreign"}, (6, twin))


@case
def numbers_that_are_equal(log):
    for a in (1, True, 1.0, 1 + 0j):
        for b in (1, True, 1.0, 1 + 0j):
            log.call(load, {a: "x"}, b)
            log.call(inside, a, {b})
            log.call(inside, a, [b])
            log.call(inside, (a, 2), [(b, 2)])
            log.call(lambda d, k: store(d, k, "y"), {a: "x"}, b)
    nan = float("nan")
    log.call(inside, nan, [nan])
    log.call(inside, nan, {nan})
    log.call(inside, float("nan"), (nan,))
    log.call(inside, (nan,), [(nan,)])


@case
def subclasses(log):
    class Dict(dict):
        def __missing__(self, key):
            return ("missing", key)

    class Set(set):
        def __contains__(self, item):
            log("contains", item)
            return False

    class Text(str):
        def __hash__(self):
            log("hash")
            return str.__hash__(self)

    log.grid(load, [Dict(a=1), {"a": 2}, {Text("a"): 3}], ["a", "b", Text("a"), Text("c")])
    log.grid(inside, ["a", Text("a"), Text("z")], [Set("a"), {"a"}, {"a": 1}, {Text("a")}, ["a"], [Text("a")], "cab", Text("cab")])


@case
def instance_dicts(log):
    class Box:
        def __init__(self):
            self.a = 1
            self.b = 2

    def f(box, name):
        d = box.__dict__
        found = name in d, "b" in d
        d[name] = "new"
        d["b"] = d[name]
        return found, d[name], box.b, sorted(d)

    log.call(f, Box(), "a")
    log.call(f, Box(), "c")
    box = Box()
    del box.a
    log.call(f, box, "a")
    log.call(load, Box().__dict__, "z")
    box = Box()
    del box.a
    log.call(inside, "a", box.__dict__)


@case
def globals_by_subscript(log):
    names = {"g": 1, "__builtins__": __builtins__}
    exec("def read(): return g\ndef write(v): globals()['g'] = v\n", names)
    for value in (2, 3, None):
        log.call(names["write"], value)
        log.call(names["read"])
        log.call(lambda: store(names, "g", ("stored", value)) and None)
        log.call(names["read"])


@case
def dying_values(log):
    def replace(d, k):
        d[k] = 1
        return d[k]

    table = {"k": log.probe("old"), 5: log.probe("five"), (1, 2): log.probe("pair")}
    for key in list(table):
        log.call(replace, table, key)

    class Looker:
        def __init__(self, table):
            self.table = table

        def __del__(self):
            log("sees", self.table["k"])
            self.table["k"] = "changed while dying"

    table = {}
    table["k"] = Looker(table)
    log.call(lambda: replace(table, "k") and 0)
    log(table)
    items = [0, log.probe("item"), 2]
    log.call(replace, items, -2)
    log.call(replace, items, 2)


@case
def dying_keys_and_boxes(log):
    class Item:
        def __init__(self, name):
            self.probe = log.probe(name)

    def f():
        x = {"a": Item("value")}["a"]
        log("loaded")
        y = Item("key") in {1: 2}
        log("tested", y)
        z = 1 in [Item("first"), 1]
        log("found", z)
        w = (Item("in tuple"), 1) in {}
        log("tested", w)
        v = 5 in {5: Item("in dict")}
        log("tested", v)
        [0][0] = Item("in list")
        log("stored")
        {"a": 1}["a"] = Item("replacing")
        return x.probe is not None

    log.call(f)


@case
def dying_local(log):
    """The container's last reference is a local that a finaliser's effect takes away."""

    def f():
        box = {"k": log.probe("v")}
        k = "k"
        box[k] = box
        box = box[k]
        return len(box), k in box

    log.call(f)


@case
def counts(log):
    value, key = ["value"], ("key", 12345678901)
    table, items = {key: value, "s": value}, [value, value]

    def f(d, a, k, v):
        log("refs", refcount(d), refcount(a), refcount(k), refcount(v))
        x = d[k], d["s"], a[-1], d[("key", 12345678901)], a[len(a) - 1]
        log("refs", refcount(d), refcount(a), refcount(k), refcount(v))
        d[k] = d["new"] = d[("key", 12345678901)] = v
        a[-1] = a[len(a) - 2] = v
        log("refs", refcount(d), refcount(a), refcount(k), refcount(v))
        y = k in d, v in a, k in [k], ("key", 12345678901) in d, k not in (v, k)
        log("refs", refcount(d), refcount(a), refcount(k), refcount(v), y)
        d[k] = a[0] = None
        del x
        log("refs", refcount(d), refcount(a), refcount(k), refcount(v))

    log.call(f, table, items, key, value)
    log("refs", refcount(table), refcount(items), refcount(key), refcount(value))


@case
def arrays(log):
    def fill(a, n, v):
        for i in range(n):
            a[i] = v
            a[-1] = a[i] * 2 if type(v) is float else a[i]
        a[0] = 1.5 if a.typecode in "fd" else 1
        a[len(a) - 1] = a[0] + a[-1]
        return list(a)

    for code in "dfbBhHiIlLqQ":
        log.call(fill, array(code, [1, 2, 3]), 3, 2)
        log.call(fill, array(code, [1, 2, 3]), 3, 2.5)
        log.call(fill, array(code, [1, 2, 3]), 4, 2)
        log.grid(load, [array(code, [1, 2, 3]), array(code)], [0, -1, -3, 3, -4, 2**70, 1.0, "x", slice(1, None)])
        log.grid(lambda a, i, v: list(store(a, i, v)), [array(code, [1, 2])], [0, -2, 2, "x"], [1, 300, -1, 1.5, "x", None, 2**70, True])
    log.grid(load, [array("w", "abc"), array("u", "abc")], [0, -1, 5])

    class Mine(array):
        def __getitem__(self, index):
            return ("mine", index)

    log.call(load, Mine("d", [1.0]), 0)

    def constant(a):
        a[0] = 5.5
        a[1] = a[0]
        a[-1] = 7
        return a[0], a[1], a[-1], a[-2]

    log.call(constant, array("d", [1, 2, 3]))
    log.call(constant, array("d", [1]))
    log.call(constant, [1, 2, 3])
    log.call(constant, [])


@case
def constants_from_the_end(log):
    def f(a):
        return a[-1], a[-2]

    def g(a):
        a[-1] = a[0]
        a[-2] = "x"
        a[-1] = None
        return a

    log.each(f, ([1, 2],), ([1],), ([],), ((1, 2),), ((1,),), ("ab",), ("a",), ("é€",), (b"ab",), (range(5),), ({-1: 1, -2: 2},), (5,))
    log.each(g, ([1, 2],), ([1],), ([],), ({0: 1},), (bytearray(b"ab"),), ((1, 2),))


@case
def constant_containers(log):
    def f(i, c):
        return "0123456789"[i], (10, 20, 30)[i], "ab"[i - 1], c in "abc", c in (1, "a", None), c not in {"a", 2}, c in b"abc"

    log.each(f, (0, "a"), (1, "ab"), (2, "b"), (-1, 1), (3, "a"), (0, 2), (0, None), (0, []), (True, ""), (0, "é"))

    def g(x):
        if x in ("a", "b"):
            return 1
        if x not in {1, 2, 3} and not (x in "xyz"):
            return 2
        return 3 if x == 2 or x in [4, 5] else 4

    log.each(g, *[(x,) for x in ("a", "b", "c", "x", "", 1, 2, 3, "yz")])
    log.call(g, 4)


@case
def views_and_ranges(log):
    table = {"a": 1, 2: "b"}
    for item in ("a", 2, "zz", 2.0, [], None):
        log.call(lambda d, x: (x in d.keys(), x not in d.keys(), x in d.values()), table, item)
    log.grid(inside, [0, 3, 4, -1, 2**70, 3.0, "x", True], [range(4), range(0)])
    log.grid(inside, [0, 3, 4, -1, 2**70], [range(0, 2**80, 3)])
    log.grid(inside, [97, 256, -1, b"a", b"", "a", None], [b"abc", bytearray(b"abc")])
    log.grid(inside, ["", "a", "bc", "é", "€", 5, None], ["", "abc", "é€"])


@case
def characters(log):
    def f(s, i):
        return s[i], s[i:][0] if s[i:] else None, s[i] is s[i]

    log.grid(f, ["abc", "aé", "€a", "\U0001F600x", ""], [0, 1, -1, -2, 2])


@case
def slices_by_object(log):
    step = -1

    def f(a, n):
        return a[:n:-1], a[n::step], a[::2], a[slice(n)], a[slice(None, n, True)]

    log.grid(f, [[1, 2, 3, 4], (1, 2, 3, 4), "abcd", b"abcd", bytearray(b"abcd"), range(4)], [0, 2, -1, None, 9])
    log.call(lambda a: a[::0], [1, 2])
    log.call(lambda a: a[:"x":-1], [1, 2])


@case
def slices_with_steps(log):
    def f(a, i, j, k):
        return a[i:j:k], a[i::k], a[:j:k], a[::k], a[k::-1], a[:k:-1]

    bounds = [0, 1, -1, 3, -4, 9, -9, None]
    for box in ([1, 2, 3, 4], (1, 2, 3, 4), "abcd", [], (), range(4), b"abc"):
        for i in bounds:
            for j in bounds:
                log.grid(f, [box], [i], [j], [1, -1, 2, -3, 2**70, -2**70])
    log.grid(f, [[1, 2], (1, 2), 5, None, {}], [0, "x", 1.0, True], [None, 2**70], [1, 0, "x", None])
    whole = (1, 2, 3)
    log.call(lambda a: (a[::1] is a, a[0:9:1] is a, a[::-1] is a, a[::1][0]), whole)

    class Grid:
        def __getitem__(self, key):
            return key

    log.call(f, Grid(), 1, "x", None)
    log.call(lambda: [log.probe("a"), log.probe("b")][::-1] and 0)


@case
def slices_replaced_in_place(log):
    def f(a, i, j, v):
        a[i:j] = v
        return a

    for size in (0, 1, 3, 8, 63, 64, 65, 100):
        log.call(f, list(range(size)), None, None, list(range(size)))
        log.call(f, list(range(size)), 0, size, [None] * size)
        log.call(f, list(range(size)), 1, -1, list(range(size - 2)))
        log.call(f, list(range(size)), 2, 1, [])
        log.call(f, list(range(size)), 2, 1, ["x"])
        log.call(lambda a: f(a, 1, 3, a), list(range(size)))
    log.call(lambda: len(f([log.probe("a"), log.probe("b"), log.probe("c")], 0, 2, [1, 2])))

    class Clears:
        def __init__(self, box):
            self.box = box

        def __del__(self):
            log("sees", len(self.box), [x for x in self.box if type(x) is int])
            self.box.clear()

    def g():
        box = []
        box[:] = [Clears(box), Clears(box), 3]
        box[0:2] = [1, 2]
        return box

    log.call(g)


@case
def tracked_by_the_collector(log):
    import gc

    def f(d, v):
        before = gc.is_tracked(d)
        d["k"] = v
        return before, gc.is_tracked(d)

    log.call(f, {"k": 1}, [])
    log.call(f, {"k": 1}, 2)
    log.call(f, {"j": 1}, [])
    log.call(f, {"k": 1}, (1, 2))


@case
def sets_that_shrink(log):
    def f():
        s = set(range(100))
        found = []
        for i in range(0, 100, 3):
            s.discard(i)
            found.append((i in s, i + 1 in s, -1 in s, "x" in s, (i,) in s))
        return found

    log.call(f)


@case
def getitem_of_classes(log):
    class Box:
        def __init__(self, items):
            self.items = items

        def __getitem__(self, key):
            return self.items[key]

    class Inherits(Box):
        pass

    class Static:
        @staticmethod
        def __getitem__(key):
            return ("static", key)

    class Generator:
        def __getitem__(self, key):
            yield key

    class Options:
        def __getitem__(self, *keys, **options):
            return keys, options

    class Callable:
        __getitem__ = Box([1, 2]).__getitem__

    class Nothing:
        __getitem__ = None

    def f(box, key):
        return 1 + box[key], [box[key], box[0] if key != 0 else box[1]], box[key - 1 if type(key) is int else key]

    class WithClass:
        def __class_getitem__(cls, key):
            return cls.__name__, key

    boxes = [Box([1, 2, 3]), Inherits([4, 5]), Static(), Generator(), Options(), Callable(), Nothing(), WithClass, list, [7, 8], {0: 1, 1: 2}]
    for box in boxes:
        for key in (0, 1, 5, "x"):
            log.call(lambda b, k: type(b[k]).__name__ if isinstance(b, Generator) else b[k], box, key)
            if not isinstance(box, (Generator, Options, Static)):
                log.call(f, box, key)
    log.call(lambda: Box([1])[0])
    log.call(lambda: Box([log.probe("item")])[0] and "end")


@case
def getitem_nested(log):
    class Rows:
        def __init__(self, rows):
            self.rows = rows

        def __getitem__(self, key):
            if isinstance(key, tuple):
                return self.rows[key[0]][key[1]]
            return self.rows[key]

        def __setitem__(self, key, value):
            self.rows[key[0]][key[1]] = value

    def f(a, n):
        for i in range(n):
            for j in range(n):
                a[i, j] = a[i][j] * a[j][i] - a[i, i]
                a[i][j] -= a[i, j] + a[-1][-1]
        return a.rows

    log.call(f, Rows([[1, 2], [3, 4]]), 2)
    log.call(f, Rows([[1, 2], [3, 4]]), 3)
    log.call(f, Rows([array("d", [1, 2]), array("d", [3, 4])]), 2)
    log.call(f, Rows([[1, "x"], [3, 4]]), 2)


@case
def getitem_recurses(log):
    class Deep:
        def __getitem__(self, key):
            return self[key + 1] if key < 300 else key

    class Endless:
        def __getitem__(self, key):
            return self[key]

    def f(box):
        try:
            return box[0]
        except RecursionError:
            return "too deep"

    log.call(f, Deep())
    log.call(f, Endless())


@case
def getitem_meddles(log):
    import sys

    class Meddler:
        def __init__(self, act):
            self.act = act

        def __getitem__(self, key):
            return self.act(key)

    def rebind(key):
        sys._getframe(2).f_locals["x"] = "rebound"
        return key

    def replace(key):
        Meddler.__getitem__ = lambda self, key: ("replaced", key)
        return key

    def delete(key):
        del Meddler.__getitem__
        return key

    def raises(key):
        raise KeyError(key)

    def f(box, x):
        y = x, box[x], x, box[0]
        try:
            return y, [x, box["again"]]
        except (KeyError, TypeError) as e:
            return y, type(e), e.__traceback__.tb_lineno - f.__code__.co_firstlineno

    original = Meddler.__getitem__
    for act in (rebind, raises, replace, delete):
        log.call(f, Meddler(act), "x")
        Meddler.__getitem__ = original
    lines = []

    def trace(frame, event, arg):
        lines.append((event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
        return trace

    def start(key):
        sys.settrace(trace)
        return key

    def traced(box):
        a = box[1], 2
        b = a
        sys.settrace(None)
        return b

    log.call(traced, Meddler(start))


@case
def subclasses_that_compare_as_their_base(log):
    from collections import namedtuple
    from enum import Enum, IntEnum, StrEnum

    class Number(int):
        pass

    class Text(str):
        pass

    class Row(tuple):
        pass

    class Loud(int):
        def __eq__(self, other):
            log("eq", other)
            return int.__eq__(self, other)

        __hash__ = int.__hash__

    Pair = namedtuple("Pair", "x y")
    Small = IntEnum("Small", "one two")
    Name = StrEnum("Name", "one two")
    Color = Enum("Color", "red blue")
    keys = [Number(1), Text("one"), Row((1, 2)), Pair(1, 2), Small.one, Small.two, Name.one, Color.red, Loud(1), 1, 2, "one", (1, 2), True, 1.0]
    for a in keys:
        log.call(inside, a, keys)
        for b in keys:
            log.call(lambda a, b: (a in {b: 0}, a in {b}, a in [b], a in (b, a), {b: "v"}.get(a)), a, b)
            log.call(load, {b: "found"}, a)
            log.call(lambda d, k: len(store(d, k, 0)), {b: 1}, a)


@case
def subclasses_of_dict_and_set(log):
    from collections import Counter, OrderedDict, defaultdict

    class Plain(dict):
        pass

    class Missing(dict):
        def __missing__(self, key):
            log("missing", key)
            return key, key

    class Loud(dict):
        def __getitem__(self, key):
            log("get", key)
            return super().__getitem__(key)

        def __setitem__(self, key, value):
            log("set", key, value)
            super().__setitem__(key, value)

        def __contains__(self, key):
            log("in", key)
            return super().__contains__(key)

    class Group(set):
        pass

    class LoudGroup(set):
        def __contains__(self, key):
            log("in", key)
            return False

    def get(d, k):
        return d[k]

    def put(d, k, v):
        d[k] = v

    def count(d, k):
        d[k] += 1
        return d[k], k in d, k not in d

    def inside(k, d):
        return k in d, k not in d

    kinds = [dict, Plain, Missing, Loud, Counter, OrderedDict, lambda: defaultdict(int)]
    for make in kinds:
        d = make()
        for k in ("a", 1, 1.5, (1, 2), "a" + str(1), 1 << 70):
            log.call(put, d, k, 5)
            log.call(get, d, k)
            log.call(count, d, k)
        log.call(get, d, "none")
        log.call(count, d, "none")
        log.call(put, d, [], 1)
        log.call(inside, "a", d)
        log.call(inside, [], d)
        log(list(d.items()))
    for make in (set, frozenset, Group, LoudGroup):
        log.each(inside, (1, make([1, 2])), (3, make([1, 2])), ([], make([1])))

    d = Plain()
    put(d, "a", 1)
    Plain.__setitem__ = lambda self, k, v: log("late", k, v)
    log.call(put, d, "a", 2)
    Plain.__getitem__ = lambda self, k: ("late", k)
    log.call(get, d, "a")
    Plain.__contains__ = lambda self, k: False
    log.call(inside, "a", d)
    del Plain.__setitem__, Plain.__getitem__, Plain.__contains__
    log.call(put, d, "a", 3)
    log.call(get, d, "a")
    log.call(inside, "a", d)
