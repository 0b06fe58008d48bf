"""Random programs: optimised code against the interpreter, once as it is and once leaving at random places. `tools/dev fuzz` runs more of them."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz"))

import compare      # noqa: E402
import programs     # noqa: E402

PROGRAMS = 20       # of one process


@pytest.mark.parametrize("seed, background", ((0, False), (1, False), (0, True)))
@pytest.mark.parametrize("first", (0, PROGRAMS))
def test_random_programs(first, seed, background):
    found = compare.difference(first, PROGRAMS, seed, background=background)
    assert found is None, f"fail_guards={seed}: {found[1]}\n{programs.writer_of(found[0]).program()}"
