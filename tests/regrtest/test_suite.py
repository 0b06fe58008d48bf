"""All of CPython's own test suite, compiled on first call by each tier: it ends as in the interpreter, but for the listed differences."""

import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from devtool import regrtest  # noqa: E402

FILES = regrtest.whole_suite()


@pytest.mark.parametrize("tier", ["1", "2"])
@pytest.mark.parametrize("file", FILES)
def test_same_as_interpreter(file, tier):
    found = regrtest.differences([file], tier=tier)
    for difference in found.unsteady:
        warnings.warn(f"not seen again: {difference}", stacklevel=1)
    surprises = regrtest.unexpected(found.steady)
    assert not surprises, "\n".join(str(difference) for difference in surprises)


@pytest.mark.parametrize("tier", ["1", "2"])
def test_tierjit_runs_in_test_processes(tier):
    regrtest.check_interpreter(tier)


def test_it_is_the_whole_suite():
    assert len(FILES) > 400


def test_few_files_are_excused():
    excused = {regrtest.file_of(name, set(FILES)) for name in regrtest.expected_differences()}
    assert None not in excused, "a line that names no test file"
    assert len(excused) <= 3
