"""`tools/dev bisect [--seed N] COMMAND...`: which loop or function of the optimising tier, and which of its guards, makes COMMAND fail.

COMMAND must fail (exit code other than 0) with the optimising tier on; what it needs beside that, as thresholds, comes from its own options
or from the environment. First the units are narrowed down (option `tier2_units`), then, with --seed, the places where they are made to leave
(options `fail_guards` and `fail_only`). The answer is the environment in which COMMAND still fails.
"""

import argparse
import os
import subprocess
from collections.abc import Callable

from .common import ToolError, say

LIMIT = 1 << 20     # units of a program, guards of a unit


def fails(command: list[str], variables: dict[str, str], seconds: float) -> bool:
    env = os.environ | {"TIERJIT": "1", "TIERJIT_TIER2": "1", "TIERJIT_BACKGROUND": "0"} | variables
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds)
    except subprocess.TimeoutExpired:
        return True
    except OSError as error:
        raise ToolError(f"{command[0]}: {error.strerror}") from None
    return done.returncode != 0


def first_true(test: Callable[[int], bool], limit: int) -> int:
    """The smallest number below `limit` for which `test` holds, if it holds for all from there on; `limit`: none."""
    step = 1
    while step < limit and not test(step - 1):
        step *= 2
    low, high = step // 2, min(step - 1, limit)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if test(middle) else (middle + 1, high)
    return low


def narrow(test: Callable[[str], bool], what: str) -> str:
    """The narrowest range N-M that `test` still holds for: its end first, then its beginning."""
    last = first_true(lambda number: test(f"0-{number}"), LIMIT)
    if last >= LIMIT:
        raise ToolError(f"it does not fail by {what}")
    if test(str(last)):
        return str(last)
    first = last - first_true(lambda width: test(f"{last - width}-{last}"), last + 1)
    return f"{first}-{last}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev bisect", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="optimised code leaves at random places, by this number (option fail_guards)")
    parser.add_argument("--seconds", type=float, default=120, help="a run that takes longer has failed")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if not options.command:
        parser.error("which command?")
    variables = {"TIERJIT_FAIL_GUARDS": str(options.seed)}

    def still(name: str) -> Callable[[str], bool]:
        return lambda text: fails(options.command, variables | {name: text}, options.seconds)

    if not fails(options.command, variables, options.seconds):
        raise ToolError("the command does not fail")
    variables["TIERJIT_TIER2_UNITS"] = narrow(still("TIERJIT_TIER2_UNITS"), "units")
    say(f"unit {variables['TIERJIT_TIER2_UNITS']}")
    if options.seed:
        variables["TIERJIT_FAIL_ONLY"] = narrow(still("TIERJIT_FAIL_ONLY"), "guards")
        say(f"guard {variables['TIERJIT_FAIL_ONLY']}")
    print(" ".join(f"{name}={value}" for name, value in variables.items()))
    return 0
