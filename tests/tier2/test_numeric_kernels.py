"""Kernels over numbers: optimised code against the interpreter. Each has turns where a rule applies, where it must not, and where it fails in
the middle of the loop. The references run in a process of their own."""

import os
import subprocess
import sys

import pytest

KERNELS = {
    "arrays": """
from array import array
def f(kind, values, n):
    a = array(kind, [1, 2, 3, 4, 5]); total = 0
    for i in range(n):
        a[i % 5] = values[i % len(values)]
        total += a[i % 5] + a[-1]
    return total, a
for kind in 'bBhHiIlLqQfd':
    for values in ([1, 2, 3], [1, 2, 3, 300], [1, 2, -1], [5, 1 << 40], [1, 2.5], [1, 1 << 70], [1, True, 'x']):
        show(f, kind, values, 40)
""",
    "array_changes": """
from array import array
def f(a, n, grow):
    total = 0
    for i in range(n):
        total += a[i]
        if i == grow: a.append(a[0])
    return total
for kind in 'id':
    show(f, array(kind, range(50)), 50, 7)
    show(f, array(kind, range(50)), 51, 7)
    show(f, array(kind, range(50)), 52, 7)
    show(f, list(range(50)), 50, 7)
show(f, array('d', []), 3, 7)
""",
    "bytes": """
def f(data, n):
    total = 0
    for i in range(n):
        total = (total * 31 + data[i % len(data)]) % 65521
    return total
def g(data, values):
    for i in range(len(values)):
        data[i % 7] = values[i]
    return data
for data in (b'some bytes', bytearray(b'others'), [1, 2.5], b''):
    show(f, data, 60)
show(g, bytearray(7), list(range(50)))
show(g, bytearray(7), list(range(50)) + [256])
show(g, bytearray(7), [1, 2, 3, -1])
show(g, bytes(7), [1, 2, 3, 1])
""",
    "ranges": """
def f(n, a, b, c):
    seen = []
    for i in range(n):
        for j in range(a):
            for k in range(a, b + i, c):
                if k == 9: break
                seen.append((i, j, k))
            else:
                seen.append(j)
    return len(seen), seen[-3:], sum(map(str.__len__, map(str, seen)))
for arguments in ((6, 3, 9, 1), (6, 2, 40, 7), (6, 3, -9, -2), (5, 3, 9, 0), (3, True, 4, 1), (3, 2, 3.0, 1), (5, 4, 1 << 70, 1 << 69), (6, 0, 0, 1)):
    show(f, *arguments)
def g(n):
    out = []
    for i in range(n):
        for j in range(i):
            try:
                out.append(10 // (j - 3))
            except ZeroDivisionError:
                out.append(None)
            if j > 6: break
    return out
show(g, 30)
def h(n):
    total = 0
    for i in range(n):
        it = range(3)
        for j in it:
            for k in range(2, -3, -1): total += k * j
            total += sum(x * x for x in range(j))
    return total
show(h, 40)
def limits(n):
    total = 0
    for i in range(n):
        for j in range((1 << 63) - 3, (1 << 63) - 1): total ^= j
        for j in range(-(1 << 63), -(1 << 63) + 2): total ^= j
        for j in range(-(1 << 62), 1 << 63, 1 << 62): total ^= j
    return total
show(limits, 20)
""",
    "range_rebound": """
def f(n, change):
    total = 0
    for i in range(n):
        if i == change: globals()['range'] = lambda *a: [5, 6]
        for j in range(3): total += j
    globals().pop('range', None)
    return total
show(f, 40, 100)
show(f, 40, 20)
show(f, 40, 100)
""",
    "leaving_loops": """
import sys
def f(n, at):
    total = 0
    for i in range(n):
        for j in range(5):
            total += j
            if i == at and j == 2:
                total += len(sys._getframe().f_locals)
                xs = [k for k in range(4) if k != j]
                total += sum(xs)
    return total, i, j
show(f, 40, 30)
def g(n):
    for i in range(n):
        for j in range(4):
            if i * j == 60: return i, j
    return None
show(g, 50)
def h(n):
    for i in range(n):
        for j in range(4):
            yield i * j
show(lambda: sum(h(40)))
""",
    "attributes": """
class P:
    def __init__(self, x, v): self.x = x; self.v = v
class S:
    __slots__ = ('x', 'v')
    def __init__(self, x, v): self.x = x; self.v = v
class Q(P):
    @property
    def v(self): return self.w
    @v.setter
    def v(self, value): self.w = value
def move(ps, n, act):
    for i in range(n):
        for p in ps:
            p.v -= 0.125 * p.x
            p.x += p.v * 0.5
        if i == n // 2: act(ps)
    return [(p.x, p.v) for p in ps]
def nothing(ps): pass
def delete(ps): del ps[1].v
def as_dict(ps): ps[1].__dict__['v'] = 7.0; ps[1].other = 3
def replaced(ps): ps[2].__dict__ = {'x': 1.0, 'v': 2.0}
def text(ps): ps[0].x = 'text'
def whole(ps): ps[0].x = 3
def new_class(ps): type(ps[0]).x = property(lambda self: 1.0, lambda self, v: None)
for act in (nothing, delete, as_dict, replaced, text, whole):
    for make in (P, Q, S):
        show(move, [make(i * 1.0, 0.5) for i in range(4)], 30, act)
    show(move, [P(1.0, 2.0), S(1.0, 2.0), P(2.5, 0.0), Q(1.0, 0.25)], 30, act)
show(move, [P(i * 1.0, 0.5) for i in range(4)], 30, new_class)
""",
    "modules": """
import math
def f(n, x, change):
    total = 0.0
    for i in range(n):
        total += math.sin(x * i) + math.pi + math.floor(x) - math.ceil(x) + math.sqrt(abs(x)) + math.fabs(-x)
        if i == change: math.sin = math.cos
    return total
sin = math.sin
for x in (0.5, -2.5, 3, 0.0, 1e300, float('inf'), float('nan')):
    show(f, 40, x, -1)
show(f, 40, 0.5, 20)
math.sin = sin
def g(n, names, xs):
    out = []
    for name in names:
        function = getattr(math, name)
        for x in xs:
            for i in range(n):
                try: y = function(x)
                except Exception as e: y = str(e)
                out.append(y)
    return out
show(g, 3, ['sin', 'exp', 'log', 'sqrt'], [0.5, 2.0, -1.0, 800.0])
def h(n, x, y):
    log, atan2, fmod, exp = math.log, math.atan2, math.fmod, math.exp
    total = 0.0
    for i in range(n):
        total += log(x + i) + atan2(y, x) + fmod(x, y) + exp(-x) + math.pow(x, y) + math.copysign(x, y)
    return total
for arguments in ((1.0, 2.0), (-5.0, 2.0), (1.0, 0.0), (2, 3), (800.0, 500.0), (1.0, float('inf'))):
    show(h, 40, *arguments)
""",
    "extremes": """
def f(xs, n):
    out = []
    for i in range(n):
        x = xs[i % len(xs)]; y = xs[(i * 7 + 1) % len(xs)]
        out.append((min(x, y), max(x, y), abs(x), min(x, y, 3), int(x), float(y), bool(x), round(x)))
    return out
nan = float('nan')
for xs in ([1, 5, -3, 0], [1.5, -0.0, 0.0, 2.5, -2.5, 3.5], [1, 2.5], [1.0, nan, 2.0], [True, 3], [-(1 << 63), 5], [1e300, 1.0], ['a', 'b'], [1 << 80, 2]):
    show(f, xs, 40)
""",
    "float_division": """
def f(xs, n):
    out = []
    for i in range(n):
        x = xs[i % len(xs)]; y = xs[(i * 3 + 1) % len(xs)]
        out.append((x % y, x // y, x / y))
    return out
inf = float('inf')
for xs in ([1.5, -2.5, 3.25, 7.0], [1.0, -3.0, inf], [0.5, -0.0, 2.0], [5, 2.5], [1e308, 1e-308], [-7.0, 3.5, -3.5]):
    show(f, xs, 40)
""",
    "powers": """
def f(xs, n):
    total = 0
    for i in range(n):
        x = xs[i % len(xs)]
        total += x ** 2 + x ** 3 - x ** 4
    return total
def g(xs, n, e):
    total = 0.0
    for i in range(n): total += xs[i % len(xs)] ** e
    return total
for xs in ([1, 2, -3], [1.5, -2.0], [1 << 40, 3], [0, 0.0], [True, 2]):
    show(f, xs, 40)
for e in (0.5, -1.5, 2, 3.0): show(g, [1.5, 4.0, 2.25], 40, e)
show(g, [1.5, -4.0], 40, 0.5); show(g, [1.5, 0.0], 40, -1.0); show(g, [1e200], 40, 3.0)
""",
    "in_place": """
def f(rows, n, keep):
    kept = []
    for i in range(n):
        for r in rows:
            r[0] += 0.5 * i; r[1] -= r[0]; r[2] = r[2] + 1000
            if i in keep: kept.append(r[0]); kept.append(r[2])
    return rows, kept
show(f, [[1.0, 2.0, 300], [0.0, -1.0, 1 << 29], [1.5, 1, -1000]], 40, (3, 17))
zero = 0.0
show(f, [[zero, zero, 5], [zero, 2.0, 1 << 61]], 40, (20,))
show(lambda: zero)
def g(xs, n):
    for i in range(n):
        x = xs[0]
        xs[0] = x + 1.0
        xs[1] = x
        xs[2] = xs[2] * 1.0
    return xs, xs[0] is xs[1]
show(g, [1.0, 2.0, 3.0], 40)
""",
    "nests": """
def product(a, b):
    out = []
    for i in range(len(a)):
        row = a[i]; line = []
        for j in range(len(b[0])):
            total = 0
            for k in range(len(b)): total += row[k] * b[k][j]
            line.append(total)
        out.append(line)
    return out
m = [[(i * 3 + j) % 7 for j in range(9)] for i in range(9)]
show(product, m, m)
show(product, [[x / 2 for x in r] for r in m], m)
m[5][5] = 1 << 80
show(product, m, m)
m[5][5] = 'text'
show(product, m, m)
m[5] = None
show(product, m, m)
""",
    "names_again": """
def f(n, i):
    a = [i for i in range(n)]
    total = 0
    for i in range(n):
        total += a[i] * i
    return total, i, locals()
def g(n, late):
    total = 0
    for r in range(n):
        b = [r * x for x in range(4)]
        total += sum([3.0 * x / n for x in (late if r == 20 else range(3))])
        for x in range(4):
            total += b[x] - x
    return total, x, r
def h(n):
    out = []
    for r in range(n):
        out.append(sum([y for y in range(r)]))
        if r > n - 3:
            try: out.append(y)
            except UnboundLocalError as error: out.append(str(error))
    return out, sorted(locals())
for i in (None, 'a', 2.5, 7): show(f, 40, i)
for late in ((), (1, 2), (1.5,), ('a',), (None,)): show(g, 30, late)
show(h, 30)
""",
    "remainders": """
def f(n, step):
    total = 0; t = 7
    for i in range(n):
        total = (total + i * step) % 1000003
        t = (t - i * step) % 97
    return total, t
for step in (7, -7, 1 << 40, 1 << 58, 1 << 62, 0, 3.5): show(f, 60, step)
def g(xs, n):
    out = []
    for i in range(n):
        x = xs[i % len(xs)]
        out.append((x % 10, x // 10, x % -7, x // -7, x % 3, x // 1000003, x % 8, x // 8, x % 1, x % (1 << 40)))
    return out
show(g, [0, 1, -1, 9, 10, 11, -10, -11, (1 << 31) - 1, 1 << 31, -(1 << 31), (1 << 32) + 5, (1 << 63) - 1, -(1 << 63)], 60)
show(g, [5, 1 << 80], 30)
show(g, [5, 2.5], 30)
""",
}

SHOW = """
def show(f, *arguments):
    import copy
    for turn in range(4):
        try:
            print(turn, repr(f(*copy.deepcopy(arguments) if turn % 2 else arguments)))
        except Exception as error:
            lines = []
            tb = error.__traceback__.tb_next
            while tb is not None:
                lines.append(tb.tb_lineno); tb = tb.tb_next
            print(turn, type(error).__name__, error, lines)
"""


def output(name, optimised):
    environment = dict(os.environ, TIERJIT="1" if optimised else "0", TIERJIT_TIER2="1", TIERJIT_TIER2_EVERY_LOOP="1", TIERJIT_TIER1_THRESHOLD="1",
                       TIERJIT_OSR_THRESHOLD="3", TIERJIT_PROFILED_TURNS="4")
    program = SHOW + KERNELS[name]
    code = f"{'import tierjit; ' if optimised else ''}exec(compile({program!r}, {name!r}, 'exec'), {{'__name__': 'kernel'}})"
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", KERNELS)
def test_kernel(name):
    assert output(name, True) == output(name, False)
