"""Subscripts: loads, stores, deletes and slices of every container, with every kind of index."""

from sys import getrefcount as refcount

from harness import case

INDICES = [
    0, 1, -1, 2, -3, 3, -4, 255, 2**30, 2**62, 2**63, 2**64, -2**63, -2**70, True, False, 1.0, "a", None, (0, ), ...
]
SLICES = [
    slice(None),
    slice(1),
    slice(1, None),
    slice(None, None, -1),
    slice(-2, None),
    slice(0, 100, 2),
    slice(5, 1),
    slice(None, None, 0),
    slice("a"),
    slice(1.0),
    slice(2**70),
    slice(-2**70, 2**70),
    slice(True)
]

load = lambda a, i: a[i]


def store(a, i, v):
    a[i] = v
    return a


def delete(a, i):
    del a[i]
    return a


def augment(a, i, v):
    a[i] += v
    return a


class Index:
    def __init__(self, log, answer):
        self.log, self.answer = log, answer

    def __repr__(self):
        return f"<index {self.answer!r}>"

    def __index__(self):
        self.log("index")
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@case
def loads(log):
    for box in ([10, 20,
                 30], (10, 20, 30), "abc", "aé€\U0001F600", b"abc", bytearray(b"abc"), range(10, 40,
                                                                                             10), memoryview(b"abc")):
        log.grid(load, [box], INDICES)
        log.grid(load, [box], SLICES)


@case
def dict_loads(log):
    table = {0: "zero", "a": "A", None: "none", (0,): "tuple", 2 ** 64: "big", 1.5: "float", True: "true"}
    log.grid(load, [table], [*INDICES, 1.5, [], {}, slice(1)])
    log.call(load, table, "missing")
    log.call(load, table, [])
    log.call(load, {}, (1, 2))


@case
def stores(log):
    for index in INDICES + SLICES:
        log.grid(store, [[1, 2, 3]], [index], ["new"])
        log.grid(store, [bytearray(b"abc")], [index], [65])
    for box in ((1, 2), "abc", 5, None, range(3), {1}, object()):
        log.call(store, box, 0, 1)
        log.call(delete, box, 0)
        log.call(load, box, 0)


@case
def dict_stores(log):
    for key in [*INDICES, [], slice(1)]:
        log.grid(store, [{0: "old", "a": 1}], [key], ["new"])
    log.call(store, {}, [], 1)
    log.call(delete, {}, "missing")
    log.call(delete, {"k": 1}, "k")


@case
def deletes(log):
    for index in INDICES + SLICES:
        log.grid(delete, [[1, 2, 3]], [index])
        log.grid(delete, [{0: 1, "a": 2, True: 3}], [index])


@case
def augmented(log):
    log.each(augment, ([1, 2], 0, 5), ([1, 2], -1, 0.5), ([1, 2], 2, 5), ({
        "k": 1
    }, "k", 2), ({}, "k", 2), ([[1]], 0, [2]), ([1], 0, "x"), (([1], ), 0, [2]), ("ab", 0, "c"))
    broken = ([1],)
    log.call(augment, broken, 0, [2])
    log(broken)

    def with_effects(f, g):
        f()[g()] += 1
        return f()

    box = [5]
    log.call(with_effects, lambda: (log("f"), box)[1], lambda: (log("g"), 0)[1])


