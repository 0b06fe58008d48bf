"""The cold part of `tools/dev peers`: when after the start of its process a contender has done the n-th call.

Each process calls a program of small size again and again (perf/cold.py). The interpreter's first run says how many
calls fill the time that is asked for; the others make as many, so that all do the same work.
"""

import argparse
import statistics
import time
from dataclasses import dataclass, field

from . import contenders, macro
from .common import ROOT
from .contenders import Contender
from .peers_report import COLOURS

SCRIPT = ROOT / "perf" / "cold.py"
JOBS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # seconds that a job takes the interpreter
OVERSHOOT = 1.5  # a program whose calls are so long that a job would end this far past its time is left out of it
ENDLESS = 1_000_000


@dataclass
class Run:
    """One program under one contender: seconds after which each call was done, a list a round."""

    rounds: list[list[float]] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    problem: str = ""

    def curve(self) -> list[float]:
        """Median over the rounds, call by call."""
        return [statistics.median(times) for times in zip(*self.rounds)]


def run_once(run: Run, contender: Contender, program: str, calls: int, seconds: float, clock: str) -> int:
    """One process; returns how many calls it made."""
    env = contenders.environment(contender)
    command = [contender.python, str(SCRIPT), repr(time.monotonic()), contender.variant, program]
    report = macro.report_of([*command, str(calls), clock, str(seconds)], contender.label, env)
    if "error" in report or not report.get("taken", True):
        run.problem = report.get("error", "not taken")
        return calls
    run.rounds.append(report["passed"])
    run.digests.add(report["digest"])
    return len(report["passed"])


def measure(board: dict, present: list[Contender], options: argparse.Namespace, advance) -> dict[str, dict[str, Run]]:
    """Cells that have a problem in the warm part are left out here; the interpreter opens the first round."""
    runs = {program: {contender.key: Run(problem=row[contender.key].problem) for contender in present}
            for program, row in board.items()}
    calls = {}
    for number in range(options.warm_up_rounds):
        turn = number % len(present)
        for program, row in runs.items():
            for contender in present[turn:] + present[:turn]:
                if not row[contender.key].problem:
                    bounds = (calls[program], 3600.0) if program in calls else (ENDLESS, options.seconds)
                    made = run_once(row[contender.key], contender, program, *bounds, options.clock)
                    calls.setdefault(program, made)
                advance(program)
    for row in runs.values():
        for run in row.values():
            if not run.problem and run.digests != row["interpreter"].digests:
                run.problem = "differs"
    return runs


def jobs_of(row: dict[str, Run], seconds: float) -> dict[float, dict[str, float]]:
    """{job: {contender: seconds until it is done}}; a job ends with the interpreter's first call past its time."""
    curves = {key: run.curve() for key, run in row.items() if not run.problem and run.rounds}
    interpreter = curves.get("interpreter", [])
    found = {}
    for job in JOBS:
        last = next((n for n, passed in enumerate(interpreter) if passed >= job), None)
        if last is not None and job <= seconds and interpreter[last] < OVERSHOOT * job:
            found[job] = {key: curve[last] for key, curve in curves.items()}
    return found


def standing(key: str, rows: list[dict[str, float]]) -> dict:
    own = [row for row in rows if key in row]
    return {"speedup": macro.geometric_mean([row["interpreter"] / row[key] for row in own]), "programs": len(own),
            "ahead": sum(min(row, key=row.get) == key for row in own)}


def numbers(runs: dict[str, dict[str, Run]], options: argparse.Namespace) -> dict:
    """{programs: ..., jobs: {job: {contender: {speedup, programs, ahead}}}}; `ahead` counts programs won."""
    every = {program: jobs_of(row, options.seconds) for program, row in runs.items()}
    jobs = {}
    for job in JOBS:
        rows = [found[job] for found in every.values() if job in found]
        keys = {key for row in rows for key in row}
        jobs[job] = {key: standing(key, rows) for key in keys}
    programs = {}
    for program, row in runs.items():
        curves = {key: run.curve() for key, run in row.items() if not run.problem}
        problems = {key: run.problem for key, run in row.items() if run.problem}
        programs[program] = {"curves": curves, "jobs": every[program], "problems": problems}
    return {"clock": options.clock, "programs": programs, "jobs": {job: row for job, row in jobs.items() if row}}


def print_table(console, found: dict, present: list[Contender]) -> None:
    from rich.table import Table

    table = Table(title=f"cold: speed-up from the start of the process ({found['clock']} clock), geometric mean of "
                        "programs (below: programs in which it is ahead of all)", title_justify="left")
    table.add_column("job takes interpreter", justify="right")
    for contender in present:
        table.add_column(contender.label, justify="right")
    for job, row in found["jobs"].items():
        best = max(entry["speedup"] for entry in row.values())
        texts = [f"[{'bold green' if row[c.key]['speedup'] == best else 'default'}]{row[c.key]['speedup']:.2f}x[/]\n"
                 f"[dim]{row[c.key]['ahead']} of {row[c.key]['programs']}[/]" if c.key in row else ""
                 for c in present]
        table.add_row(f"{job:g} s", *texts)
    console.print(table)


def draw(found: dict, present: list[Contender], options: argparse.Namespace) -> None:
    """A panel a program: seconds from the start of the process over calls done; the last panel sums up."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    programs = found["programs"]
    columns = min(4, len(programs) + 1)
    lines = -(-(len(programs) + 1) // columns)
    size = (4 * columns, 3 * lines)
    figure, panels = pyplot.subplots(lines, columns, figsize=size, layout="constrained", squeeze=False)
    places = iter(panels.flat)
    for name, program in programs.items():
        axes = next(places)
        for contender in present:
            curve = program["curves"].get(contender.key)
            if curve:
                axes.loglog(range(1, len(curve) + 1), curve, color=COLOURS[contender.key], lw=1.2,
                            marker="." if len(curve) < 20 else "")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("calls done", fontsize=8)
        axes.set_ylabel("s from process start", fontsize=8)
    axes = next(places)
    for contender in present:
        points = [(job, row[contender.key]["speedup"]) for job, row in found["jobs"].items() if contender.key in row]
        axes.loglog([job for job, _ in points], [speedup for _, speedup in points], color=COLOURS[contender.key],
                    marker=".", label=contender.label)
    axes.set_title("speed-up of the whole process, geometric mean", fontsize=9)
    axes.set_xlabel("s that the job takes the interpreter", fontsize=8)
    axes.legend(fontsize=7)
    for axes in panels.flat[:len(programs) + 1]:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(ticker.NullFormatter())
    for rest in places:
        rest.axis("off")
    figure.savefig(options.output / "peers_warm_up.png", dpi=110)


def run(console, board: dict, present: list[Contender], options: argparse.Namespace) -> dict:
    with macro.progress(console, len(board) * len(present) * options.warm_up_rounds) as advance:
        runs = measure(board, present, options, advance)
    found = numbers(runs, options)
    print_table(console, found, present)
    draw(found, present, options)
    return found
