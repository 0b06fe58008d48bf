"""Debugger, coverage, profiler and the like as processes of their own: complete output, in the interpreter and with everything compiled.

Both orders: `python -m tierjit -m tool program`, where the tool's own code is compiled too, and `python -m tool -m tierjit program`.
"""

import json
import os
import re
import sys

import pytest

from ways import EARLIEST, EARLY, run, same_everywhere

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


TESTS = '''\
import pytest
import program


@pytest.fixture(params=[3, 8])
def size(request):
    yield request.param
    assert request.param == 3, "after the test"


def test_sizes(size):
    assert [program.leaf(i) for i in range(size)] == [i * 2 + 1 for i in range(size)]


@pytest.mark.parametrize("n", range(6))
def test_loops(n, capsys):
    print(program.loop(n))
    assert program.loop(n) == sum(x if x % 3 else -1 for x in program.counted(n)) + (n == 5), f"in turn {n}"
    assert capsys.readouterr().out == f"{program.loop(n)}\\n"


def test_warns():
    with pytest.warns(UserWarning, match="level 2"):
        program.deprecated(2)
    program.deprecated(1)


def test_raises():
    with pytest.raises(ZeroDivisionError):
        program.fails(3)
    program.fails(5)
'''


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("tools") / "program.py"
    path.write_text(PROGRAM)
    (path.parent / "test_program.py").write_text(TESTS)
    return path


@pytest.mark.parametrize("session", SESSIONS)
def test_pdb(program, session):
    script = "\n".join(SESSIONS[session]) + "\n"
    arguments = ["fail"] if session == "failing" else []
    _, printed, _ = same_everywhere(lambda way: run(program, way, "-m", "pdb", str(program), *arguments, stdin=script))
    assert printed.count("(Pdb)") >= len(SESSIONS[session]) - 2 and "***" not in printed, printed


@pytest.mark.parametrize("core, branch", [("ctrace", ["--branch"]), ("sysmon", []), ("sysmon", ["--branch"])])
def test_coverage(program, core, branch):
    """With sysmon coverage.py measures branches from 3.14 on; before, it says so and uses another core."""
    coverage = pytest.importorskip("coverage")

    def see(way):
        data, report = (program.parent / f"{core}-{way}.{kind}" for kind in ("data", "json"))
        env = {"COVERAGE_CORE": core, "COVERAGE_FILE": str(data)}
        ran = run(program, way, "-m", "coverage", "run", *branch, str(program), "fail", env=env.items())
        measured = coverage.Coverage(data_file=str(data), config_file=False, include=[str(program)], messages=False)
        measured.load()
        measured.json_report(outfile=str(report))
        return ran, list(json.loads(report.read_text())["files"].values())
    (code, _, told), files = same_everywhere(see)
    assert code == 1 and len(files[0]["executed_lines"]) > 20 and ("no-sysmon" in told) == (core == "sysmon" and branch != []), told
    assert not branch or ([20, 21] in files[0]["executed_branches"] and [57, -47] in files[0]["missing_branches"])


def test_trace(program):
    def see(way):
        counts = program.parent / f"counts-{way}"
        ran = run(program, way, "-m", "trace", "--count", "-C", str(counts), "--ignore-dir", sys.prefix, str(program))
        return ran, (counts / "program.cover").read_text()
    _, cover = same_everywhere(see)
    assert re.search(r"^ *40: +yield leaf\(i\)$", cover, re.MULTILINE), cover


def test_call_counts(program):
    def see(way):
        code, printed, _ = run(program, way, "-m", "cProfile", "-s", "name", str(program))
        lines = [line.split() for line in printed.splitlines() if "program.py:" in line]
        return code, sorted((line[0], line[-1].split(":", 1)[1]) for line in lines)
    _, counts = same_everywhere(see)
    assert ("40", "7(leaf)") in counts, counts


@pytest.mark.parametrize("way", ["-m tierjit", "-m tierjit, optimised"])
def test_pytest(program, way):
    def see(way):
        script = "p sys.argv[1:], sorted(locals())\nu\np __name__\nd\nc\n" * 3
        code, printed, told = run(program, way, "-m", "pytest", "--pdb", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", "test_program.py",
                                  stdin=script)
        return code, re.sub(r"\d\.\d\ds", "0.0s", printed), told
    code, printed, told = see(way)
    assert (code, printed, told) == see(None)
    assert code == 1 and "2 failed, 8 passed, 1 warning, 1 error" in printed and "program.py:30: ZeroDivisionError" in printed, printed


