"""Compiled generators: suspension, resumption from every side, delegation, states, errors, lifetimes."""

import gc
import inspect
import sys
import threading
import types
import weakref
from sys import getrefcount as refcount

from harness import case

NATIVE_SHARE = 0.5      # next to what compiled code resumes, the interpreter resumes by send(), throw() and its own loops
TOOL = 3
EVENTS = sys.monitoring.events


def count(n):
    i = 0
    while i < n:
        yield i
        i += 1


def interpreted(source, **names):
    """Runs source text, whose loops are not those of a compiled function."""
    namespace = dict(names)
    exec(source, namespace)
    return namespace["out"]


@case
def consumers_by_turns(log):
    def gen(n):
        total = 0
        for i in range(n):
            got = yield i, total
            total += 10 if got is None else got
        return total

    def f():
        g = gen(20)
        out = [next(g)]
        for x in g:
            out.append(x)
            if len(out) == 3:
                break
        out.append(g.send(100))
        out += interpreted("out = []\nfor x in g:\n out.append(x)\n if len(out) == 3: break\n", g=g)
        out.append(g.__next__())
        a, b = g.send(7)
        out.append((a, b))
        out.append((next(iter(g)), next(g, None)))
        out.extend(zip(range(3), g))
        out.append(max(g))
        out.append(list(g))
        try:
            next(g)
        except StopIteration as stop:
            out.append(stop.value)
        return out

    log.call(f)


@case
def stack_entries_live_across_yields(log):
    def pack(*args, **kwargs):
        return args, kwargs

    def gen(a, b):
        x = [a, (yield 1), b, [(yield 2), {"k": (yield 3), (yield 4): a}]]
        y = pack(a, (yield 5), *(yield [6]), k=(yield 7), **(yield {"z": 8}))
        z = a + (yield 9) * b
        for p in [a, b]:
            for q in (1, 2):
                z += (yield p * q) or 0
        return x, y, z, f"{(yield 10)}{a!r}", a < (yield 11) < b, (yield)

    def f(values):
        g = gen(3, 4)
        out = [next(g)]
        for value in values:
            try:
                out.append(g.send(value))
            except StopIteration as stop:
                out.append(stop.value)
        return out

    values = [10, 11, 12, 13, 14, [15, 16], 17, {"w": 18}, 19, 1, None, 2, None, "text", 3.5, "end"]
    log.call(f, values)
    log.call(f, values[:7] + [17, 18])      # ** of an int
    log.call(lambda: list(gen(1, 2)))


@case
def states(log):
    def inside():
        seen.append(inspect.getgeneratorstate(g))
        seen.append((g.gi_running, g.gi_suspended, g.gi_frame.f_lineno - inside.__code__.co_firstlineno, g.gi_yieldfrom))
        yield 1
        seen.append(inspect.getgeneratorstate(g))
        yield from count(2)

    def f():
        nonlocal g
        g = inside()
        out = [inspect.getgeneratorstate(g), g.gi_running, g.gi_suspended, g.gi_yieldfrom, g.gi_frame.f_lasti]
        for x in g:
            out.append((x, inspect.getgeneratorstate(g), g.gi_running, g.gi_suspended,
                        type(g.gi_yieldfrom).__name__, g.gi_frame.f_lasti, g.gi_frame.f_locals, g.gi_frame.f_back))
        out += [inspect.getgeneratorstate(g), g.gi_frame, g.gi_yieldfrom, g.gi_code.co_name]
        return out

    seen = []
    g = None
    log.call(f)
    log(seen)


@case
def frames(log):
    def gen(x):
        log.stack()
        yield sys._getframe().f_lineno - sys._getframe().f_code.co_firstlineno
        log.stack()
        for y in inner(x):
            yield y

    def inner(x):
        frame = sys._getframe()
        log(frame.f_back.f_code.co_name, frame.f_back.f_back.f_code.co_name)
        yield frame.f_back.f_lineno - frame.f_back.f_code.co_firstlineno
        log(sys._getframe() is frame, frame.f_back.f_code.co_name)
        yield x

    def loop():
        return [x for x in gen("a")]

    def delegate():
        def outer():
            yield from gen("b")
        return list(outer())

    log.call(loop)
    log.call(delegate)


