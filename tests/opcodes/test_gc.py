"""The cyclic collector: collections inside compiled code, reachability from its frames, generations."""

import gc
import sys
import weakref

from harness import case


class Node:
    def __init__(self, log, name):
        self.probe = log.probe(name)
        self.other = None


@case
def operands_survive_collection(log):
    def collect(x):
        gc.collect()
        return x

    def f(log):
        return [
            Node(log, "a").probe.name,
            collect(1), [Node(log, "b"), collect(2)][0].probe.name, (collect([1]) + collect([2]))
        ]

    log.call(f, log)


@case
def locals_survive_collection(log):
    def f():
        a = [1]
        a.append(a)
        b = {"a": a}
        c = Node(log, "c")
        c.other = c
        gc.collect()
        log("still", len(a), len(b), c.probe.name)
        for i in range(2):
            d = [a, b, c, i]
            gc.collect()
        return d[3]

    log.call(f)
    gc.collect()
    log("end")


@case
def cycles_through_frames(log):
    def f():
        frame = sys._getframe()
        probe = log.probe("frame cycle")
        return None

    def g():
        probe = log.probe("traceback cycle")
        try:
            raise ValueError
        except ValueError as e:
            kept = e
        return None

    def h():
        probe = log.probe("closure cycle")

        def inner():
            return inner, probe

    for function in (f, g, h):
        function()
        log("returned")
        gc.collect()
        log("collected")


@case
def referrers(log):
    def f(x):
        return sorted(type(r).__name__ for r in gc.get_referrers(x))

    value = ["value"]
    box = {"k": value}
    log(f(value))
    log([type(r).__name__ for r in gc.get_referents(box)], gc.is_tracked(box), gc.is_tracked({}), gc.is_tracked((1, 2)))


@case
def tracking_of_instances(log):
    class P:
        def __init__(self, x):
            self.x = x

    def f():
        a, b = P(1), P([])
        return gc.is_tracked(a), gc.is_tracked(b), gc.is_tracked(
            a.__dict__), [gc.is_tracked((a, 1)), gc.is_tracked([1])]

    log.call(f)
    for _ in range(20):
        P(1)
    log.call(f)


@case
def counts_of_objects(log):
    class P:
        pass

    def count():
        return sum(1 for o in gc.get_objects() if type(o) is P)

    def f(n):
        kept = [P() for _ in range(n)]
        before = count()
        del kept[::2]
        middle = count()
        kept = None
        return before, middle, count()

    log.call(f, 10)
    log.call(f, 10)


@case
def callbacks(log):
    seen = []

    def callback(phase, info):
        seen.append((phase, info["generation"]))

    def f():
        total = 0
        for i in range(5):
            if i == 2:
                gc.collect(0)
            total += i
        return total

    gc.callbacks.append(callback)
    try:
        log.call(f)
    finally:
        gc.callbacks.remove(callback)
    log(seen)


@case
def automatic_collection_in_loop(log):
    old = gc.get_threshold()
    gc.set_threshold(50, 2, 2)
    gc.enable()

    class Cycle:
        def __init__(self, value):
            self.value = value
            self.me = self

        def get(self):
            return self.value

    def f(n):
        total = 0
        kept = []
        for i in range(n):
            c = Cycle(i)
            total += c.get()
            kept.append((c, [i], {"k": i}))
            if len(kept) > 20:
                kept.clear()
        return total, len(kept)

    try:
        log.call(f, 1000)
    finally:
        gc.disable()
        gc.set_threshold(*old)
        gc.collect()  # the moment of the last automatic collection is nobody's promise


@case
def collector_runs_destructor_that_runs_compiled_code(log):
    def work(n):
        return sum([i for i in range(n)])

    class C:
        def __init__(self, n):
            self.n = n
            self.me = self

        def __del__(self):
            log("del", work(self.n))

    def f():
        for i in range(3):
            C(i)
        gc.collect()
        return "end"

    log.call(f)


@case
def weak_references_to_functions_and_code(log):
    def make():
        def f(x):
            return x + 1
        return f

    f = make()
    for _ in range(10):
        f(1)
    ref = weakref.ref(f, lambda r: log("function died"))
    code = weakref.ref(f.__code__)
    log(ref() is f, code() is f.__code__)
    del f
    log(ref() is None, code() is None)

    space = {}
    exec("def g(x):\n return x * 2\n", space)
    for _ in range(10):
        space["g"](1)
    code = weakref.ref(space["g"].__code__, lambda r: log("code died"))
    space.clear()
    log(code() is None)


@case
def types_die(log):
    def f(i):
        class T:
            def __init__(self):
                self.x = i

            def m(self):
                return self.x

        total = 0
        for _ in range(5):
            total += T().m()
        return total, weakref.ref(T)

    refs = []
    for i in range(5):
        total, ref = f(i)
        refs.append(ref)
        log(total)
    del ref
    gc.collect()
    log([r() is None for r in refs])


@case
def modules_die(log):
    import types

    def use(m):
        return m.x + m.f(1)

    refs = []
    for i in range(4):
        m = types.ModuleType(f"m{i}")
        exec(f"x = {i}\ndef f(y):\n return x + y\n", m.__dict__)
        log(use(m), use(m))
        refs.append(weakref.ref(m))
        del m
        gc.collect()
    log([r() is None for r in refs])


@case
def freeze_and_debug(log):
    def f():
        x = Node(log, "x")
        x.other = x
        gc.freeze()
        x = None
        found = gc.collect()
        gc.unfreeze()
        return found

    log.call(f)
    gc.collect()
    gc.freeze()
    log("end")


@case
def size_of_objects(log):
    class P:
        def __init__(self):
            self.a = 1
            self.b = 2

    def f():
        return sys.getsizeof(P()), sys.getsizeof(P().__dict__), sys.getsizeof([1, 2, 3]), sys.getsizeof(
            (1, )), sys.getsizeof({}), sys.getsizeof(10**30)

    log.call(f)


@case
def memory_stays_flat(log):
    """Thousands of short-lived objects of each kind must leave the number of blocks where it was."""
    class P:
        def __init__(self, x):
            self.x = x

    def f(n):
        for i in range(n):
            a = [i, i + 100000]
            b = (i, a)
            c = {"k": b}
            d = P(i * 1.5)
            e = d.x + i
            s = "x" + str(i)
            del a, b, c
        return e

    f(500)
    before = sys.getallocatedblocks()
    f(3000)
    log(sys.getallocatedblocks() - before < 600)
