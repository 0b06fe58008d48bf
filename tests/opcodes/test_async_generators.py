"""Compiled asynchronous generators: every way to drive them, their ends, hooks, states, and who may resume what."""

import asyncio
import contextlib
import gc
import inspect
import sys
import types
import weakref
from sys import getrefcount as refcount

from harness import case

NATIVE_SHARE = 0.4      # event loops


@types.coroutine
def step(value):
    return (yield value)


def drive(awaitable, values=()):
    """Everything that the awaitable yields and how it ends, sending `values` and then None."""
    out, value, pending = [], None, list(values)
    while True:
        try:
            out.append(awaitable.send(value))
        except StopIteration as stop:
            return [*out, ("returned", stop.value)]
        except BaseException as error:
            return [*out, (type(error).__name__, str(error))]
        value = pending.pop(0) if pending else None


async def numbers(n):
    for i in range(n):
        yield i


async def echo(first):
    value = first
    while value is not None:
        value = yield ("echo", value)


@case
def loops_over_them(log):
    async def total(n):
        t = 0
        async for x in numbers(n):
            t += x
        else:
            t += 1000
        return t

    async def broken(n):
        async for x in numbers(n):
            if x == 3:
                break
        else:
            return "no break"
        return x

    async def nested(n):
        out = []
        async for a in numbers(n):
            async for b in numbers(a):
                if b == 2:
                    continue
                out.append((a, b))
        return out

    for n in (0, 1, 5, 400):
        log.call(lambda n=n: drive(total(n)))
    for n in (2, 5):
        log.call(lambda n=n: drive(broken(n)))
        log.call(lambda n=n: drive(nested(n)))


@case
def comprehensions(log):
    async def pairs(n):
        async for x in numbers(n):
            if x % 2:
                yield x, await step(x)

    async def main(n):
        a = [x async for x in numbers(n)]
        b = {x: y async for x, y in pairs(n)}
        c = {x * x async for x in numbers(n) if x != 2}
        d = [(x, y) async for x in numbers(3) async for y in numbers(x)]
        e = (x + 1 async for x in numbers(n))
        return a, b, sorted(c), d, [x async for x in e], [await step(x) for x in range(2)]

    for n in (0, 4, 9):
        log.call(lambda n=n: drive(main(n), range(20)))


@case
def values_of_all_kinds(log):
    async def gen(values):
        for value in values:
            yield value

    async def collect(values):
        return [value async for value in gen(values)]

    big = 1 << 70
    for values in ([None, None], [(), (1,), (1, 2)], [StopIteration(3), ValueError("x")], [big, -big, 0.5], [[], {}, ""], [numbers, int]):
        log.call(lambda v=values: [x if not isinstance(x, BaseException) else repr(x) for x in drive(collect(v))[-1][1]])
        # As an awaitable of its own the value travels in a StopIteration.
        log.call(lambda v=values: repr([drive(gen([x]).__anext__()) for x in v]).count("returned"))


@case
def asend(log):
    def f():
        g = echo("a")
        out = [drive(g.asend(None)), drive(g.asend("b")), drive(g.asend(3)), drive(g.__anext__()), drive(g.__anext__())]
        return out, drive(g.asend(None)), drive(g.asend(1))

    def first_value():
        g = echo("a")
        return drive(g.asend("too early")), drive(g.asend(None)), drive(g.asend(None)), drive(g.asend(None))

    async def within():
        g = echo(0)
        out = [await g.asend(None)]
        for i in range(1, 50):
            out.append(await g.asend(i))
        try:
            await g.asend(None)
        except StopAsyncIteration as stop:
            out.append(("stopped", stop.args))
        return out

    log.call(f)
    log.call(first_value)
    log.call(lambda: drive(within()))


