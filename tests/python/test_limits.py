"""Code at the limits of the language: huge functions, many arguments and locals, deep nesting, recursion, small stacks, odd code objects."""

import pytest

from program import check

pytest.importorskip("tierjit")

# What each program begins with. `both()` runs a function in the interpreter and compiled, several times, and compares results, exceptions
# and the lines of tracebacks.
PRELUDE = """
import sys, threading, types
import tierjit

TIER2 = {tier2}
tierjit.configure(tier1_threshold=1, tier2=TIER2, tier2_every_loop=True, tier2_threshold=1, osr_threshold=1, profiled_turns=2, background=False)
tierjit.enable()

def outcome(function, *args, **kwargs):
    try:
        return "result", function(*args, **kwargs)
    except BaseException as error:
        lines = []
        entry = error.__traceback__.tb_next
        while entry is not None:
            lines.append((entry.tb_frame.f_code.co_name, entry.tb_lineno))
            entry = entry.tb_next
        return type(error), str(error), len(lines), lines[:5], lines[-5:]
tierjit.never(outcome)

def interpreted(function):
    twin = types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    twin.__kwdefaults__ = function.__kwdefaults__
    return tierjit.never(twin)

def both(function, *args, times=4, **kwargs):
    expected = outcome(interpreted(function), *args, **kwargs)
    for _ in range(times):
        found = outcome(function, *args, **kwargs)
        assert found == expected, (found, expected)
    assert tierjit.is_compiled(function), tierjit.info(function).why_not
    return expected

def made(source, name="f", **names):
    exec(compile(source, "made", "exec"), names)
    return names[name]
"""
TIERS = pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])


def limits(source, tier2):
    check(PRELUDE.replace("{tier2}", str(tier2)) + source)


# ---- size

@TIERS
def test_twenty_thousand_statements(tier2):
    limits("""
lines = ["def f(a, d):", " x = 0", " for i in range(3):"]
for i in range(5000):
    lines += [f"  x += a * {i}", f"  if x > {i}: x -= {i}", f"  d[{i} % 7] = x", f"  x = g(x, {i})"]
f = made("\\n".join(lines) + "\\n return x", g=lambda x, i: x % 1000 + i)
kind, (x, d) = both(lambda d: (f(2, d), d), {})
info = tierjit.info(f)
assert info.instructions > 90_000 and info.back_edges >= 2 and info.code_bytes < 400 * info.instructions, info

without = [line[1:] if line.startswith("  ") else line for line in lines if "range" not in line]
straight = made("\\n".join(without[:9000]) + "\\n return x", g=lambda x, i: x % 1000 + i)
both(straight, 2, {})
info = tierjit.info(straight)
assert info.instructions > 40_000 and info.code_bytes < 150 * info.instructions, info
longer = made("\\n".join(without) + "\\n return x", g=lambda x, i: x % 1000 + i)
assert outcome(longer, 2, {}) == outcome(interpreted(longer), 2, {})
tierjit.compile(longer)
assert tierjit.info(longer).why_not.startswith("TJ-901: ") and "without a loop" in tierjit.info(longer).why_not, tierjit.info(longer).why_not
""", tier2)


@TIERS
def test_just_below_the_limit(tier2):
    """One whose compilation took more than linear time would not come to an end here."""
    limits("""
f = made("def f(a):\\n x = 0\\n for j in range(2):\\n" + "".join(f"  if x < {i}: x += g(a, x)[{i} & 1].real\\n" for i in range(16_000)) + " return x\\n",
         g=lambda a, x: (a, x & 3))
both(f, 3, times=2)
assert 150_000 < tierjit.info(f).instructions < tierjit.get_config()["max_bytecodes"]
""", tier2)


