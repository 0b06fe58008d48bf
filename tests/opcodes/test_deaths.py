"""Finalizers and callbacks of weak references run where the program lets the object go, also in code that keeps much in registers."""

import sys
import weakref

from harness import case


class Told:
    """Tells when it dies, and where its death is seen from."""

    def __init__(self, log, name, then=None):
        self.log, self.name, self.then = log, name, then
        self.n = 1

    def __del__(self):
        frame = sys._getframe(1)
        self.log("del", self.name, frame.f_code.co_name, frame.f_lineno)
        if self.then is not None:
            self.then()


class Quiet:
    def __init__(self, *held):
        self.held = held
        self.n = 1


class Watched:
    n = 1


@case
def deaths_that_are_left_to_handlers(log):
    dead = []

    class Noted:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            dead.append(self.name)

    def tested(n):
        count = 0
        for i in range(n):
            if Noted(i) is None:
                count += 1
            if Noted(-i) is not None:
                count += len(dead)
        return count

    def ends_of_loops(n):
        count = 0
        for i in range(n):
            for x in [i, Noted(i)]:
                count += len(dead)
            for x in (Noted(i), i):
                count += len(dead)
            for k, x in enumerate([Noted(i), i]):
                count += k
            for x in reversed([Noted(i), i]):
                count += len(dead)
            for x, y in zip([i], [Noted(i)]):
                count += x
            x = y = None
        return count

    def guarded(n):
        count = 0
        for i in range(n):
            try:
                for x in [Noted(i)]:
                    count += 1
                x = None
                if Noted(i) is None or i % 5 == 4:
                    raise ValueError(len(dead))
            except ValueError as error:
                count += error.args[0]
        return count

    def dropped(i):
        things = [Noted(i)]
        return i + len(things)

    def calls(n):
        count = 0
        for i in range(n):
            count += dropped(i) * len(dead)
        return count

    def way_in(first, n):
        kept = first
        del first
        count = 0
        for i in range(n):
            kept = i
            count += kept + len(dead)
        return count

    for f in (tested, ends_of_loops, guarded, calls):
        for n in (30, 300):
            dead.clear()
            log.call(f, n)
            log(len(dead), dead[-4:])
    for i in range(30):
        log.call(way_in, [Noted(i)] if i % 3 else i, 20)
        log(len(dead))


@case
def results_that_are_dropped(log):
    def f(make, n):
        s = 0
        for i in range(n):
            s += make(i).n
            make(i)
            if make(i) is None:
                s += 1
            s += len(make(i).held)
        return s

    def make(i):
        o = Told(log, i) if i in (30, 47) else Quiet(i, [i])
        o.held = [1, 2]
        return o

    for _ in range(2):
        log.call(f, make, 40)
    log.call(f, make, 60)


@case
def finalizers_that_change_what_the_loop_reads(log):
    def shorter(xs, holder, n):
        s = 0
        for i in range(n):
            s += len(xs)
            holder[i % 3] = i
            s += len(xs) * 1000
        return s

    def items(xs, holder, n):
        s = 0
        for i in range(n):
            s += xs[1]
            holder[i % 3] = None
            s += xs[1] * 1000
        return s

    def grows(xs, take, n):
        s = 0
        for i in range(n):
            s += xs[0]
            take(i)
            s += len(xs)
        return s

    def run(f, change, count):
        xs = [1, 2, 3]
        holder = [0, 0, 0]
        log.call(f, xs, holder, 40)
        log.call(f, xs, holder, 40)
        holder[2] = Told(log, "first", lambda: change(xs))
        log.call(f, xs, holder, count)
        log(xs)

    def cut(xs):
        del xs[1:]

    def other(xs):
        xs[:] = [5] * 100

    for f in (shorter, items):
        for change in (cut, other):
            run(f, change, 20)

    xs = [1]
    taken = []
    def take(i):
        return Told(log, i, lambda: xs.extend([i] * 50)) if i in (33, 34, 50) else i
    log.call(grows, xs, take, 60)
    log(len(xs), taken)


