"""Comprehensions: inlined ones, nested ones, closures over their variables, class scope, errors."""

from harness import case

GLOBAL = 10


@case
def basic(log):
    def f(n):
        return [i for i in range(n)], {i
                                       for i in range(n)}, {
                                           i: i * i
                                           for i in range(n)
                                       }, [i for i in range(n) if i % 2], [i if i % 2 else -i for i in range(n)]

    log.each(f, (0,), (1,), (6,))


@case
def nested(log):
    def f(n):
        return ([(i, j) for i in range(n) for j in range(i)], [[j for j in range(i)] for i in range(n)],
                [k for row in [[1], [2, 3]] for k in row if k > 1], {
                    i: {
                        j: [k for k in range(j)]
                        for j in range(i)
                    }
                    for i in range(n)
                }, [x for x in [y for y in [z for z in range(n)]]])

    log.each(f, (0,), (3,))


@case
def outer_variables_restored(log):
    def f(x):
        a = [x for x in range(3)]
        return x, a

    def g():
        a = [x for x in range(3)]
        try:
            x
        except NameError as error:
            log.error(error)
        return a

    def h(x):
        try:
            [1 // x for x in (1, 0)]
        except ZeroDivisionError:
            return x

    def k(flag):
        if flag:
            x = "bound"
        try:
            [fail(x) for x in (1,)]
        except NameError:
            pass
        return x

    def nested(x):
        return [[x for x in range(x)] for x in range(x)], x

    def del_inside(x):
        try:
            return [(x := 1) for y in range(2)], x
        finally:
            del x

    log.call(f, "outer")
    log.call(g)
    log.call(h, "outer")
    log.call(k, True)
    log.call(k, False)
    log.call(nested, 3)
    log.call(del_inside, 0)


@case
def errors_restore_and_release(log):
    def f(x):
        try:
            return [p.name // 0 for p in (log.probe("a"), log.probe("b"))]
        except TypeError:
            log("caught")
        log(x)
        return x

    def unbound():
        try:
            [x.nothing for x in (log.probe("c"),)]
        except AttributeError:
            log("caught 2")
        return [x for x in "end"]

    log.call(f, "outer")
    log.call(unbound)
    log.call(lambda: [1 // i for i in (2, 1, 0)])
    log.call(lambda: {i: 1 // i for i in (1, 0)})
    log.call(lambda: {1 // i for i in (1, 0)})
    log.call(lambda: [i for i in 5])
    log.call(lambda: [i for i in [1] for j in i])
    log.call(lambda: {[]: 1 for i in range(1)})
    log.call(lambda: {[] for i in range(1)})


@case
def closures_over_variables(log):
    def f(n):
        functions = [lambda: i for i in range(n)]
        return [g() for g in functions]

    def g(n):
        functions = [lambda i=i: i for i in range(n)]
        return [g() for g in functions]

    def h(x):
        functions = [(lambda: (x, y)) for y in range(2)]
        x = "changed"
        return [g() for g in functions]

    def k(n):
        return [[(lambda: (i, j))() for j in range(i)] for i in range(n)]

    def outer_cell(x):
        def inner():
            return x
        values = [x for x in range(3)]
        return values, inner(), x

    log.each(f, (0,), (3,))
    log.each(g, (3,))
    log.call(h, "first")
    log.call(k, 3)
    log.call(outer_cell, "outer")


@case
def walrus(log):
    def f(items):
        evens = [last := x for x in items if x % 2 == 0]
        return evens, last

    def g(items):
        if any((hit := x) > 2 for x in items):
            return hit
        return hit

    def h(n):
        total = 0
        return [total := total + i for i in range(n)], total

    log.each(f, ([1, 2, 4],), ([1],))
    log.each(g, ([1, 3],), ([1],), ([],))
    log.call(h, 5)


@case
def class_scope(log):
    def f(n):
        class C:
            x = n
            values = [i for i in range(x)]
            try:
                hidden = [x for _ in range(1)]
            except NameError as error:
                hidden = str(error)
            GLOBAL = "class"
            seen = [GLOBAL for _ in range(1)]
            locals_kept = [i for i in [1, 2]]
            has_i = "i" in locals()
        return C.values, C.hidden, C.seen, C.has_i, C.locals_kept

    log.call(f, 3)


@case
def conditions_and_order(log):
    def n(x, value=None):
        log("eval", x)
        return x if value is None else value

    def f():
        return [
            n(("value", i, j)) for i in n("outer", [1, 2, 3]) if n(("if", i), i != 2) for j in n("inner", [i, i * 10])
            if j > 1 if n(("last", j))
        ]

    def g():
        return {n(("key", i)): n(("value", i)) for i in n("iterable", [1, 2])}

    log.call(f)
    log.call(g)


@case
def unpacking_targets(log):
    log.call(lambda rows: [a + b for a, b in rows], [(1, 2), (3, 4)])
    log.call(lambda rows: {k: v for k, v in rows}, [("a", 1), ("b", 2)])
    log.call(lambda rows: [(a, b) for a, *b in rows], [(1, 2, 3), (4,)])
    log.call(lambda rows: [a for (a, (b, c)), d in rows], [((1, (2, 3)), 4)])
    log.call(lambda rows: [a for a, b in rows], [(1, 2), (3,)])
    log.call(lambda d: {v: k for k, v in d.items()}, {1: "a"})


@case
def with_calls_and_methods(log):
    class Item:
        def __init__(self, n):
            self.n = n

        def double(self):
            return self.n * 2

    def f(n):
        items = [Item(i) for i in range(n)]
        return [i.double() for i in items], [i.n for i in items
                                             if i.n > 1], sum([i.n for i in items]), max([i.double() for i in items],
                                                                                         default=None)

    log.each(f, (0,), (4,))


@case
def locals_and_frames(log):
    import sys

    def f(a):
        b = 2
        return [sorted(sys._getframe().f_locals) for c in range(1)], [sorted(locals())
                                                                      for d in range(1)], sorted(locals())

    log.call(f, 1)
    log.call(lambda: [sys._getframe().f_code.co_name for _ in range(1)])
    log.call(lambda: [log.stack() for i in range(2)] and None)


@case
def lifetimes(log):
    def f():
        a = [x for x in [log.probe("a"), log.probe("b")]]
        log("made")
        a = [x.name for x in [log.probe("c"), log.probe("d")]]
        log("names", a)
        b = {x: 1 for x in "ab"}
        [log.probe("e") for _ in range(2)]
        log("dropped")
        return None

    f()


@case
def large(log):
    def f(n):
        return sum([i * i for i in range(n)]), len({i % 7 for i in range(n)}), len({i: None for i in range(n)})

    log.each(f, (500,))

    def sieve(n):
        flags = [True] * n
        for i in range(2, int(n ** 0.5) + 1):
            if flags[i]:
                flags[i * i::i] = [False] * len(flags[i * i::i])
        return [i for i in range(2, n) if flags[i]]

    log.call(sieve, 100)

    def matrix(n):
        a = [[i * n + j for j in range(n)] for i in range(n)]
        return [[sum([a[i][k] * a[k][j] for k in range(n)]) for j in range(n)]
                for i in range(n)], [list(row) for row in zip(*a)]

    log.call(matrix, 3)


@case
def generator_expressions(log):
    def f(n):
        return sum(i for i in range(n)), list(i * 2 for i in range(n) if i), tuple(x for x in "ab"), dict(
            (k, 1) for k in "xy"), ",".join(str(i) for i in range(n))

    def lazy(x):
        g = (x + i for i in range(2))
        x = 100
        return list(g)

    def fails():
        return sum(1 // i for i in (1, 0))

    def early():
        g = (i for i in 5)

    log.each(f, (0,), (4,))
    log.call(lazy, 1)
    log.call(fails)
    log.call(early)


@case
def break_out_through_exception(log):
    class Stop(Exception):
        pass

    def check(x):
        if x == 3:
            raise Stop(x)
        return x

    def f(items):
        try:
            return [check(x) for x in items]
        except Stop as stop:
            return "stopped", stop.args

    log.each(f, ([1, 2],), ([1, 3, 5],))


@case
def in_default_arguments_and_decorators(log):
    def f(n):
        def g(x=[i for i in range(n)], *, y={i: i for i in range(n)}):
            return x, y
        return g()

    log.call(f, 3)


@case
def comprehension_in_loop(log):
    def f(n):
        out = []
        for i in range(n):
            out.extend([i * j for j in range(i) if j != i - 1])
            i = [i for i in [i + 1]][0]
            out.append(i)
        return out

    log.call(f, 5)


@case
def tracebacks(log):
    def f(items):
        return [
            1 // x
            for x in items
            if x
            != 3
        ]

    def g(items):
        return {
            x: [y // x
                for y in items]
            for x in items
        }

    log.each(f, ([1, 0],), ([3, 2],), (["a"],), ([None],))
    log.each(g, ([1, 0],), ([1, "a"],))


@case
def variables_without_a_value_between(log):
    def f(n, m):
        rows = []
        for y in range(n):
            rows.append([x * y for x in range(m)])
        return rows

    def g(n):
        total = 0
        for y in range(n):
            total += sum([x + 1 for x in range(y % 5)])
            if y == n - 1:
                return total, x  # noqa: F821
        return total

    log.each(f, (0, 3), (40, 0), (40, 7), (40, 300))
    log.call(g, 60)


@case
def variables_with_a_value_before(log):
    def always(n, x):
        out = 0
        for y in range(n):
            out += len([x for x in range(y % 4)])
        return out, x

    def sometimes(n):
        out = []
        for y in range(n):
            row = [x * 2 for x in range(3)]
            if y % 3 == 0:
                x = y
            out.append(len(row))
        return out[-1], x

    def later(n):
        out = []
        for y in range(n):
            row = [x * 2 for x in range(y % 3)]
            for x in range(2):
                row.append(x)
            out.append(row)
        return out, x

    log.each(always, (60, 7), (60, 7.5), (60, "a"), (60, [1]), (60, None), (60, 1 << 80), (0, True))
    log.each(sometimes, (60,), (1,))
    log.each(later, (60,), (1,))


@case
def variables_of_other_kinds(log):
    def f(n, items):
        out = []
        for y in range(n):
            out.append([x + x for x in items])
        return out[-1]

    ints, floats, texts = [1, 2, 3], [1.5, 2.5], ["a", "b"]
    for items in (ints, floats, texts, ints + floats, [], [True, False], [1 << 70, 3]):
        log.call(f, 50, items)

    def g(n):
        out = []
        for y in range(n):
            out = [x for x in ([1, 2] if y < n - 2 else ["a"])]
        return out

    log.call(g, 60)


@case
def variables_that_others_see(log):
    import sys
    seen = []

    def look(x):
        values = sys._getframe(1).f_locals
        seen.append((values.get("x", "none"), values.get("y", "none")))
        return x

    def f(n, m):
        out = []
        for y in range(n):
            out.append([look(x) + 1 for x in range(m)])
            look(y)
        return out[-1]

    log.call(f, 40, 2)
    log(seen)

    def g(n):
        out = []
        for y in range(n):
            before = "x" in locals()
            row = [(x, "x" in locals()) for x in range(2)]
            out.append((before, row, "x" in locals()))
        return out[0], out[-1]

    log.call(g, 40)


@case
def variables_and_exceptions(log):
    def f(n, items):
        out = []
        for y in range(n):
            try:
                out.append(len([100 // x for x in items]))
            except ZeroDivisionError:
                out.append("zero")
            try:
                out.append(x)  # noqa: F821
            except UnboundLocalError:
                out.append("unbound")
        return out

    def g(n, items):
        x = 5
        out = []
        for y in range(n):
            try:
                out.append(len([100 // x for x in items]))
            except ZeroDivisionError:
                out.append(x)
        return out, x

    for function in (f, g):
        log.each(function, (40, [1, 2]), (40, [1, 0, 2]), (40, [0]))

    def h(n, items):
        x = 5.5
        try:
            for y in range(n):
                row = [100 // x for x in items[:1 + (y == n - 1)]]
        except ZeroDivisionError as e:
            return x, e.__traceback__.tb_frame.f_locals["x"]
        return row

    log.each(h, (40, [1, 2]), (40, [1, 0]))


@case
def variables_without_a_frame(log):
    def row(n, k):
        return [x * k for x in range(n)]

    def twice(n, x):
        a = [x for x in range(n)]
        return len(a) + x

    def f(n):
        total = 0
        for y in range(n):
            total += len(row(y % 4, 2)) + twice(y % 3, y)
        return total

    log.call(f, 300)


@case
def variables_of_nested_comprehensions(log):
    def f(n):
        out = None
        for y in range(n):
            out = [[x * z for x in range(3)] + [x for x in range(2)] for z in range(3)]
            out.append([x for x in [x for x in range(y % 4)]])
        return out

    def g(n):
        return [sum([i * j for j in range(4)]) for i in range(n)]

    def doubled(n):
        z = 0.0
        for y in range(n):
            z += 2.0 * y + y * 2.0
            z = z * 2.0 if z < 1e300 else 2.0 * -z
        return z, 2.0 * float("inf"), 2.0 * 5e-324, 2.0 * -0.0

    log.call(f, 40)
    log.call(g, 60)
    log.call(doubled, 3000)
