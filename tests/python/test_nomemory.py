"""Memory fails at each allocation of compiled programs in turn: MemoryError or the right result, and a state to go on with."""

import pathlib

import pytest

from program import run

pytest.importorskip("tierjit")
pytest.importorskip("_testcapi")

FOLDER = pathlib.Path(__file__).resolve().parent / "nomemory"


@pytest.mark.parametrize("mode", ["tier1", "tier2"])
def test_every_allocation(mode):
    """Of every program, for one failure, five and a hundred in a row; the programs are compiled in `mode`, which they prove."""
    result = run("-X", "faulthandler", str(FOLDER / "child.py"), mode, "1")
    lines = result.stdout.splitlines()
    problems = [line for line in lines if not line.startswith("# ")]
    assert problems == ["done"] and result.returncode == 0, f"{lines[-1:]} {problems} exit code {result.returncode}\n{result.stderr[-3000:]}"
