"""Iteration: ranges, containers that change under the loop, user iterators, who owns what."""

import itertools
import sys
from sys import getrefcount as refcount

from harness import case


def collect(items):
    out = []
    for item in items:
        out.append(item)
    return out


def total(items):
    result = 0
    for item in items:
        result += item
    return result


@case
def ranges(log):
    def one(a):
        return [i for i in range(a)], collect(range(a))

    def two(a, b):
        out = []
        for i in range(a, b):
            out.append(i)
        return out

    def three(a, b, c):
        out = []
        for i in range(a, b, c):
            out.append(i)
            if len(out) > 5:
                break
        return out, len(range(a, b, c))

    log.each(one, (0,), (3,), (-2,), (True,))
    log.each(two, (0, 3), (3, 0), (-3, 2), (2**30 - 2, 2**30 + 1), (2**62, 2**62 + 2), (2**63 - 2, 2**63 + 2),
             (2**70, 2**70 + 3), (-2**70, 1 - 2**70))
    log.each(three, (0, 10, 3), (10, 0, -3), (0, 10, -1), (5, 5, 1), (0, 2**70, 2**68), (2**63 - 5, 2**63 - 1, 2),
             (-2**63, -2**63 + 4, 2), (0, -10, -4), (2**62, 2**63 - 1, 2**61), (0, 10, 2**70), (0, 1, 0))


@case
def range_errors(log):
    def f(*args):
        for i in range(*args):
            return i

    log.each(f, (), (1.5,), ("x",), (None,), (1, 2, 0), (1, 2, 3, 4), (1, "x"))


@case
def range_variables(log):
    def f(n):
        out = []
        for i in range(n):
            j = i
            i *= 100
            out.append((i, j))
            n = 0
        return out, i, n

    def g(n):
        for i in range(n):
            for i in range(i):
                pass
        return i

    def h(r):
        a = [x for x in r]
        b = []
        for x in r:
            b.append(x)
        return a == b, r

    log.call(f, 4)
    log.each(g, (4,), (1,), (0,), (2,))
    log.call(h, range(3))


@case
def range_iterator_shared(log):
    def f():
        it = iter(range(10))
        out = []
        for i in it:
            out.append(i)
            if i < 6:
                out.append(("next", next(it)))
        out.append(next(it, "end"))
        return out

    def g():
        it = iter(range(5))
        for i in it:
            if i == 1:
                break
        return list(it), i

    log.call(f)
    log.call(g)


@case
def range_values_are_kept(log):
    def f(n):
        kept = []
        for i in range(n):
            kept.append(i)
        return kept, [a is b for a, b in zip(kept, range(n))].count(True)

    def g(n):
        last = None
        seen = []
        for i in range(1000, 1000 + n):
            if last is not None:
                seen.append(last + i)
            last = i
        return seen, last

    log.each(f, (5,), (300,))
    log.each(g, (5,))


@case
def shadowed_range(log):
    space = {}
    exec("def f(n):\n out = []\n for i in range(n):\n  out.append(i)\n return out", space)
    log(space["f"](3))
    space["range"] = lambda n: ["shadowed", n]
    log(space["f"](3))
    space["range"] = lambda n: 5
    log.call(space["f"], 3)
    del space["range"]
    log(space["f"](3))


@case
def lists(log):
    def growing(a):
        for x in a:
            if len(a) < 8:
                a.append(x + 10)
        return a

    def shrinking(a):
        out = []
        for x in a:
            out.append(x)
            a.pop()
        return out, a

    def clearing(a):
        for x in a:
            a.clear()
        return a, x

    def inserting(a):
        out = []
        for x in a:
            out.append(x)
            if len(out) < 4:
                a.insert(0, "front")
        return out

    def replaced(a):
        out = []
        for x in a:
            a[:] = a[::-1]
            out.append(x)
        return out

    def rebound(a):
        out = []
        for x in a:
            a = [x, x]
            out.append(a)
        return out, a

    for function in (growing, shrinking, clearing, inserting, replaced, rebound):
        log.call(function, [1, 2, 3])
    log.call(clearing, [])