@case
def thrown(log):
    async def careful(record):
        try:
            while True:
                try:
                    record.append((yield len(record)))
                except ValueError as error:
                    record.append(str(error))
                    await step("handling")
        finally:
            record.append("closed")
            await step("closing")

    def f(*steps):
        record = []
        g = careful(record)
        out = []
        for what, argument in steps:
            out.append(drive(getattr(g, what)(*argument)))
        return out, record

    nothing = ("__anext__", ())
    value = ("athrow", (ValueError("thrown"),))
    log.call(f, nothing, value, nothing, nothing)
    log.call(f, value, nothing)
    log.call(f, nothing, ("asend", (5,)), ("aclose", ()), nothing, ("aclose", ()))
    log.call(f, nothing, ("athrow", (KeyError("k"),)), nothing)
    log.call(f, nothing, ("athrow", (GeneratorExit,)), nothing)
    log.call(f, nothing, ("athrow", (StopAsyncIteration,)), nothing)
    log.call(f, ("aclose", ()), nothing)


@case
def ends(log):
    async def returns(n):
        for i in range(n):
            yield i
        return

    async def raises(n):
        for i in range(n):
            yield i
        raise LookupError(n)

    async def stops(n):
        yield n
        raise StopIteration(n)

    async def stops_async(n):
        yield n
        raise StopAsyncIteration(n)

    async def ignores_close(n):
        try:
            yield n
        except GeneratorExit:
            yield "again"

    async def collect(g):
        out = []
        try:
            async for x in g:
                out.append(x)
        except Exception as error:
            out.append((type(error).__name__, str(error), type(error.__cause__).__name__))
        return out

    def f(make):
        g = make(2)
        return drive(collect(g)), drive(g.__anext__()), drive(g.aclose()), g.ag_frame is None, g.ag_running

    def closed(make):
        g = make(2)
        return drive(g.__anext__()), drive(g.aclose()), drive(g.__anext__()), g.ag_frame is None

    for make in (returns, raises, stops, stops_async, ignores_close):
        log.call(f, make)
        log.call(closed, make)


@case
def misuse(log):
    async def slow(n):
        for i in range(n):
            await step("waiting")
            yield i

    def concurrently():
        g = slow(3)
        a, b = g.__anext__(), g.__anext__()
        out = [a.send(None), g.ag_running]
        for other in (b.send, lambda v: g.asend(None).send(v), lambda v: g.athrow(ValueError).send(v), lambda v: g.aclose().send(v)):
            try:
                out.append(other(None))
            except RuntimeError as error:
                out.append(str(error))
        return out, drive(a), g.ag_running, drive(g.__anext__())

    def reused():
        g = slow(3)
        a = g.__anext__()
        out = [drive(a), drive(a), drive(a)]
        b = g.asend(None)
        b.close()
        return out, drive(b), drive(g.__anext__())

    def itself():
        async def f():
            yield 1
            yield await box[0].__anext__()

        g = f()
        box = [g]
        return drive(g.__anext__()), drive(g.__anext__()), drive(g.__anext__())

    def iterated():
        g = slow(2)
        a = g.__anext__()
        out = [next(a)]
        out.append(list(a))
        return out, iter(a) is a, a.__await__() is a

    log.call(concurrently)
    log.call(reused)
    log.call(itself)
    log.call(iterated)


@case
def states(log):
    async def f(n):
        seen.append((g.ag_running, g.ag_frame.f_lineno - f.__code__.co_firstlineno))
        yield n
        seen.append(g.ag_await is None)
        await step("waits")
        yield n + 1

    def main():
        out = [inspect.getasyncgenstate(g), inspect.getasyncgenlocals(g)]
        a = g.__anext__()
        out.append(drive(a))
        out.append((inspect.getasyncgenstate(g), inspect.getasyncgenlocals(g), g.ag_frame.f_lineno - f.__code__.co_firstlineno))
        b = g.__anext__()
        out.append((b.send(None), g.ag_await is not None, g.ag_running, inspect.getasyncgenstate(g)))
        out.append(drive(b))
        out.append(drive(g.__anext__()))
        return out, inspect.getasyncgenstate(g), g.__name__, g.__qualname__, g.ag_code is f.__code__, type(g) is types.AsyncGeneratorType

    for n in range(4):
        seen = []
        g = f(n)
        log.call(main)
        log.call(lambda: seen)


