"""Loops that are compiled anew by the types that were seen in them, and then meet others."""
import sys
from decimal import Decimal

from harness import case


@case(times=3)
def other_types_than_before(log):
    def arithmetic(values, x):
        out = []
        for v in values:
            out.append((v + x, v * 2, x - v if not isinstance(v, str) else None))
        return out

    def comparisons(values, x):
        n = 0
        for v in values:
            if v < x:
                n += 1
            elif v == x:
                n += 100
        return n

    texts, decimals = ["ab", "c"] * 9, [Decimal(1), Decimal("2.5")] * 9
    ints, floats = list(range(18)), [i / 4 for i in range(18)]
    for values, x in ((decimals, Decimal(1)), (ints, 3), (floats, 0.5), (floats, 1 << 70), (decimals, 7), (ints, Decimal(2))):
        log.call(arithmetic, values, x)
        log.call(comparisons, values, x)
    log.call(arithmetic, texts, "x")
    log.call(comparisons, texts, "b")
    log.call(comparisons, texts, 1)


@case(times=3)
def other_containers_than_before(log):
    class Own:
        def __getitem__(self, key):
            return "own", key

        def __setitem__(self, key, value):
            raise KeyError(key)

    def read(box, keys):
        out = []
        for key in keys:
            out.append(box[key])
        return out

    def write(box, keys):
        for key in keys:
            box[key] = key
        return box

    def walk(items):
        n = 0
        for item in items:
            n += item
        return n

    keys = [0, 1, 2, -1, True] * 5
    for box in ([5, 6, 7], (5, 6, 7), "abc", {0: 1, 1: 2, 2: 3, -1: 4}, Own(), b"abc", range(7), [5]):
        log.call(read, box, keys)
        if not isinstance(box, (tuple, str, bytes, range)):
            log.call(write, box, keys)
        log.call(walk, box)
    log.call(walk, iter([1, 2, 3] * 9))
    log.call(walk, (i for i in range(20)))
    log.call(walk, range(30))


@case(times=3)
def other_callees_than_before(log):
    class Adder:
        def __init__(self, n=0):
            self.n = n

        def __call__(self, x):
            return x, self.n

        def method(self, x):
            return x, "method"

    def call(callables, x):
        out = []
        for f in callables:
            try:
                out.append(f(x))
            except TypeError as e:
                out.append(str(e))
        return out

    def call_method(objects, x):
        return [o.count(x) for o in objects]

    def one(x):
        return "one", x

    kinds = [abs, one, Adder().method, Adder(3), "abc".count, int, str.upper, lambda x, y: x]
    for f in kinds:
        log.call(lambda f=f: [type(o).__name__ if isinstance(o, Adder) else o for o in call([f] * 20, 7)])
    log.call(call, kinds * 3, 7)
    for objects in (["aXbX", "X"] * 9, [["X"], ("X", "X")] * 9, [b"X"] * 9, [range(3)] * 9):
        log.call(call_method, objects, "X")


@case(times=3)
def exceptions_and_deaths(log):
    class Noisy(Decimal):
        def __del__(self):
            log("dies", str(self))

    def f(values):
        done = []
        for v in values:
            try:
                done.append(str(v + Noisy(1)))
            except TypeError as e:
                done.append((type(e).__name__, sys.exc_info()[2].tb_lineno - f.__code__.co_firstlineno))
            finally:
                done.append("end")
        return done

    log.call(f, [Decimal(1), 2, "s", None, 2.5, Decimal(3)] * 3)


@case(times=3)
def recursion_with_loops(log):
    def depth(tree):
        best = 0
        for child in tree:
            best = max(best, depth(child))
        return best + 1

    def nest(n):
        return [] if n == 0 else [nest(n - 1), (), [()] * (n % 3)]

    log.call(depth, nest(8))


@case(times=2)
def a_long_loop(log):
    """Long enough to be compiled anew by default."""
    def f(n):
        total, text = Decimal(0), ""
        for i in range(n):
            total += Decimal(i)
            text = "x" + str(i)
            if text == "x7":
                total -= 1
        return str(total), text

    log.call(f, 25000)
