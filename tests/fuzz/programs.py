"""Random programs: one function with loops, by a grammar, and the calls that it is put to. What they print depends on nothing but the seed.

`python programs.py FIRST COUNT` runs the programs FIRST, FIRST + 1, ... and prints one line a call. With `tierjit` imported and enabled in
the same process the lines have to be the same.
"""

import random
import sys
import time

NUMBERS = ("a", "b", "c")
INTS = ("-7", "-1", "0", "1", "2", "3", "5", "255", "257", "1 << 30", "-(1 << 30)", "(1 << 31) - 1", "(1 << 62)", "(1 << 63) - 1", "-(1 << 63)",
        "12345678901", "True")
FLOATS = ("0.0", "-0.0", "-1.5", "0.25", "3.0", "1e10", "1e308", "5e-324", "inf", "-inf", "nan", "9007199254740993.0")
ERRORS = ("ZeroDivisionError", "(IndexError, TypeError)", "Exception", "(OverflowError, ValueError)", "UnboundLocalError")
ARGUMENTS = ("12, 1, 2, 3", "9, 0.5, 2, -1", "5, 1 << 62, -(1 << 61), 3", "12, 1.5, 2.5, 0.0", "12, True, 10, 7", "7, (1 << 63) - 1, -1, -(1 << 63)",
             "8, float('nan'), -0.0, float('inf')", "6, 3, None, 2", "10, 300, 400, 500")
PROLOGUE = """
from math import inf, nan
class P:
    def __init__(self, v): self.v = v; self.w = 1
class Q(P):
    pass
class Stop(Exception): pass
g = 1
def add(x, y): return x + y
def mix(x, y):
    if x > y: return x - y
    return x * 2
def down(k): return 0 if k < 1 else 1 + down(k - 1)
def total(values):
    s = 0
    for v in values: s += v
    return s
"""


