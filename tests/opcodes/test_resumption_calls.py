"""`g.send(x)` and `next(g)`: compiled code resumes the generator at the call, as long as it is one, and waits for something."""

import gc
import sys
import types
import weakref
from sys import getrefcount as refcount

from harness import case


def total():
    result = 0
    while True:
        x = yield result
        if x is None:
            return result
        result += x


def count(n):
    for i in range(n):
        yield i


def failing(at):
    for i in range(at):
        yield i
    raise KeyError(at)


def catching(log):
    while True:
        try:
            log(("got", (yield sys.exception())))
        except ValueError as e:
            log(("caught", repr(e)))


@case
def sends(log):
    def f(g, values):
        result = None
        for value in values:
            result = g.send(value)
        return result

    for _ in range(8):
        g = total()
        log(next(g))
        log(f(g, range(10)))
        log(f(g, [0.5, 1, 2.5]))
        log(refcount(g))
        g.close()


@case
def ends_of_send(log):
    def f(g, value):
        try:
            return g.send(value)
        except StopIteration as e:
            return "stopped", e.value, e.args, e.__context__, e.__traceback__.tb_lineno - f.__code__.co_firstlineno, e.__traceback__.tb_next

    for _ in range(8):
        g = total()
        for value in (None, 3, None, 5, None):
            log(f(g, value))
        log(f(count(0), None))
        log(f(total(), None))


@case
def send_to_what_has_not_begun(log):
    def f(g, value):
        return g.send(value)

    for _ in range(8):
        for value in (1, "x", None):
            try:
                log(f(total(), value))
            except TypeError as e:
                log(repr(e))


@case
def raised_by_what_is_resumed(log):
    def sending(g):
        return g.send(None)

    def asking(g):
        return next(g)

    def lines(e):
        tb, found = e.__traceback__, []
        while tb is not None:
            found.append((tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno, tb.tb_lasti))
            tb = tb.tb_next
        return found

    for f in (sending, asking):
        for _ in range(8):
            g = failing(2)
            log(f(g), f(g))
            for _ in range(2):
                try:
                    f(g)
                except (KeyError, StopIteration) as e:
                    log(repr(e), lines(e))


@case
def to_itself(log):
    def make():
        try:
            g.send(None)
        except ValueError as e:
            log(repr(e))
        try:
            next(g)
        except ValueError as e:
            log(repr(e))
        yield 1

    for _ in range(8):
        g = make()
        log(next(g))


@case
def handled_exceptions(log):
    def f(g, value):
        try:
            raise TypeError(value)
        except TypeError:
            return repr(g.send(value)), repr(sys.exception())

    g = catching(log)
    next(g)
    for i in range(8):
        log(f(g, i))
        g.throw(ValueError(i))


@case
def what_is_sent_lives_until_it_returns(log):
    class Thing:
        pass

    def dropping():
        while True:
            x = yield
            alive = weakref.ref(x)
            log("inside", refcount(x))
            del x
            log("dropped", alive() is not None)

    def f(g):
        g.send(Thing())

    g = dropping()
    next(g)
    for _ in range(8):
        f(g)
    gc.collect()


@case
def the_generator_dies_behind_the_call(log):
    def noisy(n):
        try:
            yield n
            yield n + 1
        finally:
            log("closed", n)

    def f(i):
        log("next", next(noisy(i)))
        log("send", noisy(i).send(None))

    for i in range(8):
        f(i)


@case
def coroutines(log):
    @types.coroutine
    def wait(value):
        return (yield value)

    async def double(n):
        result = 0
        for i in range(n):
            result += await wait(i)
        return result

    def drive(coro):
        value = coro.send(None)
        try:
            while True:
                value = coro.send(value * 2)
        except StopIteration as e:
            return e.value

    for _ in range(8):
        log(drive(double(5)))


@case
def others_of_the_name(log):
    class Python:
        def send(self, x):
            return x, self.n

        def __init__(self, n):
            self.n = n

    class Borrowed:
        send = types.GeneratorType.send

    class Bound:
        pass

    def f(o, x):
        return o.send(x)

    bound = Bound()
    bound.send = total().send
    g = total()
    for i in range(8):
        log(f(Python(i), i))
        for o in (Borrowed(), 5):
            try:
                f(o, i)
            except (TypeError, AttributeError) as e:
                log(repr(e))
        log(f(bound, 0 if i else None))
        log(f(g, i if i else None))
        log(Python.send(Python(i), 1), types.GeneratorType.send(g, 1))
        try:
            types.GeneratorType.send(g)
        except TypeError as e:
            log(repr(e))


@case
def nexts(log):
    def f(g):
        return next(g)

    def rest(g):
        out = []
        try:
            while True:
                out.append(next(g))
        except StopIteration as e:
            return out, e.value, e.__context__

    class Own:
        def __init__(self):
            self.i = 0

        def __next__(self):
            self.i += 1
            if self.i > 2:
                raise StopIteration("own")
            return self.i

    for _ in range(8):
        log(f(count(3)), f(iter([7])), f(iter(range(4))), f(Own()))
        log(rest(count(3)), rest(iter("ab")), rest(Own()), rest(total()))
        log(next(count(0), "none"), next(count(2), "none"))
        try:
            f(5)
        except TypeError as e:
            log(repr(e))


@case
def another_next(log):
    def f(g, n):
        got = []
        for _ in range(n):
            got.append(next(g))
        return got

    space = {"__builtins__": __builtins__, "count": count}
    exec("def f(g, n):\n    got = []\n    for _ in range(n):\n        got.append(next(g))\n    return got\n", space)
    for i in range(9):
        if i == 6:
            space["next"] = lambda g: "mine"
        log(space["f"](count(5), 4), f(count(5), 4))


@case
def a_frame_that_is_looked_at(log):
    def looking():
        while True:
            frame = sys._getframe(1)
            yield frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, frame.f_locals.get("mark")

    def sending(g, mark):
        return g.send(None)

    def asking(g, mark):
        mark += 1
        return next(g)

    g = looking()
    for i in range(8):
        log(sending(g, i), asking(g, i))


@case
def recursion(log):
    def nest(n):
        if n:
            yield next(nest(n - 1)) + 1
        else:
            yield 0

    def f(n):
        try:
            return next(nest(n))
        except RecursionError:
            return "too deep"

    for _ in range(4):
        log(f(5), f(50))
    log(f(100_000))
    log(f(5))


@case
def a_tracer_that_comes_inside(log):
    def switching(events):
        yield 0
        sys.settrace(lambda *a: events.append((a[0].f_code.co_name, a[1])))
        yield 1
        sys.settrace(None)
        yield 2

    def f(g):
        a = g.send(None)
        b = g.send(None)
        c = next(g)
        return a, b, c

    for _ in range(4):
        events = []
        log(f(switching(events)), events)
