"""Programs of every family of instructions for test_nomemory: each function of PROGRAMS takes nothing and returns a value to compare.

Loops make both tiers take them, numbers are too large for the interpreter's small ints, and handlers let MemoryError pass. What crashes the
interpreter itself for want of memory is left out: class bodies, type parameters, iterators over a dict's items. So is the end of
`async for`, which loses its exception there.
"""

import functools
import operator

TURNS = 6
PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


class Point:
    def __init__(self, x, y=1000):
        self.x = x
        self.y = y

    def moved(self, by):
        return Point(self.x + by, self.y + by)

    @property
    def sum(self):
        return self.x + self.y

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y

    def __getitem__(self, index):
        return (self.x, self.y)[index] + 1000

    def __call__(self, *values, scale=2000):
        return self.x * scale + len(values)

    def __iter__(self):
        yield self.x
        yield self.y


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


class Derived(Point):
    kind = "derived"

    def __init__(self, x):
        super().__init__(x, x + 1000)
        self.z = [x]

    @classmethod
    def made(cls, x):
        return cls(x + 1000)

    @staticmethod
    def plain(x):
        return x * 1000

    def __getattr__(self, name):
        return name + "!"


class Manager:
    def __init__(self, log):
        self.log = log

    def __enter__(self):
        self.log.append(len(self.log) + 1000)
        return self

    def __exit__(self, kind, value, traceback):
        self.log.append(kind is not None)
        return kind is ValueError


