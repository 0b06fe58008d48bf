"""The programs that the tools of this folder watch. Each is a function `f(n, hook)` that calls hook(i) in turn i.

Here and in the case files `Hook` is what lets a tool come and go while the function runs.
"""

import contextlib


class Hook:
    """Runs an action in certain turns; a quiet one makes a program warm."""

    def __init__(self, **actions):
        self.actions = {int(turn.removeprefix("at")): action for turn, action in actions.items()}

    def __call__(self, turn):
        action = self.actions.get(turn)
        if action is not None:
            action()
        return turn & 1


class Pair:
    __slots__ = ("a", "b")
    made = 0

    def __init__(self, a, b):
        self.a = a
        self.b = b

    @property
    def total(self):
        return self.a + self.b

    def moved(self, by):
        return Pair(self.a + by, self.b)

    def __add__(self, other):
        return Pair(self.a + other.a, self.b + other.b)

    def __getitem__(self, index):
        return self.a if index == 0 else self.b


def leaf(x, y=1):
    z = x * 3
    return z + y


def middle(x):
    return leaf(x) + leaf(
        x, y=2)


def counted(n):
    for i in range(n):
        yield i * 2
    return "end"


def delegating(n):
    got = yield from counted(n)
    yield got


@contextlib.contextmanager
def block(value):
    yield value


def numbers(n, hook):
    total = 0
    for i in range(n):
        total += i * 2
        if hook(i):
            total -= 1
    return total


def floats(n, hook):
    x, i = 0.5, 0
    while i < n:
        x = x * 1.5 + i
        hook(i)
        i += 1
    else:
        x += 1.0
    return x


def nested(n, hook):
    found = []
    for i in range(n):
        for j in range(i, i + 3):
            if j % 2:
                continue
            if j > 7:
                break
            found.append(i * j)
        hook(i)
    return found


def calls(n, hook):
    total = 0
    for i in range(n):
        total += middle(i)
        hook(i)
        total += leaf(i, y=total & 3) + max(i, 2)
    return total


def recursion(n, hook):
    def down(level):
        if level == 0:
            return 1
        hook(level)
        return down(level - 1) + leaf(level)
    return down(n)


def errors(n, hook):
    caught = 0
    for i in range(n):
        try:
            if i % 2:
                caught += 6 // (i - i)
            caught += int("x" if i == 2 else "5")
        except ZeroDivisionError:
            hook(i)
            caught += 1
        except ValueError as error:
            caught += len(error.args)
        finally:
            hook(i)
    return caught


def escaping(n, hook):
    def fails(i):
        hook(i)
        raise KeyError(i)

    count = 0
    for i in range(n):
        try:
            fails(i)
        except KeyError as error:
            count += error.args[0]
    return count


def objects(n, hook):
    pair = Pair(0, 1)
    for i in range(n):
        pair = pair.moved(i) + Pair(1, 1)
        hook(i)
        if pair.total > 20:
            pair.a = pair[1]
    return pair.total


def generators(n, hook):
    total = 0
    for x in delegating(n):
        if x != "end":
            total += x
            hook(x // 2)
    return total + sum(counted(3)) + sum(y for y in (1, 2))


def comprehensions(n, hook):
    rows = [[i + hook(i) for _ in range(2)] for i in range(n)]
    names = {i: str(i) for i in range(2)}
    return rows, names, {i for i in range(n) if i > 1}


def blocks(n, hook):
    out = []
    for i in range(n):
        with block(i) as value, contextlib.suppress(ZeroDivisionError):
            hook(i)
            out.append(value)
            if i == 3:
                out.append(1 // 0)
    return out


def closures(n, hook):
    count = 0

    def bump(by):
        nonlocal count
        count += by
        return lambda: count

    for i in range(n):
        bump(i)()
        hook(i)
    return count


def patterns(n, hook):
    seen = []
    for i in range(n):
        match (i % 3, [i]):
            case (0, [x]):
                seen.append(x)
            case (1, _) if i > 2:
                hook(i)
            case other:
                seen.append(other[0])
        hook(i)
    text = f"{len(seen)}:{seen[0]!r}"
    a, *rest = seen
    return text, a, rest


class Ready:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value
        return got


async def step(i):
    return await Ready(i) + 1


async def rows(n):
    for i in range(n):
        yield i
        await Ready(-i)


async def coroutine(n, hook):
    total = 0
    for i in range(n):
        total += await step(i)
        hook(i)
    async for x in rows(2):
        total += x
    return total


def driven(n, hook):
    """Drives a coroutine as an event loop would."""
    running, value = coroutine(n, hook), None
    try:
        while True:
            value = running.send(value)
    except StopIteration as end:
        return end.value


def short_circuits(n, hook):
    out = []
    for i in range(n):
        a = i % 2 and hook(i) or i > 3
        b = i if i & 1 else -i
        c = None if i == 2 else i
        if c is None or not (0 < i <= 4 and a):
            out.append((a, b))
        elif c is not None and 1 < i < 5 != b:
            out.append(b)
        out.append(not a and (c or "none"))
        assert a is not None, out
        while (d := hook(i)) and b < i + 1:
            b += 1 if d else 2
    return out


def searches(n, hook):
    found = []
    for i in range(n):
        j = 0
        while j < i:
            j += 1
            if j == 3:
                break
            if j % 2:
                continue
            found.append(j)
        else:
            found.append("whole")
        for x in ("a", i, None):
            if x == i and i % 3 == 0:
                break
        else:
            found.append("no break")
        while True:
            hook(i)
            if i or not found:
                break
            found.append(i)
            i = 1
    return found


def filtered(n, hook):
    rows = [i for i in range(n) if i % 2 if i != 3 or hook(i)]
    pairs = {i: j for i in range(n) for j in range(i) if i + j > 4 and j}
    signs = {-i if i > 2 else i for i in range(n) if hook(i) is not None}
    return rows, pairs, signs, any(i > 2 and hook(i) is not None for i in range(n)), all(i or not rows for i in range(n)), [x for x in () if x]


def matched(n, hook):
    out = []
    for i, value in enumerate([0, -2.5, "text", [1, 2, 3], (4,), {"kind": "k", "x": 1}, Pair(0, 5), None, {"kind": 3}, [], Pair(1, 2), 1][:2 * n]):
        match value:
            case 0 | 1:
                out.append("small")
            case int() | float() if value < 0:
                out.append("negative")
            case "text" | "texts":
                out.append("a word")
            case [first, *_, last]:
                out.append((first, last))
            case [only]:
                out.append(only)
            case []:
                out.append("nothing")
            case {"kind": str(kind), **rest}:
                out.append((kind, rest))
            case {"kind": _}:
                out.append("another kind")
            case Pair(a=0, b=b) if b:
                out.append(b)
            case None:
                out.append("none")
            case _:
                out.append("something")
        hook(i)
    return out


BRANCHING = (short_circuits, searches, filtered, matched)
SYNCHRONOUS = (numbers, floats, nested, calls, recursion, errors, escaping, objects, generators, comprehensions, blocks, closures, patterns)
ALL = (*SYNCHRONOUS, driven)
NOT_OPTIMISED = {recursion, generators, driven, blocks}
TURNS = 6


def warm(log, program):
    """Runs it without a tool until it is compiled. Its code is a new one, of which nothing is known from other cases."""
    program.__code__ = program.__code__.replace()
    quiet = Hook()
    quiet.actions[-1] = lambda: None    # a new function: now it is noticed that a tool that watched calls is gone
    log.warm(program, TURNS, quiet, tier2=program not in NOT_OPTIMISED)
