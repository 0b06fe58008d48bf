"""Random programs of generators, coroutines, asynchronous generators and iterators in Python, which drive, await, close and throw into each
other. What is in a chain is chosen by level: each calls those of lower levels only, or itself with less to do."""

import programs

PROLOGUE = '''
import types
class Fuel(Exception): pass
fuel = 0
seen = []
def burn():
    global fuel
    fuel -= 1
    if fuel < 0: raise Fuel
def note(error):
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        lines.append((traceback.tb_frame.f_code.co_name, traceback.tb_lineno))
        traceback = traceback.tb_next
    seen.append((type(error).__name__, str(error)[:40], lines, type(error.__context__).__name__, type(error.__cause__).__name__))
class Noted:
    def __init__(self, name): self.name = name
    def __del__(self): seen.append(("died", self.name))
    def __repr__(self): return f"Noted({self.name})"
class Within:
    def __init__(self, swallows): self.swallows = swallows
    def __enter__(self): return self.swallows
    def __exit__(self, kind, error, traceback):
        seen.append(kind and kind.__name__)
        return self.swallows and kind is not GeneratorExit and kind is not Fuel
    async def __aenter__(self): return await step(("enter", self.swallows))
    async def __aexit__(self, kind, error, traceback):
        if kind is not GeneratorExit: await step("exit")
        return self.swallows and kind is not GeneratorExit and kind is not Fuel
class Count:
    def __init__(self, k, fails=-1): self.i = 0; self.k = k; self.fails = fails
    def __iter__(self): return self
    def __next__(self):
        burn()
        if self.i == self.fails: raise ValueError(self.i)
        if self.i >= self.k: raise StopIteration(self.k)
        self.i += 1
        return self.i
    def __aiter__(self): return self
    async def __anext__(self):
        burn()
        if self.i == self.fails: raise KeyError(self.i)
        if self.i >= self.k: raise StopAsyncIteration
        self.i += 1
        return self.i if self.i % 3 else await step(self.i)
class Rows:
    def __init__(self, *rows): self.rows = rows
    def __iter__(self):
        for row in self.rows: yield row
    def __aiter__(self): return turns(self.rows)
    def __await__(self):
        got = 0
        for row in self.rows: got = (yield row) or got
        return got
class Listed(Rows):
    def __iter__(self): return iter(self.rows)
    def __await__(self): return iter(self.rows)
@types.coroutine
def step(value):
    burn()
    return (yield value)
async def turns(rows):
    for row in rows:
        yield row
        if row == 2: await step("turn")
def bare(v): yield v
async def plain(v): return v
def drive(awaitable, sent=(), until=30, then=None):
    pending = list(sent)
    try:
        value = None
        for k in range(until):
            seen.append(awaitable.send(value))
            value = pending.pop(0) if pending else k
        if then == "close": awaitable.close()
        elif then is not None: seen.append(awaitable.throw(then))
    except StopIteration as stop: return stop.value
    except Exception as error: note(error)
    finally:
        try: awaitable.close()
        except Exception as error: note(error)
'''

ERRORS = ("KeyError", "(ValueError, TypeError)", "Exception", "StopIteration", "GeneratorExit", "RuntimeError", "BaseException")
RAISED = ("KeyError(x)", "ValueError('v')", "StopIteration(x)", "StopAsyncIteration", "GeneratorExit", "RuntimeError")
KINDS = ("generator", "coroutine", "asynchronous")


