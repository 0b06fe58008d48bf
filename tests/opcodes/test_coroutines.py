"""Compiled coroutines: await in all its forms, drivers, cancellation, errors, states."""

import asyncio
import contextlib
import gc
import inspect
import sys
import types
import warnings
from sys import getrefcount as refcount

from harness import case

NATIVE_SHARE = 0.4      # event loops and asynchronous generators run in the interpreter


@types.coroutine
def step(value):
    return (yield value)


def drive(coroutine, values=()):
    """Everything that the coroutine yields and returns, sending `values` and then None."""
    out = []
    value = None
    pending = list(values)
    while True:
        try:
            out.append(coroutine.send(value))
        except StopIteration as stop:
            out.append(("returned", stop.value))
            return out
        value = pending.pop(0) if pending else None


@case
def awaited_arguments(log):
    def join(*parts):
        return parts

    def two(a, b):
        return a, b

    async def items(n):
        for i in range(n):
            yield await step(i)

    async def main(f):
        a = f(1, await step("a"))
        b = f(await step("b"), [x async for x in items(2)])
        c = f(f(1, 2), f(await step("c") or 3, 4 if a else await step("d")))
        try:
            f(1, await step("e"))
        except ValueError as e:
            a = two(a, await step(str(e)))
        return a, b, c

    for f in (two, join, max, 5):
        log.call(lambda f=f: drive(main(f), [1, 2, 3, 4]))

    def throw():
        coroutine = main(two)
        seen = [coroutine.send(None) for _ in range(4)]
        seen.append(coroutine.send(None))
        seen.append(coroutine.throw(ValueError("thrown")))
        try:
            coroutine.send(9)
        except StopIteration as e:
            seen.append(e.value)
        return seen

    log.call(throw)


@case
def chains(log):
    async def leaf(x):
        return x * 2

    async def middle(x):
        return await leaf(x) + await leaf(x + 1)

    async def top(n):
        total = 0
        for i in range(n):
            total += await middle(i)
        return total

    async def suspends(n):
        if n == 0:
            return await step("bottom")
        return await suspends(n - 1), await step(n)

    log.call(lambda: [drive(top(n)) for n in (0, 1, 20)])
    log.call(lambda: drive(suspends(5), "abcdefg"))
    log.call(lambda: drive(suspends(200))[-1][0])


@case
def awaitables(log):
    class Plain:
        def __await__(self):
            got = yield "plain"
            return got, "plain"

    class Iterator:
        def __await__(self):
            return iter([1, 2])

    class Bad:
        def __await__(self):
            return 5

    class Chained:
        def __await__(self):
            return step("chained").__await__() if hasattr(step(1), "__await__") else step("chained")

    async def f(x):
        return await x

    for make in (Plain, Iterator, Bad, Chained, object, lambda: 5, lambda: step("direct"), lambda: f(step("nested")),
                 lambda: (x for x in "no")):
        log.call(lambda: drive(f(make()), ["sent"]))


@case
def awaited_twice(log):
    async def inner():
        await step(1)
        return "inner"

    async def outer(c):
        return await c

    def twice():
        c = inner()
        first, second = outer(c), outer(c)
        out = [first.send(None)]
        try:
            second.send(None)
        except RuntimeError as error:
            out.append(str(error))
        out.append(drive(first))
        return out

    def finished():
        c = inner()
        out = [drive(c)]
        try:
            drive(outer(c))
        except RuntimeError as error:
            out.append(str(error))
        return out

    def itself():
        async def f():
            await c
        c = f()
        return drive(c)

    for function in (twice, finished, itself):
        log.call(function)


@case
def states(log):
    async def inner():
        log(inspect.getcoroutinestate(c), c.cr_running, c.cr_await)
        await step("suspended")

    async def outer():
        log(inspect.getcoroutinestate(c), c.cr_running)
        await inner()

    def f():
        nonlocal c
        c = outer()
        out = [inspect.getcoroutinestate(c), c.cr_await, c.cr_suspended]
        out.append(c.send(None))
        out += [inspect.getcoroutinestate(c), c.cr_await.__name__, c.cr_suspended, c.cr_frame.f_lineno > 0]
        c.close()
        out += [inspect.getcoroutinestate(c), c.cr_frame, c.cr_await]
        return out

    c = None
    log.call(f)
    c = None


