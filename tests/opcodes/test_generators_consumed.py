"""Generators and coroutines that compiled code makes, consumes, sends to and closes."""

import asyncio
import sys
from sys import getrefcount as refcount

from harness import case

NATIVE_SHARE = 0.2      # generator and coroutine bodies may run in the interpreter


def count(n):
    for i in range(n):
        yield i


def echo(log):
    received = None
    while True:
        try:
            received = yield received
            log("got", received)
        except KeyError as error:
            log("caught", error)
            received = "handled"
        finally:
            log("turn")


def delegating(log, n):
    log("start")
    result = yield from inner(log, n)
    log("inner returned", result)
    yield "last"
    return "outer result"


def inner(log, n):
    try:
        for i in range(n):
            x = yield i
            log("inner got", x)
    except ValueError as error:
        log("inner caught", error)
        yield "recovered"
    finally:
        log("inner finally")
    return "inner result"


@case
def for_loops(log):
    def f(n):
        total = 0
        for x in count(n):
            total += x
        return total

    def early(n):
        for x in count(n):
            if x == 2:
                break
        else:
            return "all"
        return "early", x

    def nested(n):
        return [(x, y) for x in count(n) for y in count(x)]

    log.each(f, (0,), (5,), (100,))
    log.each(early, (2,), (5,))
    log.call(nested, 4)


@case
def builtin_consumers(log):
    log.call(lambda: (list(count(3)), tuple(count(2)), set(count(3)), sum(count(5)), max(count(
        4)), sorted(count(3), reverse=True), dict(zip("ab", count(2))), [*count(2)], {*count(2)}, (lambda *a: a)
                      (*count(3)), "".join(str(x) for x in count(3)), any(x > 1 for x in count(3)), all(count(2))))
    log.call(lambda: max(count(0)))

    def unpack():
        a, b, *c = count(5)
        return a, b, c

    def fail():
        a, b = count(3)

    log.call(unpack)
    log.call(fail)


@case
def send_and_throw(log):
    def f():
        g = echo(log)
        out = [next(g), g.send(1), g.send("two"), g.throw(KeyError("k")), g.send(None)]
        g.close()
        try:
            g.send(5)
        except StopIteration as stop:
            out.append(("stopped", stop.value))
        return out

    def not_started():
        g = echo(log)
        g.send(1)

    def thrown_out():
        g = echo(log)
        next(g)
        g.throw(OSError("out"))

    def thrown_before():
        g = echo(log)
        g.throw(OSError("before"))

    for function in (f, not_started, thrown_out, thrown_before):
        log.call(function)


@case
def yield_from(log):
    def f(values):
        g = delegating(log, 3)
        out = [next(g)]
        for value in values:
            try:
                out.append(g.send(value))
            except StopIteration as stop:
                out.append(stop.value)
                break
        return out

    def thrown():
        g = delegating(log, 3)
        out = [next(g), g.throw(ValueError("in")), next(g)]
        return out, list(g)

    def closed():
        g = delegating(log, 3)
        next(g)
        g.close()
        return list(g)

    log.call(f, ["a", "b", "c", "d", "e"])
    log.call(thrown)
    log.call(closed)


@case
def errors_inside(log):
    def bad(n):
        yield 1
        yield 1 // n
        yield 3

    def f(n):
        out = []
        try:
            for x in bad(n):
                out.append(x)
        except ZeroDivisionError as error:
            out.append(str(error))
        return out

    def g(n):
        return [x for x in bad(n)]

    def stop():
        yield 1
        raise StopIteration("converted")

    log.each(f, (1,), (0,))
    log.each(g, (1,), (0,))
    log.call(lambda: list(stop()))


@case
def abandoned(log):
    def gen(name):
        try:
            yield log.probe(name)
            yield 2
        finally:
            log("finally", name)

    def f():
        for x in gen("a"):
            break
        log("after break")
        x = None
        g = gen("b")
        next(g)
        g = None
        log("dropped")
        h = gen("never started")
        del h
        log("end")

    log.call(f)


@case
def reentrant(log):
    def gen():
        yield next(g)

    def f():
        nonlocal g
        g = gen()
        return next(g)

    g = None
    log.call(f)
    g = None