@TIERS
def test_long_chains(tier2):
    limits("""
chain = "def f(x):\\n if x == -1: return 'a'\\n" + "".join(f" elif x == {i}: return {i * 3}\\n" for i in range(3000)) + " else: return 'none'\\n"
f = made(chain)
for x in (-1, 0, 1499, 2999, 3000, 2.0, "x", None):
    both(f, x)
loop = made("def f(xs):\\n out = []\\n for x in xs:\\n  if x == -1: out.append('a')\\n"
            + "".join(f"  elif x == {i}: out.append({i * 3})\\n" for i in range(1000)) + "  else: out.append('none')\\n return out\\n")
both(loop, [-1, 0, 500, 999, 1000, 2.0, "x"])
match = made("def f(x):\\n match x:\\n" + "".join(f"  case {i}: return {i * 3}\\n  case [{i}, y]: return y\\n  case {{'k': {i}, **r}}: return r\\n"
             for i in range(500)) + "  case _: return 'none'\\n")
for x in (0, 499, [499, 5], (3, 4), {"k": 250, "l": 1}, {"k": -1}, "x", None):
    both(match, x)
either = made("def f(a):\\n return " + " or ".join(f"a == {i}" for i in range(2000)))
both(either, 1999), both(either, 2000), both(either, 0)
""", tier2)


@TIERS
def test_large_literals(tier2):
    limits("""
items = ", ".join(f"{i} + a" for i in range(5000))
for opening, closing in ("[]", "()", "{}"):
    both(made(f"def f(a): return {opening}{items}{closing}"), 3)
both(made("def f(a): return {" + ", ".join(f"{i}: a + {i}" for i in range(5000)) + "}"), 3)
both(made("def f(a): return f'" + "".join(f"{{a}}{i}" for i in range(2000)) + "'"), 3)
both(made("def f(a):\\n" + " " + ", ".join(f"v{i}" for i in range(1000)) + " = range(1000)\\n return v999 + v300 + a"), 3)
both(made("def f(a): return " + " + ".join(["a"] * 4000)), 3)
both(made("def f(a): return a" + " .real" * 1000), 3)
both(made("def f(a, b):\\n return " + " < ".join(["a", "b"] * 500)), 1, 2)
both(made("def f(a):\\n return " + repr("x" * 100_000) + " + a"), "y")
both(made("def f(a):\\n return " + "9" * 4000 + " + a"), 1)
""", tier2)


# ---- arguments and locals

@TIERS
@pytest.mark.parametrize("count", [255, 256, 1000])
def test_many_arguments(tier2, count):
    limits(f"count = {count}" + """
names = [f"p{i}" for i in range(count)]
f = made(f"def f({', '.join(names)}): return p0, p{count // 2}, p{count - 1}, sum([{', '.join(names)}])")
values = list(range(1000, 1000 + count))
both(f, *values)
both(f, **dict(zip(names, values)))
both(f, *values[:9], **dict(zip(names[9:], values[9:])))
both(f, *values[:-1]), both(f, *values, 1), both(f, **dict(zip(names, values)), zz=1), both(f, *values, p0=1)
call = made(f"def f(g, n):\\n t = 0\\n for i in range(n):\\n  t += g({', '.join(f'i + {i}' for i in range(count))})[3]\\n return t")
both(call, f, 5)
named = made(f"def f(g, n):\\n t = 0\\n for i in range(n):\\n  t += g({', '.join(f'{name}=i + {i}' for i, name in enumerate(names))})[3]\\n return t")
both(named, f, 5)
spread = made("def f(g, xs, n):\\n t = 0\\n for i in range(n):\\n  t += g(*xs)[3]\\n return t")
both(spread, f, values, 5)
defaults = made(f"def f({', '.join(f'{name}={i}' for i, name in enumerate(names))}): return p{count - 1} + p0")
both(defaults), both(defaults, 7), both(defaults, **{names[-1]: 9})
only = made(f"def f(*, {', '.join(f'{name}={i}' for i, name in enumerate(names))}, **rest): return p{count - 1} + p0 + len(rest)")
both(only), both(only, **{names[-1]: 9, "zz": 1}), both(only, 1)
stars = made("def f(*args, **kwargs): return len(args), len(kwargs)")
both(stars, *values, **dict(zip(names, values)))
class Method:
    m = made(f"def f(self, {', '.join(names)}): return p{count - 1}")
method = made("def f(o, xs):\\n t = 0\\n for i in range(5):\\n  t += o.m(*xs)\\n return t")
both(method, Method(), values)
generator = made(f"def f({', '.join(names)}):\\n yield p0\\n yield p{count - 1}")
assert [list(generator(*values)) for _ in range(4)] == [[values[0], values[-1]]] * 4 and tierjit.is_compiled(generator)
""", tier2)


