"""Truth values, jumps, loops with else, boolean operators."""

from sys import getrefcount as refcount

from harness import case

VALUES = [
    True, False, None, 0, 1, -1, 256, 2**70, 0.0, -0.0, 0.5,
    float("nan"), "", "x", b"", b"x", [], [0], (), (0, ), {}, {
        0: 0
    },
    set(), {0},
    range(0),
    range(2), 0j, ..., object, NotImplementedError
]


class Bool:
    def __init__(self, log, answer):
        self.log, self.answer = log, answer

    def __repr__(self):
        return f"<bool {self.answer!r}>"

    def __bool__(self):
        self.log("bool", self.answer)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Len:
    def __init__(self, answer):
        self.answer = answer

    def __repr__(self):
        return f"<len {self.answer!r}>"

    def __len__(self):
        return self.answer


def truth(x):
    if x:
        return "true"
    return "false"


def untruth(x):
    return "false" if not x else "true"


def loop_truth(x):
    while x:
        return "true"
    else:
        return "false"


def conjunction(x, y):
    return x and y


def disjunction(x, y):
    return x or y


@case
def truth_values(log):
    for function in (truth, untruth, loop_truth, lambda x: not x, lambda x: bool(x), lambda x: not not x):
        log.grid(function, VALUES)


@case
def boolean_operators(log):
    some = [True, False, None, 0, 7, "", "x", [], 0.0]
    log.grid(conjunction, some, some)
    log.grid(disjunction, some, some)
    log.grid(lambda a, b, c: a and b or c, some[:6], some[:6], [1, ""])
    log.grid(lambda a, b, c: (a or b) and not c, some[:6], some[:6], [1, ""])
    log.grid(lambda a, b, c: not (a and b) or c, some[:6], some[:6], [1, ""])


@case
def user_truth(log):
    odd = [
        Bool(log, True),
        Bool(log, False),
        Bool(log, 1),
        Bool(log, None),
        Bool(log, ValueError("t")),
        Len(0),
        Len(2),
        Len(-1),
        Len("x"),
        Len(2**70),
        Len(True),
        Len(1.5)
    ]
    for function in (truth, untruth, loop_truth, lambda x: not x, lambda x: x and 1, lambda x: x or 1,
                     lambda x: not (x or x)):
        log.grid(function, odd)
    log.each(truth, (Bool(log, 1),), (Bool(log, KeyError("k")),), (Len(-1),))
    log.each(conjunction, (Bool(log, KeyError("k")), 1), (Bool(log, True), Bool(log, False)))


@case
def none_tests(log):
    def f(x):
        out = []
        if x is None:
            out.append(1)
        else:
            out.append(2)
        if x is not None and x:
            out.append(3)
        while x is None:
            out.append(4)
            break
        out.append(5 if x is None or not x else 6)
        return out

    log.grid(f, VALUES)


@case
def none_test_counts(log):
    def f(x):
        if x is None:
            return 0
        log("refs", refcount(x))
        y = x or 3
        log("refs", refcount(x), refcount(y))
        z = x and x
        log("refs", refcount(x), refcount(z))
        return 1 if (x or x) is not None else 2

    log.call(f, ["value"])
    log.call(f, None)


@case
def loops_with_else(log):
    def for_else(items, stop):
        for item in items:
            if item == stop:
                out = "found"
                break
        else:
            out = "missing"
        return out

    def while_else(n, stop):
        while n:
            n -= 1
            if n == stop:
                break
            if n % 2:
                continue
            log(n)
        else:
            return "exhausted"
        return "broken", n

    def nested(n):
        out = []
        for i in range(n):
            for j in range(n):
                if j > i:
                    break
                if (i + j) % 2:
                    continue
                for k in range(j):
                    if k == 2:
                        break
                else:
                    out.append((i, j, "else"))
                    continue
                out.append((i, j, "broken"))
            else:
                out.append((i, "full"))
        return out

    log.each(for_else, ([1, 2], 2), ([1, 2], 3), ([], 0))
    log.each(while_else, (5, 2), (5, 9), (0, 0))
    log.each(nested, (0,), (3,), (6,))


@case
def infinite_loop_with_exits(log):
    def f(n):
        while True:
            n += 1
            if n % 7 == 0:
                return n
            if n % 5 == 0:
                break
        return -n

    def g(n):
        while 1:
            try:
                n -= 1
                if n == 3:
                    continue
                if n < 0:
                    break
                10 // n
            except ZeroDivisionError:
                log("zero", n)
                continue
            finally:
                log("f", n)
        return n

    log.each(f, (0,), (4,), (5,))
    log.call(g, 5)


