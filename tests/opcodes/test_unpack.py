"""Sequence unpacking, starred and nested, and its errors."""

import sys
from sys import getrefcount as refcount

from harness import case

NATIVE_SHARE = 0.9      # one case unpacks generators, which are interpreted


def two(x):
    a, b = x
    return a, b


def one(x):
    a, = x
    return a


def none(x):
    [] = x
    return "empty"


def star_end(x):
    a, *b = x
    return a, b


def star_start(x):
    *a, b = x
    return a, b


def star_middle(x):
    a, *b, c, d = x
    return a, b, c, d


def only_star(x):
    *a, = x
    return a


def nested(x):
    (a, [b, c]), d = x
    return a, b, c, d


def nested_star(x):
    a, (b, *c), *d = x
    return a, b, c, d


ALL = (two, one, none, star_end, star_start, star_middle, only_star, nested, nested_star)


@case
def sequences(log):
    values = [(), [], (1, ), [1], (1, 2), [1, 2], (1, 2, 3), [1, 2, 3, 4], "a", "ab", "abc", "", b"ab",
              range(2),
              range(5), {
                  1: 2,
                  3: 4
              }, {7}, None, 5, 1.5,
              object(), ((1, (2, 3)), 4), [1, [2, 3], 4], ("a", "bc", "d")]
    for function in ALL:
        log.grid(function, values)


@case
def tracebacks(log):
    for function in ALL:
        log.each(function, ((),), ((1, 2, 3, 4, 5),), (5,), (iter([1, 2, 3]),), (None,))


@case
def iterators(log):
    def items(n, fail=False):
        for i in range(n):
            log("yield", i)
            yield i
        if fail:
            raise ValueError("after")

    for function in ALL[:7]:
        for n in range(4):
            log.call(function, items(n))
        log.call(function, items(2, True))
        log.call(function, {1: "a", 2: "b"}.items())
        log.call(function, map(str, [1, 2]))


@case
def user_iterables(log):
    class Bad:
        def __iter__(self):
            raise KeyError("iter")

    class TypeBad:
        def __iter__(self):
            raise TypeError("own message")

    class NotIter:
        def __iter__(self):
            return 5

    class Old:
        def __getitem__(self, i):
            if i > 1:
                raise IndexError
            return i

        def __len__(self):
            return 50

    class T(tuple):
        def __iter__(self):
            return iter("xy")

    class L(list):
        def __iter__(self):
            return iter("xy")

    for thing in (Bad(), TypeBad(), NotIter(), Old(), T((1, 2, 3)), L([1])):
        log.call(two, thing)
        log.call(star_end, thing)


@case
def targets(log):
    class Box:
        pass

    def f(x):
        box, row, table = Box(), [0, 0, 0], {}
        box.a, row[1], table["k"] = x
        row[0], *row[1:], box.b = x
        return box.a, box.b, row, table

    def order(x):
        def note(name, result):
            log("target", name)
            return result
        note("first", x)[note("i", 0)], note("second", x)[note("j", 1)] = note("value", (5, 6))
        return x

    def partial(x):
        a = b = "old"
        try:
            a, b = x
        except ValueError:
            pass
        return a, b

    def partial_store(x):
        row = [0]
        try:
            row[0], row[5], row[0] = x
        except IndexError:
            pass
        return row

    log.call(f, (1, 2, 3))
    log.call(f, (1, 2))
    log.call(order, [0, 0])
    log.each(partial, ((1,),), ((1, 2),), ((1, 2, 3),))
    log.call(partial_store, (1, 2, 3))


@case
def swaps_through_sequences(log):
    def f(a, i, j):
        a[i], a[j] = a[j], a[i]
        return a

    def g(a):
        a[0], a[1], a[2] = a[2], a[0], a[1]
        return a

    def rename(a, b):
        (a, b) = (b, a)
        [a, b] = [b, a]
        a, b = [b, a]
        return a, b

    def same(a):
        a, a = a
        return a

    log.each(f, ([1, 2, 3], 0, 2), ({"x": 1, "y": 2}, "x", "y"), ([1], 0, 1))
    log.call(g, [1, 2, 3])
    log.call(rename, 1, 2)
    log.each(same, ((1, 2),), ([3, 4],))


