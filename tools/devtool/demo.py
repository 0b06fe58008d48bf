"""`tools/dev demo`: runs the example programs under the interpreter and under tierjit, checks that their outputs are
equal, and prints the speed-ups. CPU time of whole calls, fresh processes, alternating; unchanged programs.
"""

import argparse

from . import common, macro, setup


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/dev demo", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="processes a side and program (default: 3)")
    parser.add_argument("--calls", type=int, default=3, help="calls in each process (default: 3)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this program (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="about twenty programs instead of all")
    parser.add_argument("--baseline", action="store_true", help="interpreter on both sides: shows the noise")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    setup.prepare()
    common.in_venv("demo", arguments)
    console = macro.console()
    programs = macro.chosen(options.only, options.quick)
    outcomes = macro.measure_with_bar(console, programs, options.rounds, options.calls, options.baseline)
    macro.print_table(console, outcomes, options.rounds, options.baseline)
    macro.print_summary(console, outcomes)
    if wrong := macro.failed(outcomes):
        raise common.ToolError(f"outputs differ or a program failed: {' '.join(wrong)}")
    return 0
