"""`tools/dev ramp`: how soon a single call with one long loop runs at its steady speed.

Each kernel of perf/ramp.py is called once, in a process of its own, for a second or two. Its progress is read from outside every millisecond,
in the interpreter, in Tier 1 alone and in Tier 2. Printed are the steady speeds over the interpreter's, when 90 % of it were reached and kept for
WINDOW_MS, and what the start has cost: how much later than at steady speed from the beginning on the work was done. The curves go to
perf/results/ramp.json and ramp.png.
"""

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import time

from . import common
from .common import RESULTS, ROOT, ToolError, say

SCRIPT = ROOT / "perf" / "ramp.py"
KERNELS = "int_sum mandelbrot nbody spectral_norm matmul sieve fannkuch".split()
TIERS = {"interpreter": {"TIERJIT": "0"}, "tier 1": {"TIERJIT": "1", "TIERJIT_TIER2": "0"}, "tier 2": {"TIERJIT": "1", "TIERJIT_TIER2": "1"}}
WINDOW_MS = 20
SHARE = 0.9
LIMIT_MS = 100


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/dev ramp", description=__doc__)
    parser.add_argument("kernels", nargs="*", help="these instead of all")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each call runs")
    parser.add_argument("--rounds", type=int, default=3, help="calls of each, of which the soonest counts")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="an option of tierjit (may be repeated)")
    return parser.parse_args(arguments)


def environment(tier: str, settings: list[str]) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")}
    return env | {f"TIERJIT_{name.upper()}": value for name, _, value in (setting.partition("=") for setting in settings)} | TIERS[tier]


def curve_of(kernel: str, tier: str, options: argparse.Namespace) -> list[tuple[float, int]]:
    """(milliseconds since the call, turns made), about every millisecond."""
    command = [sys.executable, str(SCRIPT), kernel, str(options.seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(tier, options.set)) as child:
        try:
            address = int(child.stdout.readline() or "0")
            if not address:
                raise ToolError(f"{kernel} does not start")
            with open(f"/proc/{child.pid}/mem", "rb", buffering=0) as memory:
                return watch(child, memory, address)
        finally:
            child.kill()


def watch(child, memory, address: int) -> list[tuple[float, int]]:
    child.stdin.write("go\n")
    child.stdin.flush()
    start, points = time.monotonic(), []
    while True:
        try:
            turns = struct.unpack("q", os.pread(memory.fileno(), 8, address))[0]
        except (OSError, struct.error):
            return points
        points.append(((time.monotonic() - start) * 1e3, turns))
        time.sleep(0.001)


def between(points: list, first: float, last: float) -> float:
    """Turns a millisecond."""
    inside = [p for p in points if first <= p[0] <= last]
    return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0]) if len(inside) > 1 else 0.0


def steady(points: list) -> float:
    """Median speed over windows of the second half."""
    end = points[-1][0]
    begins = range(int(end / 2), int(end) - WINDOW_MS, WINDOW_MS)
    return statistics.median(between(points, begin, begin + WINDOW_MS) for begin in begins)


def ramp(points: list, speed: float) -> dict:
    reached = next((t for t, _ in points if between(points, t, t + WINDOW_MS) >= SHARE * speed), float("inf"))
    t, turns = points[len(points) // 2]
    return {"speed": speed, "reached_ms": reached, "lost_ms": t - turns / speed}


def measure(kernel: str, options: argparse.Namespace) -> dict:
    found = {}
    for tier in TIERS:
        runs = [curve_of(kernel, tier, options) for _ in range(1 if tier == "interpreter" else options.rounds)]
        speed = max(steady(points) for points in runs)
        best = min(runs, key=lambda points: ramp(points, speed)["reached_ms"])
        found[tier] = ramp(best, speed) | {"points": best}
    return found


def row(kernel: str, found: dict) -> str:
    base = found["interpreter"]["speed"]
    text = f"{kernel:<16}"
    for tier in ("tier 1", "tier 2"):
        of = found[tier]
        text += f"{of['speed'] / base:10.1f}x{of['reached_ms']:8.0f} ms{of['lost_ms']:8.0f} ms"
    return text


def draw(board: dict, path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(board), figsize=(4 * len(board), 3.2), squeeze=False)
    for axis, (kernel, found) in zip(axes[0], board.items()):
        base = found["interpreter"]["speed"]
        for tier, of in found.items():
            points = [p for p in of["points"] if p[0] < 3 * LIMIT_MS]
            middle = [(t + 5, between(of["points"], t, t + 10) / base) for t, _ in points[::4]]
            axis.plot([t for t, _ in middle], [v for _, v in middle], label=tier)
        axis.axvline(LIMIT_MS, color="grey", linewidth=0.5)
        axis.set(title=kernel, xlabel="ms since the call", ylabel="speed over the interpreter")
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(path)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    common.in_venv("ramp", arguments)
    say(f"{'':<16}{'tier 1':>11}{'90 % at':>11}{'start':>11}{'tier 2':>11}{'90 % at':>11}{'start':>11}")
    board = {}
    for kernel in options.kernels or KERNELS:
        board[kernel] = measure(kernel, options)
        print(row(kernel, board[kernel]), flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "ramp.json").write_text(json.dumps(board))
    draw(board, RESULTS / "ramp.png")
    late = [kernel for kernel, found in board.items() if found["tier 2"]["reached_ms"] > LIMIT_MS]
    say(f"later than {LIMIT_MS} ms: {', '.join(late) or 'none'}")
    return 0