@case
def thrown_and_closed(log):
    async def inner(name):
        try:
            return await step(name)
        except KeyError as error:
            log("caught", error)
            return await step("second")
        finally:
            log("finally", name, sys.exception())

    async def outer():
        first = await inner("a")
        second = await inner("b")
        return first, second

    def thrown(error):
        c = outer()
        out = [c.send(None)]
        try:
            out.append(c.throw(error))
        except BaseException as e:
            return out, type(e).__name__
        return out, drive(c, ["x", "y"])

    def closed(steps):
        c = outer()
        for i in range(steps):
            c.send(None)
        return c.close(), inspect.getcoroutinestate(c)

    log.each(thrown, (KeyError("k"),), (OSError("o"),), (GeneratorExit(),))
    log.each(closed, (0,), (1,), (2,))


@case
def errors(log):
    async def fails(n):
        await step(1)
        return 1 // n

    async def catches(n):
        try:
            return await fails(n)
        except ZeroDivisionError as error:
            log(type(sys.exception()).__name__)
            await step("in except")
            log(sys.exception() is error)
            raise ValueError("from") from error
        finally:
            await step("in finally")
            log("finally")

    async def stops():
        raise StopIteration("no")

    log.call(lambda: drive(fails(0)))
    log.call(lambda: drive(catches(1)))
    log.call(lambda: drive(catches(0)))
    log.call(lambda: drive(stops()))


@case
def async_with_and_for(log):
    class Manager:
        def __init__(self, swallow):
            self.swallow = swallow

        async def __aenter__(self):
            await step("enter")
            return self

        async def __aexit__(self, kind, value, traceback):
            await step("exit")
            log("exit", kind)
            return self.swallow

    class Numbers:
        def __init__(self, n):
            self.n = n

        def __aiter__(self):
            return self

        async def __anext__(self):
            self.n -= 1
            if self.n < 0:
                raise StopAsyncIteration
            if self.n % 2:
                await step("next")
            return self.n

    async def agen(n):
        for i in range(n):
            yield i
            await step("agen")

    async def scope(swallow, bad):
        async with Manager(swallow) as m, Manager(False):
            log(type(m).__name__)
            if bad:
                raise KeyError("body")
            return "returned"
        return "swallowed"

    async def loops(n):
        out = []
        async for x in Numbers(n):
            out.append(x)
        else:
            out.append("else")
        async for x in agen(n):
            if x == 2:
                break
            out.append(x)
        out += [x async for x in Numbers(n) if x]
        out += [await step(x) async for x in agen(n)]
        return out

    async def no_iterator():
        async for x in 5:
            pass

    async def no_manager():
        async with 5:
            pass

    log.grid(lambda swallow, bad: drive(scope(swallow, bad)), (True, False), (True, False))
    log.call(lambda: drive(scope(False, True)))
    log.call(lambda: [drive(loops(n)) for n in (0, 1, 4)])
    log.call(lambda: drive(no_iterator()))
    log.call(lambda: drive(no_manager()))