@case
def ladder(log):
    def f(x):
        if x < 0:
            return "negative"
        elif x == 0:
            return "zero"
        elif x < 10 and x % 2:
            return "small odd"
        elif x < 10:
            return "small even"
        elif x in (10, 20, 30) or x == 77:
            return "special"
        elif not x > 100:
            return "medium"
        else:
            return "large"

    log.grid(f, [-5, 0, 1, 2, 9, 10, 11, 20, 77, 100, 101, 1.5, -0.0, float("nan"), True])
    log.call(f, "x")


@case
def conditional_expressions(log):
    def f(a, b):
        return (a if a > b else b) + (1 if a else 2) * (3 if b else 4)

    def g(a):
        return [a if a else None, *([1] if a else []), {"k": a} if a else {}, (lambda: a) and 5]

    def h(a, b):
        return f"{a if a else b}" if a or b else "none"

    log.grid(f, [0, 1, 5, 2.5], [0, 3, -1, 2.5])
    log.grid(g, [0, 1, "x"])
    log.grid(h, [0, 1, ""], [0, 2, "x"])


@case
def short_circuit_effects(log):
    def note(x):
        log("see", x)
        return x

    def f(a, b, c):
        return note(a) and note(b) or note(c)

    def g(a, b, c):
        if note(a) or (note(b) and not note(c)):
            return 1
        return 0

    def h(a, b):
        while note(a) and note(b):
            a -= 1
            b -= 2
        return a, b

    for a in (0, 1):
        for b in (0, 1):
            for c in (0, 1):
                log.call(f, a, b, c)
                log.call(g, a, b, c)
    log.call(h, 3, 4)
    log.call(h, 2, 9)


@case
def stack_across_branches(log):
    """Values wait on the operand stack while branches run."""
    def f(a, b, c):
        return [a, b and c, a or b, (c if a else b), not c, a + (b if c else a) * (a and 2 or 3)]

    def g(x, h):
        return x + (h(x) if x > 1 else x) + (x and h(x) or 5)

    def fail(x):
        raise ValueError(x)

    log.grid(f, [0, 1], [0, 2], [0, 3])
    log.each(g, (0, lambda x: x), (2, lambda x: 0), (5, fail), (1, fail))


@case
def stack_counts_across_branches(log):
    def look(x):
        log("refs", refcount(x))
        return x

    def f(x, flag):
        return [x, x if flag else look(x), look(x) and x, x or look(x)]

    value = ["v"]
    log.call(f, value, True)
    log.call(f, value, False)
    log("refs", refcount(value))


@case
def temporaries_die_in_tests(log):
    class Item:
        def __init__(self, name, answer):
            self.probe, self.answer = log.probe(name), answer

        def __bool__(self):
            log("bool")
            return self.answer

    def f(answer):
        if Item("a", answer):
            log("inside")
        else:
            log("else")
        log("between")
        x = Item("b", answer) and 1
        log("kept" if x is not answer else "gone")
        return not Item("c", answer)

    log.each(f, (True,), (False,))


@case
def counting_loops(log):
    def down(n):
        total = 0
        while n:
            total += n
            n -= 1
        return total

    def collatz(n):
        steps = 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    def gcd(a, b):
        while b:
            a, b = b, a % b
        return a

    def primes(n):
        out = []
        for i in range(2, n):
            for p in out:
                if p * p > i:
                    out.append(i)
                    break
                if i % p == 0:
                    break
            else:
                out.append(i)
        return out

    log.each(down, (0,), (10,), (300,))
    log.each(collatz, (1,), (27,))
    log.each(gcd, (0, 0), (48, 36), (2 ** 70, 2 ** 40 * 3), (7.5, 2.5))
    log.call(primes, 100)


@case
def any_all(log):
    def f(items):
        return any(items), all(items), any([x > 1 for x in items]), all([x for x in items])

    log.each(f, ([],), ([0],), ([0, 2],), ([1, 2],))


@case
def truth_of_changed_class(log):
    class Thing:
        pass

    def f(x):
        return "t" if x else "f"

    thing = Thing()
    log(f(thing))
    Thing.__bool__ = lambda self: False
    log(f(thing))
    Thing.__bool__ = lambda self: True
    log(f(thing))
    del Thing.__bool__
    Thing.__len__ = lambda self: 0
    log(f(thing))
    del Thing.__len__
    log(f(thing))