@case
def slice_syntax(log):
    def loads(a, i, j):
        return a[i:], a[:j], a[i:j], a[::i], a[i::j], a[:], a[i:j:], a[-2:], a[:-1], a[1:2]

    def stores(a, i, j):
        a[i:j] = ["n"]
        a[:0] = (1, 2)
        a[len(a):] = "xy"
        a[::2] = range(len(a[::2]))
        return a

    def deletes(a, i, j):
        del a[i:j]
        del a[::2]
        del a[10:]
        return a

    log.each(loads, ([1, 2, 3, 4], 1, 3), ("abcd", 1, 3), ((1, 2, 3), 1, -1), (b"xyz", 2, 1), ([1, 2], None, None),
             ([1], 0, 1), ([1], 1, "x"))
    log.each(stores, ([1, 2, 3, 4], 1, 3), ([], 0, 0), ([1, 2], 5, 9), ((1,), 0, 1), ([1], "a", 1))
    log.each(deletes, ([1, 2, 3, 4, 5], 1, 3), ([], 0, 1), ("ab", 0, 1))

    def extended(a):
        a[::2] = [1]
        return a

    log.call(extended, [1, 2, 3])
    log.call(extended, [1, 2])

    def not_iterable(a):
        a[1:2] = 5

    log.call(not_iterable, [1, 2])


@case
def slices_of_users(log):
    class Grid:
        def __getitem__(self, key):
            return key

        def __setitem__(self, key, value):
            log("set", key, value)

        def __delitem__(self, key):
            log("del", key)

    def f(g, a, b):
        g[a:b] = 1
        g[a:b:a] = 2
        g[a, b:] = 3
        del g[a:b]
        del g[..., a]
        return g[a:b], g[a:b:2], g[a, b], g[a, ::b], g[()], g[a,], g[a][b], g[:], g[*[a, b], 3], g[-1]

    log.call(f, Grid(), 1, 2)
    log.call(f, Grid(), "x", None)


@case
def index_objects(log):
    box = [1, 2, 3]
    for answer in (0, -1, 5, True, 2 ** 70, "x", KeyError("no index")):
        log.call(load, box, Index(log, answer))
        log.call(load, "abc", Index(log, answer))
        log.call(load, (1, 2, 3), Index(log, answer))
        log.call(store, [1, 2, 3], Index(log, answer), "new")
        log.call(lambda a, i: a[i:], box, Index(log, answer))


@case
def index_mutates_container(log):
    class Clearing:
        def __init__(self, box, answer):
            self.box, self.answer = box, answer

        def __index__(self):
            self.box.clear()
            return self.answer

    class Growing(Clearing):
        def __index__(self):
            self.box.extend(range(100))
            return self.answer

    for maker in (Clearing, Growing):
        for function in (load, lambda a, i: store(a, i, 1), delete, lambda a, i: a[i:], lambda a, i: a[:i]):
            box = [1, 2, 3]
            log.call(function, box, maker(box, 2))
            log(len(box))


@case
def hash_and_eq_of_keys(log):
    class Key:
        def __init__(self, name, number, error=None):
            self.name, self.number, self.error = name, number, error

        def __repr__(self):
            return f"<key {self.name}>"

        def __hash__(self):
            log("hash", self)
            if self.error == "hash":
                raise ValueError("no hash")
            return self.number

        def __eq__(self, other):
            log("eq", self, other)
            if self.error == "eq":
                raise ValueError("no eq")
            return isinstance(other, Key) and self.name == other.name

    table = {Key("a", 1): "A", Key("b", 1): "B"}
    for key in (Key("a", 1), Key("b", 1), Key("c", 1), Key("a", 2), Key("x", 1, "eq"), Key("x", 1, "hash")):
        log.call(load, table, key)
    log.call(store, {}, Key("y", 5, "hash"), 1)
    log.call(delete, dict(table), Key("x", 1, "eq"))


@case
def key_mutates_dict(log):
    class Key:
        def __init__(self, table=None):
            self.table = table

        def __hash__(self):
            return 1

        def __eq__(self, other):
            if self.table:
                self.table.clear()
            return False

    table = {Key(): "first", 1: "one"}
    log.call(lambda: load(table, Key(table)) and 0)
    log(len(table))