class Writer(programs.Writer):
    prologue = PROLOGUE

    def __init__(self, seed):
        super().__init__(seed)
        self.made = {kind: [] for kind in KINDS}

    def value(self):
        return self.random.choice(("x", "y", "k", "x", "y", "0", "1", "3", "-1", "None", "'s'", "Noted(k)", "(x, k)", "k + 1", "k * 2", "[k]"))

    def known(self, kind, level):
        """A call of something of this kind, made before; or of itself, with less to do."""
        r = self.random
        if self.made[kind]:
            return f"{r.choice(self.made[kind])}({r.choice(('k - 1', 'k - 1', '1', '2', 'min(k, 3)'))}, {self.value()})"
        return {"generator": "bare(x)", "coroutine": "plain(x)", "asynchronous": "turns((x, 2, k))"}[kind]

    def iterable(self, level):
        r = self.random
        return r.choice((self.known("generator", level), self.known("generator", level), "Count(k)", "Count(3, fails=k)", "Rows(x, y)", "Listed(1, 2, x)",
                         "range(k)", "[x, y, 1]", "(x, k)", f"(q for q in {self.known('generator', level)})", f"zip({self.known('generator', level)}, Count(2))",
                         f"enumerate({self.known('generator', level)})", f"map(bool, {self.known('generator', level)})", "x", "'ab'"))

    def awaitable(self, level):
        r = self.random
        return r.choice((self.known("coroutine", level), self.known("coroutine", level), "Rows(1, x)", "Listed(x, 2)", "step(x)", "step(k)",
                         f"anext({self.known('asynchronous', level)}, y)", f"{self.known('asynchronous', level)}.asend(None)", "x"))

    def async_iterable(self, level):
        r = self.random
        return r.choice((self.known("asynchronous", level), self.known("asynchronous", level), "Count(k)", "Count(3, fails=k)", "Rows(x, 2)",
                         "Rows(1, 2, 3)", f"(q async for q in {self.known('asynchronous', level)})", "x"))

    def walks(self, kind, level):
        """The head of a loop."""
        r = self.random
        if kind != "generator" and r.random() < 0.6:
            return f"async for {r.choice('xyz')} in {self.async_iterable(level)}:"
        return f"for {r.choice('xyz')} in {self.iterable(level)}:"

    def gives(self, kind, indent, level):
        """A statement in which the function may be suspended."""
        r = self.random
        target = r.choice(("", "", "x = ", "y = ", "z = "))
        if kind == "coroutine" or kind == "asynchronous" and r.random() < 0.4:
            self.put(indent, target + f"await {self.awaitable(level)}")
        elif kind == "generator" and r.random() < 0.4:
            self.put(indent, target + f"yield from {self.iterable(level)}")
        else:
            self.put(indent, target + f"yield {self.value()}")

    def consumes(self, kind, level):
        r = self.random
        if kind != "generator" and r.random() < 0.4:
            return f"[q async for q in {self.async_iterable(level)}]"
        return r.choice(("sum({})", "list({})", "next({}, x)", "any({})", "tuple({})", "[q for q in {}]", "{{repr(q) for q in {}}}", "max({}, default=0, key=repr)",
                         "dict(enumerate({}))", "sorted({}, key=repr)", "next(iter({}))")).format(self.known("generator", level))

    def suspending(self, kind, indent, depth, level):
        """A statement of a function of this kind."""
        r = self.random
        choice = r.randrange(12) if depth < 3 else r.randrange(6)
        if choice < 3:
            self.gives(kind, indent, level)
        elif choice == 3:
            self.put(indent, f"{r.choice('xyz')} = {r.choice((self.value(), self.consumes(kind, level)))}")
        elif choice == 4:
            self.put(indent, f"seen.append({r.choice(('x', 'y', 'k', 'repr(z)'))})")
        elif choice == 5:
            ends = ["return" if kind == "asynchronous" else f"return {self.value()}", f"raise {r.choice(RAISED)}"]
            self.put(indent, f"if {r.choice(('k == 1', 'x is None', 'x == 2', 'k > 2'))}: {r.choice(ends)}")
        elif choice < 8:
            self.put(indent, self.walks(kind, level))
            self.put(indent + 1, "burn()")
            if r.random() < 0.3:
                self.put(indent + 1, f"if {r.choice(('x == 2', 'y is None', 'k == 2'))}: {r.choice(('break', 'continue'))}")
            self.suite(kind, indent + 1, depth + 1, level)
        elif choice == 8:
            self.put(indent, f"if {r.choice(('k > 0', 'x', 'y is not None', 'k % 2', 'type(x) is int'))}:")
            self.suite(kind, indent + 1, depth + 1, level)
        elif choice == 9:
            word = "async with" if kind != "generator" and r.random() < 0.6 else "with"
            self.put(indent, f"{word} Within({r.choice(('True', 'False', 'k > 1'))}) as z:")
            self.suite(kind, indent + 1, depth + 1, level)
        else:
            self.tries(kind, indent, depth, level)

    def tries(self, kind, indent, depth, level):
        r = self.random
        self.put(indent, "try:")
        self.suite(kind, indent + 1, depth + 1, level)
        handles = r.random() < 0.7
        if handles:
            self.put(indent, f"except {r.choice(ERRORS)} as error:")
            self.put(indent + 1, "note(error)")
            if r.random() < 0.4:
                self.put(indent + 1, "if isinstance(error, (GeneratorExit, Fuel)): raise")
                self.suite(kind, indent + 1, depth + 1, level)
            elif r.random() < 0.6:
                self.put(indent + 1, "raise")
        if not handles or r.random() < 0.4:
            self.put(indent, "finally:")
            self.put(indent + 1, "seen.append(('finally', k))")

    def suite(self, kind, indent, depth, level):
        for _ in range(self.random.randrange(1, 3 if depth else 5)):
            self.suspending(kind, indent, depth, level)

    def function(self, kind, level):
        name = f"{kind[0]}{level}"
        self.put(0, f"{'def' if kind == 'generator' else 'async def'} {name}(k, x, y=1):")
        self.put(1, "burn(); z = None")
        self.put(1, f"if k < 0: {'return' if kind == 'asynchronous' else 'return y'}")
        self.made[kind].append(name)
        self.suite(kind, 1, 0, level)
        if kind != "coroutine":
            self.put(1, f"yield {self.value()}")

    def use(self):
        """A statement of the function that drives them all."""
        r = self.random
        k = r.choice(("i % 4", "2", "3", "n % 3"))
        generator, coroutine, asynchronous = (f"{r.choice(self.made[kind])}({k}, {r.choice(('a', 'i', 'b', 'None'))})" for kind in KINDS)
        then = r.choice(("None", "'close'", "KeyError(i)", "ValueError('thrown')", "StopIteration(3)", "GeneratorExit()"))
        return r.choice((
            f"for u in {generator}: seen.append(u)", f"for u in {generator}:\n            if u == i: break", f"seen.append(list({generator}))",
            f"for u, w in zip({generator}, range(5)): seen.append((w, u))", f"seen.append([repr(u) for u in {generator}])", f"u, *_ = {generator}; seen.append(u)",
            f"held = {generator}", "seen.append(next(held, 'end'))", "for u in held:\n            seen.append(u)\n            if u == 1: break",
            f"seen.append(held.send({r.choice(('None', 'i', 'a'))}))", f"seen.append(held.throw({r.choice(('KeyError(i)', 'ValueError(2)', 'StopIteration(1)', 'RuntimeError'))}))",
            "held.close()", "seen.append((held.gi_frame is None, held.gi_yieldfrom is None, held.gi_running))",
            f"seen.append(drive({coroutine}))", f"seen.append(drive({coroutine}, (1, None, i)))", f"seen.append(drive({coroutine}, until={r.randrange(4)}, then={then}))",
            f"drive({generator}, until={r.randrange(4)}, then={then})", f"seen.append(drive(collect({asynchronous})))", f"seen.append(drive(collect({asynchronous}, 2)))",
            f"flow = {asynchronous}", "seen.append(drive(anext(flow, 'end')))", "seen.append(drive(flow.asend(i)))", "seen.append(drive(flow.athrow(KeyError(i))))", "drive(flow.aclose())",
            f"drive(collect({asynchronous}), until={r.randrange(4)}, then={then})", "seen.append((flow.ag_running, flow.ag_frame is None, flow.ag_await is None))"))

    def program(self):
        r = self.random
        for level in range(3):
            for kind in KINDS:
                if level == 0 or r.random() < 0.8:
                    self.function(kind, level)
        self.put(0, "async def collect(flow, most=99):\n    out = []\n    async for x in flow:\n        out.append(x)\n        if len(out) >= most: break\n    return out")
        self.put(0, "def f(n, a, b, c):\n    global fuel\n    seen.clear(); fuel = 600; held = bare(0); flow = turns((1, 2))")
        self.put(1, "for i in range(9):")
        for _ in range(r.randrange(3, 7)):
            self.put(2, "try:")
            self.put(3, self.use().replace("\n            ", "\n                "))
            self.put(2, "except (Exception, GeneratorExit) as error: note(error)")
            if r.random() < 0.3:
                self.put(2, "fuel += 50")
        self.put(1, "held = flow = None")
        self.put(1, "return len(seen), seen[-60:]")
        return self.prologue + "\n".join(self.lines)
