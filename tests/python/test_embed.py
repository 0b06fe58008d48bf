"""The C interface from a program that embeds CPython (bindings/embed/host.c)."""

import os
import pathlib
import subprocess
import sys

import pytest

from program import environment

tierjit = pytest.importorskip("tierjit")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def _host():
    folders = [pathlib.Path(tierjit.__file__).parents[2] / "embed", ROOT / "build" / "bindings" / "embed"]
    built = [str(folder / "tierjit_embed_host") for folder in folders if (folder / "tierjit_embed_host").exists()]
    return os.environ.get("TIERJIT_EMBED_HOST") or next(iter(built), None)


pytestmark = pytest.mark.skipif(
    _host() is None, reason="needs the example host: build it (tools/dev setup), or set TIERJIT_EMBED_HOST")

PROGRAM = """
import sys
def f(n):
    t = 0
    for i in range(n):
        t += i
    return t
print(sys.argv[1:], sum(f(i) for i in range(100)))
"""


def host(*arguments, **env):
    # The interpreter inside is isolated: it has to be told where its library is.
    env.setdefault("PYTHONHOME", sys.base_prefix)
    return subprocess.run([_host(), *arguments], capture_output=True, text=True, timeout=60, env=environment(**env))


def counters(result):
    return {line.split()[1]: int(line.split()[3]) for line in result.stderr.splitlines() if " = " in line}


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "prog.py"
    path.write_text(PROGRAM)
    return str(path)


def test_script_runs_compiled(script):
    result = host(script, "x")
    assert result.returncode == 0 and result.stdout == "['x'] 161700\n", result.stderr
    assert counters(result)["compiles"] >= 1


def test_options(script):
    result = host("-o", "tier1_threshold=1000000", "-o", "compile_loops_at_once=0", script)
    assert result.returncode == 0 and counters(result)["compiles"] == 0, result.stderr
    result = host("-o", "tier1_treshold=1", script)
    assert result.returncode == 2 and "'tier1_threshold'" in result.stderr
    result = host("-o", "tier1_threshold=0", script)
    assert result.returncode == 2 and "between" in result.stderr


def test_environment_does_not_steer_a_host(script):
    assert counters(host(script, TIERJIT="0"))["compiles"] >= 1


def test_many_interpreters_one_after_the_other(script):
    result = host("-n", "10", script)
    assert result.returncode == 0 and result.stdout == "[] 161700\n" * 10, result.stderr
    assert counters(result)["compiles"] >= 1


def test_errors_of_the_script(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("def f(): 1 / 0\nf()\n")
    result = host(str(path))
    assert result.returncode == 1 and "ZeroDivisionError" in result.stderr
