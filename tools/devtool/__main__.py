"""Command line of tools/dev: picks the command's module and runs its main(arguments)."""

import importlib
import os
import signal
import sys

from . import common

COMMANDS = {
    "setup": ("setup", "install what is missing, build, and install tierjit into .venv"),
    "demo": ("demo", "run the example programs with and without tierjit and print the speed-ups"),
    "test": ("tests", "build and run all tests (further arguments go to pytest)"),
    "bench": ("bench", "macro and micro benchmarks: table, JSON and plot in perf/results/"),
    "count": ("count", "instruction counts under callgrind against perf/budget.json"),
    "peers": ("peers", "the same programs under PyPy, Numba, Cython, mypyc and CinderX: tables, JSON, plots"),
    "pauses": ("pauses", "how long programs stand still while the optimising tier compiles"),
    "ramp": ("ramp", "how soon a single call with one long loop runs at its steady speed"),
    "fuzz": ("fuzz", "random programs: the interpreter against the optimising tier"),
    "survey": ("survey", "what the optimising tier makes of the standard library's code, unrun"),
    "bisect": ("bisect", "which unit and which guard of the optimising tier makes a command fail"),
    "soak": ("soak", "threads, compilation, mutation, collections and forks mixed at random"),
    "regrtest": ("regrtest", "CPython's own test suite, compiled against interpreted"),
    "packages": ("packages", "the test suites of other packages, compiled against interpreted"),
    "nomemory": ("nomemory", "programs in both tiers while memory fails at each of their allocations"),
    "refleaks": ("refleaks", "reference leaks of compiled code, hunted with CPython's own tests"),
}


def usage() -> str:
    lines = ["usage: tools/dev COMMAND [options]   (tools/dev COMMAND --help tells a command's options)", ""]
    lines += [f"  {name:<10}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(lines)


def heed_interrupts() -> None:
    """What a shell starts in the background ignores these signals, and so does all that it starts: tests of interrupts would wait for ever."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def main(argv: list[str]) -> int:
    heed_interrupts()
    if not argv or argv[0] in ("help", "-h", "--help"):
        print(usage())
        return 0
    if argv[0] not in COMMANDS:
        print(f"tools/dev: unknown command {argv[0]!r}\n\n{usage()}", file=sys.stderr)
        return 2
    # The tools' own search path must not reach the programs that they start.
    os.environ.pop("PYTHONPATH", None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("TIERJIT_PYTHON", None)  # has served its purpose; tierjit would take it for an option
    module = importlib.import_module(f".{COMMANDS[argv[0]][0]}", __package__)
    try:
        return module.main(argv[1:])
    except common.ToolError as error:
        print(f"tools/dev: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
