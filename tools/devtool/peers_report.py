"""Tables, JSON and the bar plot of `tools/dev peers`."""

import argparse
import json
import math
import platform
import statistics
import time
from dataclasses import asdict

from . import contenders, macro
from .common import ROOT, say
from .contenders import Contender

COLOURS = {"interpreter": "#555555", "tierjit": "#3b7dd8", "tiers": "#12326b", "pypy": "#d1495b", "numba": "#2a9d8f",
           "cython": "#e9a03b", "mypyc": "#8a5fbf", "cinderx-host": "#a9b4a2", "cinderx": "#5b8c2a"}
MEAN = "geometric mean"


def print_contenders(console, found: list[Contender]) -> None:
    for contender in found:
        state = f"missing: {contender.missing}" if contender.missing else contender.version
        console.print(f"{contender.label}: {state}", highlight=False, markup=False, soft_wrap=True)


def ratio_of(row: dict, key: str) -> macro.Ratio:
    return macro.ratio({"interpreter": row["interpreter"].times, key: row[key].times}, key)


def mean_of(rows: list[dict], key: str) -> float:
    return macro.geometric_mean([row[key]["ratio"]["value"] for row in rows if "ratio" in row[key]])


def means(cells: dict[str, dict], key: str) -> dict:
    """Geometric mean of the programs that `key` ran, and tierjit's over the same ones."""
    rows = [row for row in cells.values() if "ratio" in row[key]]
    own = [each for each in contenders.OWN if all(each in row for row in rows)]
    return {"programs": len(rows), "value": mean_of(rows, key), "on_these": {each: mean_of(rows, each) for each in own}}


def numbers(board: dict, present: list[Contender]) -> dict:
    """All that the table, the plot and the JSON show: {cells: {program: {contender: ...}}, means: {contender: ...}}."""
    cells = {}
    for program, row in board.items():
        cells[program] = {}
        for key, cell in row.items():
            entry = {"seconds": cell.times, "refused": cell.refused}
            if cell.problem or row["interpreter"].problem:
                entry["problem"] = cell.problem or "the interpreter failed"
            else:
                entry["ratio"] = asdict(ratio_of(row, key))
            cells[program][key] = entry
    return {"cells": cells, "means": {contender.key: means(cells, contender.key) for contender in present}}


def cell_text(entry: dict) -> str:
    if "problem" in entry:
        text = entry["problem"].split(":")[0]
        return f"[red]{text if text in ('differs', 'not taken') else 'failed'}[/]"
    ratio = entry["ratio"]
    colour = "green" if ratio["low"] > 1 else "red" if ratio["high"] < 0.97 else "default"
    mark = "*" if entry["refused"] else ""
    return f"[{colour}]{factor(ratio['value'])}{mark}[/]\n[dim]{digits(ratio['low'])}-{digits(ratio['high'])}[/]"


def factor(value: float) -> str:
    return "" if math.isnan(value) else f"{digits(value)}x"


def digits(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def print_table(console, found: dict, present: list[Contender], options: argparse.Namespace) -> None:
    from rich.table import Table

    others = [contender for contender in present if contender.key != "interpreter"]
    table = Table(title=f"speed-up of warm calls over the interpreter, 95 % interval, {options.rounds} rounds",
                  title_justify="left")
    table.add_column("program", no_wrap=True)
    table.add_column("interp. ms", justify="right")
    for contender in others:
        table.add_column(contender.label, justify="right")
    for program, row in found["cells"].items():
        times = row["interpreter"]["seconds"]
        milliseconds = f"{statistics.median(times) * 1e3:.1f}" if times else ""
        table.add_row(program, milliseconds, *(cell_text(row[contender.key]) for contender in others))
    table.add_section()
    rows = [found["means"][contender.key] for contender in others]
    table.add_row(MEAN, "", *(f"[bold]{factor(mean['value'])}[/]\n[dim]of {mean['programs']}[/]" for mean in rows))
    for own in others:
        if own.key in contenders.OWN:
            table.add_row(f"{own.label}\n[dim]on these[/]", "", *(factor(mean["on_these"][own.key]) for mean in rows))
    console.print(table)


def print_reasons(console, found: dict, present: list[Contender]) -> None:
    """Why cells hold no figure, and what Numba took only in part (the asterisk)."""
    for contender in present:
        for program, row in found["cells"].items():
            entry = row[contender.key]
            refused = "; ".join(f"{name}: {why}" for name, why in entry["refused"].items())
            text = entry.get("problem") or (f"* in part: {refused}" if refused else "")
            if text:
                console.print(f"{contender.label}, {program}: {text}", highlight=False, markup=False, soft_wrap=True)


def draw(found: dict, present: list[Contender], options: argparse.Namespace) -> None:
    """Groups of horizontal bars on a logarithmic axis, one group a program, the geometric means last."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    others = [contender for contender in present if contender.key != "interpreter"]
    programs = list(found["cells"])
    height = 0.8 / len(others)
    figure, axes = pyplot.subplots(figsize=(10, 1.5 + (0.12 + 0.13 * len(others)) * (len(programs) + 1)),
                                   layout="constrained")
    for place, contender in enumerate(others):
        rows = [(number, found["cells"][program][contender.key]["ratio"]) for number, program in enumerate(programs)
                if "ratio" in found["cells"][program][contender.key]]
        offset = (place - (len(others) - 1) / 2) * height
        spread = [[max(0, r["value"] - r["low"]) for _, r in rows], [max(0, r["high"] - r["value"]) for _, r in rows]]
        mean = found["means"][contender.key]
        axes.barh([number + offset for number, _ in rows], [r["value"] for _, r in rows], height, xerr=spread,
                  color=COLOURS[contender.key], error_kw={"ecolor": "#444", "lw": 0.6},
                  label=f"{contender.label}: {mean['value']:.2f}x of {mean['programs']}")
        if mean["programs"]:
            axes.barh([len(programs) + offset], [mean["value"]], height, color=COLOURS[contender.key])
    axes.set_yticks(range(len(programs) + 1), [*programs, MEAN])
    axes.axhline(len(programs) - 0.5, color="#999", lw=0.6)
    axes.axvline(1.0, color="#b03030", lw=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel("times as fast as the interpreter, warm calls (95 % interval)")
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(options.output / "peers.png", dpi=120)


def ratios(console, board: dict, present: list[Contender], options: argparse.Namespace) -> dict:
    found = numbers(board, present)
    print_table(console, found, present, options)
    print_reasons(console, found, present)
    draw(found, present, options)
    return found


def write(results: dict, found: list[Contender], options: argparse.Namespace) -> None:
    who = [{"key": each.key, "label": each.label, "version": each.version, "missing": each.missing} for each in found]
    document = {"commit": macro.commit(), "python": platform.python_version(),
                "time": time.strftime("%Y-%m-%d %H:%M:%S"), "rounds": options.rounds, "contenders": who, **results}
    (options.output / "peers.json").write_text(json.dumps(document, indent=1))
    place = options.output.resolve()
    say(f"written: {place.relative_to(ROOT) if place.is_relative_to(ROOT) else place}/peers.json and plots")