@case
def exhausted_stays_exhausted(log):
    def f():
        a = [1, 2]
        it = iter(a)
        first = collect(it)
        a.append(3)
        return first, collect(it), next(it, "end")

    log.call(f)


@case
def containers(log):
    for items in ((1, 2, 3), [1.5, "x"], "aé€", b"ab", {
            1: 2,
            "k": 3
    }, {
            1: 2
    }.keys(), {
            1: 2
    }.values(), {
            1: 2,
            3: 4
    }.items(), {5}, frozenset([6]), bytearray(b"z"), memoryview(b"m"), (), [], "", {}, set(), range(0)):
        log.call(collect, items)
        log.call(lambda: [x for x in items])


@case
def dict_changes(log):
    def add(d):
        for k in d:
            d[k + 100] = 1

    def remove(d):
        for k in d:
            del d[k]

    def replace(d):
        for k in d:
            d[k] = "new"
        return d

    def swap(d):
        for k in d:
            del d[k]
            d[k] = 1
            if len(d) > 5:
                break

    def over_items(d):
        for k, v in d.items():
            d[k] = v + 1
            d.setdefault(k, 0)
        return d

    def over_values(d):
        for v in d.values():
            d.clear()

    for function in (add, remove, replace, over_items, over_values):
        log.call(function, {1: 1, 2: 2})


@case
def set_changes(log):
    def add(s):
        for x in s:
            s.add(x + 100)

    log.call(add, {1})
    log.call(lambda s: [s.discard(x) for x in s], {1})


@case
def enumerate_zip(log):
    def f(a, b):
        out = []
        for i, x in enumerate(a):
            out.append((i, x))
        for x, y in zip(a, b):
            out.append((x, y))
        for i, (x, y) in enumerate(zip(a, b), 5):
            out.append((i, x, y))
        for x in reversed(a):
            out.append(x)
        for x, y, z in zip(a, b, itertools.count()):
            out.append((x, y, z))
        return out

    log.each(f, ([1, 2], "ab"), ((1, 2, 3), [5]), ([], []), ("xy", (1, 2)))

    def keeps():
        kept = []
        for pair in zip([1, 2], [3, 4]):
            kept.append(pair)
        for pair in enumerate("ab"):
            kept.append(pair)
        for pair in {1: 2, 3: 4}.items():
            kept.append(pair)
        return kept

    log.call(keeps)
    log.call(lambda: [1 for _ in zip([1], [1, 2], strict=True)])


class Countdown:
    def __init__(self, log, n, error=None):
        self.log, self.n, self.error = log, n, error

    def __iter__(self):
        self.log("iter")
        return self

    def __next__(self):
        self.log("next", self.n)
        self.n -= 1
        if self.n < 0:
            raise self.error or StopIteration
        return self.n


@case
def user_iterators(log):
    log.call(collect, Countdown(log, 2))
    log.call(collect, Countdown(log, 0))
    log.call(collect, Countdown(log, 2, ValueError("broke")))
    log.call(collect, Countdown(log, 1, StopIteration("with value")))
    log.call(collect, Countdown(log, 1, StopAsyncIteration()))
    log.call(collect, Countdown(log, 1, KeyboardInterrupt("stop")))

    class Sub(StopIteration):
        pass

    log.call(collect, Countdown(log, 1, Sub("subclass")))

    def nested(a, b):
        out = []
        for x in a:
            for y in b:
                out.append((x, y))
        return out

    log.call(nested, Countdown(log, 2), Countdown(log, 1))


@case
def stop_iteration_from_body(log):
    def body(items):
        for x in items:
            if x == 2:
                raise StopIteration("from body")
        return "finished"

    def through(items):
        try:
            for x in items:
                next(iter([]))
        except StopIteration as error:
            return "caught", x, error.args

    log.call(body, [1, 2, 3])
    log.call(through, [1, 2])


