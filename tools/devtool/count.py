"""`tools/dev count`: instructions executed under tierjit, counted by callgrind, against perf/budget.json.

Counts hardly vary from run to run, so they show a change of a few percent that times would hide. Each figure is the
difference between a run with three calls and a run with one: two warm calls, without start-up and compilation.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from . import macro, setup
from .common import ROOT, VENV_PYTHON, ToolError, say

BUDGET = ROOT / "perf" / "budget.json"
TOLERANCE = 0.02
PROGRAMS = ("int_loop float_oscillator attribute_loop method_loop call_loop fib matmul dispatch closures string_build "
            "richards nbody").split()
TOTAL = re.compile(r"Collected : (\d+)|refs:\s+([\d,]+)")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/dev count", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the counts as the new budget")
    parser.add_argument("--interpreter", action="store_true", help="count the interpreter instead, compare nothing")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this program (may be repeated)")
    return parser.parse_args(arguments)


def run(program: str, calls: int, interpreter: bool, under: list[str]) -> str:
    """What a process with so many calls, run `under` a tool, prints to stderr."""
    command = [*under, str(VENV_PYTHON), str(macro.DRIVER), program, "--small", "--calls", str(calls)]
    command += [] if interpreter else ["--tierjit"]
    # The budget is that of Tier 1: what another thread compiles in the meantime is not the same each time.
    env = macro.environment() | {"TIERJIT_SAMPLE_MS": "0", "TIERJIT_TIER2": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=900)
    if done.returncode != 0:
        raise ToolError(f"{program} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return done.stderr


def instructions(program: str, calls: int, interpreter: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        # Generated code moves and is reused: valgrind must look for it everywhere.
        valgrind = ["valgrind", "--tool=callgrind", "--smc-check=all-non-file", f"--callgrind-out-file={folder}/out"]
        found = TOTAL.search(run(program, calls, interpreter, valgrind))
    if not found:
        raise ToolError(f"{program}: valgrind tells no total")
    return int((found[1] or found[2]).replace(",", ""))


def count(program: str, interpreter: bool) -> int:
    run(program, 1, interpreter, [])  # the first process compiles the modules' source, if nobody has
    return (instructions(program, 3, interpreter) - instructions(program, 1, interpreter)) // 2


def count_all(programs: list[str], interpreter: bool) -> dict[str, int]:
    counts = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for program, number in zip(programs, pool.map(lambda name: count(name, interpreter), programs)):
            counts[program] = number
            say(f"{program:<20}{number:>15,}")
    return counts


def compare(counts: dict[str, int], budget: dict[str, int]) -> list[str]:
    """The lines to print for counts off their budget, in either direction."""
    lines = []
    for program, number in counts.items():
        if program not in budget:
            lines.append(f"{program}: no budget (tools/dev count --update)")
        elif abs(number / budget[program] - 1) > TOLERANCE:
            lines.append(f"{program}: {number:,} instead of {budget[program]:,} ({number / budget[program] - 1:+.1%})")
    return lines


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    setup.prepare()
    if not shutil.which("valgrind"):
        raise ToolError("valgrind is missing. Get it with: sudo apt-get install valgrind")
    counts = count_all(options.only or list(PROGRAMS), options.interpreter)
    if options.interpreter:
        return 0
    budget = json.loads(BUDGET.read_text()) if BUDGET.is_file() else {}
    if options.update:
        BUDGET.write_text(json.dumps(budget | counts, indent=1, sort_keys=True) + "\n")
        return 0
    off = compare(counts, budget)
    print("\n".join(off) or f"within {TOLERANCE:.0%} of the budget: {len(counts)} programs")
    return 1 if off else 0
