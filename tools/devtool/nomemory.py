"""`tools/dev nomemory [--step N] [PROGRAM...]`: memory fails at every allocation of the programs of tests/python/nomemory in turn.

In both tiers, for programs that are compiled already and for such as are compiled meanwhile. The tests do the same with larger steps.
Prints what may not be; the command fails when there is something.
"""

import argparse
import os
import subprocess

from . import common, setup
from .common import ROOT, VENV_PYTHON, say

CHILD = ROOT / "tests" / "python" / "nomemory" / "child.py"


def run(mode: str, start: str, options: argparse.Namespace) -> bool:
    say(f"{mode}, {start}")
    command = [VENV_PYTHON, "-X", "faulthandler", CHILD, mode, str(options.step), start, *options.programs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as child:
        output, errors = child.communicate()
    lines = output.splitlines()
    problems = [line for line in lines if not line.startswith("# ")]
    if problems == ["done"] and child.returncode == 0:
        return True
    print(*problems, f"after {lines[-1:]}: exit code {child.returncode}", errors[-3000:], sep="\n", flush=True)
    return False


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev nomemory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=1, help="each N-th allocation only")
    parser.add_argument("programs", nargs="*", help="names of functions in programs.py")
    options = parser.parse_args(arguments)
    if not VENV_PYTHON.exists():
        setup.prepare()
    if not VENV_PYTHON.exists():
        raise common.ToolError("there is no .venv: tools/dev setup makes it")
    passed = [run(mode, start, options) for mode in ("tier1", "tier2") for start in ("warm", "cold")]
    return 0 if all(passed) else 1
