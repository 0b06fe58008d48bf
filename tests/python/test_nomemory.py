"""Memory fails at each allocation of compiled programs in turn: MemoryError or the right result, and a state to go on with."""

import pathlib

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
    result = run("-X", "faulthandler", str(FOLDER / "child.py"), mode, str(step), start)
    lines = result.stdout.splitlines()
    problems = [line for line in lines if not line.startswith("# ")]
    assert problems == ["done"] and result.returncode == 0, f"{lines[-1:]} {problems} exit code {result.returncode}\n{result.stderr[-3000:]}"