@TIERS
@pytest.mark.parametrize("count", [300, 3000])
def test_many_locals(tier2, count):
    """Numbers of locals, names, constants and cells, and distances of jumps, that all need EXTENDED_ARG."""
    limits(f"count = {count}" + """
body = "".join(f" v{i} = a + {i + 1000}\\n" for i in range(count))
f = made(f"def f(a, n):\\n{body} t = 0\\n for j in range(n):\\n  v{count - 1} += j\\n  t += v{count - 1} + v{count - 2}\\n  if t % 2: continue\\n"
         + "".join(f"  t += v{i} & 1\\n" for i in range(count)) + f" del v7\\n try: v7\\n except NameError as e: return t, str(e), len(locals())\\n")
both(f, 3, 6), both(f, 3.5, 6), both(f, 1 << 70, 6)
names = made(f"def f(o, n):\\n t = 0\\n for j in range(n):\\n" + "".join(f"  o.a{i} = j\\n  t += o.a{i} + g{i % 300}\\n" for i in range(count)) + " return t\\n",
             **{f"g{i}": i for i in range(300)})
class Plain: pass
both(names, Plain(), 3)
cells = made("def f(n):\\n" + "".join(f" c{i} = {i}\\n" for i in range(count)) + " def g():\\n  nonlocal " + ", ".join(f"c{i}" for i in range(count))
             + f"\\n  c{count - 1} += 1\\n  return c{count - 1} + c0\\n t = 0\\n for j in range(n): t += g()\\n return t, c{count - 1}\\n")
both(cells, 5)
loops = made("def f(n):\\n t = 0\\n while n:\\n  n -= 1\\n  try:\\n   if n == 3: raise ValueError(n)\\n" + "".join(f"   t += {i}\\n" for i in range(count))
             + "  except ValueError: t += 1\\n  finally: t += 2\\n return t")
both(loops, 6)
""", tier2)


# ---- nesting

