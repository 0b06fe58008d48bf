"""The named files of CPython's own suite, compiled on first call by each tier: their pass set is the interpreter's."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from devtool import regrtest  # noqa: E402


@pytest.fixture(scope="module", params=["1", "2", "2r"])
def tier(request):
    regrtest.check_interpreter(request.param)
    return request.param


@pytest.mark.parametrize("file", regrtest.NAMED)
def test_same_pass_set(file, tier):
    found = regrtest.differences([file], tier=tier)
    assert not found, "\n".join(str(difference) for difference in found)
    assert regrtest.load_baseline(file).outcome == "passed"


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
