"""The lists of what a mode leaves out name what there is."""

import pathlib

import pytest

from harness.modes import MODES, NOT_INSPECTED
from harness.parent import parse_file

CASES = pathlib.Path(__file__).parents[1] / "opcodes"


@pytest.mark.parametrize("stem, case", NOT_INSPECTED)
def test_left_out_cases_exist(stem, case):
    assert case in parse_file(str(CASES / f"{stem}.py"))[0]


def test_files_of_modes_exist():
    for mode in MODES.values():
        for stem in mode.files or ():
            assert (CASES / f"{stem}.py").exists()