@case
def locals_written_from_outside(log):
    def gen(a):
        b = 1
        while a:
            b += 1
            yield a, b
        yield "end", b

    def f():
        g = gen(5)
        out = []
        for x in g:
            out.append(x)
            variables = g.gi_frame.f_locals
            variables["b"] = x[1] * 100
            if len(out) == 3:
                variables["a"] = 0
        return out

    def unbound():
        if unbound is None:
            later = 1
        yield 1
        yield later

    log.call(f)
    log.call(lambda: [x for x in unbound()])


@case
def errors_at_each_place(log):
    def gen(where):
        if where == 0:
            raise KeyError("start")
        try:
            yield 1
            if where == 1:
                raise KeyError("in try")
            yield 2
        except KeyError as error:
            yield "caught", str(error)
            if where == 1:
                raise OSError("in except") from error
        else:
            if where == 2:
                raise KeyError("in else")
            yield 3
        finally:
            log("finally", where, sys.exception())
            if where == 3:
                yield "in finally"
                raise KeyError("in finally")
        if where == 4:
            raise StopIteration("converted")
        if where == 5:
            return [].pop()
        return where

    def loop(where):
        out = []
        for x in gen(where):
            out.append(x)
        return out

    def handled(where):
        out = []
        try:
            for x in gen(where):
                out.append(x)
        except Exception as error:
            out.append((type(error).__name__, str(error), sys.exception() is error))
        return out, sys.exception()

    def delegating(where):
        def outer():
            return (yield from gen(where)), "returned"
        return [x for x in outer()]

    for function in (loop, handled, delegating, lambda where: list(gen(where)), lambda where: [*gen(where)]):
        log.each(function, (0,), (1,), (2,), (3,), (4,), (5,), (6,))


@case
def throw_in_each_state(log):
    def gen():
        log("started")
        try:
            x = yield 1
            log("got", x)
            yield from count(3)
        except ValueError as error:
            log("caught", error)
            yield "recovered"
            raise
        finally:
            log("finally")
        return "never"

    def at(steps, error):
        g = gen()
        out = []
        for x in g:
            out.append(x)
            if len(out) == steps:
                break
        if steps:
            try:
                out.append(g.throw(error))
            except BaseException as e:
                out.append(type(e).__name__)
        for x in g:                     # natively again, if anything is left
            out.append(x)
        return out

    def before():
        g = gen()
        try:
            g.throw(ValueError("before"))
        except ValueError as e:
            return str(e), [x for x in g], inspect.getgeneratorstate(g)

    for steps in (1, 2, 3):
        log.call(at, steps, ValueError("v"))
        log.call(at, steps, OSError)
        log.call(at, steps, GeneratorExit())
    log.call(before)
    log.call(at, 100, ValueError("finished"))


@case
def close_in_each_state(log):
    def stubborn():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    def returning():
        try:
            yield 1
            yield 2
        except GeneratorExit:
            return "value"

    def delegating(inner):
        try:
            yield from inner
        finally:
            log("delegation ends")

    def closed(make, steps):
        g = make()
        out = []
        for x in g:
            out.append(x)
            if len(out) >= steps:
                break
        out.append(g.close())
        out.append(list(g))
        return out

    for make in (stubborn, returning, lambda: delegating(returning()), lambda: delegating(stubborn()),
                 lambda: delegating(iter([1, 2, 3])), lambda: count(3)):
        log.each(closed, (make, 1), (make, 2))
        log.call(lambda: (g := make(), g.close(), list(g))[1:])


@case
def resumed_while_running(log):
    def direct():
        for x in g:
            yield x

    def by_next():
        try:
            yield next(g)
        except ValueError as error:
            yield str(error)

    def delegated():
        yield from g

    def closing():
        try:
            g.close()
        except ValueError as error:
            yield str(error)

    def f(make):
        nonlocal g
        g = make()
        return [x for x in g]

    g = None
    for make in (direct, by_next, delegated, closing):
        log.call(f, make)
    g = None


@case
def values_of_returns(log):
    def gen(value):
        yield
        return value

    def outer(value):
        result = yield from gen(value)
        log.typed(result)
        return result

    def f(value):
        g = outer(value)
        for _ in g:
            pass
        h = outer(value)
        next(h)
        try:
            next(h)
        except StopIteration as stop:
            return stop.value is value, stop.args

    log.each(f, (None,), (5,), ((1, 2),), (ValueError("v"),), (StopIteration(3),), ("text",))


