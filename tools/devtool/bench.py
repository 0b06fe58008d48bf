"""`tools/dev bench`: the macro benchmarks (table, JSON, PNG plot), the figures that have a limit (compile time, sizes,
import, calls) and the micro benchmarks (Google Benchmark).

Results go to perf/results/. Macro figures are CPU time of whole calls, fresh processes, contenders alternating.
"""

import argparse
import json
import platform
import time
from dataclasses import asdict

from . import common, figures, macro, setup
from .common import BUILD, RESULTS, ROOT, ToolError, say

MICRO = BUILD / "perf" / "micro" / "tierjit_micro"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/dev bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="processes a side and program (default: 10)")
    parser.add_argument("--calls", type=int, default=4, help="calls in each process (default: 4)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this program (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="about twenty programs instead of all")
    parser.add_argument("--baseline", action="store_true", help="interpreter on both sides: shows the noise")
    parser.add_argument("--no-macro", action="store_true", help="leave out the macro benchmarks")
    parser.add_argument("--no-figures", action="store_true", help="leave out the figures that have a limit")
    parser.add_argument("--no-micro", action="store_true", help="leave out the micro benchmarks")
    parser.add_argument("--figures", action="store_true", help="the figures that have a limit, nothing else")
    options = parser.parse_args(arguments)
    if options.figures:
        options.no_macro = options.no_micro = True
    return options


def as_json(outcome: macro.Outcome) -> dict:
    entry = {"program": outcome.program, "first_s": outcome.first, "later_s": outcome.later, "equal": outcome.agrees}
    if outcome.problem:
        return entry | {"problem": outcome.problem}
    return entry | {"speedup": asdict(macro.ratio(outcome.later)), "speedup_first": asdict(macro.ratio(outcome.first)),
                    "stats": outcome.stats}


def write_json(outcomes: list[macro.Outcome], options: argparse.Namespace) -> None:
    good = [macro.ratio(outcome.later).value for outcome in outcomes if not outcome.problem]
    document = {"commit": macro.commit(), "python": platform.python_version(), "time": time.strftime("%Y-%m-%d %H:%M:%S"),
                "rounds": options.rounds, "geometric_mean": macro.geometric_mean(good),
                "programs": [as_json(outcome) for outcome in outcomes]}
    (RESULTS / "macro.json").write_text(json.dumps(document, indent=1))


def draw(outcomes: list[macro.Outcome]) -> None:
    """A horizontal bar a program, longest on top, with its interval and a line at 1x."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    good = [outcome for outcome in outcomes if not outcome.problem]
    rows = sorted(((macro.ratio(outcome.later), outcome.program) for outcome in good), key=lambda row: row[0].value)
    values = [ratio.value for ratio, _ in rows]
    spread = [[ratio.value - ratio.low for ratio, _ in rows], [ratio.high - ratio.value for ratio, _ in rows]]
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.22 * len(rows)), layout="constrained")
    axes.barh([name for _, name in rows], values, xerr=[[max(0, x) for x in side] for side in spread], color="#3b7dd8",
              height=0.7, error_kw={"ecolor": "#444", "lw": 1})
    axes.axvline(1.0, color="#b03030", lw=1)
    axes.set_xlabel("times as fast as the interpreter (95 % interval)")
    axes.set_title(f"geometric mean {macro.geometric_mean(values):.2f}x")
    axes.margins(y=0.01)
    figure.savefig(RESULTS / "macro.png", dpi=120)


def run_macro(options: argparse.Namespace) -> list[str]:
    console = macro.console()
    programs = macro.chosen(options.only, options.quick)
    outcomes = macro.measure_with_bar(console, programs, options.rounds, options.calls, options.baseline)
    macro.print_table(console, outcomes, options.rounds, options.baseline)
    macro.print_summary(console, outcomes)
    write_json(outcomes, options)
    draw(outcomes)
    say(f"written: {RESULTS.relative_to(ROOT)}/macro.json and macro.png")
    return macro.failed(outcomes)


def run_micro() -> None:
    if not MICRO.is_file():
        raise ToolError("build/perf/micro/tierjit_micro was not built: Google Benchmark (libbenchmark-dev) was missing")
    command = [MICRO, f"--benchmark_out={RESULTS / 'micro.json'}", "--benchmark_out_format=json"]
    common.run(command, "the micro benchmarks", env=macro.environment())
    say(f"written: {RESULTS.relative_to(ROOT)}/micro.json")


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    setup.prepare()
    common.in_venv("bench", arguments)
    RESULTS.mkdir(parents=True, exist_ok=True)
    wrong = [] if options.no_macro else run_macro(options)
    if not options.no_figures:
        figures.run(macro.console(), macro.chosen(options.only, options.quick))
    if not options.no_micro:
        run_micro()
    if wrong:
        raise ToolError(f"outputs differ or a program failed: {' '.join(wrong)}")
    return 0
