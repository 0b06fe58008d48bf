"""`tools/dev peers`: the same programs under the interpreter, tierjit, PyPy, Numba, Cython, mypyc and CinderX.

Peers that are missing are installed into build/peers/ where that is possible; one that cannot be had gets a line that
says why. Two measurements: speed-ups of warm calls (CPU time, fresh processes, contenders in turn), and how long after
the start of its process each contender has done as much as the interpreter in 0.05 to 2 s. Tables, JSON and plots.
"""

import argparse
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from . import common, contenders, macro, peers_report, setup, warmup
from .common import RESULTS, ToolError
from .contenders import Contender

PROGRAMS = ("int_loop mandelbrot spectral_norm nbody fannkuch sieve matmul fib float_oscillator scimark_sor scimark_lu "
            "scimark_sparse_mat_mult richards deltablue raytrace").split()


@dataclass
class Cell:
    """One program under one contender: a time a round, or why there is none."""

    times: list[float] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    problem: str = ""
    refused: dict[str, str] = field(default_factory=dict)  # functions that Numba left to the interpreter


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/dev peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes a contender and program (default: 5)")
    parser.add_argument("--calls", type=int, default=6, help="calls in each; the later half counts (default: 6)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this program (may be repeated)")
    parser.add_argument("--peer", action="append", default=[], choices=list(contenders.PEERS),
                        help="this peer (may be repeated)")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH",
                        help="the Python of pypy or cinderx")
    parser.add_argument("--no-install", action="store_true", help="take only peers that are installed")
    parser.add_argument("--small", action="store_true", help="small sizes, for a look at the command itself")
    parser.add_argument("--no-ratios", action="store_true", help="leave out the warm calls")
    parser.add_argument("--no-warm-up", action="store_true", help="leave out the times from process start")
    parser.add_argument("--warm-up-rounds", type=int, default=3, help="for the times from process start")
    parser.add_argument("--seconds", type=float, default=2.0, help="their length in the interpreter (default: 2)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="their clock (default: wall)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for JSON and plots")
    options = parser.parse_args(arguments)
    pairs = [text.partition("=")[::2] for text in options.python]
    if wrong := [key for key, path in pairs if key not in contenders.PEERS or not path]:
        parser.error(f"--python {wrong[0]}: expected PEER=PATH")
    options.python = dict(pairs)
    return options


def programs(only: list[str]) -> list[str]:
    return [name for name in macro.chosen(only, False) if only or name in PROGRAMS]


def run_once(cell: Cell, contender: Contender, program: str, options: argparse.Namespace) -> None:
    command = [contender.python, str(macro.DRIVER), program, "--variant", contender.variant]
    command += ["--calls", str(options.calls), *["--small"] * options.small]
    report = macro.report_of(command, contender.label, contenders.environment(contender))
    if "error" in report:
        cell.problem = report["error"]
        return
    if not report.get("taken", True):
        cell.problem = "not taken: " + "; ".join(f"{name}: {why}" for name, why in report["refused"].items())
        return
    every = [report["first"], *report["later"]]
    cell.times.append(statistics.median(every[len(every) // 2:]))
    cell.digests.add(report["digest"])
    cell.refused = report.get("refused", {})


def build_extensions(board: dict[str, dict[str, Cell]], present: list[Contender], advance) -> None:
    for contender in present:
        if contender.builder:
            for program, row in board.items():
                if why := contenders.build(contender, program):
                    row[contender.key].problem = f"not taken: {why}"
                advance(f"{contender.key} {program}")


def measure(board: dict[str, dict[str, Cell]], present: list[Contender], options: argparse.Namespace, advance) -> None:
    """Rounds outside, contenders inside, each round beginning with another one."""
    for number in range(options.rounds):
        turn = number % len(present)
        for program, row in board.items():
            for contender in present[turn:] + present[:turn]:
                if not row[contender.key].problem:
                    run_once(row[contender.key], contender, program, options)
                advance(program)


def judge(board: dict[str, dict[str, Cell]]) -> None:
    """Marks the cells whose output is not the interpreter's."""
    for row in board.values():
        for cell in row.values():
            if not cell.problem and cell.digests != row["interpreter"].digests:
                cell.problem = "differs"


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    setup.prepare()
    common.in_venv("peers", arguments)
    console = macro.console(150)
    found = contenders.find(options.peer, options.python, not options.no_install)
    present = [contender for contender in found if not contender.missing]
    board = {program: {contender.key: Cell() for contender in present} for program in programs(options.only)}
    peers_report.print_contenders(console, found)
    builders = sum(bool(contender.builder) for contender in present)
    with macro.progress(console, len(board) * builders) as advance:
        build_extensions(board, present, advance)
    options.output.mkdir(parents=True, exist_ok=True)
    results = {}
    if not options.no_ratios:
        with macro.progress(console, len(board) * len(present) * options.rounds) as advance:
            measure(board, present, options, advance)
        judge(board)
        results["ratios"] = peers_report.ratios(console, board, present, options)
    if not options.no_warm_up:
        results["warm_up"] = warmup.run(console, board, present, options)
    peers_report.write(results, found, options)
    lost = [f"{program} ({contender.label})" for program, row in board.items() for contender in present
            if contender.variant in ("plain", "tierjit") and contender.python == str(common.VENV_PYTHON)
            and row[contender.key].problem]
    if lost:
        raise ToolError(f"outputs differ or a program failed: {' '.join(lost)}")
    return 0