@TIERS
def test_deep_nesting(tier2):
    """As deep as the interpreter's own compiler goes: 20 blocks, 99 indentations, hundreds of parentheses."""
    limits("""
def nested(opening, depth, inner):
    return "".join(" " * (i + 1) + opening.format(i) + "\\n" for i in range(depth)) + " " * (depth + 1) + inner + "\\n"
for depth in (5, 19):
    both(made("def f(t):\\n" + nested("for i{0} in range(1 + ({0} % 7 == 0)):", depth, "t += i0 + 1") + " return t"), 0)
    both(made("def f(t):\\n" + nested("while t < 30 + {0}:", depth, "t += 1") + " return t"), 0)
    withs = made("def f(cm, log):\\n t = 0\\n for j in range(4):\\n" + nested(" with cm(log, {}) as m:", depth - 1, " t += 1 // (j - 2)").replace("\\n ", "\\n  ") + "  \\n return t")
    class Manager:
        def __init__(self, log, i): self.log, self.i = log, i
        def __enter__(self): return self
        def __exit__(self, *error): self.log.append((self.i, error[0])); return self.i == 3
    log, other = [], []
    assert outcome(interpreted(withs), Manager, log) == outcome(withs, Manager, other) and log == other and len(log) > 10
    tries = "def f(n):\\n t = 0\\n for j in range(n):\\n"
    tried = min(depth, 9)
    for i in range(tried): tries += " " * (i + 2) + "try:\\n"
    tries += " " * (tried + 2) + "t += 10 // (j - 2)\\n"
    for i in reversed(range(tried)): tries += " " * (i + 2) + (f"except ZeroDivisionError: raise KeyError({i})\\n" if i % 2 else f"except KeyError: t += {i}; 1 // 0\\n" if i else "except ArithmeticError: t += 100\\n") + " " * (i + 2) + "finally: t += 1\\n"
    both(made(tries + " return t"), 5)
both(made("def f(x):\\n" + nested("if x > {}:", 95, "return x") + " return -1"), 96), both(made("def f(x):\\n" + nested("if x > {}:", 95, "return x") + " return -1"), 50)
both(made("def f(x): return " + "(" * 80 + "x" + " + 1)" * 80), 1)
both(made("def f(x): return " + "-" * 90 + "x"), 1)
both(made("def f(x): return " + "g(" * 80 + "x" + ")" * 80, g=lambda x: x + 1), 1)
both(made("def f(x): return " + "[" * 80 + "x" + "]" * 80), 1)
both(made("def f(x): return " + "".join(f"(x + {i} if x > {i} else " for i in range(80)) + "x" + ")" * 80), 40)
both(made("def f(x): return x" + "[0]" * 1000, ), made("x = []\\nx.append(x)", "x"))
both(made("def f(xs): return " + "[" * 15 + "x" + " for x in xs]" * 15), [1])
closures = "def f(x):\\n" + "".join(" " * (i + 1) + f"def g{i}(a{i}):\\n" for i in range(18)) + " " * 19 + "return x + a0 + a17\\n"
for i in reversed(range(18)): closures += " " * (i + 1) + f"return g{i}(x + {i})\\n"
both(made(closures), 3)
call = "x"
for i in range(1000): call = f"g(x, {i}) + " + call if i % 10 else f"g({call if i < 50 else 'x'}, {i})" + (" + " + call if i >= 50 else "")
both(made("def f(x): return " + call, g=lambda x, i: x + i), 1)
chained = made("def f(o):\\n return o" + ".m(1)" * 1000 + ".t")
class Chain:
    t = 0
    def m(self, n): self.t += n; return self
assert chained(Chain()) == 1000 and chained(Chain()) == 1000 and tierjit.is_compiled(chained)
""", tier2)


# ---- recursion

@TIERS
def test_the_depth_of_a_recursion_error(tier2):
    limits("""
depths = []
def down(n):
    depths[-1] = n
    return down(n + 1) + 1
def even(n): depths[-1] = n; return odd(n + 1)
def odd(n): depths[-1] = n; return even(n + 1)
class C:
    def m(self, n, *rest, k=1): depths[-1] = n; return self.m(n + 1, k=k)
    def __call__(self, n): depths[-1] = n; return self(n + 1)
def keywords(n, *, k=0): depths[-1] = n; return keywords(n=n + 1, k=k)
def spread(*args): depths[-1] = args[0]; return spread(*(args[0] + 1,))
def closure(n):
    def inner(m): depths[-1] = m; return closure(m + 1)
    return inner(n + 1)
def caught(n):
    depths[-1] = n
    try: return caught(n + 1)
    except RecursionError: return n
    finally: pass
def generator(n):
    depths[-1] = n
    yield from generator(n + 1)
def looping(n):
    for i in range(3):
        depths[-1] = n
        looping(n + 1)
def run_generator(n): return list(generator(n))
def depth_of(function, limit):
    depths.append(0)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try: function(0)
    except RecursionError as error: text = str(error)
    else: text = None
    finally: sys.setrecursionlimit(before)
    return depths.pop(), text
tierjit.never(depth_of)
c = C()
functions = [down, even, keywords, spread, closure, caught, looping, run_generator, lambda n: c.m(n), lambda n: c(n)]
expected = []
tierjit.disable()
for limit in (60, 200, 1000, 3000):
    expected.append([depth_of(f, limit) for f in functions])
tierjit.enable()
for _ in range(3):
    found = [[depth_of(f, limit) for f in functions] for limit in (60, 200, 1000, 3000)]
    assert found == expected, (found, expected)
assert all(tierjit.is_compiled(f) for f in (down, even, odd, C.m, C.__call__, keywords, spread, closure, caught, generator, looping))
""", tier2)