@case
def what_dies_when(log):
    def gen(name):
        x = log.probe(name + " local")
        yield log.probe(name + " first")
        log("second")
        x = None
        yield log.probe(name + " second")
        y = log.probe(name + " at the end")
        return log.probe(name + " returned")

    def loop():
        for x in gen("loop"):
            log("turn")
        log("after", x)
        x = None
        log("end")

    def discard():
        for _ in gen("discard"):
            _ = None
            log("turn")

    def delegated():
        def outer():
            r = yield from gen("inner")
            log("inner returned", r)
            del r
            log("r deleted")
            yield
        for x in outer():
            x = None
        log("done")

    def argument(p):
        yield p

    def passes():
        for x in argument(log.probe("argument")):
            x = None
            log("turn")
        log("end")

    for function in (loop, discard, delegated, passes):
        log.call(function)


@case
def reference_counts(log):
    value = ["value"]

    def gen(x):
        got = yield x
        while got is not None:
            got = yield refcount(x), refcount(got)
        return x

    def outer(x):
        return (yield from gen(x))

    def f(make):
        g = make(value)
        for x in g:
            break
        out = [refcount(x), refcount(g), refcount(g.gi_code) > 1]
        sent = ["sent"]
        out.append(g.send(sent))
        out.append(refcount(sent))
        for x in g:
            out.append(x)
        del g, x
        out.append(refcount(value))
        return out

    log.call(f, gen)
    log.call(f, outer)
    log("after", refcount(value))
    before = refcount(count)
    for _ in range(20):
        for x in count(3):
            pass
        list(count(2))
        g = count(1)
        del g
    log(refcount(count) - before)


@case
def exception_state_across_yields(log):
    def gen():
        out = [sys.exception()]
        try:
            1 // 0
        except ZeroDivisionError:
            out.append(sys.exception())
            yield out
            out.append(sys.exception())
            try:
                [][1]
            except IndexError:
                out.append(sys.exception())
                yield out
                out.append(sys.exception())
            out.append(sys.exception())
            yield out
        out.append(sys.exception())
        yield out

    def f():
        out = []
        g = gen()
        for x in g:
            out.append((sys.exception(), [type(e).__name__ for e in x]))
            if len(out) == 1:
                break
        try:
            {}["k"]
        except KeyError as error:
            for x in g:
                out.append((sys.exception() is error, [type(e).__name__ for e in x]))
                break
            try:
                raise OSError from None
            except OSError:
                out.append([type(e).__name__ for e in next(g)])
            out.append(sys.exception() is error)
        for x in g:
            out.append([type(e).__name__ for e in x])
        return out

    def raises_from_context():
        def bad():
            yield 1
            raise KeyError("inner")
        try:
            1 // 0
        except ZeroDivisionError:
            for x in bad():
                pass

    log.call(f)
    log.call(raises_from_context)


@case
def deep_delegation(log):
    def nested(n):
        if n:
            yield n
            yield from nested(n - 1)
            yield -n

    def tree(n):
        if n == 0:
            yield 0
            return
        for x in tree(n - 1):
            yield x + 1
        yield from tree(n - 1)

    def deep(n):
        if n == 0:
            yield "bottom"
        else:
            yield from deep(n - 1)

    def too_deep():
        for x in deep(5000):
            return x

    def loops(n):
        for x in (loops(n - 1) if n else ["bottom"]):
            yield x

    def loops_too_deep():
        return [x for x in loops(5000)]

    log.call(lambda: list(nested(30)))
    log.call(lambda: sum(tree(7)))
    log.call(lambda: [x for x in deep(300)] + [x for x in loops(300)])
    for function in (too_deep, loops_too_deep):
        try:
            function()
        except RecursionError as error:
            log(str(error))


@case(times=3)
def deeper_than_the_c_stack(log):
    def deep(n):
        if n == 0:
            yield "bottom"
        else:
            yield from deep(n - 1)

    def loops(n):
        for x in (loops(n - 1) if n else ["bottom"]):
            yield x

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20000)
    try:
        log.call(lambda: [x for x in deep(15000)])
        log.call(lambda: list(deep(9000)))
    finally:
        sys.setrecursionlimit(limit)


