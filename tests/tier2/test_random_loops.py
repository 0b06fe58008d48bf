"""Random loops: optimised code against the interpreter, in one process for each seed range, with the same programs in the same order."""

import os
import random
import subprocess
import sys

import pytest

SEEDS = 4
PROGRAMS = 25  # of one seed
NUMBERS = ("a", "b", "c")
INTS = ("-7", "-1", "0", "1", "2", "3", "5", "255", "1 << 30", "(1 << 62)", "12345678901")
FLOATS = ("0.0", "-1.5", "0.25", "3.0", "1e10")


class Writer:
    """Writes one function. Loops are bounded by construction, and every local has a value before the first loop or is guarded by `try`."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.loops = 0
        self.inside = 0

    def number(self, depth=0):
        r = self.random
        if depth > 1 or r.random() < 0.45:
            return r.choice(NUMBERS + ("i", "i", "n")) if r.random() < 0.75 else r.choice(INTS if r.random() < 0.7 else FLOATS)
        kind = r.randrange(12)
        x, y = self.number(depth + 1), self.number(depth + 1)
        if kind < 6:
            return f"({x} {r.choice(('+', '-', '*'))} {y})"
        if kind < 8:
            return f"({x} {r.choice(('//', '%', '/'))} {r.choice(('3', '-4', '8', '7', y))})"
        if kind == 8:
            return f"(({x}) {r.choice(('&', '|', '^'))} {y})"
        if kind == 9:
            return f"xs[{r.choice(('i', 'i % 5', '-1', '-i', y))}]"
        if kind == 10:
            return f"ts[{r.choice(('i % 4', '-2', '1'))}]"
        return r.choice((f"-{x}", f"abs({x})", "len(xs)", f"float({x})", f"(({x}) << {r.randrange(3)})", f"(({x}) >> {r.randrange(4)})"))

    def condition(self):
        r = self.random
        text = f"{self.number(1)} {r.choice(('<', '<=', '==', '!=', '>', '>='))} {self.number(1)}"
        return text if r.random() < 0.7 else f"not {text}" if r.random() < 0.5 else f"{text} and {self.number(1)}"

    def put(self, indent, text):
        self.lines.append("    " * indent + text)

    def statement(self, indent, depth):
        r = self.random
        kind = r.randrange(16)
        target = r.choice(NUMBERS)
        if kind < 5:
            self.put(indent, f"{target} = {self.number()}")
        elif kind < 7:
            self.put(indent, f"{target} {r.choice(('+=', '-=', '*='))} {self.number(1)}")
        elif kind == 7:
            self.put(indent, f"{target}, {r.choice(NUMBERS)} = {self.number(1)}, {self.number(1)}")
        elif kind == 8:
            self.put(indent, f"xs[{r.choice(('i % 5', '-1', 'i'))}] = {self.number(1)}")
        elif kind == 9:
            self.put(indent, f"if len(xs) < 40: xs.append({self.number(1)})" if r.random() < 0.6 else f"ts = ({self.number(1)}, a, b, i)")
        elif kind == 10 and depth < 3:
            self.put(indent, "try:")
            self.block(indent + 1, depth + 1)
            self.put(indent, f"except {r.choice(('ZeroDivisionError', '(IndexError, TypeError)', 'Exception'))} as error:")
            self.put(indent + 1, f"{target} = len(str(error)) + i")
        elif kind < 13 and depth < 3:
            self.put(indent, f"if {self.condition()}:")
            self.block(indent + 1, depth + 1)
            if r.random() < 0.5:
                self.put(indent, "else:")
                self.block(indent + 1, depth + 1)
        elif kind == 13 and self.loops < 3 and depth < 3:
            self.loop(indent, depth)
        elif kind == 14 and self.inside > 0:
            self.put(indent, f"if {self.condition()}: {r.choice(('continue', 'break'))}")
        else:
            self.put(indent, f"seen.append({r.choice(NUMBERS + ('i',))})")
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
            self.put(indent, f"for i in {r.choice((f'range({turns})', f'range({turns}, 0, -1)', 'range(n)', 'range(-4, n, 3)'))}:")
        else:
            self.put(indent, f"for {r.choice(NUMBERS)} in {r.choice(('xs', 'ts', '[1, 2.5, 3, True, n]', '(a, 2, i)'))}:")
            self.put(indent + 1, "i = (i + 1) % 7")
        # Numbers stay of a size that can be computed with.
        self.put(indent + 1, "a, b, c = [x if -(1 << 70) < x < 1 << 70 else 1 for x in (a, b, c)]" if r.random() < 0.5 else "a = a if -1e30 < a < 1e30 else 2")
        self.put(indent + 1, "if b * b > 1 << 140: b = 3")
        self.put(indent + 1, "if c * c > 1 << 140: c = 4")
        self.inside += 1
        for _ in range(r.randrange(2, 6)):
            self.statement(indent + 1, depth + 1)
        self.inside -= 1

    def program(self, name):
        self.put(0, f"def {name}(n, a, b, c):")
        self.put(1, "xs = [1, -2, 3.5, n, 7, 1 << 40]; ts = (n, 2.0, -3, True); seen = []; i = 0")
        self.loop(1, 0)
        self.block(1, 0)
        self.put(1, "return a, b, c, i, xs, ts, seen[-20:], len(seen)")
        return "\n".join(self.lines)


def run(seed):
    for k in range(PROGRAMS):
        source = Writer(seed * 1000 + k).program("f")
        namespace = {}
        exec(compile(source, f"<program {seed}.{k}>", "exec"), namespace)
        for turn in range(6):
            for arguments in ((12, 1, 2, 3), (9, 0.5, 2, -1), (5, 1 << 62, -(1 << 61), 3), (12, 1.5, 2.5, 0.0), (12, True, 10, 7)):
                try:
                    result = repr(namespace["f"](*arguments))
                except Exception as error:
                    line = error.__traceback__.tb_next.tb_lineno
                    result = f"{type(error).__name__}: {error} in line {line}"
                print(f"{k}.{turn} {arguments} {result}")


def output(seed, optimised):
    environment = dict(os.environ, TIERJIT="1" if optimised else "0", TIERJIT_TIER2="1", TIERJIT_TIER1_THRESHOLD="1",
                       TIERJIT_OSR_THRESHOLD="3", TIERJIT_PROFILED_TURNS="4", TIERJIT_TIER2_EVERY_LOOP="1")
    start = "import tierjit; " if optimised else ""
    code = f"{start}import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_random_loops as t; t.run({seed})"
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_loops(seed):
    for reference, optimised in zip(output(seed, False), output(seed, True), strict=True):
        program = int(reference.split(".")[0])
        assert reference == optimised, Writer(seed * 1000 + program).program("f")