class Writer:
    """Writes one function. Loops are bounded by construction."""

    prologue = PROLOGUE

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.loops = 0
        self.inside = 0

    def number(self, depth=0):
        r = self.random
        if depth > 1 or r.random() < 0.45:
            return r.choice(NUMBERS + ("i", "i", "n", "g")) if r.random() < 0.75 else r.choice(INTS if r.random() < 0.7 else FLOATS)
        kind = r.randrange(16)
        x, y = self.number(depth + 1), self.number(depth + 1)
        if kind < 6:
            return f"({x} {r.choice('+-*')} {y})"
        if kind < 8:
            return f"({x} {r.choice(('//', '%', '/'))} {r.choice(('3', '-4', '8', '7', '-1', '2.5', y))})"
        if kind == 8:
            if r.random() < 0.9:
                x, y = r.choice(("i", "n", "len(xs)", "int(i > 2)")), r.choice(("i", "n", "6", "-3"))
            return f"(({x}) {r.choice('&|^')} {y})"
        if kind == 9:
            return f"{r.choice(('xs', 'ys'))}[{r.choice(('i', 'i % 5', '-1', '-i', y))}]"
        if kind == 10:
            return f"ts[{r.choice(('i % 4', '-2', '1', 'i'))}]"
        if kind == 11:
            return r.choice(("p.v", "p.w", "d.get(i, 1)", "d[i % 3]", "len(xs)", "len(ts)"))
        if kind == 12:
            return r.choice((f"add({x}, {y})", f"mix({x}, {y})", "down(i % 6)", "total(ts)", f"abs({x})", f"float({x})", f"min({x}, {y})"))
        if kind == 13:
            return r.choice((f"({x} if {self.condition(depth + 1)} else {y})", f"({x} or {y})", f"({x} and {y})"))
        if kind == 14:
            return r.choice((f"-{x}", f"({x}) ** 2", f"(not {x})"))
        if r.random() < 0.9:
            x = r.choice(("i", "n", "len(xs)", "(i - n)", "(n * i)"))
        return r.choice((f"~({x})", f"(({x}) << {r.randrange(3)})", f"(({x}) >> {r.randrange(4)})"))

    def condition(self, depth=0):
        r = self.random
        relation = r.choice(("<", "<=", "==", "!=", ">", ">=", "is", "is not"))
        if relation.startswith("is"):
            # Which object a number is may differ: see docs/tier2.md.
            return f"{r.choice(NUMBERS + ('i', 'xs[-1]', 'xs', 'type(a)'))} {relation} {r.choice(('None', 'xs', 'ys', 'int', 'float', 'True'))}"
        text = f"{self.number(1 + depth)} {relation} {self.number(1 + depth)}"
        return text if r.random() < 0.7 or depth else f"not {text}" if r.random() < 0.5 else f"{text} and {self.number(1)}"

    def put(self, indent, text):
        self.lines.append("    " * indent + text)

    def container(self, indent, target):
        r = self.random
        self.put(indent, r.choice((
            f"xs[{r.choice(('i % 5', '-1', 'i'))}] = {self.number(1)}", f"if len(xs) < 40: xs.append({self.number(1)})",
            f"ts = ({self.number(1)}, a, b, i)", f"p.v = {self.number(1)}", f"p = {r.choice('PQ')}({self.number(1)})", "ys = xs", "ys = xs[:]",
            "if len(xs) > 6: del xs[0]", f"d[i % 3] = {self.number(1)}", f"{target}, *_ = ts", "ys = [v for v in xs if v is not None]",
            f"xs[0], xs[-1] = xs[-1], {self.number(1)}", f"ys = [{self.number(1)} for k in range(3)]", f"g = {self.number(1)}",
            f"seen.append(({target} is None, ys is xs, type({target}) is type(xs[-1])))", f"del {target}")))

    def guarded(self, indent, depth):
        r = self.random
        target = r.choice(NUMBERS)
        kind = r.randrange(4)
        self.put(indent, "try:")
        self.block(indent + 1, depth + 1)
        if kind < 3:
            self.put(indent, f"except {r.choice(ERRORS)} as error:")
            self.put(indent + 1, f"{target} = len(str(error)) + i")
            if r.random() < 0.3:
                self.block(indent + 1, depth + 1)
        if kind > 1:
            self.put(indent, "finally:")
            self.put(indent + 1, f"seen.append({r.choice(('i', 'len(xs)', 'g'))})")
            if r.random() < 0.3:
                self.statement(indent + 1, depth + 1)

    def statement(self, indent, depth):
        r = self.random
        kind = r.randrange(20)
        target = r.choice(NUMBERS)
        if kind < 5:
            self.put(indent, f"{target} = {self.number()}")
        elif kind < 7:
            self.put(indent, f"{target} {r.choice(('+=', '-=', '*='))} {self.number(1)}")
        elif kind == 7:
            self.put(indent, f"{target}, {r.choice(NUMBERS)} = {self.number(1)}, {self.number(1)}")
        elif kind < 11:
            self.container(indent, target)
        elif kind == 11 and depth < 3:
            self.guarded(indent, depth)
        elif kind < 14 and depth < 3:
            self.put(indent, f"if {self.condition()}:")
            self.block(indent + 1, depth + 1)
            if r.random() < 0.5:
                self.put(indent, "else:")
                self.block(indent + 1, depth + 1)
        elif kind == 14 and self.loops < 3 and depth < 3:
            self.loop(indent, depth)
        elif kind == 15 and self.inside > 0:
            self.put(indent, f"if {self.condition()}: {r.choice(('continue', 'break', 'raise Stop(i)', 'return a, i, xs'))}")
        else:
            self.put(indent, f"seen.append({r.choice(NUMBERS + ('i', 'p.v'))})")
            self.put(indent, f"{target} = {self.number(1)}")

    def block(self, indent, depth):
        for _ in range(self.random.randrange(1, 4)):
            self.statement(indent, depth)

    def loop(self, indent, depth):
        r = self.random
        self.loops += 1
        kind = r.randrange(4)
        turns = r.choice((6, 9, 14))
        if kind == 0:
            counter = f"w{self.loops}"
            self.put(indent, f"{counter} = 0")
            self.put(indent, f"while {counter} < {turns}:")
            self.put(indent + 1, f"{counter} += 1")
            self.put(indent + 1, f"i = {counter}")
        elif kind == 1:
            self.put(indent, f"for i in {r.choice((f'range({turns})', f'range({turns}, 0, -1)', 'range(n)', 'range(-4, n, 3)', 'range(1 << 63, (1 << 63) + 4)'))}:")
        else:
            sequence = r.choice(("xs", "ts", "[1, 2.5, 3, True, n]", "(a, 2, i)", "list(d)", "xs[::-1]", "[p.v, None, 3.5]"))
            self.put(indent, f"for {r.choice(NUMBERS)} in {sequence}:")
            self.put(indent + 1, "i = (i + 1) % 7")
        # Numbers stay of a size that can be computed with.
        for name in NUMBERS:
            self.put(indent + 1, f"if {name} is not None and type({name}) is not str and {name} * 0 == 0 and not -(1 << 70) < {name} < 1 << 70: {name} = 3")
        self.put(indent + 1, "xs[:] = [2 if type(v) is int and v.bit_length() > 150 else v for v in xs[:30]]" if r.random() < 0.7
                 else "if len(xs) > 30: xs[:] = [1, 2.0, 3]")
        if self.loops == 1 and r.random() < 0.8:
            self.put(indent + 1, "p.v = p.w = 1; d = {0: 1, 1: 2.0, 2: i}")
        self.inside += 1
        for _ in range(r.randrange(2, 6)):
            self.statement(indent + 1, depth + 1)
        self.inside -= 1
        if r.random() < 0.2:
            self.put(indent, "else:")
            self.block(indent + 1, depth + 1)

    def program(self):
        if self.random.random() < 0.2:
            self.put(0, "def f(n, a, b, c):\n    global g")
        else:
            self.put(0, "def f(n, a, b, c):\n    g = 2.5")
        self.put(1, "xs = [1, -2, 3.5, n, 7, 1 << 40]; ys = xs; ts = (n, 2.0, -3, True); seen = []; i = 0; d = {0: 1, 1: 2.5, 2: n}; p = P(n)")
        self.put(1, self.opening())
        self.loop(1, 0)
        self.block(1, 0)
        self.put(1, f"return a, b, c, i, xs, ys is xs, ys, ts, seen[-20:], len(seen), g, p.v, p.w, d, {self.closing()}")
        return self.prologue + "\n".join(self.lines)

    def opening(self):
        return "pass"

    def closing(self):
        return "None"


