"""The C interface from a program that embeds CPython (bindings/embed/host.c)."""

import os
import pathlib
import subprocess
import sys

import pytest

from program import environment

tierjit = pytest.importorskip("tierjit")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def _host():
    folders = [pathlib.Path(tierjit.__file__).parents[2] / "embed", ROOT / "build" / "bindings" / "embed"]
    built = [str(folder / "tierjit_embed_host") for folder in folders if (folder / "tierjit_embed_host").exists()]
    return os.environ.get("TIERJIT_EMBED_HOST") or next(iter(built), None)


pytestmark = pytest.mark.skipif(
    _host() is None, reason="needs the example host: build it (tools/dev setup), or set TIERJIT_EMBED_HOST")

PROGRAM = """
import sys
def f(n):
    t = 0
    for i in range(n):
        t += i
    return t
print(sys.argv[1:], sum(f(i) for i in range(100)))
"""


def host(*arguments, **env):
    # The interpreter inside is isolated: it has to be told where its library is.
    env.setdefault("PYTHONHOME", sys.base_prefix)
    return subprocess.run([_host(), *arguments], capture_output=True, text=True, timeout=60, env=environment(**env))


def counters(result):
    return {line.split()[1]: int(line.split()[3]) for line in result.stderr.splitlines() if " = " in line}


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "prog.py"
    path.write_text(PROGRAM)
    return str(path)


def test_script_runs_compiled(script):
    result = host(script, "x")
    assert result.returncode == 0 and result.stdout == "['x'] 161700\n", result.stderr
    assert counters(result)["compiles"] >= 1


def test_options(script):
    result = host("-o", "tier1_threshold=1000000", "-o", "compile_loops_at_once=0", script)
    assert result.returncode == 0 and counters(result)["compiles"] == 0, result.stderr
    result = host("-o", "tier1_treshold=1", script)
    assert result.returncode == 2 and "'tier1_threshold'" in result.stderr
    result = host("-o", "tier1_threshold=0", script)
    assert result.returncode == 2 and "between" in result.stderr


def test_environment_does_not_steer_a_host(script):
    assert counters(host(script, TIERJIT="0"))["compiles"] >= 1


def test_many_interpreters_one_after_the_other(script):
    result = host("-n", "10", script)
    assert result.returncode == 0 and result.stdout == "[] 161700\n" * 10, result.stderr
    assert counters(result)["compiles"] >= 1


def test_errors_of_the_script(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("def f(): 1 / 0\nf()\n")
    result = host(str(path))
    assert result.returncode == 1 and "ZeroDivisionError" in result.stderr


# Leaves as much as it can behind when its interpreter ends.
LIFE = """
import asyncio, collections, functools, sys, threading

def generator(n):
    for i in range(n):
        yield i * 2

def delegating(n):
    yield from generator(n)

async def waits(future):
    return await future

async def ticks(n):
    for i in range(n):
        yield i

class Point:
    def __init__(self, x):
        self.x = x
    def moved(self):
        return Point(self.x + 1)
    def __add__(self, other):
        return Point(self.x + other.x)

Pair = collections.namedtuple("Pair", "a b")

def points(n):
    p = Point(0)
    for _ in range(n):
        p = p.moved() + Point(1)
    return p.x + Pair(1, 2).b

def numbers(n):
    total = 0
    for i in range(n):
        total += i & 7
    return total

async def main():
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waits(future))
    await asyncio.sleep(0)
    future.set_result(5)
    return await task + sum([i async for i in ticks(20)])

for _ in range(100):
    points(20), numbers(50), list(delegating(5))
print(points(1000), numbers(1000), asyncio.run(main()))
sys.left = left = [delegating(10) for _ in range(50)]
for g in left:
    next(g)
left.append(waits(asyncio.Future(loop=asyncio.new_event_loop())))
left[-1].send(None)
left.append(ticks(5))
try:
    left[-1].__anext__().send(None)
except StopIteration:
    pass

class Cycle:
    def __del__(self, numbers=numbers):
        numbers(30)

cycle = Cycle()
cycle.itself = cycle
cycle.suspended = delegating(3)
next(cycle.suspended)

def spin():
    while True:
        numbers(10)

threading.Thread(target=spin, daemon=True).start()
hot = {}
for k in range(20):     # these are being compiled on the other thread when the end comes
    exec(f"def f{k}(n):\\n t = {k}\\n for i in range(n):\\n  for j in range(3):\\n   t += (i * j) ^ {k}\\n return t", hot)
for k in range(20):
    hot[f"f{k}"](2000)
"""
EARLY = ("-o", "tier2_every_loop=1", "-o", "tier2_threshold=1", "-o", "osr_threshold=1", "-o", "profiled_turns=2")


@pytest.mark.parametrize("options", [(), EARLY, (*EARLY, "-o", "background=0"), ("-o", "tier2=0")], ids=["default", "early", "at_once", "tier1"])
def test_nothing_is_left_to_the_next_interpreter(tmp_path, options):
    """Versions of classes and addresses of dicts begin anew in each; code is suspended, running and being compiled where one ends."""
    path = tmp_path / "life.py"
    path.write_text(LIFE)
    result = host("-n", "4", "-o", "tier1_threshold=1", *options, str(path))
    assert result.returncode == 0 and result.stdout == "2002 3500 195\n" * 4, result.stderr
    assert counters(result)["compiles"] >= 100


@pytest.mark.parametrize("options", [(), EARLY, ("-o", "tier2=0")], ids=["default", "early", "tier1"])
@pytest.mark.parametrize("end, rounds", [("finalize", 3), ("exit", 1), ("running", 1)])
def test_hosts_that_do_not_detach(tmp_path, end, rounds, options):
    """Code is suspended, running and being compiled when the interpreter ends, or when the process exits around it."""
    path = tmp_path / "life.py"
    path.write_text(LIFE)
    result = host("-n", str(rounds), "-e", end, "-o", "tier1_threshold=1", *options, str(path))
    assert result.returncode == 0 and result.stdout == "2002 3500 195\n" * rounds, result.stderr
    assert [line for line in result.stderr.splitlines() if not line.startswith("host: ")] == [] and counters(result)["compiles"] >= 100


@pytest.mark.parametrize("end", ["detach", "finalize", "exit", "running"])
def test_status_of_a_failing_script(tmp_path, end):
    path = tmp_path / "bad.py"
    path.write_text("def f(n):\n    for i in range(n): 1 // (3000 - i)\nprint('begins')\nf(5000)\n")
    result = host("-e", end, "-o", "tier1_threshold=1", str(path))
    assert result.returncode == 1 and result.stdout == "begins\n" and "ZeroDivisionError" in result.stderr