@case
def users(log):
    class Box:
        def __init__(self):
            self.items = {}

        def __getitem__(self, key):
            log("get", key)
            return self.items[key]

        def __setitem__(self, key, value):
            log("set", key, value)
            self.items[key] = value

        def __delitem__(self, key):
            log("del", key)
            del self.items[key]

    box = Box()
    log.call(lambda: store(box, 1, "one") and None)
    log.call(load, box, 1)
    log.call(load, box, 2)
    log.call(lambda: augment(box, 1, "!") and None)
    log.call(lambda: delete(box, 1) and None)
    log.call(lambda: delete(box, 1) and None)
    Box.__getitem__ = lambda self, key: ("replaced", key)
    log.call(load, box, 5)
    del Box.__getitem__
    log.call(lambda: load(box, 5))
    Box.__getitem__ = lambda self: 0
    log.call(load, box, 5)
    Box.__class_getitem__ = classmethod(lambda cls, key: ("class", key))
    log(Box[3], Box["x", 1])


@case
def getitem_with_defaults(log):
    class Box:
        def __getitem__(self, key, extra="default", *more, option=1):
            return key, extra, more, option

    log.each(load, (Box(), 1), (Box(), 2))


@case
def container_subclasses(log):
    class List(list):
        def __getitem__(self, index):
            return ("mine", index)

    class Plain(list):
        pass

    class Dict(dict):
        def __missing__(self, key):
            return ("missing", key)

    class Tuple(tuple):
        def __getitem__(self, index):
            return "tuple"

    class Str(str):
        pass

    log.grid(load,
             [List([1, 2]), Plain([1, 2]),
              Dict(a=1), Tuple(
                  (1, 2)), Str("ab"), [1, 2], {
                      "a": 2
                  }, (3, 4)], [0, 1, "a", 9])
    from collections import OrderedDict, defaultdict, deque, namedtuple
    log.grid(load, [defaultdict(list), OrderedDict(a=1), deque([1, 2]), namedtuple("N", "x y")(1, 2)], [0, "a", -1])


@case
def type_subscripts(log):
    log.grid(load, [list, dict, tuple, int, type], [int, (int, str)])
    log.call(load, int, 1)
    log.call(load, list, int)


@case
def errors(log):
    def f(a):
        return a[
            "key"
        ]

    def g(a):
        a["x"]["y"] = a["z"]

    def h(a):
        return a[0][1][2]

    log.each(f, ([],), ({},), (None,), (1,), (f,), (object,), ("s",), ((),))
    log.each(g, ({},), ({"x": 1, "z": 2},), ({"x": {}, "z": 3},))
    log.each(h, ([],), ([[]],), ([[1, 2]],), ([[1, [1, 2, 3]]],), (5,))


@case
def site_changes_type(log):
    boxes = [[1, 2, 3], (4, 5, 6), "789", {1: "d"}, b"abc", range(3), [1, 2, 3]]
    for _ in range(3):
        for box in boxes:
            log.call(load, box, 1)
    log.call(load, [1], 1)
    log.call(load, (1,), -2)
    log.call(load, "a", 1)


@case
def counts(log):
    value = ["value"]
    box, table, pair = [value], {"k": value}, (value,)
    log("refs", refcount(value), refcount(box), refcount(table))

    def f(a, d, t, v):
        x = a[0]
        log("refs", refcount(x), refcount(a))
        y = d["k"], t[0], a[-1], a[:], t[:]
        log("refs", refcount(x), refcount(a), refcount(d), refcount(t))
        a[0] = None
        log("refs", refcount(v))
        d["k"] = a[0]
        log("refs", refcount(v))
        a[0] = v
        d["k"] = v
        return x

    log(f(box, table, pair, value) is value)
    log("refs", refcount(value), refcount(box), refcount(table), refcount(pair))


@case
def temporaries(log):
    class Item:
        def __init__(self, name):
            self.probe = log.probe(name)

    def f():
        a = [Item("a"), Item("b")][0]
        log("loaded", a.probe)
        b = (Item("c"), Item("d"))[1].probe.name
        log("name", b)
        {"k": Item("e")}["k"]
        log("dropped")
        c = {"k": Item("f")}["k"]
        return "end"

    log.call(f)


