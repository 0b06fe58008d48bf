"""The lists of what a mode leaves out name what there is, and what a comparison of two modes finds."""

import json
import pathlib

import pytest

from harness.modes import MODES, NOT_INSPECTED
from harness.parent import Outcome, compare_case, parse_file

CASES = pathlib.Path(__file__).parents[1] / "opcodes"


@pytest.mark.parametrize("stem, case", NOT_INSPECTED)
def test_left_out_cases_exist(stem, case):
    assert case in parse_file(str(CASES / f"{stem}.py"))[0]


def test_files_of_modes_exist():
    for mode in MODES.values():
        for stem in mode.files or ():
            assert (CASES / f"{stem}.py").exists()


def outcome(**record):
    return Outcome(cases={"f": {"runs": [[2, json.dumps({"events": []} | record)]], "leaked": 0}})


def test_comparisons():
    returned, other = outcome(result="int 1"), outcome(result="int 2")
    raised = outcome(raised={"type": "KeyError", "str": "'k'", "traceback": []})
    assert compare_case(returned, returned, "f", "tier1") is None
    assert "call 1 of f differs" in compare_case(returned, other, "f", "tier1")
    assert "not meant to raise KeyError: 'k'" in compare_case(raised, raised, "f", "tier1")