@case
def not_iterable(log):
    class BadIter:
        def __iter__(self):
            return 5

    class NoneIter:
        __iter__ = None

    class RaisingIter:
        def __iter__(self):
            raise LookupError("iter raised")

    class OldStyle:
        def __getitem__(self, i):
            log("getitem", i)
            if i == 3:
                raise IndexError
            return i

    class OldStyleError:
        def __getitem__(self, i):
            raise KeyError(i)

    class OnlyNext:
        def __next__(self):
            return 1

    class IterOnly:
        def __iter__(self):
            return OnlyNext()

    for thing in (5, None, object(), BadIter(), NoneIter(), RaisingIter(), OldStyle(), OldStyleError(), OnlyNext(), int,
                  len, 1.5):
        log.call(collect, thing)

    def limited():
        for i, x in enumerate(IterOnly()):
            if i > 2:
                return x

    log.call(limited)


@case
def iterator_counts(log):
    import sys

    def f(items):
        for x in items:
            log("refs", refcount(items), refcount(x))
        log("refs", refcount(items), refcount(x))

    def g(items):
        it = iter(items)
        for x in it:
            log("refs", refcount(it), refcount(items), refcount(x))
            break
        log("refs", refcount(it), refcount(items))

    def nested(items):
        for x in items:
            for y in items:
                log("refs", refcount(items))
                break
            else:
                pass
        log("refs", refcount(items))

    value = ["value"]
    for items in ([value, value], (value,), {1: value}, [(value, value)]):
        log("refs", refcount(items), refcount(value))
        f(items)
        g(items)
        nested(items)
        log("refs", refcount(items), refcount(value))


@case
def iterables_die(log):
    class Bag:
        def __init__(self, name, n):
            self.probe, self.n = log.probe(name), n

        def __iter__(self):
            return iter([log.probe(f"{self.probe.name}{i}") for i in range(self.n)])

    def f():
        for x in Bag("a", 2):
            log("body", x)
        log("after loop", x)
        for x in Bag("b", 2):
            break
        log("after break")
        for x in [log.probe("c0"), log.probe("c1")]:
            log("list body", x)
        log("end")

    def g():
        for x in [log.probe("d0"), log.probe("d1")]:
            return "returned"

    def h():
        for x in (log.probe("e0"), log.probe("e1")):
            raise ValueError(x.name)

    log.call(f)
    log.call(g)
    log.call(h)


@case
def iterator_dies_while_running(log):
    class Iter:
        def __init__(self, holder):
            self.holder = holder
            self.probe = log.probe("iter")

        def __iter__(self):
            return self

        def __next__(self):
            self.holder.clear()
            log("next")
            raise StopIteration

    def f(holder):
        for x in holder[0]:
            pass
        return "end"

    holder = []
    holder.append(Iter(holder))
    log.call(f, holder)


@case
def break_continue_return(log):
    def f(items):
        for x in items:
            if x == 1:
                continue
            if x == 5:
                break
            if x == 9:
                return "nine"
            log(x)
        else:
            return "else"
        return "broke", x

    log.each(f, ([1, 2, 3],), ([1, 5, 6],), ([2, 9],), ([],))


@case
def deep_nesting(log):
    def f(n):
        count = 0
        for a in range(n):
            for b in range(a, n):
                for c in range(b, n):
                    for d in range(c, n):
                        for e in (a, b, c, d):
                            for g in [e]:
                                count += g
                                if count > 400:
                                    return a, b, c, d, e, count
        return count

    log.each(f, (0,), (2,), (4,), (7,))


@case
def site_changes_type(log):
    for _ in range(3):
        for items in ([1, 2], (3, 4), range(3), {
                5: 0
        }, iter([6]), [7], range(2**63, 2**63 + 2), (x for x in (8, )), {9}):
            log.call(total, items)
    log.call(total, [1, "x"])


@case
def iter_with_sentinel(log):
    def f():
        values = [3, 2, 1, 0, 5]
        return [x for x in iter(lambda: values.pop(0), 0)], values

    log.call(f)
    log.call(lambda: list(iter(int, 0)))


@case
def itertools_and_friends(log):
    def f():
        out = []
        for x in itertools.chain([1], (2,), "3"):
            out.append(x)
        for k, group in itertools.groupby("aabbb"):
            out.append((k, len(list(group))))
        for pair in itertools.product("ab", [1, 2]):
            out.append(pair)
        for x in itertools.islice(itertools.count(5, 5), 3):
            out.append(x)
        for x in map(lambda a: a * 2, filter(None, [0, 1, 2])):
            out.append(x)
        return out

    log.call(f)