TOOLS = {
    "pdb": ["-m", "pdb", "program.py"],
    "coverage": ["-m", "coverage", "run", "--data-file=stats.data", "program.py"],
    "cProfile": ["-m", "cProfile", "program.py"],
    "trace": ["-m", "trace", "--listfuncs", "program.py"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tools_run_compiled(program, tool):
    """What is compared elsewhere in this file is not the interpreter with itself."""
    _, _, told = run(program, "-m tierjit, optimised", "--stats", *TOOLS[tool])
    counters = {line.split()[0]: line.split()[1].replace(",", "") for line in told.splitlines() if len(line.split()) == 2}
    assert int(counters["compiles"]) > 20 and int(counters["native_bytecodes"]) > 1000, told


def outside(see):
    """same_everywhere() for tools that run tierjit: `see(middle)` puts the arguments `middle` between the tool's and the program's."""
    expected = see([], {})
    for tiers in (EARLY, EARLIEST | {"TIERJIT_BACKGROUND": "0"}):
        assert see(["-m", "tierjit"], tiers) == expected, tiers
    return expected


def test_coverage_of_a_compiled_program(program):
    coverage = pytest.importorskip("coverage")

    def see(middle, env):
        data = str(program.parent / "outside.data")
        ran = run(program, None, "-m", "coverage", "run", "--branch", "--data-file", data, "--include", str(program), *middle, str(program),
                  env=env | {"COVERAGE_CORE": "ctrace"})
        seen = coverage.CoverageData(basename=data)
        seen.read()
        return ran, {os.path.basename(name): sorted(seen.arcs(name)) for name in seen.measured_files()}
    (code, _, _), arcs = outside(see)
    assert code == 0 and (20, 21) in arcs["program.py"] and (20, 23) in arcs["program.py"], arcs


def test_call_counts_of_a_compiled_program(program):
    def see(middle, env):
        code, printed, told = run(program, None, "-m", "cProfile", "-s", "name", *middle, str(program), env=env)
        lines = [line.split() for line in printed.splitlines() if "program.py:" in line]
        return code, told, sorted((line[0], line[-1]) for line in lines)
    _, _, counts = outside(see)
    assert ("40", "program.py:7(leaf)") in counts, counts


def test_trace_of_a_compiled_program(program):
    def see(middle, env):
        counts = program.parent / f"outside-{len(middle)}"
        ran = run(program, None, "-m", "trace", "--count", "-C", str(counts), "--ignore-dir", sys.prefix,
                  *["--module" for word in middle[:1]], *middle[1:], str(program), env=env)
        return ran, (counts / "program.cover").read_text()
    _, cover = outside(see)
    assert re.search(r"^ *40: +yield leaf\(i\)$", cover, re.MULTILINE), cover


def test_debugger_of_a_compiled_program(program):
    """The first prompt stands in tierjit's own `__main__`."""
    def see(middle, env):
        script = "b program.py:21, total > 10\nc\nw\nup\np __name__, sorted(locals())\ndown\ns\np total\nr\nn\nn\ncl 1\nc\nq\n"
        code, printed, told = run(program, None, "-m", "pdb", *middle, str(program), stdin=script, env=env)
        printed = re.sub(r"^> .*/(tierjit/__main__|program).py\(1\)<module>\(\)\n-> .*\n", "(first line)\n", printed, flags=re.MULTILINE)
        printed = re.sub(r"  /.*/bdb.py\(.*\n-> exec\(.*\n  <string>\(1\)<module>\(\)\n", "", printed)    # frames that tierjit hides from programs
        return code, printed, told
    _, printed, _ = outside(see)
    assert printed.count("(Pdb)") == 14 and "***" not in printed, printed


def test_dumps_warnings_and_stacks(program):
    code, printed, told = same_everywhere(lambda way: run(program, way, str(program), "dump", "fail", options=["-X", "dev"]))
    assert code == 1 and "stack" in printed and "level 3" in told and told.count("in main") >= 2 and "ZeroDivisionError" in told, told