@case
def counts(log):
    value = ["value"]

    def f(pair):
        a, b = pair
        log("refs", refcount(a), refcount(b), refcount(pair))
        c, *d = pair
        log("refs", refcount(a), refcount(c), refcount(d), refcount(pair))
        (e, g), h = (pair, value)
        log("refs", refcount(e), refcount(g), refcount(h), refcount(pair))

    pair = (value, value)
    f(pair)
    f([value, value])
    log("refs", refcount(pair), refcount(value))


@case
def lifetimes(log):
    def f():
        a, b = log.probe("a"), log.probe("b")
        log("pair")
        a, b = [log.probe("c"), log.probe("d")]
        log("rebound")
        *a, b = (log.probe("e"), log.probe("f"), log.probe("g"))
        log("starred")
        a = None
        log("end")

    def fail():
        a, b = (log.probe("x"), log.probe("y"), log.probe("z"))

    def fail_iter():
        a, b = iter([log.probe("p"), log.probe("q"), log.probe("r")])

    def fail_short():
        a, *b, c = [log.probe("s")]

    for function in (f, fail, fail_iter, fail_short):
        log.call(function)


@case
def wide(log):
    names = [f"a{i}" for i in range(300)]
    space = {}
    exec(f"def f(x):\n {', '.join(names)} = x\n return a0, a150, a299\n"
         f"def g(x):\n {', '.join(names[:200])}, *rest = x\n return a0, a199, rest\n"
         f"def h(x):\n first, *rest, {', '.join(names)} = x\n return first, rest, a0, a299\n", space)
    log.each(space["f"], (range(300),), (range(299),), (tuple(range(300)),), (list(range(301)),))
    log.each(space["g"], (range(302),), (range(10),))
    log.each(space["h"], (range(305),), (range(300),))


@case
def loops(log):
    def f(rows):
        out = []
        for a, b in rows:
            out.append((b, a))
        for a, *b in rows:
            out.append((a, b))
        for i, (a, b) in enumerate(rows):
            out.append((i, a, b))
        return out

    def g(d):
        return [k + v for k, v in d.items()]

    log.each(f, ([(1, 2), [3, 4], "ab"],), ([],), ([(1,)],), ([(1, 2), (1, 2, 3)],), ([5],))
    log.each(g, ({1: 2},), ({"a": "b"},))


@case
def site_changes_type(log):
    for _ in range(3):
        for x in ((1, 2), [3, 4], "ab", {5: 6, 7: 8}, iter((1, 2)), range(2)):
            log.call(two, x)
    log.call(two, (1, 2, 3))
    log.call(two, (1, 2))


@case
def list_changes_while_unpacking(log):
    class Store:
        def __init__(self, box):
            self.box = box

        def __setattr__(self, name, value):
            object.__setattr__(self, name, value)
            if name != "box":
                self.box.clear()
                log("cleared", name, value)

    def f(store, box):
        store.a, store.b = box
        return store.a, store.b

    box = ["one", "two"]
    log.call(f, Store(box), box)


@case
def returns_of_functions(log):
    def pair(n):
        return n, n + 1

    def divide(a, b):
        q, r = divmod(a, b)
        (x, y), z = pair(q), r
        return q, r, x, y, z

    log.each(divide, (17, 5), (2 ** 70, 3), (1, 0))


def four(x, a=None, b=None, c=None, d=None):
    a, b, c, d = x
    return a, b, c, d


def five_and_load(x, a, b, c, d, e):
    a, b, c, d, e = x
    return e, a, b, c, d


def twenty(x):
    a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t = x
    return a, t, i, h


