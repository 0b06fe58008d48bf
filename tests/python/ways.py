"""Runs Python programs in processes of their own, with tierjit in it from the start in several ways, and compares."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE = ROOT / "tools" / "devtool" / "regrtest_site"     # compiles every function on its first call when FORCE_TIERJIT says so
EARLY = {"TIERJIT_TIER1_THRESHOLD": "1"}
EARLIEST = EARLY | {f"TIERJIT_{name}": "1" for name in ("TIER2_EVERY_LOOP", "TIER2_THRESHOLD", "OSR_THRESHOLD")} | {"TIERJIT_PROFILED_TURNS": "2"}
# How tierjit comes into the process: the first arguments, and the environment.
WAYS = {
    "everything compiled": ([], {"FORCE_TIERJIT": "1"}),
    "everything optimised": ([], {"FORCE_TIERJIT": "2"}),
    "left at random": ([], {"FORCE_TIERJIT": "2r"}),
    "-m tierjit": (["-m", "tierjit"], EARLY | {"TIERJIT_TIER2": "0"}),
    "-m tierjit, optimised": (["-m", "tierjit"], EARLIEST | {"TIERJIT_BACKGROUND": "0"}),
}


def run(program, way, *arguments, options=(), stdin="", env=()):
    """(exit code, stdout, stderr) of `python <options> <arguments>`; way None: without tierjit."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TIERJIT", "FORCE_TIERJIT", "COVERAGE"))}
    first, ours = WAYS[way] if way is not None else ([], {})
    clean |= {"PYTHONPATH": str(SITE), "COLUMNS": "200", **ours, **dict(env)}
    done = subprocess.run([sys.executable, *options, *first, *arguments], capture_output=True, text=True, input=stdin, timeout=120, env=clean,
                          cwd=program.parent)
    return done.returncode, re.sub(r"0x[0-9a-f]+", "0x?", done.stdout), re.sub(r"0x[0-9a-f]+", "0x?", done.stderr)


def same_everywhere(see):
    """What `see(way)` returns is the same in the interpreter and in every way; returns it."""
    expected = see(None)
    for way in WAYS:
        assert see(way) == expected, way
    return expected
