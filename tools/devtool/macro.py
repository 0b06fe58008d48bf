"""Times programs under the interpreter and under tierjit: fresh processes, alternating, CPU time of whole calls."""

import contextlib
import json
import math
import os
import random
import statistics
import subprocess
from dataclasses import dataclass, field

from . import common
from .common import ROOT, VENV_PYTHON, ToolError

DRIVER = ROOT / "perf" / "driver.py"
SIDES = ("interpreter", "tierjit")
RESAMPLES = 2000

# A subset that touches calls, attributes, floats, lists, generators and strings: for a first look.
QUICK = ("richards deltablue raytrace nbody fannkuch spectral_norm hexiom chaos go float pyflate scimark_sor nqueens "
         "int_loop float_oscillator attribute_loop method_loop call_loop fib pipeline word_count").split()


@dataclass
class Ratio:
    """Interpreter's time over tierjit's: above 1 means faster; `low` and `high` bound a 95 % interval."""

    value: float
    low: float
    high: float


@dataclass
class Outcome:
    """All rounds of one program; times in CPU seconds, one a round and side."""

    program: str
    first: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    later: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    digests: set[str] = field(default_factory=set)
    problem: str = ""
    stats: dict = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        return not self.problem and len(self.digests) == 1

    def add(self, side: str, report: dict) -> None:
        self.first[side].append(report["first"])
        self.later[side].append(statistics.median(report["later"] or [report["first"]]))
        self.digests.add(report["digest"])
        if side == "tierjit":
            self.stats = report.get("stats", {})


def names() -> list[str]:
    done = subprocess.run([VENV_PYTHON, DRIVER, "--list"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise ToolError(f"perf/driver.py --list failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.split()


def chosen(only: list[str], quick: bool) -> list[str]:
    known = names()
    if unknown := [name for name in only if name not in known]:
        raise ToolError(f"unknown program {unknown[0]}; there are: {' '.join(known)}")
    return only or [name for name in known if not quick or name in QUICK]


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def environment() -> dict[str, str]:
    """Fixed hashes, so that both sides walk sets in one order; no TIERJIT option of the caller's leaks in."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TIERJIT", "PYTHON"))}
    return env | {"PYTHONHASHSEED": "0"}


def run_once(program: str, side: str, calls: int, baseline: bool = False) -> dict:
    """One process; the driver's report, or {"error": ...}. `baseline` runs the interpreter on both sides."""
    command = [str(VENV_PYTHON), str(DRIVER), program, "--calls", str(calls)]
    if side == "tierjit" and not baseline:
        command.append("--tierjit")
    return report_of(command, side, environment())


def report_of(command: list[str], side: str, env: dict[str, str]) -> dict:
    """The JSON that the command prints in its last line, or {"error": ...}."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    except subprocess.TimeoutExpired:
        return {"error": "no end after 300 s"}
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {"error": f"exit code {done.returncode} under the {side}: {last}"[:160]}
    return json.loads(done.stdout.splitlines()[-1])


def run_round(outcome: Outcome, number: int, calls: int, baseline: bool = False) -> None:
    """One process a side; which side goes first alternates with the round."""
    for side in SIDES if number % 2 == 0 else SIDES[::-1]:
        report = run_once(outcome.program, side, calls, baseline)
        if "error" in report:
            outcome.problem = report["error"]
            return
        outcome.add(side, report)


def measure(programs: list[str], rounds: int, calls: int, baseline: bool, advance) -> list[Outcome]:
    """Rounds outside, programs inside: a slow spell of the machine spreads over all. advance(name) tells progress."""
    outcomes = [Outcome(program) for program in programs]
    for number in range(rounds):
        for outcome in outcomes:
            if not outcome.problem:
                run_round(outcome, number, calls, baseline)
            advance(outcome.program)
    return outcomes


def ratio(times: dict[str, list[float]], side: str = "tierjit") -> Ratio:
    """Ratio of the medians over the rounds, with a bootstrap interval (rounds drawn in pairs)."""
    pairs = list(zip(times["interpreter"], times[side]))
    chance = random.Random(1)
    draws = sorted(quotient(chance.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES))
    return Ratio(quotient(pairs), draws[RESAMPLES // 40], draws[-RESAMPLES // 40])


def quotient(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(a for a, _ in pairs) / max(statistics.median(b for _, b in pairs), 1e-9)


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values))) if values else float("nan")


def console(width: int = 110):
    """rich's console; where the output is no terminal, wide enough for the tables."""
    from rich.console import Console

    plain = Console()
    return plain if plain.is_terminal else Console(width=width)


@contextlib.contextmanager
def progress(console, total: int):
    """A bar while the block runs; gives advance(what), to be called after each of `total` steps."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                   console=console, transient=True)
    task = bar.add_task("", total=total)
    with bar:
        yield lambda what: bar.update(task, advance=1, description=what)


def measure_with_bar(console, programs: list[str], rounds: int, calls: int, baseline: bool) -> list[Outcome]:
    with progress(console, len(programs) * rounds) as advance:
        return measure(programs, rounds, calls, baseline, advance)


def cells(outcome: Outcome) -> list[str]:
    warm, first = ratio(outcome.later), ratio(outcome.first)
    medians = [f"{statistics.median(outcome.later[side]) * 1e3:.1f}" for side in SIDES]
    verdict = "same" if outcome.agrees else "[bold red]DIFFERENT[/]"
    colour = "green" if warm.low > 1 else "red" if warm.high < 0.97 else "default"
    return [outcome.program, *medians, f"[{colour}]{warm.value:.2f}x[/]", f"{warm.low:.2f}-{warm.high:.2f}",
            f"{first.value:.2f}x", verdict]


def print_table(console, outcomes: list[Outcome], rounds: int, baseline: bool) -> None:
    from rich.table import Table

    title = "interpreter against itself" if baseline else "speed-up over the interpreter"
    table = Table(title=f"{title}, {rounds} rounds", title_justify="left")
    table.add_column("program", no_wrap=True)
    for heading in ("interp. ms", "tierjit ms", "speed-up", "95 %", "first call", "output"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        table.add_row(*([outcome.program, "", "", "", "", "", f"[red]{outcome.problem}[/]"] if outcome.problem
                        else cells(outcome)))
    console.print(table)


def print_summary(console, outcomes: list[Outcome]) -> None:
    good = [outcome for outcome in outcomes if not outcome.problem]
    warm = geometric_mean([ratio(outcome.later).value for outcome in good])
    first = geometric_mean([ratio(outcome.first).value for outcome in good])
    same = sum(outcome.agrees for outcome in outcomes)
    console.print(f"geometric mean of {len(good)} programs: [bold]{warm:.2f}x[/] (first call {first:.2f}x)")
    console.print(f"equal output: {same} of {len(outcomes)}")


def failed(outcomes: list[Outcome]) -> list[str]:
    return [outcome.program for outcome in outcomes if not outcome.agrees]
