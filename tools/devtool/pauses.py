"""`tools/dev pauses`: how long programs stand still because the optimising tier compiles.

What needs the GIL is done on the thread that runs the program: the graph, and the installation. The longest of these stops is printed for each
program, with their sum. Times are of the wall clock: on a machine that does other things they tell about those.
"""

import argparse
import json
import os
import subprocess
import sys

from . import common
from .common import ROOT, ToolError, say

SCRIPT = ROOT / "perf" / "pauses.py"
LIMIT_MS = 2.0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/dev pauses", description=__doc__)
    parser.add_argument("programs", nargs="*", help="these instead of all")
    parser.add_argument("--seconds", default="1", help="how long each one runs")
    parser.add_argument("--waiting", action="store_true", help="with the option background off")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each program; the one with the shortest stops counts")
    return parser.parse_args(arguments)


def all_programs() -> list[str]:
    sys.path.insert(0, str(ROOT / "perf"))
    import adapters

    return adapters.names()


def run_once(program: str, options: argparse.Namespace) -> dict:
    env = dict(os.environ, TIERJIT_BACKGROUND="0" if options.waiting else "1")
    done = subprocess.run([sys.executable, str(SCRIPT), program, options.seconds], capture_output=True, text=True, env=env, timeout=300)
    if done.returncode != 0:
        raise ToolError(f"{program} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(program: str, options: argparse.Namespace) -> dict:
    return min((run_once(program, options) for _ in range(options.rounds)), key=lambda run: run["tier2_pause_ns_max"])


def line(run: dict) -> str:
    return (f"{run['program']:<24}{run['tier2_pause_ns_max'] / 1e6:9.2f}{run['tier2_pause_ns_total'] / 1e6:9.2f}"
            f"{run['tier2_compile_ns_total'] / 1e6:11.1f}{run['tier2_compiles']:10}{run['tier2_installs']:10}")


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    common.in_venv("pauses", arguments)
    say(f"{'program':<24}{'longest':>6}{'all':>9}{'compiling':>11}{'compiles':>10}{'installs':>10}   (ms)")
    runs = []
    for program in options.programs or all_programs():
        runs.append(measure(program, options))
        print(line(runs[-1]), flush=True)
    longest = max(run["tier2_pause_ns_max"] for run in runs) / 1e6
    above = [run["program"] for run in runs if run["tier2_pause_ns_max"] / 1e6 >= LIMIT_MS]
    say(f"longest stop: {longest:.2f} ms; {len(above)} programs above {LIMIT_MS:g} ms{': ' if above else ''}{', '.join(above)}")
    return 0