@case
def file_lines(log):
    import io
    log.call(lambda: [line.strip() for line in io.StringIO("a\nb\n\nc")])

    def closed():
        f = io.StringIO("a\nb")
        for line in f:
            f.close()

    log.call(closed)


@case
def length_hint_and_unpack(log):
    class Hint:
        def __iter__(self):
            return iter([1, 2])

        def __length_hint__(self):
            log("hint")
            return 5

    log.call(lambda: [*Hint()])
    log.call(lambda: list(Hint()))
    log.call(lambda: tuple(Hint()))


@case
def reversed_and_sorted(log):
    class R:
        def __reversed__(self):
            return iter("reversed")

        def __len__(self):
            return 2

        def __getitem__(self, i):
            return i

    log.call(lambda: [x for x in reversed(R())])
    log.call(lambda: [x for x in reversed(range(3))])
    log.call(lambda: [x for x in reversed({1: 2, 3: 4})])
    log.call(lambda: [x for x in sorted("bca")])
    log.call(lambda: [x for x in reversed({1})])


@case
def del_loop_variable(log):
    def f(items):
        for x in items:
            del x
        return x

    log.each(f, ([1],), ([],))


@case
def targets(log):
    class Box:
        pass

    def f(items):
        box, table, row = Box(), {}, [0, 0]
        for box.x in items:
            pass
        for table["k"] in items:
            pass
        for row[0], *row[1:] in [items]:
            pass
        for (a, (b, c)), d in [((1, (2, 3)), 4)]:
            pass
        return box.x, table, row, a, b, c, d

    log.call(f, [1, 2, 3])
    log.call(f, [])


@case
def iterators_switch_tracing_on(log):
    def trace(frame, event, arg):
        if frame.f_code.co_name == "loop":
            log(event, frame.f_lineno - frame.f_code.co_firstlineno)
        return trace

    class Tracer:
        def __init__(self, at, error=None):
            self.left, self.at, self.error = 4, at, error

        def __iter__(self):
            return self

        def __next__(self):
            self.left -= 1
            if self.left == self.at:
                sys._getframe(1).f_trace = trace
                sys.settrace(trace)
                if self.error is not None:
                    raise self.error
            if self.left == 0:
                raise StopIteration
            return self.left

    def loop(items):
        out = []
        for item in items:
            out.append(item)
            item += 1
        return out

    def traced(at, error=None):
        try:
            return loop(Tracer(at, error))
        finally:
            sys.settrace(None)

    for at in (3, 2, 1, 0, -1):
        log.call(traced, at)
    log.call(traced, 2, ValueError("broke"))
    log.call(traced, 2, StopIteration())


@case
def exhausted_iterators_die(log):
    class Items:
        def __init__(self, action):
            self.left, self.action = 2, action

        def __iter__(self):
            return self

        def __next__(self):
            self.left -= 1
            if self.left < 0:
                raise StopIteration
            return self.left

        def __del__(self):
            frame = sys._getframe(1)
            log("del", frame.f_lineno - frame.f_code.co_firstlineno, sorted(frame.f_locals))
            self.action(frame)

    def loop(action):
        seen = 0
        for item in Items(action):
            seen += item
        return seen, item

    def nothing(frame):
        pass

    def change(frame):
        frame.f_locals["item"] = "changed"

    def fail(frame):
        raise ValueError("ignored")

    for action in (nothing, change):
        log.call(loop, action)
    hook, sys.unraisablehook = sys.unraisablehook, lambda args: log("unraisable", str(args.exc_value))
    try:
        log.call(loop, fail)
    finally:
        sys.unraisablehook = hook


