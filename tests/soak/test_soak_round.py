"""Some short rounds of `tools/dev soak`."""

import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("tierjit")
ROUND = pathlib.Path(__file__).with_name("soak_round.py")


@pytest.mark.parametrize("number", [1, 8, 9])  # tier 2; tier 1; tier 2 that is left at random
def test_a_round_ends_well(number):
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")}
    result = subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", str(ROUND), str(number), "1"],
                            capture_output=True, text=True, env=env, timeout=120)
    assert result.returncode == 0, result.stderr
    done = {name: int(count) for count, name in (item.split() for item in result.stdout.strip().split(", "))}
    assert done["runs"] > 0 and done["changes"] > 0