@case
def locals_of_calls_without_frames(log):
    def first(o): return o.held[0]

    def replaced(o):
        item = o.held
        o.held = None
        n = o.n
        item = None
        n += o.n
        return n

    def both(o, p):
        a = o.held
        b = p.held
        o.held = p.held = 0
        return o.n + p.n

    def loop(objects):
        s = 0
        for o in objects:
            s += replaced(o)
        return s

    def pairs(objects):
        s = 0
        for o in objects:
            s += both(o, o)
        return s

    def looping(o, v):
        old = o.held
        o.held = v
        k = 0
        for q in range(3): k += q
        old = None
        return k + o.n

    def told_in_a_loop(objects):
        s = 0
        for o in objects:
            s += looping(o, 5)
            s += looping(o, o.n)
        return s

    def exchanged(rows, k):
        row = rows[0]
        rows[0] = rows[-1]
        rows[-1] = row
        row = None
        return len(rows) + k

    def turning(objects):
        s = 0
        for o in objects:
            s += exchanged(objects, s)
        return s

    def holding(held):
        q = Quiet()
        q.held = held
        return q

    for f in (loop, pairs, told_in_a_loop, turning):
        for _ in range(3):
            log.call(f, [holding(1) for i in range(30)])
        log.call(f, [holding(Told(log, i)) if i % 7 == 3 else holding([i]) for i in range(30)])
        log.call(f, [holding([Told(log, i), i]) if i % 7 == 3 else holding([i]) for i in range(30)])
    log(first(holding([1])))


@case
def weak_references(log):
    def f(objects, n):
        s = 0
        for i in range(n):
            x = objects[i]
            objects[i] = None
            s += x.n
            x = None
            s += len(objects)
        return s

    for _ in range(3):
        log.call(f, [Watched() for i in range(30)], 30)
    objects = [Watched() for i in range(30)]
    refs = [weakref.ref(o, lambda r: log("gone", objects.count(None))) for o in objects[20:25]]
    log.call(f, objects, 30)
    log([r() for r in refs])


@case
def iterators_with_the_last_reference_to_what_they_go_through(log):
    def f(lists):
        s = 0
        for i in range(len(lists)):
            for o in lists.pop():
                s += o.n
            s += i
        return s

    def objects(k, special=()):
        return [[Told(log, (j, i)) if (j, i) in special else Quiet(i) for i in range(4)] for j in range(k)]

    for _ in range(2):
        log.call(f, objects(20))
    log.call(f, objects(12, {(5, 0), (5, 3), (8, 2)}))
    many = [Quiet(i) for i in range(3000)]
    log.call(f, [many[:] for _ in range(5)])


@case
def what_a_number_takes_the_place_of(log):
    def f(n):
        x = Told(log, "x")
        for i in range(n):
            x = i * 2
            log(i, x) if i < 2 else None
        return x

    def g(x, n):
        for i in range(n):
            x = i * 0.5
        log("end")
        return x

    for _ in range(3):
        log.call(f, 30)
        log.call(g, 1.5, 30)
    log.call(g, Told(log, "y"), 30)
    log.call(g, [Told(log, "z")], 30)


@case
def shared_and_nested(log):
    def f(make, n):
        s = 0
        for i in range(n):
            s += len(make(i))
        return s

    def make(i):
        if i == 35:
            t = Told(log, "twice")
            return [t, t]
        if i == 36:
            return [[[[Told(log, "deep")]]]]
        if i == 37:
            return (Told(log, 1), {"a": Told(log, 2)}, {Told(log, 3)})
        if i == 38:
            return [Quiet(Quiet(Told(log, "held")))]
        if i == 39:
            deep = []
            for _ in range(200): deep = [deep]
            return [deep, lambda: deep]
        if i == 40:
            return [(x for x in [Told(log, "generator")])]
        return [i, [i], (i, [None])]

    log.call(f, make, 30)
    log.call(f, make, 50)
