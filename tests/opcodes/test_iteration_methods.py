"""`__iter__` and `__next__` in Python, which compiled code enters itself, and chains of generators that wait in `yield from` and `await`."""

import gc
import sys
import traceback
from sys import getrefcount as refcount

from harness import case


class Counter:
    def __init__(self, n, fail_at=None):
        self.i, self.n, self.fail_at = 0, n, fail_at

    def __iter__(self):
        return self

    def __next__(self):
        i = self.i
        if i >= self.n:
            raise StopIteration
        if i == self.fail_at:
            raise ValueError(i)
        self.i = i + 1
        return i


class Items:
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        for item in self.items:
            yield item


@case
def next_methods(log):
    def total(iterator):
        t = 0
        for x in iterator:
            t += x
        return t

    def f():
        return [total(Counter(n)) for n in range(8)], total(range(5)), total(Items([1, 2])), total([3, 4])

    for _ in range(12):
        log(f())


@case
def next_methods_that_raise(log):
    def total(iterator):
        t = 0
        for x in iterator:
            t += x
        return t

    def f(fail_at):
        try:
            return total(Counter(6, fail_at))
        except ValueError as error:
            frames = [(f.name, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
            return str(error), frames, error.__context__

    for i in range(12):
        log(f(i % 7))


@case
def next_methods_in_a_handler(log):
    def f():
        out = []
        try:
            raise KeyError("outer")
        except KeyError:
            for x in Counter(4):
                out.append((x, repr(sys.exception())))
        return out

    for _ in range(12):
        log(f())


@case
def stop_iteration_with_a_value(log):
    class Valued:
        def __init__(self):
            self.n = 3

        def __iter__(self):
            return self

        def __next__(self):
            self.n -= 1
            if self.n < 0:
                raise StopIteration("end", self.n)
            return self.n

    def g():
        got = yield from Valued()
        yield got

    def f():
        return list(g()), [x for x in Valued()]

    for _ in range(12):
        log(f())


@case
def iter_methods_of_many_kinds(log):
    class OfList:
        def __iter__(self):
            return iter([1, 2, 3])

    class OfSelf(Counter):
        def __iter__(self):
            return self

    class NotAnIterator:
        def __iter__(self):
            return 5

    class Raising:
        def __iter__(self):
            raise LookupError("no")

    class Unset:
        __iter__ = None

    class Static:
        @staticmethod
        def __iter__():
            return iter("ab")

    class Bound:
        __iter__ = Items([7, 8]).__iter__

    def loop(o):
        return [x for x in o]

    def delegate(o):
        yield from o

    def f():
        out = []
        for make in (OfList, lambda: OfSelf(3), NotAnIterator, Raising, Unset, Static, Bound, object, lambda: Items("xy")):
            for run in (loop, lambda o: list(delegate(o))):
                try:
                    out.append(run(make()))
                except (TypeError, LookupError) as error:
                    out.append((type(error).__name__, str(error)))
        return out

    for _ in range(12):
        log(f())


@case
def methods_changed_between_and_in_loops(log):
    class C:
        def __iter__(self):
            return Counter(2)

    class N(Counter):
        def __next__(self):
            if self.i == 2:
                N.__next__ = other
            return Counter.__next__(self)

    first = N.__next__

    def other(self):
        self.i += 1
        if self.i > 5:
            raise StopIteration
        return -self.i

    def loop(o):
        return [x for x in o]

    def f():
        N.__next__ = first
        out = [loop(C()), loop(N(9))]
        C.__iter__ = lambda self: iter("changed")
        out.append(loop(C()))
        C.__iter__ = lambda self: Counter(3)
        out.append(loop(C()))
        return out

    for _ in range(12):
        log(f())


@case
def class_of_an_iterator_changed_while_it_runs(log):
    class A(Counter):
        def __next__(self):
            if self.i == 2:
                self.__class__ = B
            return Counter.__next__(self)

    class B(Counter):
        def __next__(self):
            return 10 * Counter.__next__(self)

    def f():
        out = []
        for x in A(5):
            out.append(x)
        return out

    for _ in range(12):
        log(f())


@case
def counts_of_references(log):
    class Seen:
        def __iter__(self):
            seen.append(refcount(self))
            return Counter(2)

    class Next(Counter):
        def __next__(self):
            seen.append(refcount(self))
            return Counter.__next__(self)

    seen = []

    def f():
        o = Seen()
        for x in o:
            pass
        for x in Seen():
            pass
        for x in Next(2):
            pass
        n = Next(1)
        for x in n:
            pass
        out = list(seen), refcount(o), refcount(n)
        seen.clear()
        return out

    for _ in range(12):
        log(f())


@case
def frames_seen_from_the_methods(log):
    class Looking:
        def __iter__(self):
            frame = sys._getframe()
            log((frame.f_code.co_name, frame.f_back.f_code.co_name, frame.f_back.f_lineno - frame.f_back.f_code.co_firstlineno))
            return self

        def __init__(self):
            self.n = 2

        def __next__(self):
            frame = sys._getframe(1)
            log((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, sorted(frame.f_locals)))
            self.n -= 1
            if self.n < 0:
                raise StopIteration
            return self.n

    def f():
        total = 0
        for x in Looking():
            total += x
        return total

    for _ in range(8):
        log(f())


class Tree:
    def __init__(self, left, value, right):
        self.left, self.value, self.right = left, value, right

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right


def tree(low, high):
    if low == high:
        return None
    middle = (low + high) // 2
    return Tree(tree(low, middle), middle, tree(middle + 1, high))


@case
def delegation_through_many(log):
    def f(t):
        total = 0
        for x in t:
            total = total * 3 + x
        return total % 1000003

    for n in (0, 1, 2, 7, 40) * 3:
        t = tree(0, n)
        log(f(t) if t else None, t and list(t), t and sum(t))


def nested(depth, body):
    if depth == 0:
        return (yield from body())
    got = yield from nested(depth - 1, body)
    return got, depth


@case
def values_sent_through(log):
    def body():
        got = []
        for i in range(4):
            got.append((yield i))
        return got

    def f(depth):
        g = nested(depth, body)
        out = [next(g)]
        for i in range(3):
            out.append(g.send(i * 10))
        try:
            g.send("last")
        except StopIteration as stop:
            out.append(stop.value)
        return out

    for i in range(14):
        log(f(i % 5))


@case
def errors_and_closing_through(log):
    def body():
        try:
            yield 1
            yield 2
            raise ValueError("from below")
        finally:
            log("closed")

    def catching(depth):
        try:
            yield from nested(depth, body)
        except ValueError as error:
            yield [f.name for f in traceback.extract_tb(error.__traceback__)]
        except KeyError as error:
            yield repr(error)

    def f(depth):
        out = list(catching(depth))
        g = catching(depth)
        out.append(next(g))
        out.append(g.throw(KeyError("thrown")))
        g = catching(depth)
        out.append((next(g), next(g)))
        g.close()
        del g
        return out

    for i in range(14):
        log(f(i % 4))


@case
def states_and_frames_in_a_chain(log):
    import inspect

    def body():
        frame = sys._getframe()
        names = []
        while frame is not None and frame.f_code.co_name != "f":
            names.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
            frame = frame.f_back
        log(names)
        log([(inspect.getgeneratorstate(g), g.gi_running, g.gi_suspended) for g in gens])
        yield 1
        log([(inspect.getgeneratorstate(g), g.gi_running, g.gi_suspended) for g in gens])
        yield 2

    def waits(depth):
        g = body() if depth == 0 else waits(depth - 1)
        gens.append(g)
        got = yield from g
        return got

    gens = []

    def f():
        g = waits(3)
        gens.append(g)
        out = []
        for x in g:
            out.append((x, [o.gi_yieldfrom in gens for o in gens], [o.gi_frame.f_lineno - o.gi_code.co_firstlineno for o in gens]))
        gens.clear()
        return out

    for _ in range(8):
        log(f())


@case
def code_replaced_while_a_chain_waits(log):
    def other():
        yield "other"

    def middle(g):
        yield "first"
        got = yield from g
        yield ("middle", got)

    def inner():
        yield 1
        middle.__code__ = replacement.__code__
        yield 2
        return 3

    def replacement(g):
        yield "replaced"

    original = middle.__code__

    def outer():
        yield from middle(inner())

    def f():
        middle.__code__ = original
        out = []
        for x in outer():
            out.append(x)
        out.append(list(outer()))
        return out

    for _ in range(10):
        log(f())


@case
def reentered_chain(log):
    def inner():
        yield 1
        try:
            next(holder[0])
        except ValueError as error:
            yield str(error)
        yield 2

    def middle():
        yield from inner()

    def outer():
        yield from middle()

    holder = []

    def f():
        g = outer()
        holder[:] = [g]
        out = []
        for x in g:
            out.append(x)
        holder.clear()
        return out

    for _ in range(10):
        log(f())


@case
def awaits_through_many(log):
    class Pause:
        def __await__(self):
            return (yield "pause")

    async def leaf(n):
        got = await Pause()
        return got, n

    async def level(depth):
        if depth == 0:
            return await leaf(0)
        return await level(depth - 1), depth

    def f(depth):
        c = level(depth)
        out = [c.send(None)]
        try:
            c.send("value")
        except StopIteration as stop:
            out.append(stop.value)
        c = level(depth)
        c.send(None)
        try:
            c.throw(KeyError("x"))
        except KeyError as error:
            out.append([f.name for f in traceback.extract_tb(error.__traceback__)][1:])
        return out

    for i in range(14):
        log(f(i % 5))


@case
def deep_chain_at_the_recursion_limit(log):
    def f():
        g = iter([1, 2, 3])

        def through(g):
            yield from g

        for _ in range(3 * sys.getrecursionlimit()):
            g = through(g)
        try:
            next(g)
        except RecursionError as error:
            return "RecursionError", type(error.__context__)
        return "no error"

    for _ in range(3):
        log(f())
    gc.collect()


class Noisy:
    def __init__(self, log, name):
        self.log, self.name = log, name

    def __del__(self):
        self.log(("dies", self.name))


@case
def generators_dropped_before_their_end(log):
    def plain(noisy):
        for i in range(3):
            yield i

    def guarded(noisy):
        try:
            yield 0
            yield 1
        finally:
            log("finally")

    def waiting(noisy):
        yield from plain(noisy)

    def f():
        out = []
        for make in (plain, guarded, waiting):
            g = make(Noisy(log, make.__name__))
            del g
            log("not begun")
            g = make(Noisy(log, make.__name__))
            out.append(next(g))
            del g
            log("begun")
            out.append(next(make(Noisy(log, "at once"))))
            out.append(next((x for x in (1, 2, 3) if x > 1), None))
        return out

    for _ in range(10):
        log(f())


@case
def a_dropped_generator_kept_by_its_local(log):
    kept = []

    class Keeps:
        def __del__(self):
            for o in gc.get_referrers(self):
                log(type(o).__name__)
            kept.extend(o for o in gc.get_objects() if type(o).__name__ == "generator" and o.__name__ == "dropped")

    def dropped(keeps):
        yield 1
        yield 2

    def f():
        g = dropped(Keeps())
        out = [next(g)]
        del g
        out.append([(refcount(o), o.gi_frame, list(o)) for o in kept])
        kept.clear()
        return out

    for _ in range(6):
        log(f())
