"""Recursion: its limit, its depth and its errors."""

import sys

from harness import case


@case
def recursion(log):
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    def ackermann(m, n):
        if m == 0:
            return n + 1
        if n == 0:
            return ackermann(m - 1, 1)
        return ackermann(m - 1, ackermann(m, n - 1))

    def even(n):
        return True if n == 0 else odd(n - 1)

    def odd(n):
        return False if n == 0 else even(n - 1)

    def depth(tree):
        return 1 + max([depth(child) for child in tree], default=0)

    def hanoi(n, a, b, c, moves):
        if n:
            hanoi(n - 1, a, c, b, moves)
            moves.append((a, b))
            hanoi(n - 1, c, b, a, moves)
        return len(moves), moves[:5]

    log.each(fib, (0,), (1,), (13,))
    log.call(ackermann, 2, 3)
    log.each(even, (10,), (201,))
    log.call(depth, [[], [[], [[]]]])
    log.call(hanoi, 5, "a", "b", "c", [])


@case
def recursion_with_many_arguments(log):
    def queens(columns, left, right, full):
        if columns == full:
            return 1
        found = 0
        free = full & ~(columns | left | right)
        while free:
            bit = free & -free
            free ^= bit
            found += queens(columns | bit, (left | bit) << 1, (right | bit) >> 1, full)
        return found

    def many(a, b, c, d, e, f, g, h, depth):
        if depth == 0:
            return a - b + c - d + e - f + g - h
        total = 0
        for i in range(2):
            total += many(b + i, c, d, e, f + g, g, h, a, depth - 1) * (i + 1) - depth
        return total + a * h

    def floats(a, b, c, d, e, f, g, x, y, depth):
        if depth == 0:
            return a + b * x - y
        return floats(b, c, d, e, f, g, a, y * 0.5, x + y, depth - 1) + floats(g, a, b, c, d, e, f, x, y, depth - 1) / (f + depth)

    log.each(queens, (0, 0, 0, 15), (0, 0, 0, 63))
    log.each(many, (1, 2, 3, 4, 5, 6, 7, 8, 5), (1, 2, 3, 4, 5, 6, 7, 2**62, 4), (1, 2, 3, 4, 5.5, 6, 7, 8, 4), (1, 2, 3, 4, "", 6, 7, 8, 4))
    log.each(floats, (1, 2, 3, 4, 5, 6, 7, 0.5, 1.5, 5), (1, 2, 3, 4, 5, -3, 7, 0.5, 1.5, 5))


@case(times=3)
def runaway_recursion(log):
    def endless(n):
        return endless(n + 1) + 1

    def endless_method():
        class C:
            def m(self):
                return self.m()
        return C().m()

    def endless_init():
        class C:
            def __init__(self):
                C()
        return C()

    def endless_property():
        class C:
            @property
            def p(self):
                return self.p
        return C().p

    def endless_getattr():
        class C:
            def __getattr__(self, name):
                return getattr(self, name + "x")
        return C().y

    def endless_repr():
        class C:
            def __repr__(self):
                return repr(self)
        return repr(C())

    def endless_add():
        class C:
            def __add__(self, other):
                return self + other
        return C() + 1

    def mutual(n):
        return (lambda: mutual(n + 1))()

    for function in (lambda: endless(0), endless_method, endless_init, endless_property, endless_getattr, endless_repr,
                     endless_add, lambda: mutual(0)):
        try:
            function()
        except RecursionError as error:
            log(type(error).__name__, str(error)[:40])


@case(times=3)
def recursion_depth_is_exact(log):
    def depth(n):
        try:
            return depth(n + 1)
        except RecursionError:
            return n

    log(depth(0))
    old = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(200)
        log(depth(0))
        sys.setrecursionlimit(5000)
        log(depth(0))
    finally:
        sys.setrecursionlimit(old)
    log(depth(0))


@case(times=2)
def recursion_error_traceback(log):
    def f(n):
        return f(n + 1)

    try:
        f(0)
    except RecursionError as error:
        count, tb, lines = 0, error.__traceback__, set()
        while tb:
            count += 1
            lines.add(tb.tb_lineno)
            tb = tb.tb_next
        log(count, sorted(lines))


@case(times=2)
def deep_recursion(log):
    def down(n):
        if n == 0:
            return 0
        return 1 + down(n - 1)

    def through_list(n):
        return 1 + sum([through_list(n - 1)]) if n else 0

    class Node:
        def __init__(self, n):
            self.n = n

        def walk(self):
            return 0 if self.n == 0 else 1 + Node(self.n - 1).walk()

    def fail(n):
        if n == 0:
            raise KeyError("bottom")
        try:
            return fail(n - 1)
        finally:
            seen[0] += 1

    seen = [0]
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        log(down(50_000), through_list(3_000), Node(20_000).walk())
        try:
            fail(20_000)
        except KeyError as error:
            log(str(error), seen)
    finally:
        sys.setrecursionlimit(old)


@case(times=3)
def recursion_limit_lowered_inside(log):
    def down(n):
        if n == 50:
            sys.setrecursionlimit(120)
        return down(n + 1)

    old = sys.getrecursionlimit()
    try:
        down(0)
    except RecursionError as error:
        log(str(error))
    finally:
        sys.setrecursionlimit(old)
