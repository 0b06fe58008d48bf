"""Memory fails at each allocation of compiled programs in turn: MemoryError or the right result, and a state to go on with."""

import pathlib
import shutil
import subprocess

import pytest

from program import run

pytest.importorskip("tierjit")
pytest.importorskip("_testcapi")

FOLDER = pathlib.Path(__file__).resolve().parent / "nomemory"


@pytest.mark.parametrize("mode, step, start", [("tier1", 3, "warm"), ("tier2", 3, "warm"), ("tier2", 61, "cold")])
def test_every_allocation(mode, step, start):
    """Of every program, for one failure, five and a hundred in a row, as `tools/dev nomemory`, but only each `step`th.

    `warm`: the programs are compiled, which they prove; `cold`: they are compiled meanwhile, for both tiers.
    """
    check(run("-X", "faulthandler", str(FOLDER / "child.py"), mode, str(step), start))


def check(result):
    lines = result.stdout.splitlines()
    problems = [line for line in lines if not line.startswith("# ")]
    assert problems == ["done"] and result.returncode == 0, f"{lines[-1:]} {problems} exit code {result.returncode}\n{result.stderr[-3000:]}"


@pytest.fixture(scope="module")
def failing_malloc(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("nomemory") / "failing_malloc.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, FOLDER / "failing_malloc.c"], check=True)
    return library


@pytest.mark.parametrize("mode, step", [("tier1", 13), ("tier2", 397)])
def test_memory_of_the_library(mode, step, failing_malloc, monkeypatch):
    """C++ gets no memory while programs are compiled, promoted and entered, nor in calls of the package; what Python asks for it gets."""
    monkeypatch.setenv("LD_PRELOAD", str(failing_malloc))
    check(run("-X", "faulthandler", str(FOLDER / "native_child.py"), mode, str(step)))
