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


@case
def enumerated(log):
    def plain(g):
        total = 0
        for i, x in enumerate(g):
            total += i * x
        return total

    def kept(g, start):
        pairs = []
        for i, (x) in enumerate(g, start):
            pairs.append((i, x))
        return pairs

    def stopped(g):
        for i, x in enumerate(g):
            if x == 2:
                break
        return i, x, next(g)

    def both(g):
        e = enumerate(g)
        out = []
        for i, x in enumerate(e):
            out.append((i, x, next(e, None)))
        return out

    for _ in range(8):
        log(plain(count(5)), plain([3, 4]), plain(count(0)), plain(failing(0) if False else (0.5, 1)))
        for start in (0, 250, 2 ** 30 - 2, sys.maxsize - 1, -3, 10 ** 30):
            log(kept(count(4), start))
        log(stopped(count(5)), both(count(5)), both(iter("abc")))


@case
def pairs_of_all_kinds(log):
    def f(pairs, make):
        out = []
        for a, b in make(pairs):
            out.append((b, a))
        return out

    def swapped(pairs):
        for a, b in pairs:
            yield b, a

    class Own:
        def __init__(self, pairs):
            self.pairs = list(pairs)

        def __iter__(self):
            return self

        def __next__(self):
            if not self.pairs:
                raise StopIteration
            return self.pairs.pop()

    makers = (iter, list, tuple, swapped, Own, enumerate, sorted, lambda p: zip(p, p), lambda p: enumerate(swapped(p)))
    for _ in range(8):
        for make in makers:
            log(f([(1, 2), (3, 4)], make))
            log(f([], make))
        for wrong in ([1], [(1,)], [(1, 2, 3)]):
            try:
                f(wrong, iter)
            except (TypeError, ValueError) as e:
                log(repr(e))


@case
def enumerated_ends(log):
    def returning(n):
        yield from range(n)
        return "value"

    def f(g):
        lines = []
        try:
            for i, x in enumerate(g):
                lines.append((i, x))
        except (KeyError, ValueError) as e:
            tb = e.__traceback__
            while tb is not None:
                lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno, tb.tb_lasti))
                tb = tb.tb_next
            lines.append(repr(e))
        return lines

    def itself():
        yield 1
        next(e)

    for _ in range(8):
        log(f(returning(2)), f(failing(2)), f(failing(0)))
        g = itself()
        e = enumerate(g)
        log(f(g))


@case
def pairs_that_somebody_keeps(log):
    class Thing:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log("dies", self.n)

    def things(n):
        for i in range(n):
            log("makes", i)
            yield Thing(i)

    def f(n):
        for i, x in enumerate(things(n)):
            log(i, x.n, refcount(x))

    def g(n):
        held = []
        for pair in enumerate(things(n)):
            held.append(pair)
        for i, x in held:
            log(i, x.n)

    for _ in range(4):
        f(3)
        g(2)
        e = enumerate(things(2))
        pair = next(e)
        for i, x in e:
            log(pair[1].n, i, x.n)
        del pair, i, x, e
    gc.collect()


@case
def switched_on_while_enumerating(log):
    def switching(events):
        for i in range(4):
            if i == 1:
                sys.settrace(lambda *a: events.append((a[0].f_code.co_name, a[1])))
            if i == 3:
                sys.settrace(None)
            yield i

    def f(g):
        out = []
        for i, x in enumerate(g):
            out.append((i, x))
        return out

    for _ in range(4):
        events = []
        log(f(switching(events)), events)