@TIERS
def test_recursion_through_c(tier2):
    """There the interpreter counts what lies on the C stack as well, compiled code less of it: an error comes all the same, and goes."""
    limits("""
class Node:
    def __init__(self, inner): self.inner = inner
    def __eq__(self, other): return self.inner == other.inner
    def __repr__(self): return f"<{self.inner!r}>"
    def __getattr__(self, name): return getattr(self, name + "x")
    def __hash__(self): return hash(self.inner)
    def __len__(self): return len(self.inner)
    def __iter__(self): return iter(self.inner)
    def __getitem__(self, i): return self[i + 1]
    def __add__(self, other): return self + other
    def __bool__(self): return bool(self.inner)
    def __call__(self, x): return sorted([x, x], key=self)
    def __contains__(self, x): return x in self
    def __index__(self): return int(self)
    def __format__(self, spec): return format(self, spec)
    def __enter__(self):
        with self: pass
    def __exit__(self, *error): pass
    def __lt__(self, other): return min(self, other) is self
    def __del__(self): pass
node = Node(None); node.inner = node
def by_map(x): return list(map(by_map, [x]))
def by_sum(x): return sum(by_sum(x) for _ in (1,))
def by_sort(x): return sorted([1, 2], key=by_sort)
def by_property():
    class P:
        @property
        def p(self): return self.p
    return P().p
def by_with():
    with node: pass
ways = [lambda: node == Node(node), lambda: repr(node), lambda: node.missing, lambda: hash(node), lambda: len(node), lambda: iter(node),
        lambda: node[0], lambda: node + 1, lambda: bool(node), lambda: node(1), lambda: 1 in node, lambda: [1][node], lambda: f"{node:>3}", by_with,
        lambda: node < node, lambda: by_map(1), lambda: by_sum(1), lambda: by_sort(1), by_property]
by_sorting = (9, 17)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
for limit in (100, 1000, 100_000):
    sys.setrecursionlimit(limit)
    for index, way in enumerate(ways):
        if limit > 1000 and index in by_sorting: continue   # the interpreter overflows the C stack there
        for _ in range(3):
            try: way()
            except RecursionError: pass
            else: raise AssertionError(index)
            assert fib(11) == 89 and sys.exception() is None
sys.setrecursionlimit(1000)
assert all(tierjit.is_compiled(getattr(Node, name)) for name in ("__eq__", "__repr__", "__getattr__", "__hash__", "__getitem__", "__call__"))
""", tier2)


@TIERS
def test_deep_recursion_and_small_stacks(tier2):
    limits("""
def down(n, a, b): return down(n - 1, b, a) + 1 if n else 0
def loop(n):
    t = 0
    for i in range(1): t += loop(n - 1) + 1 if n else 0
    return t
def keyed(n): return max([n], key=keyed if False else lambda x: x) and (keyed(n - 1) + 1 if n else 0) if n else 0
def walk(n):
    if n:
        yield n
        yield from walk(n - 1)
def run(depth, found):
    found.append((down(depth, 1, 2.5), loop(depth), keyed(depth), sum(walk(200))))
    try: forever(0)
    except RecursionError: found.append("error")
def forever(n): return forever(n + 1) + 1
for size, depth in ((0, 40_000), (256 << 10, 4000), (64 << 10, 400), (32 << 20, 100_000)):
    sys.setrecursionlimit(depth + 500)
    threading.stack_size(size)
    for _ in range(3):
        found = []
        thread = threading.Thread(target=run, args=(depth, found))
        thread.start()
        thread.join()
        assert found == [(depth, depth, depth, 20100), "error"], (size, depth, found[:1])
assert all(tierjit.is_compiled(f) for f in (down, loop, keyed, walk, forever))
""", tier2)