def sixteen(x):
    a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p = x
    return a, p, i, h, b


def same_local(x, a=None):
    a, b, a, c = x
    return a, b, c


def own_local(x):
    x, a, b, c = x
    return x, a, b, c


@case
def stores_in_one_step(log):
    for x in ((1, 2, 3, 4), [1, 2, 3, 4], "abcd", range(4), iter([5, 6, 7, 8]), {1, 2, 3, 4}, (1, 2, 3), [1] * 5, 7, None):
        for function in (four, same_local, own_local):
            log.call(function, x)
    log.call(sixteen, tuple(range(16)))
    log.call(sixteen, [str(i) * 2 for i in range(16)])
    log.call(twenty, list(range(300, 320)))
    log.call(five_and_load, "abcde", 1, 2.5, "x" * 3, [4], (5, ))
    log.call(four, (10**10, 10**20, 1.5, "text"), 10**10, 10**30, 2.5, "other" * 2)

    def loop(rows):
        out = []
        for a, b, c, d in rows:
            out.append((d, c, b, a))
        return out

    log.call(loop, [(i, i * 1000, float(i), str(i * 7)) for i in range(20)])
    log.call(loop, [[i, [i], (i, ), {i}] for i in range(5)])
    log.call(loop, ((i, [i], (i, ), {i}) for i in range(5)))


class Dying:
    def __init__(self, log, name, action=None):
        self.log, self.name, self.action = log, name, action

    def __del__(self):
        frame = sys._getframe(1)
        shown = {k: type(v).__name__ for k, v in frame.f_locals.items()}
        self.log("del", self.name, frame.f_lineno - frame.f_code.co_firstlineno, shown, frame.f_lasti)
        if self.action is not None:
            self.action(frame)


@case
def old_values_die(log):
    def fresh(action=None):
        return [Dying(log, name, action) for name in "abcd"]

    def run(values, action=None):
        old = fresh(action)
        a, b, c, d = old
        old = None
        a, b, c, d = values
        return a, b, c, d

    def shared(values):
        a = b = c = d = Dying(log, "shared")
        a, b, c, d = values
        return a, b, c, d

    def twice(values):
        a, b, c, d = fresh()
        a, b, a, d = values
        return a, b, c is d, d

    def pieces():
        a, b, c, d = [Dying(log, name) for name in "pqrs"]
        a, b, c, d = (d, None, a, b)
        a, b, c, d = a, c, d, b
        return 1

    def lists(rows):
        for a, b, c, d in rows:
            pass
        return a, b, c, d

    for values in ((1, 2, 3, 4), [1, 2, 3, 4], "wxyz", map(str, range(4)), (1, 2), 5):
        log.call(run, values)
        log.call(shared, values)
        log.call(twice, values)
    log.call(pieces)
    log.call(lists, [[[i], {i: i}, Dying(log, i), (Dying(log, -i), )] for i in range(4)])

    def change(frame):
        frame.f_locals["d"] = "changed"
        frame.f_locals["a"] = "changed too"

    log.call(run, (1, 2, 3, 4), change)

    def change_source(frame):
        values.clear()

    values = [1, 2, 3, 4]
    log.call(run, values, change_source)


@case
def tracing_from_old_values(log):
    def trace(frame, event, arg):
        log(event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno)
        return trace

    def on(frame):
        frame.f_trace = trace
        sys.settrace(trace)

    def run(index, values):
        try:
            a, b, c, d, e = [Dying(log, i, on if i == index else None) for i in range(5)]
            (a, b, c, d, e) = values; f = e, d  # yapf: disable
            return a, b, c, f
        finally:
            sys.settrace(None)

    for index in range(5):
        log.call(run, index, (1, 2, 3, 4, 5))
        log.call(run, index, [[1], [2], [3], [4], [5]])

    class Iterable:
        def __iter__(self):
            on(sys._getframe(1))
            return iter("abcde")

    log.call(run, 9, Iterable())
