"""Generators that C code asks for their items: builtin functions and classes, methods of builtin types, itertools."""

import itertools
import sys
import threading
from sys import getrefcount as refcount

from harness import case

NATIVE_SHARE = 0.2      # what C code asks for may be in the interpreter, and the tests' own functions are


def count(n):
    for i in range(n):
        yield i


def given(values):
    for value in values:
        yield value


class Loud:
    """A number that tells what is done with it."""

    def __init__(self, log, value):
        self.log, self.value = log, value

    def __add__(self, other):
        self.log("add", self.value, getattr(other, "value", other))
        return Loud(self.log, self.value + getattr(other, "value", other))

    def __radd__(self, other):
        self.log("radd", other, self.value)
        return Loud(self.log, other + self.value)

    def __lt__(self, other):
        self.log("lt", self.value, other.value)
        return self.value < other.value

    def __gt__(self, other):
        self.log("gt", self.value, other.value)
        return self.value > other.value

    def __bool__(self):
        self.log("bool", self.value)
        if self.value is None:
            raise ValueError("no truth")
        return bool(self.value)

    def __hash__(self):
        self.log("hash", self.value)
        return hash(self.value)

    def __eq__(self, other):
        self.log("eq", self.value)
        return self.value == other.value


CONSUMERS = {
    "list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "sum": sum, "any": any, "all": all, "min": min, "max": max,
    "sorted": sorted, "enumerate": lambda g: list(enumerate(g)), "zip": lambda g: list(zip(g, g)), "bytes": bytes, "bytearray": bytearray,
    "map": lambda g: list(map(str, g)), "filter": lambda g: list(filter(None, g)), "fromkeys": dict.fromkeys, "join": lambda g: ",".join(map(str, g)),
    "extend": lambda g: [0].extend(g), "update": lambda g: {1}.update(g), "in": lambda g: 3 in g, "unpack": lambda g: [*g], "star": lambda g: max(*g),
    "chain": lambda g: list(itertools.chain(g, g)), "islice": lambda g: list(itertools.islice(g, 2)), "next": lambda g: (next(g), next(g, "end")),
    "accumulate": lambda g: list(itertools.accumulate(g)), "slice": lambda g: slice_of(g), "default": lambda g: max(g, default="none"),
    "key": lambda g: min(g, key=lambda x: -x), "start": lambda g: sum(g, 10), "named": lambda g: sum(g, start=0.5),
}


def slice_of(g):
    items = [1, 2, 3]
    items[1:2] = g
    return items


@case
def values(log):
    def f(name, items):
        out = []
        for _ in range(3):
            g = given(items)
            out.append(CONSUMERS[name](g))
            out.append(list(g))
        return out

    for name in CONSUMERS:
        log.call(f, name, list(range(8)))
        log.call(f, name, [])
        log.call(f, name, [3, "text"])


@case
def genexprs(log):
    def f(n, texts):
        return (sum(i * i for i in range(n)), sum(i * 0.1 for i in range(n)), sum(i for i in range(n) if i % 3), sum((i for i in range(n)), 0.5),
                any(i > 5 for i in range(n)), all(i < 5 for i in range(n)), any(i > 5000 for i in range(n)), max(i % 7 for i in range(n)),
                min(-i for i in range(n)), list(i + 1 for i in range(n)), tuple(i * 2.5 for i in range(n)), sorted(-i for i in range(n)),
                set(i % 5 for i in range(n)), frozenset(i % 5 for i in range(n)), dict((i, -i) for i in range(n)), "".join(t for t in texts),
                "-".join(t.upper() for t in texts), sum(1 for t in texts if t), sum(len(t) for t in texts), max((t for t in texts), key=len))

    for n in (1, 7, 20, 300):
        log.call(f, n, ["a", "bcd", "", "xy"])


@case
def sums(log):
    def f(items):
        return sum(given(items)), sum(x for x in items), sum((x for x in items), 2 ** 40), sum((x for x in items), 0.25)

    def start(items, first):
        return sum((x for x in items), first), sum((x for x in items), start=first)

    large = 2 ** 62
    for items in ([large, large, 1], [large, large, 0.5, 1], [large, large, -large, -large], [-large, -large - large, 3], [True, False, 2],
                  [1, 2.5, 3], [1.5, 2, True], [0.1] * 30, [1e308, 1e308, -1e308], [1e100, 1.0, -1e100], [1.0, 1e100, 1, -1e100],
                  [float("inf"), 1.0], [float("inf"), -float("inf")], [float("nan"), 1.0], [-0.0, -0.0], [-0.0], [1j, 2], [1, 1j, 2.5], [1.5, 1j],
                  [1.0, large, large * large], [0.5, 10 ** 400], [1, None], [1.0, "a"], [[1], [2]], [], [2 ** 31, 2 ** 63 - 1, -2 ** 63]):
        log.call(f, items)
    for first in (0, 1, 1.5, 2 ** 70, True, 1j, [], (), "text", b"bytes", bytearray(b"x"), None, -0.0):
        log.call(start, [], first)
        log.call(start, [1, 2], first)
        log.call(start, [0.1, 0.2, 0.3], first)
        log.call(start, [(1,), (2,)], first)


@case
def foreign_code_between_items(log):
    def gen(values):
        for value in values:
            log("item", value)
            yield Loud(log, value)
        log("end")

    def f(consumer, values):
        result = consumer(gen(values))
        return result.value if isinstance(result, Loud) else result

    for consumer in (sum, min, max, any, all, sorted, set, lambda g: list(g), lambda g: max(g, default=0), tuple):
        out = f
        log.call(lambda: type(out(consumer, [2, 1, 3])).__name__)
        log.call(out, lambda g: [x.value for x in consumer(g)] if consumer in (sorted, set, tuple) else None, [0, 2, 0])
        log.call(lambda: type(out(consumer, [0, None, 1])).__name__)


