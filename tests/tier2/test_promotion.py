"""Which loops the optimising tier takes over, and that it keeps them: what they do was noted before, so nothing makes them leave."""

import os
import subprocess
import sys

import pytest

KEPT = {
    "ints": """
def loop(n):
    total = 0
    for i in range(n):
        total = (total + i * 7) % 1000003
    return total
""",
    "floats": """
def loop(n):
    x = v = 0.5
    i = 0
    while i < n:
        v -= x * 0.01
        x += v * 0.01
        i += 1
    return x
""",
    "items of lists": """
def loop(n):
    xs = [1, 2, 3, 4]
    total = 0
    for i in range(n):
        xs[i & 3] += total & 15
        total += xs[(i + 1) & 3] & 7
    return total, xs
""",
    "double stores": """
def loop(n):
    a, b = 0, 1.0
    for i in range(n):
        a, b = a + 1, b * 0.5
    return a, b
""",
    "sequences taken apart": """
def loop(n):
    pairs = [(1, [2.0, 3.0]), (4, [5.0, 6.0])] * 100
    total = 0.0
    for _ in range(n // 200):
        for i, [x, y] in pairs:
            total += i * x - y
    return total
""",
    "behind a comprehension with the same name, by globals that were never used before": """
def loop(n):
    xs = [i * 2 for i in range(n)]
    total = 0
    for i in range(n):
        for j in range(3):
            total += abs(i - j) + len(xs)
    return total
""",
    "loops in loops": """
def loop(n):
    rows = [[1.0] * 50 for _ in range(50)]
    total = 0.0
    for k in range(n // 2500):
        for i in range(50):
            row = rows[i]
            for j in range(50):
                total += row[j]
    return total
""",
}

LEFT = {
    "handlers only": """
def loop(n):
    words = {}
    for i in range(n):
        words[str(i & 7, "ascii") if i < 0 else repr(i & 7)] = {i} | {repr(i)}
    return len(words)
""",
}


def promotions(source, n=60_000):
    """What the channel `promote` says of loop() called twice, and whether its results are the interpreter's."""
    code = f"{source}\nimport tierjit\nfirst = loop({n})\ntierjit.enable()\nassert loop({n}) == first == loop({n})"
    environment = dict(os.environ, TIERJIT_TIER2="1", TIERJIT_BACKGROUND="0", TIERJIT_LOG="promote")
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True, env=environment,
                          timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return [line.partition("promote: loop ")[2] for line in done.stderr.splitlines() if "promote: loop " in line]


@pytest.mark.parametrize("name", KEPT)
def test_kept(name):
    said = promotions(KEPT[name])
    assert said and " bytes in " in said[-1], said
    # What surrounds a loop may run for the first time after it was compiled.
    again = [line for line in said if " bytes in " not in line]
    nested = KEPT[name].count("    for ") > 1
    assert len(again) <= nested and all("leaves too often" in line for line in again), said


@pytest.mark.parametrize("name", LEFT)
def test_left_to_tier1(name):
    said = promotions(LEFT[name])
    assert said and all("left to handlers" in line for line in said), said
