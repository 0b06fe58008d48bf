"""`tools/dev soak [--minutes N]`: threads, compilation, mutation, collections and forks mixed at random, in rounds of some seconds.

Each round is a process (tests/soak/soak_round.py) with a number, which `--first` repeats as far as threads allow. A round is wrong when it
ends with another exit code than 0: a wrong result, a crash, or no end in time.
"""

import argparse
import subprocess
import time
from collections import Counter

from . import common, macro, setup
from .common import ROOT, VENV_PYTHON

PROGRAM = ROOT / "tests" / "soak" / "soak_round.py"
SECONDS = 5     # of work in a round
PATIENCE = 120  # seconds until a round counts as hanging


def play(number: int) -> tuple[str, Counter]:
    """What was wrong with a round ("" if nothing), and what it did."""
    try:
        done = subprocess.run([str(VENV_PYTHON), "-X", "faulthandler", "-W", "ignore::DeprecationWarning", str(PROGRAM), str(number), str(SECONDS)],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"round {number}: no end after {PATIENCE} s", Counter()
    if done.returncode != 0:
        return f"round {number}: exit code {done.returncode}\n{done.stderr[-3000:]}", Counter()
    pairs = (item.split() for item in done.stdout.strip().split(", "))
    return "", Counter({name: int(value) for value, name in pairs})


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5, help="how long (default: 5)")
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    options = parser.parse_args(arguments)
    if not common.already_set_up():
        setup.prepare()
    common.in_venv("soak", arguments)
    console, total, wrong = macro.console(), Counter(), 0
    rounds = max(1, round(options.minutes * 60 / SECONDS))
    begun = time.monotonic()
    with macro.progress(console, rounds) as advance:
        for number in range(options.first, options.first + rounds):
            problem, counts = play(number)
            total += counts
            if problem:
                wrong += 1
                console.print(problem, markup=False)
            advance(f"{wrong} wrong")
    done = ", ".join(f"{value} {name}" for name, value in total.items())
    console.print(f"{rounds} rounds in {time.monotonic() - begun:.0f} s, {wrong} wrong: {done}")
    return 1 if wrong else 0