def text_of(value):
    text = repr(value)
    return text if len(text) < 2000 else f"{text[:2000]}...{hash(text)}"


def call(function, arguments):
    try:
        return text_of(function(*arguments))
    except Exception as error:
        lines = []
        traceback = error.__traceback__.tb_next
        while traceback is not None:
            lines.append(f"{traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}:{traceback.tb_lasti}")
            traceback = traceback.tb_next
        return f"{type(error).__name__}: {str(error)[:200]} at {' '.join(lines)}, after {type(error.__context__).__name__}"


def writer_of(number):
    import objects
    import suspensions
    return (Writer, objects.Writer, suspensions.Writer)[number % 3](number)


def run(number, turns=6, write=print):
    namespace = {}
    exec(compile(writer_of(number).program(), f"<program {number}>", "exec"), namespace)
    rows = [eval(f"({row},)") for row in ARGUMENTS]
    for turn in range(turns):
        # The first rows alone, so that types settle; then all of them.
        for k, row in enumerate(rows[:2 if turn < turns // 2 else None]):
            write(f"{number} {turn}.{k} {call(namespace['f'], row)}")


def main(first, count):
    for number in range(first, first + count):
        started = time.monotonic()
        run(number)
        if time.monotonic() - started > 20:
            print(f"program {number} takes long", file=sys.stderr)
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
