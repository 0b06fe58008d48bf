"""The named files of CPython's own suite, with every function compiled by tier 2 and guards that fail at random: their pass set is the
interpreter's. test_suite.py runs them, and all others, in both tiers.
"""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from devtool import regrtest  # noqa: E402


@pytest.mark.parametrize("file", regrtest.NAMED)
def test_same_pass_set(file):
    found = regrtest.differences([file], tier="2r")
    assert not found.steady, "\n".join(str(difference) for difference in found.steady)


def test_tierjit_runs_in_test_processes():
    regrtest.check_interpreter("2r")


def test_no_named_file_is_excused():
    listed = regrtest.expected_differences()
    excused = [name for name in listed if regrtest.file_of(name, set(regrtest.NAMED))]
    assert not excused


def test_cases_are_found_in_their_file():
    files = {"test_json", "test_int", "test.test_asyncio.test_events"}
    assert regrtest.file_of("test.test_json.test_dump.CDump.test_dump", files) == "test_json"
    assert regrtest.file_of("test.test_asyncio.test_events.A.test_b", files) == "test.test_asyncio.test_events"
    assert regrtest.file_of("test.test_unknown.A.test_b", files) is None


def test_differences_are_told_by_case_and_by_file():
    passed = regrtest.FileResult("passed", {"test_a": "passed", "test_b": "skipped"})
    failed = regrtest.FileResult("failed", {"test_a": "failure", "test_b": "skipped"})
    crashed = regrtest.FileResult("crashed: worker non-zero exit code -11 (SIGSEGV)")
    assert [d.case for d in regrtest.compare({"f": passed}, {"f": failed})] == ["test_a"]
    assert [d.case for d in regrtest.compare({"f": passed}, {"f": crashed})] == [""]
    assert regrtest.compare({"f": passed}, {"f": passed}) == []


def test_a_clean_file_is_asked_for_its_skipped_cases_only():
    clean = regrtest.FileResult("passed", {"test_a": "passed", "test_b": "skipped"})
    assert regrtest.is_clean(clean)
    assert not regrtest.is_clean(regrtest.FileResult("passed", {"test_a": "failure"}))
    assert not regrtest.is_clean(regrtest.FileResult("failed", {"test_a": "passed"}))
    assert not regrtest.is_clean(regrtest.FileResult("passed"))


def test_cases_are_chosen_by_their_dotted_names():
    cases = ["setUpClass (test.test_os.C)", "test.test_os.D.test_x (i=1)", "test.test_os.D.test_y"]
    assert regrtest.patterns(cases) == ["test.test_os.C.*", "test.test_os.D.test_x", "test.test_os.D.test_y"]
