"""`tools/dev test [pytest arguments]`: builds, then one pytest run over tests/.

The C++ unit tests and the named files of CPython's own suite are cases of that run (tests/unit, tests/regrtest),
so that pytest's closing line, the last that is printed, counts everything.
"""

import os
import subprocess

from . import common, setup
from .common import ROOT, VENV_PYTHON, say


def pytest_command(arguments: list[str]) -> list[str]:
    # One more worker than processors: many tests wait for a process or a clock.
    workers = str((os.cpu_count() or 1) + 1)
    spread = [] if any(argument.startswith(("-n", "-p")) for argument in arguments) else ["-n", workers, "--dist", "worksteal"]
    named = any(not argument.startswith("-") and (ROOT / argument.split("::")[0]).exists() for argument in arguments)
    return [str(VENV_PYTHON), "-m", "pytest", *spread, *arguments, *([] if named else ["tests"])]


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    setup.prepare()
    say("running the tests")
    # pytest's exit code passes through: 5 (nothing ran) is a failure too.
    return subprocess.run(pytest_command(arguments), cwd=ROOT, env=common.environment()).returncode
