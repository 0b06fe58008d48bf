"""`__await__` and `__anext__` in Python, which compiled code enters itself, and asynchronous generators that `async for` drives itself."""

import asyncio
import gc
import sys
import traceback
import types
from sys import getrefcount as refcount

from harness import case


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


class Waits:
    def __init__(self, *values):
        self.values = values

    def __await__(self):
        got = []
        for value in self.values:
            got.append((yield value))
        return got


class Gives:
    """`__await__` returns what it is told."""

    def __init__(self, what):
        self.what = what

    def __await__(self):
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


async def plain(value):
    return value


@types.coroutine
def decorated(value):
    yield value


@case
def await_methods(log):
    async def f(n):
        return [await Waits(*range(i)) for i in range(n)]

    async def g(what):
        try:
            return await Gives(what)
        except TypeError as error:
            return str(error), str(error.__cause__), error.__traceback__.tb_lineno

    for _ in range(4):
        log(drive(f(4), "abc"))
    for _ in range(3):
        for make in (lambda: iter([1, 2]), lambda: Waits(5).__await__(), lambda: [1], lambda: 7, lambda: plain(1), lambda: decorated(1),
                     lambda: ValueError("no"), lambda: iter(())):
            what = make()
            log(drive(g(what)))
            if isinstance(what, types.CoroutineType):
                what.close()


@case
def await_methods_that_change(log):
    class Thing:
        def __await__(self):
            yield "first"
            return 1

    async def f(thing):
        return await thing

    for _ in range(5):
        log(drive(f(Thing())))
    old = Thing.__await__
    Thing.__await__ = lambda self: iter(("second",))
    for _ in range(3):
        log(drive(f(Thing())))
    del Thing.__await__
    log.call(lambda: drive(f(Thing())))
    Thing.__await__ = old
    log(drive(f(Thing())))
    Thing.__await__ = None
    log.call(lambda: drive(f(Thing())))


@case
def who_holds_the_operand(log):
    class Thing:
        def __await__(self):
            log("counted", refcount(self))
            yield 1
            return log.probe("result")

        def __del__(self):
            log("dead")

    async def f():
        x = await Thing()
        log("after")
        return type(x).__name__

    for _ in range(3):
        log(drive(f()))


class Counter:
    def __init__(self, n, fail_at=None, pause_at=None):
        self.i, self.n, self.fail_at, self.pause_at = 0, n, fail_at, pause_at

    def __aiter__(self):
        return self

    async def __anext__(self):
        i = self.i
        self.i = i + 1
        if i >= self.n:
            raise StopAsyncIteration
        if i == self.fail_at:
            raise ValueError(i)
        if i == self.pause_at:
            return await step(("pause", i))
        return i


class GivesNext:
    """`__anext__` returns what it is told."""

    def __init__(self, *what):
        self.what = list(what)

    def __aiter__(self):
        return self

    def __anext__(self):
        what = self.what.pop(0)
        if isinstance(what, Exception):
            raise what
        return what


async def total(iterator):
    t = 0
    async for x in iterator:
        t += x
    return t


@case
def anext_methods(log):
    for _ in range(4):
        log([drive(total(Counter(n))) for n in range(5)])
        log(drive(total(Counter(5, fail_at=3))), drive(total(Counter(5, pause_at=2)), [100]))


@case
def anext_methods_of_other_kinds(log):
    async def g(iterator):
        try:
            return await total(iterator)
        except TypeError as error:
            return str(error), str(error.__cause__), error.__traceback__.tb_next.tb_lineno

    for _ in range(4):
        log(drive(g(GivesNext(plain(1), Waits(2), plain(3), StopAsyncIteration()))))
        log(drive(g(GivesNext(plain(1), 5))))
        log(drive(g(GivesNext(Gives(plain(9))))))
        log(drive(g(GivesNext(decorated(2), StopAsyncIteration(7)))))
        log(drive(g(GivesNext(Gives(ValueError("in __await__"))))))
        log(drive(g(GivesNext(KeyError("in __anext__")))))
    gc.collect()


async def numbers(n, pause_at=None, record=None):
    try:
        for i in range(n):
            if i == pause_at:
                i = await step(("pause", i))
            yield i
    finally:
        if record is not None:
            record.append("closed")


@case
def generators_that_wait(log):
    async def nested(n):
        async for a in numbers(n, pause_at=1):
            async for b in numbers(a, pause_at=0):
                yield a, b

    async def collect(n):
        return [pair async for pair in nested(n)]

    for _ in range(4):
        log(drive(total(numbers(5, pause_at=0)), [10]))
        log(drive(total(numbers(5, pause_at=4)), [10]))
        log(drive(collect(4), [3, 7, 8, 9]))