# ---- odd code objects

@TIERS
def test_replaced_code(tier2):
    limits("""
import dis
op = dis.opmap
def f(a, b):
    total = 0
    for i in range(a):
        try:
            total += b // (i - 2)
        except ZeroDivisionError:
            total += 1000
    return total
def like(**changes): return types.FunctionType(f.__code__.replace(**changes), globals())
both(like(co_stacksize=f.__code__.co_stacksize + 50), 6, 12)
both(like(co_stacksize=5000), 6, 12)
both(like(co_exceptiontable=b""), 6, 12)
both(like(co_linetable=b""), 6, 12)
both(like(co_firstlineno=1_000_000, co_filename="nowhere", co_name="g", co_qualname="q.g"), 6, 12)
both(like(co_consts=tuple(1 if c == 0 else c for c in f.__code__.co_consts)), 6, 12)
both(like(co_flags=f.__code__.co_flags & ~0x3), 6, 12) if False else None
both(like(co_flags=f.__code__.co_flags | 0x100000), 6, 12)
no_lines = like(co_code=f.__code__.co_code)
both(no_lines, 6, 12), both(no_lines, 6, "x"), both(no_lines, 6)

def assembled(instructions, **changes):
    code = b"".join(bytes([op[name], arg]) for name, arg in instructions)
    def plain(a, b=5): return a
    changes = {"co_exceptiontable": b"", "co_stacksize": 10, "co_linetable": b"", **changes}
    return types.FunctionType(plain.__code__.replace(co_code=code, **changes), globals(), "plain", (5,))
NOPS = [("NOP", 0)] * 300
both(assembled([("RESUME", 0), *NOPS, ("LOAD_FAST", 0), *NOPS, ("RETURN_VALUE", 0)]), 7)
both(assembled([("RESUME", 0), ("EXTENDED_ARG", 0), ("EXTENDED_ARG", 0), ("EXTENDED_ARG", 0), ("LOAD_FAST", 1), ("RETURN_VALUE", 0)]), 7)
both(assembled([("RESUME", 0), ("JUMP_FORWARD", 2), ("LOAD_FAST", 0), ("RETURN_VALUE", 0), ("LOAD_FAST", 1), ("RETURN_VALUE", 0)]), 7)
both(assembled([("RESUME", 0), ("LOAD_FAST", 0), ("LOAD_FAST", 1), ("SWAP", 2), ("COPY", 2), ("BUILD_TUPLE", 3), ("RETURN_VALUE", 0)]), 7)
both(assembled([("RESUME", 0), ("LOAD_FAST", 0), ("LOAD_FAST", 1), ("COMPARE_OP", 2 << 5 | 16), ("CACHE", 0), ("POP_JUMP_IF_TRUE", 2), ("CACHE", 0),
                ("LOAD_FAST", 0), ("RETURN_VALUE", 0), ("LOAD_FAST", 1), ("RETURN_VALUE", 0)]), 7)
# unreachable code of any kind, an end that nobody reaches
both(assembled([("RESUME", 0), ("LOAD_FAST", 0), ("RETURN_VALUE", 0), ("SWAP", 9), ("JUMP_BACKWARD", 6), ("CACHE", 0), ("LOAD_FAST", 1)]), 7)
# a loop without a test: it ends by an exception
both(assembled([("RESUME", 0), ("LOAD_FAST", 0), ("LOAD_CONST", 0), ("BINARY_OP", 11), ("CACHE", 0), ("STORE_FAST", 0), ("JUMP_BACKWARD", 6), ("CACHE", 0)],
               co_consts=([],)), 7)
# no RESUME, RESUME twice, return of a constant
both(assembled([("LOAD_FAST", 0), ("RETURN_VALUE", 0)]), 7)
both(assembled([("RESUME", 0), ("RESUME", 0), ("RETURN_CONST", 0)], co_consts=("c",)), 7)
""", tier2)