@case
def errors(log):
    class Odd(Exception):
        pass

    def gen(n, error):
        for i in range(n):
            yield i
        raise error

    def f(name, n, error):
        return CONSUMERS[name](gen(n, error))

    def caught(n):
        try:
            return sum(gen(n, Odd("out")))
        except Odd as error:
            trace, names = error.__traceback__, []
            while trace is not None:
                names.append((trace.tb_frame.f_code.co_name, trace.tb_lineno - trace.tb_frame.f_code.co_firstlineno))
                trace = trace.tb_next
            return names

    for name in CONSUMERS:
        for error in (KeyError("lost"), StopIteration(5), GeneratorExit(), Odd("odd")):
            log.call(f, name, 3, error)
        log.call(f, name, 0, Odd)
    log.call(caught, 4)


@case
def what_inner_frames_see(log):
    def gen(n):
        for i in range(n):
            frame = sys._getframe()
            log(frame.f_lineno - frame.f_code.co_firstlineno, frame.f_back.f_code.co_name,
                frame.f_back.f_lineno - frame.f_back.f_code.co_firstlineno, g.gi_running)
            log.stack()
            yield i
            log(frame.f_back.f_code.co_name)

    def f(consumer):
        nonlocal g
        g = gen(2)
        result = consumer(g)
        return result, g.gi_frame, g.gi_running

    g = None
    for consumer in (sum, any, list, tuple, set, min, max, sorted, all):
        log.call(f, consumer)


@case
def resumed_while_running(log):
    def gen(consumer):
        yield 1
        try:
            yield consumer(g)
        except ValueError as error:
            yield str(error)
        yield 3

    def f(consumer):
        nonlocal g
        g = gen(consumer)
        return [str(x) for x in list(g)]

    def closing(consumer):
        def gen():
            yield 0
            try:
                g.close()
            except ValueError as error:
                log(error)
            yield 1

        g = gen()
        return consumer(g)

    g = None
    for consumer in (sum, any, list, tuple, set, min, max, sorted, all):
        log.call(f, consumer)
        log.call(closing, consumer)


@case
def given_up_half_way(log):
    def gen():
        try:
            for i in range(10):
                yield i
        finally:
            log("finally", sys.exception())

    def f():
        g = gen()
        log(any(g), all(i < 4 for i in g), next(g), 7 in g)
        del g
        log("deleted")
        g = gen()
        next(g)
        g.close()
        return sum(g), list(g), max(g, default=None), any(g), all(g)

    def dropped():
        return [any(x > 2 for x in gen()), all(x < 2 for x in gen())]

    log.call(f)
    log.call(dropped)


@case
def references(log):
    def f(n):
        item = object()
        counts = [refcount(item)]
        for consumer in (list, tuple, set, any, all, lambda g: max(g, key=id), lambda g: sorted(g, key=id)):
            g = given([item] * n)
            result = consumer(g)
            counts.append((refcount(item), refcount(g)))
            del result
            counts.append(refcount(item))
        total = sum(given([[item], [item]]), [])
        counts.append((refcount(item), len(total)))
        return counts

    def deaths():
        class Tells:
            def __init__(self, name):
                self.name = name

            def __del__(self):
                log("died", self.name)

            def __lt__(self, other):
                log("lt", self.name, other.name)
                return self.name < other.name

            __gt__ = __lt__

        def gen(names):
            for name in names:
                yield Tells(name)

        log(any(gen("ab")), all(gen("ab")))
        log(max(gen("acb")).name)
        log(min(gen("acb")).name)
        list(gen("ab"))
        log("end")

    log.call(f, 3)
    log.call(deaths)


@case
def deep(log):
    def nested(n):
        if n:
            yield sum(nested(n - 1)) + 1
        else:
            yield 0

    def f(n):
        return sum(nested(n)), list(nested(n)), any(nested(n)), max(nested(n))

    def endless(g):
        yield list(endless(g))

    def limit():
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(200)
        try:
            return list(endless(None))
        except RecursionError as error:
            return str(error).partition(" while ")[0]
        finally:
            sys.setrecursionlimit(before)

    log.call(f, 20)
    log.call(limit)


@case
def traced_half_way(log):
    def gen(n):
        for i in range(n):
            if i == 3:
                sys.settrace(tracer)
            if i == 5:
                sys.settrace(None)
            yield i

    def tracer(frame, event, arg):
        if frame.f_code.co_name in ("gen", "f", "later"):
            log(frame.f_code.co_name, event)
        return tracer

    def f(consumer):
        return consumer(gen(8))

    def later(consumer):
        g = gen(8)
        first = next(g)
        return first, consumer(g)

    for consumer in (sum, list, any, all, min, max, set):
        log.call(f, consumer)
        log.call(later, consumer)


@case
def threads(log):
    def gen(n):
        for i in range(n):
            yield i * 1000

    def work():
        results.append([(sum(gen(2000)), len(list(gen(2000))), max(x % 1001 for x in gen(500))) for _ in range(5)])

    results = []

    def f():
        results.clear()
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return len(results), {tuple(result) for result in results}

    log.call(f)


@case
def shared_by_threads(log):
    def gen(n):
        for i in range(n):
            yield 1

    def f():
        g = gen(20000)
        totals, refused = [], []

        def work():
            while True:
                try:
                    totals.append(sum(g))
                    return
                except ValueError as error:
                    refused.append(str(error))
        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(totals) <= 20000, set(refused) <= {"generator already executing"}

    log.call(f)