@case
def thrown_while_it_waits(log):
    async def f(record):
        out = []
        try:
            async for x in numbers(4, pause_at=2, record=record):
                out.append(x)
        except KeyError as error:
            out.append(repr(error))
        return out

    def main(how):
        record = []
        coroutine = f(record)
        first = coroutine.send(None)
        waiting = type(coroutine.cr_await).__name__, sys.getrefcount(coroutine.cr_await)
        try:
            if how == "throw":
                coroutine.throw(KeyError("thrown"))
            elif how == "close":
                coroutine.close()
            else:
                coroutine.send(20)
        except StopIteration as stop:
            record.append(stop.value)
        return first, waiting, record

    for _ in range(4):
        log([main(how) for how in ("throw", "close", "send")])


@case
def driven_from_several_sides(log):
    def main(mixed):
        g = numbers(6, pause_at=3)

        async def consumer():
            out = []
            async for x in g:
                out.append(x)
                if mixed == "anext":
                    out.append(await anext(g, "end"))
                elif mixed == "asend":
                    out.append(await g.asend("ignored"))
                elif mixed == "athrow" and x == 1:
                    try:
                        await g.athrow(ValueError("into it"))
                    except ValueError as error:
                        out.append(str(error))
                elif mixed == "aclose" and x == 1:
                    await g.aclose()
            return out

        return drive(consumer(), [30])

    for _ in range(3):
        for mixed in ("no", "anext", "asend", "athrow", "aclose"):
            log(mixed, main(mixed))


@case
def while_it_runs(log):
    async def looks(out):
        for i in range(4):
            out.append((i, g.ag_running, g.ag_frame is not None, g.ag_await))
            try:
                g.asend(None).send(None)
            except (RuntimeError, ValueError) as error:
                out.append(str(error))
            yield i
        out.append(coroutine.cr_running)

    async def main(out):
        async for x in g:
            out.append((x, g.ag_running, g.ag_suspended if hasattr(g, "ag_suspended") else None))
        return out

    for _ in range(3):
        out = []
        g = looks(out)
        coroutine = main(out)
        log(drive(coroutine), refcount(g))


@case
def busy_with_another(log):
    async def slow():
        await step("busy")
        yield 1

    async def consumer(g):
        try:
            async for x in g:
                return x
        except RuntimeError as error:
            return str(error)

    for _ in range(4):
        g = slow()
        first, second = consumer(g), consumer(g)
        log(first.send(None))
        log(drive(second))
        log(drive(first))
        drive(g.aclose())


@case
def failing_generators(log):
    async def failing(n, error):
        for i in range(n):
            yield i
        raise error

    async def f(error):
        try:
            return await total(failing(3, error))
        except (KeyError, RuntimeError) as e:
            cause = e.__cause__
            return repr(e), repr(cause), [(entry.name, entry.lineno) for entry in traceback.extract_tb(e.__traceback__)]

    for _ in range(4):
        for error in (KeyError("k"), StopIteration(1), StopAsyncIteration(2), GeneratorExit("g")):
            log(drive(f(error)))


@case
def nothing_is_kept(log):
    sentinel = object()

    async def gives(n):
        for _ in range(n):
            yield sentinel

    async def use(n):
        async for x in gives(n):
            assert x is sentinel
            del x

    async def partly(n):
        async for x in gives(n):
            return refcount(sentinel)

    before = refcount(sentinel)
    for n in (0, 1, 2, 40):
        log(drive(use(n)), refcount(sentinel) - before)
        count = drive(partly(n + 1))
        log(count[-1][1] - before)
    gc.collect()
    log(refcount(sentinel) - before)


@case
def hooks_are_told_of_each(log):
    def main():
        record = []
        old = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=lambda g: record.append(g.__name__))
        try:
            for _ in range(3):
                drive(total(numbers(3)))
        finally:
            sys.set_asyncgen_hooks(*old)
        return record

    for _ in range(3):
        log(main())


@case
def traced_in_the_middle(log):
    def main():
        events = []

        def tracer(frame, event, arg):
            if frame.f_code.co_name in ("inner", "outer"):
                events.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
            return tracer

        async def inner(n):
            for i in range(n):
                if i == 2:
                    sys.settrace(tracer)
                    sys._getframe().f_trace = tracer
                    sys._getframe(1).f_trace = tracer
                yield i
                if i == 3:
                    await step("waits")
                if i == 4:
                    sys.settrace(None)

        async def outer(n):
            t = 0
            async for x in inner(n):
                t += x
            return t

        try:
            return drive(outer(7)), events
        finally:
            sys.settrace(None)

    for _ in range(4):
        log(main())


@case
def event_loop(log):
    async def ticker(n):
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    async def consumer(n):
        return [x async for x in ticker(n)], await total(Counter(n))

    async def main():
        results = await asyncio.gather(*(consumer(n) for n in range(5)))
        late = asyncio.ensure_future(consumer(50))
        for _ in range(5):
            await asyncio.sleep(0)
        late.cancel()
        try:
            await late
        except asyncio.CancelledError:
            results.append("cancelled")
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 5)
        return results, await future

    for _ in range(2):
        log(asyncio.run(main()))