class Stop(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value


# ---- numbers

@program
def ints():
    total = 100_000
    for i in range(1000, 1000 + TURNS):
        total = total * 3 + i - (i << 3) + (total >> 2) % 1009
        total ^= i | 4096
        total = -total if total & 1 else ~total + i // 3
    return total


@program
def wide_ints():
    total = 1 << 60
    for i in range(1000, 1000 + TURNS):
        total = total * i + (total >> 7) - (1 << 61)
    return total % 1_000_000_007


@program
def floats():
    x, y = 1.5, 0.25
    for i in range(1000, 1000 + TURNS):
        x, y = x * y + i, x / (y + 2.0) - i * 0.5
        if x > 1e6:
            x = -x ** 0.5 if x < 0 else x ** 0.5
    return x, y


@program
def mixed_numbers():
    values = []
    for i in range(1000, 1000 + TURNS):
        values.append(i / 7 + i)
        values.append((i * 1.5) // 2)
        values.append(divmod(i, 7))
        values.append(complex(i, 1) * 2)
        values.append(abs(-i) + int(i * 1.5) + round(i / 3))
    return values


@program
def comparisons():
    kept = []
    for i in range(1000, 1000 + TURNS):
        f = i * 1.0
        kept.append((i < f + 1, i * 1000 == f * 1000, "a" * i < "b" * i, (i, f) >= (i, f), [i] != [f], i in (f, 2), i is f))
    return kept


def double(x):
    return x * 2 + 1000


def mean(x, y):
    return (double(x) + double(y)) / 2


@program
def inlined_numbers():
    total = 1000
    for i in range(1000, 1000 + TURNS):
        total = total + mean(i, total) + double(i)
    return total


# ---- objects

@program
def instances():
    points = []
    for i in range(1000, 1000 + TURNS):
        p = Point(i)
        p.x += 1000
        q = p.moved(i) + Point(i, y=2000)
        points.append((q.x, q.sum, p == q, p[1], p(1, 2, scale=i)))
    return points


@program
def slots():
    total = 1000
    for i in range(1000, 1000 + TURNS):
        s = Slotted(i, i + 1.5)
        s.a += total
        total = s.a + s.b
    return total


@program
def inheritance():
    found = []
    for i in range(1000, 1000 + TURNS):
        d = Derived.made(i)
        found.append((d.x, d.y, d.z, d.kind, Derived.plain(i), d.missing, d.moved(1).x))
        d.extra = i * 1000
        found.append(d.extra)
        del d.extra
    return found


@program
def dying_objects():
    kept = None
    total = 0
    for i in range(1000, 1000 + TURNS):
        kept = [Point(i, [i * 1000]), kept and kept[0]]
        total += kept[0].y[0]
    return total


# ---- containers

@program
def building():
    kept = []
    for i in range(1000, 1000 + TURNS):
        a = [i, i + 1, i * 2]
        b = (i, a, i + 1000)
        c = {i, i + 1, "x"}
        d = {"i": i, i: a, **{"k": b}}
        kept.append((a, b, sorted(c, key=str), d, [*a, *b[:1]], (*a, i), {*c, i} == c, slice(i, i + 1000)))
    return repr(kept)


@program
def subscripts():
    values = [1000 + i for i in range(20)]
    table = {}
    for i in range(TURNS):
        values[i] = values[i + 1] + values[-i] * 1000
        table[values[i]] = values[i:i + 3]
        values[i:i + 1] = [i, i + 1000]
        table[i, "k"] = table[values[i + 1]] if values[i + 1] in table else (values[i + 2],)
        del values[-1]
    return values, table


@program
def growing():
    values, text, table, seen = [], "", {}, set()
    for i in range(1000, 1000 + 4 * TURNS):
        values.append(i * 1000)
        table[i] = i + 1000
        seen.add(i * 3)
        text += chr(60 + i % 60)
    return values, text, table, sorted(seen)


@program
def comprehensions():
    kept = []
    for i in range(1000, 1000 + TURNS):
        kept.append([x * i for x in range(3)])
        kept.append({x: x * i for x in range(3)})
        kept.append(sorted({x * i for x in range(3)}))
        kept.append([(lambda: x + i)() for x in range(3) if x])
        kept.append([[y * i for y in range(x)] for x in range(3)])
    return kept


@program
def unpacking():
    kept = []
    for i in range(1000, 1000 + TURNS):
        a, b = i + 1000, i * 2
        a, b = b, a
        (c, *d), e = (i, a, b, a + b), [i]
        f, g, h, j, k = range(i, i + 5)
        x, y = Point(i)
        l, m = str(i)[:2]
        kept.append((a, b, c, d, e, f + g + h + j + k, x, y, l, m))
    return kept


@program
def iterating():
    kept = []
    values, table = [1000, 2000.5, "x"], {"a": 1000, "b": 2000}
    for i in range(TURNS):
        for x in values:
            kept.append(x)
        for k in table:
            kept.append(k * 2 + str(table[k]))
        for n, x in enumerate(values, 1000):
            kept.append((n, x))
        for x, y in zip(values, (4000, 5000, 6000)):
            kept.append([x, y])
        for c in "xyz":
            kept.append(c)
        for b in b"xyz":
            kept.append(b * 1000)
    return kept


# ---- text

@program
def formatting():
    kept = []
    for i in range(1000, 1000 + TURNS):
        s = f"{i} {i!r:>8} {i * 1.5:.2f} {kept!s:.5}{'x':*^{i % 7}}"
        kept.append(s + "%d %s" % (i, s) + "{} {}".format(i, i * 2))
    return kept


@program
def texts():
    kept = []
    for i in range(1000, 1000 + TURNS):
        s = "-".join([str(i), "ab" * 3, s[:4] if i > 1000 else ""])
        kept.append((s.split("-"), s.upper().find("B"), s[1], s[-2:], s.startswith("1"), s.encode(), s.replace("a", "xyz")))
    return kept


# ---- calls

def positional(a, b, c=1000):
    return a + b + c


def keywords(a, *, k=1000, **rest):
    return a + k + len(rest)


def stars(*args, **kw):
    return sum(args) + sum(kw.values())


@program
def calls():
    total = 0
    for i in range(1000, 1000 + TURNS):
        total += positional(i, total) + positional(i, b=total, c=i)
        total += keywords(i, k=total) + keywords(i, u=i, v=total)
        total += stars(i, *(total, i), x=i, **{"y": total})
        total += max(i, total) + len([i]) + sum((i, total)) + min([i, 2000], key=operator.neg)
    return total


@program
def closures():
    made = []
    for i in range(1000, 1000 + TURNS):
        count = i

        def add(n=1000, *, m=2000):
            nonlocal count
            count += n + m
            return count
        made.append((add(), add(i), count, functools.partial(add, 5)()))
    return made


def fib(n):
    return 1000 if n < 2 else fib(n - 1) + fib(n - 2)


def tree(depth):
    return (tree(depth - 1), tree(depth - 1), depth) if depth else None


@program
def recursion():
    total = 0
    for _ in range(2):
        total += fib(6)
    return total, tree(3)


def down(n, a, b, c, d, e, f, g, h):
    k, l, m, o, p, q, r, s = a, b, c, d, e, f, g, h
    return down(n - 1, k, l, m, o, p, q, r, s + 1) if n else s


@program
def deep_recursion():
    """The data stack gets new chunks on the way."""
    total = 0
    for i in range(2):
        total += down(150, 1, 2, 3, 4, 5, 6, 7, i * 1000)
    return total


@program
def functions_of_c():
    kept = []
    for i in range(1000, 1000 + TURNS):
        kept.append(list(map(lambda v: v * i, range(3))))
        kept.append(sorted([i, 3, i * 2], key=lambda v: v % 7, reverse=True))
        kept.append(dict(zip("ab", (i, i + 1))))
        kept.append((isinstance(i, int), type(i), int(str(i)), float(i), list((i,)), tuple([i]), set([i]), bytes(3)))
        kept.append("%s" % getattr(Point(i), "x") + repr([i]))
    return kept


# ---- generators and coroutines

def counted(n):
    for i in range(n):
        got = yield i + 1000
        if got:
            yield got * 2


def delegating(n):
    result = yield from counted(n)
    return (result, n * 1000)


@program
def generators():
    kept = []
    for i in range(TURNS):
        for v in counted(3):
            kept.append(v)
        kept.append(sum(counted(4)) * i)
        kept.append(list(delegating(2)))
        g = counted(3)
        kept.append((next(g), g.send(i * 1000), next(g, None)))
        g.close()
        kept.append([*counted(2)])
    return kept


def outer(i):
    try:
        yield i
        x = yield from counted(2)
        yield (x, i * 1000)
    finally:
        i += 1000


@program
def generator_expressions():
    kept = []
    for i in range(1000, 1000 + TURNS):
        kept.append(sum(v * i for v in counted(4)))
        kept.append([*(v + i for v in (1, 2, 3) if v != 2)])
    return kept


@program
def generator_objects():
    kept = []
    for i in range(1000, 1000 + TURNS):
        g = outer(i)
        for v in g:
            kept.append(v)
            if v == 1001:
                break
        del g
    return kept


class Ready:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value + 1000
        return (got or 0) + self.value * 1000


async def awaiting(n):
    total = 0
    for i in range(n):
        total += await Ready(i)
    async with AsyncManager() as m:
        total += m
    return total


class AsyncManager:
    async def __aenter__(self):
        return 5000

    async def __aexit__(self, *exception):
        return False


def drive(coroutine):
    seen = []
    try:
        while True:
            seen.append(coroutine.send(None))
    except StopIteration as stop:
        return seen, stop.value


@program
def coroutines():
    kept = []
    for i in range(3):
        kept.append(drive(awaiting(i + 1)))
    return kept


async def produced(n):
    for i in range(n):
        yield i * 1000
        await Ready(i)


async def consuming(n):
    return [v async for v in produced(n)] + [v async for v in produced(n) if v]


@program
def async_generators():
    kept = []
    for i in range(3):
        kept.append(drive(consuming(i)))
    return kept


# ---- exceptions

@program
def exceptions():
    kept = []
    for i in range(1000, 1000 + TURNS):
        try:
            if i % 2:
                raise Stop(i * 1000)
            raise ValueError(f"v{i}")
        except Stop as stop:
            kept.append(stop.value)
        except (ValueError, KeyError) as error:
            kept.append(str(error))
        try:
            try:
                {}[i]
            except KeyError as error:
                raise Stop(i) from error
            finally:
                kept.append(i)
        except Stop as stop:
            kept.append((type(stop.__cause__), stop.value))
        try:
            [][i]
        except IndexError:
            pass
        else:
            kept.append("else")
    return kept


def fail(n, i):
    if n == 0:
        raise Stop(i)
    return fail(n - 1, i) + 1


def attribute(o):
    return o.nothing


@program
def exceptions_from_calls():
    kept = []
    for i in range(1000, 1000 + TURNS):
        try:
            fail(2, i)
        except Stop as stop:
            kept.append(stop.value)
        try:
            attribute(Point(i))
        except AttributeError as error:
            kept.append(error.name)
        try:
            int("x" * (i % 3))
        except ValueError as error:
            kept.append(str(error))
    return kept


@program
def groups():
    kept = []
    for i in range(1000, 1000 + 3):
        try:
            raise ExceptionGroup("g", [Stop(i), KeyError(i), ExceptionGroup("h", [Stop(i + 1)])])
        except* Stop as found:
            kept.append(len(found.exceptions))
        except* KeyError as found:
            kept.append(found.exceptions[0].args)
    return kept


@program
def with_statements():
    kept = []
    for i in range(1000, 1000 + TURNS):
        log = []
        with Manager(log) as m, Manager(log):
            m.log.append(i * 1000)
        with Manager(log):
            raise ValueError(i)
        kept.append(log)
    return kept


# ---- the rest

@program
def matching():
    kept = []
    for i in range(1000, 1000 + TURNS):
        for subject in (i, [i, i * 2], {"k": i, "l": 1}, Point(i), "x", (1, 2, 3, i)):
            match subject:
                case int(n):
                    kept.append(n)
                case [a, b]:
                    kept.append((a, b))
                case {"k": v, **rest}:
                    kept.append((v, rest))
                case Point(x=x, y=y):
                    kept.append(x + y)
                case [1, *others]:
                    kept.append(others)
                case _:
                    kept.append("other")
    return kept


state = 1000


@program
def names():
    global state
    state = 1000
    kept = []
    for i in range(1000, 1000 + TURNS):
        state = state + i
        import math
        from functools import reduce
        kept.append((state, math.floor(i / 3), reduce(positional, [i, state]), TURNS, len(PROGRAMS) > 3))
    return kept


@program
def changing_types():
    """Optimised code leaves: what it holds unboxed becomes objects."""
    kept = []
    values = [1000, 2000, 1 << 62, 2.5, 3000, "x", (1,), 2.5]
    total = 1.5
    for i in range(len(values)):
        v = values[i]
        n = i * 1000 + 7
        x = total * 0.5
        try:
            total = total + v
        except TypeError:
            total = x + n
        kept.append((total, n, x, v))
    return kept


@program
def changing_objects():
    kept = []
    for o in (Point(1000), Point(2000), Derived(3000), Point(1.5, 2.5), Slotted(1, 2), Point("a", "b")):
        n = len(kept) * 1000 + 7
        try:
            kept.append((o.x + o.y, n))
        except AttributeError:
            kept.append((n + o.a, n))
    return kept
