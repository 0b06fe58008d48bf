"""Debugger, coverage, profiler and the like as processes of their own: complete output, in the interpreter and with everything compiled."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE = ROOT / "tools" / "devtool" / "regrtest_site"     # compiles every function on its first call when FORCE_TIERJIT says so
TIERS = ("1", "2", "2r")

PROGRAM = '''\
import faulthandler
import inspect
import sys
import warnings


def leaf(x):
    y = x * 2
    return y + 1


def counted(n):
    for i in range(n):
        yield leaf(i)


def loop(n):
    total = 0
    for value in counted(n):
        if value % 3:
            total += value
        else:
            total -= 1
    return total


def fails(n):
    for i in range(n):
        try:
            total = 10 // (n - i - 2)
        finally:
            last = i
    return total, last


def deprecated(level):
    for _ in range(2):
        warnings.warn(f"level {level}", stacklevel=level)


def stack(n):
    if n:
        return stack(n - 1)
    return [(info.function, info.lineno, info.code_context) for info in inspect.stack()[:4]]


def main():
    for _ in range(5):
        loop(6)
    print(loop(10), stack(3))
    for level in (1, 2, 3):
        deprecated(level)
    if "dump" in sys.argv:
        for i in range(4):
            if i == 3:
                faulthandler.dump_traceback(all_threads=False)
    if "fail" in sys.argv:
        fails(8)


if __name__ == "__main__":
    main()
'''

SESSIONS = {
    "steps": ["b loop", "c", "n", "n", "s", "s", "r", "n", "unt", "w", "up", "p __name__", "down", "a", "cl 1", "c", "q"],
    "conditions": ["b 21, total > 10", "c", "display total", "n", "n", "!total = 100", "p total", "c", "p total", "undisplay", "c", "q"],
    "jumps": ["b 23", "c", "j 20", "n", "!value = 7", "j 20", "n", "n", "p total, value", "cl 1", "r", "q"],
    "generators": ["b 14", "c", "up", "p total, n", "down", "p i", "r", "s", "s", "cl 1", "tbreak 8", "c", "up", "p i", "q"],
    "failing": ["c", "w", "p i, n", "up", "p sys.argv[1:]", "q", "q"],
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("tools") / "program.py"
    path.write_text(PROGRAM)
    return path


def run(program, tier, *arguments, stdin="", env=()):
    """(exit code, stdout, stderr) of `python <arguments>`; tier None: without tierjit."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TIERJIT", "FORCE_TIERJIT", "COVERAGE"))}
    clean |= {"PYTHONPATH": str(SITE), "COLUMNS": "200", **dict(env)}
    if tier is not None:
        clean["FORCE_TIERJIT"] = tier
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, input=stdin, timeout=120, env=clean, cwd=program.parent)
    return done.returncode, re.sub(r"0x[0-9a-f]+", "0x?", done.stdout), re.sub(r"0x[0-9a-f]+", "0x?", done.stderr)


def same_everywhere(see):
    """What `see(tier)` returns is the same in the interpreter and in all tiers; returns it."""
    expected = see(None)
    for tier in TIERS:
        assert see(tier) == expected, tier
    return expected


@pytest.mark.parametrize("session", SESSIONS)
def test_pdb(program, session):
    script = "\n".join(SESSIONS[session]) + "\n"
    arguments = ["fail"] if session == "failing" else []
    _, printed, _ = same_everywhere(lambda tier: run(program, tier, "-m", "pdb", str(program), *arguments, stdin=script))
    assert printed.count("(Pdb)") >= len(SESSIONS[session]) - 2 and "***" not in printed, printed


@pytest.mark.parametrize("core", ["ctrace", "sysmon"])
def test_coverage(program, core):
    coverage = pytest.importorskip("coverage")

    def see(tier):
        data, report = (program.parent / f"{core}-{tier}.{kind}" for kind in ("data", "json"))
        env = {"COVERAGE_CORE": core, "COVERAGE_FILE": str(data)}
        branch = ["--branch"] if core == "ctrace" else []       # sysmon measures branches from 3.14 on
        ran = run(program, tier, "-m", "coverage", "run", *branch, str(program), "fail", env=env.items())
        measured = coverage.Coverage(data_file=str(data), config_file=False, include=[str(program)], messages=False)
        measured.load()
        measured.json_report(outfile=str(report))
        return ran, list(json.loads(report.read_text())["files"].values())
    (code, _, _), files = same_everywhere(see)
    assert code == 1 and len(files[0]["executed_lines"]) > 20


def test_trace(program):
    def see(tier):
        counts = program.parent / f"counts-{tier}"
        ran = run(program, tier, "-m", "trace", "--count", "-C", str(counts), "--ignore-dir", sys.prefix, str(program))
        return ran, (counts / "program.cover").read_text()
    _, cover = same_everywhere(see)
    assert re.search(r"^ *40: +yield leaf\(i\)$", cover, re.MULTILINE), cover


def test_call_counts(program):
    def see(tier):
        code, printed, _ = run(program, tier, "-m", "cProfile", "-s", "name", str(program))
        lines = [line.split() for line in printed.splitlines() if "program.py:" in line]
        return code, sorted((line[0], line[-1].split(":", 1)[1]) for line in lines)
    _, counts = same_everywhere(see)
    assert ("40", "7(leaf)") in counts, counts


def test_dumps_warnings_and_stacks(program):
    code, printed, told = same_everywhere(lambda tier: run(program, tier, "-X", "dev", str(program), "dump", "fail"))
    assert code == 1 and "stack" in printed and "level 3" in told and told.count("in main") >= 2 and "ZeroDivisionError" in told, told