@case
def hooks(log):
    record = []

    def first(g):
        record.append(("first", g.__name__))

    def final(g):
        record.append(("final", g.__name__))
        with contextlib.suppress(StopIteration):
            g.aclose().send(None)

    async def f(n):
        try:
            for i in range(n):
                yield i
        finally:
            record.append("finally")

    async def some(n, stop):
        async for x in f(n):
            if x == stop:
                return x

    def main(n, stop):
        record.clear()
        old = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(first, final)
        try:
            out = drive(some(n, stop))
            gc.collect()
        finally:
            sys.set_asyncgen_hooks(*old)
        return out, record

    for n, stop in ((5, 9), (5, 2), (0, 0)):
        log.call(main, n, stop)


@case
def what_dies_when(log):
    record = []

    class Item:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            record.append(self.name)

    async def items(n):
        kept = Item("kept")
        for i in range(n):
            item = Item(i)
            yield item
            record.append(("after", i))
            del item
        record.append(kept.name)

    async def use(n):
        async for item in items(n):
            record.append(("got", item.name))

    def main(n):
        record.clear()
        return drive(use(n)), list(record)

    def dropped():
        record.clear()
        g = items(3)
        ref = weakref.ref(g)
        drive(g.__anext__())
        del g
        gc.collect()
        return ref() is None, list(record)

    def counts():
        sentinel = object()

        async def f():
            yield sentinel
            yield sentinel

        async def g():
            return [x async for x in f()]

        before = refcount(sentinel), refcount(f)
        drive(g())
        return refcount(sentinel) - before[0], refcount(f) - before[1]

    log.call(main, 3)
    log.call(dropped)
    log.call(counts)


@case
def event_loops(log):
    async def ticker(n):
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    async def merge(*sources):
        for source in sources:
            async for x in source:
                yield x

    @contextlib.asynccontextmanager
    async def managed(record):
        record.append("enter")
        try:
            yield record
        except ValueError as error:
            record.append(str(error))
        finally:
            await asyncio.sleep(0)
            record.append("exit")

    async def cancelled(record):
        try:
            async for x in ticker(1000):
                record.append(x)
        finally:
            record.append("cancelled")

    async def main():
        out = [[x async for x in merge(ticker(3), numbers(3), ticker(2))]]
        record = []
        async with managed(record) as r:
            r.append("body")
        async with managed(record):
            raise ValueError("in the body")
        out.append(record)
        record = []
        task = asyncio.create_task(cancelled(record))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            record.append("seen")
        out.append(record[-2:])
        out.append(await asyncio.gather(*(anext(ticker(3)) for _ in range(3))))
        out.append(await anext(numbers(0), "default"))
        async with contextlib.aclosing(ticker(5)) as g:
            async for x in g:
                if x == 2:
                    break
        out.append(x)
        return out

    for _ in range(3):
        log.call(lambda: asyncio.run(main()))


@case
def tracebacks(log):
    async def inner(n):
        yield n
        raise ZeroDivisionError(n)

    async def outer(n):
        async for x in inner(n):
            yield x

    async def use(n):
        async for x in outer(n):
            pass

    def main(n):
        use(n).send(None)

    for n in range(3):
        log.call(main, n)


@case
def exception_state(log):
    async def f():
        yield repr(sys.exception())
        try:
            raise KeyError("own")
        except KeyError:
            yield repr(sys.exception())
            yield repr(sys.exception())
        yield repr(sys.exception())

    def main():
        g = f()
        out = [drive(g.__anext__())]
        try:
            raise ValueError("driver's")
        except ValueError:
            out += [drive(g.__anext__()), repr(sys.exception())]
            out += [drive(g.__anext__()), repr(sys.exception())]
        return out, drive(g.__anext__()), sys.exception()

    log.call(main)