@case
def old_value_dies(log):
    def f():
        a = [log.probe("a0"), log.probe("a1")]
        a[0] = 1
        log("stored")
        del a[0]
        log("deleted int")
        del a[0]
        log("deleted probe")
        d = {"k": log.probe("d")}
        d["k"] = log.probe("d2")
        log("stored in dict")
        del d["k"]
        log("end")

    f()


@case
def destructor_looks_at_list(log):
    class Peek:
        def __init__(self, box):
            self.box = box

        def __del__(self):
            log("peek", [x for x in self.box if not isinstance(x, Peek)])
            if len(self.box) > 1:
                self.box.clear()

    def f():
        box = [0, 1]
        box[0] = Peek(box)
        box[0] = "new"
        log(box)
        box[:] = [Peek(box), 5, 6]
        box[0:2] = ["x"]
        log(box)
        return box

    log.call(f)


@case
def chars(log):
    def f(s):
        return [s[i] for i in range(len(s))], s[0] is s[0], s[0] + s[1], s[-1]

    log.each(f, ("ab",), ("é€",), ("\U0001F600x",), ("\x00\xff",))


@case
def bubble(log):
    def sort(a):
        for i in range(len(a)):
            for j in range(len(a) - 1 - i):
                if a[j] > a[j + 1]:
                    a[j], a[j + 1] = a[j + 1], a[j]
        return a

    def matrix(a, b):
        n = len(a)
        c = [[0] * n for _ in range(n)]
        for i in range(n):
            for j in range(n):
                total = 0
                for k in range(n):
                    total += a[i][k] * b[k][j]
                c[i][j] = total
        return c

    def count(text):
        table = {}
        for ch in text:
            if ch in table:
                table[ch] += 1
            else:
                table[ch] = 1
        return table

    log.each(sort, ([3, 1, 2],), ([i * 7 % 13 for i in range(13)],), (["b", "a"],), ([1, "a"],))
    log.call(matrix, [[1, 2], [3, 4]], [[1.5, 0], [0, 2]])
    log.call(count, "abracadabra")


@case
def index_out_of_step(log):
    """A loop whose list shrinks under it."""
    def f(a):
        out = []
        for i in range(10):
            out.append(a[i])
            if i % 2:
                a.pop()
        return out

    def g(a):
        i = 0
        try:
            while True:
                a[i] += i
                i += 1
        except IndexError as error:
            return i, a, str(error)

    log.call(f, [1, 2, 3, 4])
    log.call(g, [1, 2, 3])


@case
def nested_stores(log):
    def f(a, i):
        a[i], a[i + 1] = a[a[i]], a[i]
        a[a[0]] = a[a[1]] = "both"
        return a

    log.each(f, ([1, 2, 3], 0), ([2, 0, 1], 1), ([0, 0], 1))


@case
def small_and_big_keys(log):
    def f(n):
        d = {}
        for i in range(n):
            d[i] = d.get(i - 1, 0) + i
            d[str(i)] = d[i]
            d[(i, i)] = d[str(i)]
        total = 0
        for i in range(n):
            total += d[i] + d[str(i)] + d[(i, i)]
        for i in range(0, n, 2):
            del d[i], d[(i, i)]
        return total, len(d), list(d)[:5]

    log.each(f, (1,), (50,))


@case
def closed_blob(log):
    """The second access in a row fails in another way than the first."""
    import sqlite3
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t(b blob)")
    connection.execute("insert into t(b) values (?)", (b"abc",))
    blob = connection.blobopen("t", "b", 1)
    get = lambda o, i: o[i]

    def put(o, i, v):
        o[i] = v

    log.call(get, blob, 1)
    log.call(put, blob, 1, 7)
    connection.execute("update t set b = x'01'")
    log.call(get, blob, 0)
    log.call(get, blob, 0)
    log.call(put, blob, 0, 7)
    connection.close()