@case
def made_at_every_depth(log):
    def gen(a, b, *c, d=4, **e):
        f = g = h = i = j = 1
        yield a, b, c, d, e
        yield f + g + h + i + j

    def down(n, made):
        filler = [n, n + 1, n + 2]
        made.append(gen(n, filler, 1, 2, d=5, k=n))
        return down(n - 1, made) if n else made

    def f():
        out = 0
        for g in down(400, []):
            for x in g:
                out += x[0] if type(x) is tuple else x
        return out

    log.call(f)


@case
def arguments_and_cells(log):
    def gen(a, b=2, /, c=3, *args, d, e=5, **kwargs):
        def inner():
            nonlocal a
            a += 1
            return a, c, args, kwargs
        yield inner()
        yield inner(), b, d, e

    def make(n):
        return (x + n for x in range(n)), ((x, y) for x in range(n) for y in range(x) if x != y + n)

    class Body:
        items = [1, 2, 3]
        doubled = list(x * 2 for x in items)

    def missing():
        return gen(1)

    log.call(lambda: list(gen(1, d=4)))
    log.call(lambda: list(gen(1, 2, 3, 4, d=5, e=6, z=7)))
    log.call(missing)
    log.call(lambda: [list(g) for g in make(4)])
    log(Body.doubled)

    def adders():
        for i in range(3):
            yield lambda: i
    log.call(lambda: [f() for f in adders()])
    log.call(lambda: [f() for f in list(adders())])


@case
def collected(log):
    class Node:
        def __init__(self, name):
            self.name = name

    def gen(node):
        node.generator = yield 1
        try:
            yield 2
        finally:
            log("finally", node.name)

    def make(name):
        node = Node(name)
        g = gen(node)
        for x in g:
            break
        g.send(g)
        return weakref.ref(g), weakref.ref(node)

    def f():
        refs = make("cycle")
        alive = [r() is not None for r in refs]
        gc.collect()
        return alive, [r() for r in refs]

    def running():
        def collects():
            log("in the generator", len(gc.get_referrers(payload)) > 0)
            gc.collect()
            yield payload
            gc.collect()
        payload = ["payload"]
        return [x for x in collects()]

    enabled = gc.isenabled()
    gc.disable()
    log.call(f)
    log.call(running)
    if enabled:
        gc.enable()


@case
def abandoned_in_delegation(log):
    def inner():
        try:
            yield 1
        finally:
            log("inner finally", sys.exception())

    def outer():
        try:
            yield from inner()
        finally:
            log("outer finally")

    def f():
        g = outer()
        for x in g:
            break
        del g
        log("dropped")
        for x in outer():
            raise KeyError("leaves the loop")

    log.call(f)


@case
def threads(log):
    def gen():
        n = 0
        while True:
            n += 1
            yield n, threading.get_ident()

    def f():
        g = gen()
        out = []

        def take():
            for x in g:
                out.append((x[0], x[1] == threading.get_ident()))
                if len(out) % 3 == 0:
                    return
        for _ in range(3):
            take()
            thread = threading.Thread(target=take)
            thread.start()
            thread.join()
        return out

    log.call(f)


@case
def traced_from_inside(log):
    def trace(frame, event, arg):
        if frame.f_code.co_filename == __file__:
            log(event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, arg if event == "return" else None)
            return trace

    def gen(n):
        yield 0
        for i in range(n):
            if i == 1:
                sys.settrace(trace)
            yield i
            if i == 3:
                sys.settrace(None)

    def loop():
        out = []
        for x in gen(6):
            out.append(x)
        return out

    def delegate():
        def outer():
            yield from gen(5)
            yield "end"
        out = []
        for x in outer():
            out.append(x)
        return out

    def between():
        out = []
        for x in count(6):
            out.append(x)
            if x == 2:
                sys.settrace(trace)
            if x == 4:
                sys.settrace(None)
        return out

    for function in (loop, delegate, between):
        try:
            log.call(function)
        finally:
            sys.settrace(None)