@case
def recursive_generators(log):
    def walk(tree):
        if isinstance(tree, list):
            for child in tree:
                yield from walk(child)
        else:
            yield tree

    def permutations(items):
        if len(items) <= 1:
            yield items
        else:
            for i in range(len(items)):
                for rest in permutations(items[:i] + items[i + 1:]):
                    yield [items[i]] + rest

    def queens(n, row=0, columns=()):
        if row == n:
            yield columns
            return
        for column in range(n):
            if all(column != c and abs(column - c) != row - r for r, c in enumerate(columns)):
                yield from queens(n, row + 1, (*columns, column))

    log.call(lambda: list(walk([1, [2, [3, [], 4]], 5])))
    log.call(lambda: list(permutations([1, 2, 3])))
    log.call(lambda: (len(list(queens(5))), next(queens(6))))


@case
def generator_expressions(log):
    def f(n, k):
        return sum(i * k for i in range(n)), list(x for x in count(n) if x % 2), next((x for x in count(n) if x > k),
                                                                                      None)

    log.each(f, (0, 1), (5, 2), (10, 100))
    log.call(lambda: list(x for x in 5))


@case
def pipelines(log):
    def numbers(n):
        yield from range(n)

    def double(items):
        for x in items:
            yield x * 2

    def only(items, test):
        return (x for x in items if test(x))

    def f(n):
        return [x for x in only(double(numbers(n)), lambda x: x % 3 == 0)]

    log.each(f, (0,), (10,))


@case
def attributes(log):
    def f():
        g = count(2)
        out = [g.gi_running, g.gi_frame is not None, g.gi_suspended, g.__name__, type(g).__name__]
        next(g)
        out += [g.gi_suspended, g.gi_frame.f_locals["i"]]
        list(g)
        out += [g.gi_frame, g.gi_suspended]
        return out

    log.call(f)


@case
def counts_and_lifetimes(log):
    value = ["value"]

    def gen(x):
        log("refs", refcount(x))
        yield x
        log("refs", refcount(x))

    def f(x):
        log("refs", refcount(x))
        for y in gen(x):
            log("refs", refcount(x), refcount(y))
        log("refs", refcount(x))

    f(value)
    log("refs", refcount(value))


@case
def exception_state(log):
    def gen():
        yield sys.exception()
        try:
            1 // 0
        except ZeroDivisionError:
            yield sys.exception()
        yield sys.exception()

    def f():
        g = gen()
        out = [next(g)]
        try:
            {}["k"]
        except KeyError:
            out.append(next(g))
            out.append(sys.exception())
            out.append(next(g))
        out.append(sys.exception())
        return out

    log.call(f)


@case
def coroutines(log):
    async def add(a, b):
        await asyncio.sleep(0)
        return a + b

    async def manager_body():
        class M:
            async def __aenter__(self):
                log("aenter")
                return 5

            async def __aexit__(self, *args):
                log("aexit", args[0])
                return True

        async with M() as m:
            1 // 0
        return m

    async def agen(n):
        for i in range(n):
            yield i
            await asyncio.sleep(0)

    async def main():
        total = 0
        async for x in agen(3):
            total += await add(x, 1)
        many = await asyncio.gather(*[add(i, i) for i in range(4)])
        listed = [x async for x in agen(3) if x]
        try:
            await add(1, "x")
        except TypeError as error:
            log(str(error))
        return total, many, listed, await manager_body()

    log.call(lambda: asyncio.run(main()))


@case
def manual_coroutines(log):
    class Awaitable:
        def __await__(self):
            got = yield "awaiting"
            return got

    async def f():
        x = await Awaitable()
        return x * 2

    def drive(value):
        c = f()
        out = [c.send(None)]
        try:
            c.send(value)
        except StopIteration as stop:
            out.append(stop.value)
        return out

    log.each(drive, (5,), ("x",), (None,))

    def never_awaited():
        c = f()
        c.close()
        return c.cr_frame

    log.call(never_awaited)

    async def bad():
        await 5

    def drive_bad():
        bad().send(None)

    log.call(drive_bad)


@case
def contextmanagers(log):
    import contextlib

    @contextlib.contextmanager
    def scope(name):
        log("open", name)
        try:
            yield name
        finally:
            log("close", name)

    def f(n):
        out = []
        for i in range(n):
            with scope(i) as name:
                out.append(name)
                if i == 1:
                    continue
                if i == 2:
                    return out
        return "all", out

    log.each(f, (1,), (5,))


@case
def generator_methods_stored(log):
    def f(n):
        step = count(n).__next__
        send = echo(lambda *a: None).send
        send(None)
        return [step() for _ in range(n)], [send(i) for i in range(n)]

    log.call(f, 4)


@case
def closures_in_generators(log):
    def f(n):
        total = 0

        def gen():
            nonlocal total
            for i in range(n):
                total += i
                yield total
        out = []
        for x in gen():
            out.append((x, total))
            total += 1
        return out

    log.call(f, 4)