@case
def async_managers_of_all_kinds(log):
    class Plain:
        def __aenter__(self):
            log("counts", refcount(self) - counted[0], sys._getframe().f_back.f_code.co_name)
            return step("enter")

        async def __aexit__(self, *exception):
            log("exit", len(exception))

    class Failing(Plain):
        def __aenter__(self):
            raise ValueError("enter")

    class Awkward(Plain):
        async def __aenter__(self, extra=()):
            return extra

        __aexit__ = staticmethod(lambda *exception: step(len(exception)))

    class NoExit:
        async def __aenter__(self):
            return self

    class NotAwaitable(Plain):
        def __aenter__(self):
            return 5

    class Own(Plain):
        def __init__(self):
            self.__aenter__ = self.__aexit__ = None

    async def use(manager, n):
        for _ in range(n):
            async with manager as value:
                log(value)
        return n

    for kind in (Plain, Failing, Awkward, NoExit, NotAwaitable, Own):
        manager = kind()
        counted = [refcount(manager)]
        log.call(lambda: drive(use(manager, 3)))
        log.call(lambda: refcount(manager) - counted[0])
    Plain.__aenter__ = Awkward.__aenter__
    log.call(lambda: drive(use(Plain(), 2)))
    del Plain.__aexit__
    log.call(lambda: drive(use(Plain(), 2)))


@case
def event_loops(log):
    async def worker(queue, out):
        while True:
            item = await queue.get()
            if item is None:
                return len(out)
            out.append(item * 2)
            await asyncio.sleep(0)

    async def producer(queue, n):
        for i in range(n):
            await queue.put(i)
        await queue.put(None)

    async def main():
        queue = asyncio.Queue(2)
        out = []
        async with asyncio.TaskGroup() as group:
            made = group.create_task(producer(queue, 10))
            done = group.create_task(worker(queue, out))
        results = await asyncio.gather(*(asyncio.sleep(0, i) for i in range(5)))
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, "set")
        return out, made.result(), done.result(), results, await future

    async def cancelled():
        async def forever():
            try:
                while True:
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                log("cancelled")
                raise
            finally:
                log("finally")
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return task.cancelled()

    async def times_out():
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"

    async def fails():
        async def bad(n):
            await asyncio.sleep(0)
            raise ValueError(n)
        got = await asyncio.gather(bad(1), bad(2), return_exceptions=True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(bad(3))
                group.create_task(bad(4))
        except* ValueError as error:
            got.append(len(error.exceptions))
        return got

    for main_function in (main, cancelled, times_out, fails):
        log.call(lambda: asyncio.run(main_function()))


@case
def never_awaited(log):
    async def f():
        return 1

    async def forgets():
        f()
        return "done"

    def g():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            f()
            out = drive(forgets())
            gc.collect()
        return out, [str(w.message).partition(" was")[2] for w in caught]

    log.call(g)


@case
def origins(log):
    async def f():
        return 1

    def make():
        return f()

    def g():
        sys.set_coroutine_origin_tracking_depth(2)
        try:
            c = make()
            origin = [(line - make.__code__.co_firstlineno, name) for _, line, name in c.cr_origin]
            c.close()
            return origin, [name for _, _, name in c.cr_origin]
        finally:
            sys.set_coroutine_origin_tracking_depth(0)

    log.call(g)
    log.call(lambda: (c := f(), c.cr_origin, c.close())[1])


@case
def frames_and_counts(log):
    async def inner(x):
        log.stack()
        log(refcount(x))
        await step(1)
        log.stack()
        return x

    async def outer(x):
        y = await inner(x)
        log(refcount(x), y is x)
        return y

    value = ["value"]

    def f():
        return drive(outer(value))

    log.call(f)
    log(refcount(value))


@case
def what_dies_when(log):
    async def inner():
        p = log.probe("inner local")
        await step(1)
        return log.probe("returned")

    async def outer():
        await inner()
        log("awaited")
        x = await inner()
        log("second")
        x = None
        await step(log.probe("yielded"))
        log("end")

    def f():
        c = outer()
        while True:
            try:
                value = c.send(None)
                log("turn")
                value = None
            except StopIteration:
                break
        log("driven")

    log.call(f)


@case
def context_managers(log):
    @contextlib.asynccontextmanager
    async def scope(name):
        log("open", name)
        try:
            yield name
        finally:
            log("close", name)

    async def main():
        async with scope("a") as a, scope("b"):
            log(a)
        try:
            async with scope("c"):
                raise KeyError("c")
        except KeyError as error:
            return str(error)

    log.call(lambda: drive(main()))
