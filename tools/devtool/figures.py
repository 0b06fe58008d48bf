"""Compile time, code size, and the costs of importing and calling, each beside its limit (perf/figures.py measures)."""

import json
import statistics
import subprocess

from . import common, macro
from .common import RESULTS, ROOT, VENV_PYTHON, ToolError

SCRIPT = ROOT / "perf" / "figures.py"
PROCESSES = 10  # for what a process can show once only

# What is aimed at: compile time a bytecode without page protection, bytes a bytecode, cost of the import, cost of calls
# in terms of the interpreter's own.
LIMITS = {"compile_ns": 300, "hot_bytes": 150, "all_bytes": 400, "import_ms": 30, "import_mb": 10,
          "into_compiled": 1.0, "compiled": 1 / 3}


def ask(*arguments: str):
    command = [str(VENV_PYTHON), str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=macro.environment(), timeout=300)
    if done.returncode != 0:
        raise ToolError(f"perf/figures.py {' '.join(arguments)}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def line_through(rows: list[list[int]]) -> tuple[float, float]:
    """(ns a bytecode, ns a function) of compile times: the fixed part is page protection, mostly.

    The slope is the median of many pairs' (Theil and Sen), because a few compilations are hit by page faults.
    """
    rows = sorted(rows)
    half = len(rows) // 2
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(rows, rows[half:]) if b[0] > a[0]]
    slope = statistics.median(slopes) if slopes else 0.0
    return slope, statistics.median(ns - slope * count for count, ns, _, _ in rows)


def sizes(rows: list[list[int]]) -> dict:
    count = sum(row[0] for row in rows)
    slope, fixed = line_through(rows)
    return {"functions": len(rows), "bytecodes": count, "compile_ns": slope, "compile_ns_a_function": fixed,
            "compile_ns_in_all": sum(row[1] for row in rows) / count, "hot_bytes": sum(row[2] for row in rows) / count,
            "all_bytes": sum(row[3] for row in rows) / count}


def measure(programs: list[str], advance) -> dict:
    found = {"programs": {}}
    every = []
    for name in programs:
        rows = ask("program", name)
        if rows:
            found["programs"][name] = sizes(rows)
            every += rows
        advance(name)
    found["all programs"], found["library"] = sizes(every), sizes(ask("library"))
    imports = [ask("import") for _ in range(PROCESSES)]
    found["import_ms"] = statistics.median(each["ms"] for each in imports)
    found["import_mb"] = statistics.median(each["bytes"] for each in imports) / 1e6
    calls = [ask("calls") for _ in range(PROCESSES // 2)]
    found["calls_ns"] = {key: statistics.median(each[key] for each in calls) for key in calls[0]}
    return found


def rows_of(found: dict):
    """(what, figure, limit) for the table."""
    for group in ("all programs", "library"):
        weights = found[group]
        yield f"{group}: compile ns a bytecode", weights["compile_ns"], LIMITS["compile_ns"]
        yield f"{group}: and a function", weights["compile_ns_a_function"], None
        yield f"{group}: in all, ns a bytecode", weights["compile_ns_in_all"], None
        yield f"{group}: hot bytes a bytecode", weights["hot_bytes"], LIMITS["hot_bytes"]
        yield f"{group}: hot, cold and data bytes a bytecode", weights["all_bytes"], LIMITS["all_bytes"]
    yield "import, ms", found["import_ms"], LIMITS["import_ms"]
    yield "import, MB", found["import_mb"], LIMITS["import_mb"]
    calls = found["calls_ns"]
    yield "call in the interpreter, ns", calls["interpreted"], None
    for key, text in (("into_compiled", "interpreted loop, compiled function"), ("compiled", "both compiled")):
        yield f"call, {text}, ns", calls[key], None
        yield f"call, {text}, of the interpreter's", calls[key] / calls["interpreted"], LIMITS[key]


def print_table(console, found: dict) -> None:
    from rich.table import Table

    table = Table(title="figures and what is aimed at", title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("measured", justify="right")
    table.add_column("at most", justify="right")
    for what, figure, limit in rows_of(found):
        colour = "default" if limit is None else "green" if figure <= limit else "red"
        table.add_row(what, f"[{colour}]{figure:.2f}[/]", "" if limit is None else f"{limit:.2f}")
    console.print(table)
    worst = sorted(found["programs"].items(), key=lambda item: -item[1]["hot_bytes"])[:5]
    console.print("most hot bytes a bytecode: " + ", ".join(f"{name} {row['hot_bytes']:.0f}" for name, row in worst))


def run(console, programs: list[str]) -> None:
    with macro.progress(console, len(programs)) as advance:
        found = measure(programs, advance)
    print_table(console, found)
    (RESULTS / "figures.json").write_text(json.dumps(found, indent=1))
    common.say(f"written: {RESULTS.relative_to(ROOT)}/figures.json")