@case
def monitored(log):
    def gen(n):
        for i in range(n):
            yield i
        return "value"

    def outer(n):
        yield from gen(n)

    def loop(make):
        out = []
        for x in make(5):
            out.append(x)
            if x == 1:
                sys.monitoring.set_local_events(TOOL, gen.__code__, EVENTS.PY_YIELD | EVENTS.PY_RESUME | EVENTS.PY_RETURN)
            if x == 3:
                sys.monitoring.set_local_events(TOOL, gen.__code__, 0)
        return out

    sys.monitoring.use_tool_id(TOOL, "test")
    for name in ("PY_YIELD", "PY_RESUME", "PY_RETURN", "PY_START"):
        sys.monitoring.register_callback(TOOL, getattr(EVENTS, name),
                                         lambda code, offset, *rest, name=name: log(name, code.co_name, *rest))
    try:
        log.call(loop, gen)
        log.call(loop, outer)
        sys.monitoring.set_events(TOOL, EVENTS.PY_YIELD | EVENTS.PY_RESUME)
        made = count(3)
        next(made)
        out = [x for x in made]
        sys.monitoring.set_events(TOOL, 0)
        log(out)
    finally:
        sys.monitoring.set_events(TOOL, 0)
        sys.monitoring.free_tool_id(TOOL)


@case
def the_function_changes(log):
    def gen(n):
        for i in range(n):
            yield "old", i

    def other(n):
        for i in range(n):
            yield "new", i

    def f():
        code = gen.__code__
        g = gen(4)
        out = []
        for x in g:
            out.append(x)
            if len(out) == 2:
                gen.__code__ = other.__code__
                out.append([y for y in gen(2)])
        out.append([x for x in gen(1)])
        gen.__code__ = code
        out.append([x for x in gen(1)])
        return out

    log.call(f)


@case
def other_globals(log):
    def gen(n):
        for i in range(n):
            yield i, __name__, marker       # noqa: F821

    twin = types.FunctionType(gen.__code__, {"__name__": "twin", "marker": 2, "__builtins__": __builtins__})
    first = types.FunctionType(gen.__code__, {"__name__": "first", "marker": 1, "__builtins__": __builtins__})

    def f():
        out = []
        for a, b in zip(first(3), twin(3)):
            out += [a, b]
        for a in first(2):
            for b in twin(1):
                out += [a, b]
        return out

    log.call(f)


@case
def iterable_coroutines(log):
    @types.coroutine
    def step(x):
        got = yield x
        return got

    async def main():
        return [await step(i) for i in range(3)]

    def f():
        c = main()
        out = [c.send(None)]
        try:
            while True:
                out.append(c.send(len(out)))
        except StopIteration as stop:
            out.append(stop.value)
        return out

    log.call(f)
    log.call(lambda: list(step(5)))


@case
def delegation_to_other_iterators(log):
    class Sender:
        def __init__(self):
            self.n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            if self.n > 3:
                raise StopIteration(self.n)
            return self.n

        def send(self, value):
            log("send", value)
            return next(self)

    def outer(inner):
        log("value", (yield from inner))
        yield "after"

    def f(inner, values):
        g = outer(inner)
        out = [next(g)]
        for value in values:
            try:
                out.append(g.send(value))
            except StopIteration:
                out.append("stop")
        return out

    log.call(f, Sender(), [None, "x", None, None])
    log.call(lambda: [list(outer(x)) for x in ([1, 2], (3,), "ab", {4: 5}, range(2), iter([6]), map(abs, [-7]), count(2))])
    log.call(f, [1, 2, 3], ["no send"])
    log.call(lambda: list(outer(5)))

    async def coroutine():
        pass

    def awaits():
        c = coroutine()
        try:
            return list(outer(c))
        finally:
            c.close()
    log.call(awaits)


@case
def signals_of_the_end(log):
    def empty():
        return
        yield

    def one():
        yield 1

    def f():
        out = []
        for make in (empty, one, empty):
            g = make()
            for x in g:
                out.append(x)
            else:
                out.append("else")
            for x in g:
                out.append("again")
            out.append(next(g, "default"))
            out.append([*g, *make()])
        return out

    def early(n):
        for x in count(10):
            for y in count(10):
                if y == n:
                    break
                if x == n:
                    return x, y
            else:
                continue

    log.call(f)
    log.each(early, (0,), (3,), (20,))
