"""`tools/dev fuzz [--first N] [--count N]`: random programs (tests/fuzz), the interpreter against the optimising tier.

Each program runs in the interpreter, in Tier 1, in optimised code, and in optimised code that leaves at random places. A difference is shown with the
number of its program; `tests/fuzz/programs.py N 1` runs it, and `tools/dev bisect` finds the unit and the guard.
"""

import argparse
import concurrent.futures
import os
import sys

from . import common, macro, setup
from .common import ROOT, VENV_PYTHON

CHUNK = 20  # programs of one process


def check(first: int, seed: int, background: bool) -> list[str]:
    sys.path.insert(0, str(ROOT / "tests" / "fuzz"))
    import compare

    problems = []
    for mode, tier1 in ((0, True), (0, False), (seed, False)):
        found = compare.difference(first, CHUNK, mode, str(VENV_PYTHON), background, tier1)
        if found:
            how = "Tier 1" if tier1 else f"fail_guards={mode}"
            problems.append(f"program {found[0]} (of {first} to {first + CHUNK - 1}), {how}:\n{found[1]}")
    return problems


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0, help="number of the first program")
    parser.add_argument("--count", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of the places where optimised code leaves at random")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--background", action="store_true", help="the worker thread compiles, late")
    options = parser.parse_args(arguments)
    if not common.already_set_up():
        setup.prepare()
    common.in_venv("fuzz", arguments)
    console = macro.console()
    starts = range(options.first, options.first + options.count, CHUNK)
    wrong = 0
    with macro.progress(console, len(starts)) as advance, concurrent.futures.ThreadPoolExecutor(options.jobs) as workers:
        for done in concurrent.futures.as_completed([workers.submit(check, first, options.seed, options.background) for first in starts]):
            for problem in done.result():
                wrong += 1
                console.print(problem, markup=False)
            advance(f"{wrong} differences")
    console.print(f"{len(starts) * CHUNK} programs, {wrong} differences")
    return 1 if wrong else 0
