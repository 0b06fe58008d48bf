"""Exits are exact and seldom in vain: each is taken when it is made to fail, and programs that keep changing their types are compiled a few
times only."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

FILES = sorted(pathlib.Path(__file__).resolve().parents[1].glob("opcodes/test_*.py"))
COVERED = 0.99
MODE = "tier2_random"


def test_exit_points_are_taken(request):
    """Of the places that the programs of tests/opcodes come by, and where they can be left. Those that never were are listed."""
    laboratory = request.config.laboratory
    modes = [mode for mode in laboratory.modes if mode.name == MODE]
    if not modes:
        pytest.skip(f"without the mode {MODE}")
    points = reached = taken = 0
    never = []
    for path in FILES:
        outcome = laboratory.outcome(str(path), modes[0])
        if outcome.stats is None:
            continue
        found = outcome.stats["exit_points"]
        points, reached, taken = points + found["points"], reached + found["reached"], taken + found["taken"]
        never += [f"{path.name}: {text}" for text in found["never"] if not text.endswith("not reached")]
    print(f"{points} exit points, {reached} reached, {taken} taken; never:", *never, sep="\n")
    assert reached > 1000
    assert taken >= COVERED * reached


CHANGING = """
import itertools
class A:
    def __init__(self, v): self.v = v
class B:
    def __init__(self, v): self.w = 0; self.v = v
class C(A):
    __slots__ = ("u",)
scale = 1
values = itertools.cycle([1, 2.5, True, 1 << 70, "x", None, (1,), [2], 3])
def f(n, xs, rows):
    global scale
    total = 0
    for i in range(n):
        v = xs[i % len(xs)]
        o = rows[i % len(rows)]
        try:
            total = v * 2 + scale
            if v: total = total - o.v
            o.v = total
            xs[i % len(xs)] = v
        except TypeError:
            total = i
        if i % 7 == 0: scale = next(values) if i % 2 else 1
    return total
def run(times):
    out = []
    for k in range(times):
        xs = [next(values) for _ in range(9)]
        out.append(repr(f(500, xs, [A(1), B(2.0), C(3), A("s")])))
    return out
"""


def counters(source, **options):
    code = f"""
import json, sys
{source}
import tierjit
tierjit.configure(**json.loads(sys.argv[1]))
tierjit.enable()
first = run(40)
early = tierjit.stats()
more = run(200)
late = tierjit.stats()
print(json.dumps([first + more, early, late]))
"""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")}
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code, json.dumps(options)], capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("everything", (False, True))
def test_changing_types_end_the_recompilations(everything):
    # Whether the worker thread is done with the first one by then is not the question here.
    result, early, late = counters(CHANGING, tier2=True, tier1_threshold=1, osr_threshold=50, profiled_turns=20, tier2_every_loop=everything,
                                   background=False)
    reference, *_ = counters(CHANGING)
    assert result == reference
    assert late["tier2_compiles"] <= 12
    # What was left open in the first sixth is decided: no more code is made for what goes on changing as before.
    assert late["tier2_compiles"] - early["tier2_compiles"] <= 2, (early, late)