@case
def items_of_ranges_in_a_local(log):
    def kept(*bounds):
        out = []
        for i in range(*bounds):
            out.append(i)
        return out, refcount(i) < 1 << 30

    def passed_over(*bounds):
        total = last = 0
        for i in range(*bounds):
            total += i
            if i % 3 == 0:
                last = i
        return total, last, i

    def changed(*bounds):
        out = []
        i = "text"
        for i in range(*bounds):
            out.append(str(i))
            if len(out) % 2:
                i = float(i)
            elif len(out) % 5 == 0:
                i = 1 << 40
            elif len(out) % 7 == 0:
                i = True
            elif len(out) % 11 == 0:
                del i
        return out

    def nested(n):
        seen = {}
        for i in range(n):
            for j in range(i, n, 50):
                seen[i, j] = j
                for i in range(300, 303):
                    pass
        return len(seen), i, j, list(seen)[-3:]

    def handed_on(n):
        def same(x):
            return x
        out = None
        for i in range(n):
            r = same(i)
            out = (out, i) if i % 100 == 0 else out
        return r, i, out

    for bounds in ((0,), (5,), (250, 270), (-10, 3), (300, -300, -7), (-300, 300, 11), (1 << 30, (1 << 30) + 9),
                   ((1 << 30) - 9, (1 << 30) + 9), (-(1 << 30) - 4, -(1 << 30) + 4), (1 << 62, (1 << 62) + 3),
                   (1000, 1040)):
        log.call(kept, *bounds)
        log.call(passed_over, *bounds)
        log.call(changed, *bounds)
    log.call(nested, 120)
    log.call(handed_on, 1000)

    def generator(n):
        for i in range(n):
            yield i

    log.call(lambda: [*generator(300)][250:])

    def visible(n):
        frame = sys._getframe()
        seen = []
        for i in range(n, n + 4):
            seen.append(frame.f_locals["i"])
        return seen, locals()["i"]

    log.call(visible, 1000)
    log.call(visible, 0)


@case
def pairs_of_enumerate(log):
    def weigh(items, start=0):
        result = 0.0
        for i, x in enumerate(items, start):
            result += i * x
        return result

    def first_over(items, limit):
        for i, x in enumerate(items):
            if x > limit:
                return i, x
        return None

    def goes_on(items, at):
        e = enumerate(items)
        total = 0
        for i, x in e:
            total += x
            if i == at:
                break
        return total, list(e)

    def grows(items, n):
        total = 0
        for i, x in enumerate(items):
            if i < n:
                items.append(x + 1)
            total += x * i
        return total, len(items)

    def shrinks(items):
        total = 0
        for i, x in enumerate(items):
            total += x
            if i & 1:
                items.pop()
        return total, items

    def nested(items):
        total = 0
        for i, x in enumerate(items):
            for k, y in enumerate(items, i):
                total += x * k - y * i
        return total

    def fails(items):
        try:
            for i, x in enumerate(items):
                10 // (x - 7)
        except ZeroDivisionError:
            return i, x
        return i, x

    mixed = [1, 2.5, 3, 4.5, True] * 4
    log.each(weigh, ([1.0] * 12,), ([1, 2, 3],), (mixed,), (mixed, 5), ([],), ((1.0, 2.0),), ("ab",), ([1.5, "x"],), (range(5),))
    log.each(weigh, ([1.0, 2.0, 3.0], (1 << 63) - 3), ([1.0, 2.0, 3.0], 1 << 70), ([1 << 62] * 3, 2))
    log.each(first_over, (list(range(20)), 12), ([0.5] * 9, 1), ([1, 5.5, 9], 5))
    log.each(goes_on, (list(range(12)), 7), (list(range(12)), 20), ([1, 2, 3], 0))
    log.call(grows, list(range(9)), 9)
    log.call(shrinks, list(range(20)))
    log.each(nested, (list(range(8)),), ([0.5, 1, 2],))
    log.each(fails, (list(range(20)),), ([1, 2, 3],), ([7.0],))


@case
def floats_among_ints(log):
    def scale(items, factor):
        total = 0.0
        for x in items:
            total = total + factor * x - x / 2.0
        return total

    log.each(scale, ([1.5, 2, 3.5, 4] * 5, 0.5), ([1, 2, 3], 0.25), ([True, 2.0], 1.0), ([1 << 80, 2.0], 0.5), ([1, "s"], 2.0),
             ([(1 << 53) + 1, 1.0], 1.0))
