"""Which object a number is: the one that it came from, or that it has become, also when code is left in between."""

import math

from harness import case


@case
def two_names(log):
    def f(n, step):
        x = y = 0.5
        same = []
        for i in range(n):
            x = x + step
            y = x
            z = y * 1.0
            if i > n - 3:
                same.append((x is y, y is z, x == z))
        return same

    for step in (0.5, 0.25, 1):
        for n in (5, 30, 40):
            log.call(f, n, step)


@case
def what_was_put_into_a_container(log):
    def f(values, n):
        out = []
        for i in range(n):
            x = values[i] * 3 + 1000
            out.append(x)
            if i >= 20:
                log(x is out[-1], x is out[0])
        return out

    def nan(n):
        out = []
        for i in range(n):
            x = math.inf - math.inf
            out.append(x)
            if x not in out:
                log("lost", i)
        return out == list(out)

    for _ in range(3):
        log.call(f, list(range(30)), 22)
        log.call(f, [0.5] * 30, 22)
        log.call(f, [5] * 25 + [1 << 80] + [1] * 4, 30)
        log.call(nan, 30)


@case
def what_lists_get_from_locals(log):
    import sys

    def floats(n):
        total, out = 0.25, []
        for i in range(n):
            total = total * 1.5 + i
            other = total
            out.append(total)
            out.insert(0, other)
            if i >= 20:
                log(total is out[-1], other is out[0], total is other, sys.getrefcount(total))
        return out

    def ints(n):
        out = []
        for i in range(n):
            x = i * 100
            out.append(x)
            y = x + 1
            out.append(y)
            out.pop(i // 2)
            if i >= 20: log(x in out, y is out[-1], sys.getrefcount(y))
        return out

    def behind(n):
        out = []
        for i in range(n):
            total = 0.5
            for k in range(4):
                total += k * i
            out.append(total)
            if i >= 20: log(total is out[-1])
        return out

    class Loud:
        def __del__(self): log("gone")

    def kinds(first, n):
        s, out = first(), []
        for i in range(n):
            s = i * 0.5
            out.append(s)
            if i >= 30: log(s is out[-1])
        return out

    for _ in range(3):
        for n in (5, 22, 40):
            log.call(floats, n)
            log.call(ints, n)
            log.call(behind, n)
        for first in (int, list, Loud, object):
            log.call(kinds, first, 32)


@case
def constants(log):
    def f(n):
        out = []
        for i in range(n):
            x = 2.5
            y = 200000
            z = i + 1
            out.append((x, y))
            z += 1
            out.append((x, y))
        return all(x is out[0][0] and y is out[0][1] for x, y in out)

    def g(n):
        for i in range(n):
            x = math.pi
            s = x + 1
            if i > 20:
                log(x is math.pi)
        return s

    for n in (5, 30, 40):
        log.call(f, n)
        log.call(g, n)


@case
def a_module_lets_its_number_go(log):
    import types
    module = types.ModuleType("module")
    globals()["numbers"] = module

    def f(n, change):
        out = []
        for i in range(n):
            x = numbers.value
            if i == n - 2: change()
            x * 2.0
            out.append(x)
        return out[-3:]

    def change():
        module.value = 7.25 + len(junk)
        junk.extend(float(i) for i in range(100))

    for _ in range(3):
        junk = []
        module.value = float("1.125")
        log.call(f, 40, lambda: None)
        log.call(f, 40, change)
    del globals()["numbers"]
