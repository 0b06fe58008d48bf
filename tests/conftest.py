"""Turns each case of tests/opcodes and tests/observers into one test per mode."""

import functools
import os
import subprocess
import sys

import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TESTS)

from harness import parent                                        # noqa: E402
from harness.modes import MODES, NOT_INSPECTED, reference_of     # noqa: E402

CASE_FOLDERS = tuple(os.path.join(TESTS, name) + os.sep for name in ("opcodes", "observers"))


def pytest_addoption(parser):
    parser.addoption("--modes", default=None, metavar="LIST",
                     help=f"modes of tests/opcodes and tests/observers, comma separated ({','.join(MODES)}); named modes are never skipped, and run on "
                          "all files")


def pytest_configure(config):
    names = (config.getoption("--modes") or ",".join(MODES)).split(",")
    unknown = [name for name in names if name not in MODES]
    if unknown:
        raise pytest.UsageError(f"unknown mode {unknown[0]!r}; known: {', '.join(MODES)}")
    config.laboratory = parent.Laboratory(names, everywhere=config.getoption("--modes") is not None)


def pytest_unconfigure(config):
    if hasattr(config, "laboratory"):
        config.laboratory.close()


@functools.cache
def missing_jit():
    """Why tierjit cannot run under this interpreter, or None."""
    probe = "import sys, tierjit; sys.exit(None if tierjit.is_available() else str(tierjit.why_unavailable()))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["tierjit fails to import"])[-1]


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path, parent):
    if str(module_path).startswith(CASE_FOLDERS):
        return CaseFile.from_parent(parent, path=module_path)
    return None


class CaseFile(pytest.File):
    def collect(self):
        names, _ = parent.parse_file(str(self.path))
        for mode in self.config.laboratory.modes_of(str(self.path)):
            left_out = {case for stem, case in NOT_INSPECTED if stem == self.path.stem} if mode.inspects else ()
            for name in (name for name in names if name not in left_out):
                yield CaseItem.from_parent(self, name=f"{name}[{mode.name}]", case_name=name, mode=mode)
            if mode.checks_share:
                yield ShareItem.from_parent(self, name=f"native_share[{mode.name}]", case_name=None, mode=mode)


class CaseItem(pytest.Item):
    def __init__(self, *, case_name, mode, **kwargs):
        super().__init__(**kwargs)
        self.case_name = case_name
        self.mode = mode

    def runtest(self):
        if self.mode.jit and self.config.getoption("--modes") is None and missing_jit():
            pytest.skip(missing_jit())
        problem = self.check(self.config.laboratory, str(self.path))
        if problem is not None:
            pytest.fail(problem, pytrace=False)

    def check(self, laboratory, path):
        reference = laboratory.outcome(path, reference_of(self.mode))
        return parent.compare_case(reference, laboratory.outcome(path, self.mode), self.case_name, self.mode.name)

    def reportinfo(self):
        return self.path, parent.parse_file(str(self.path))[0].get(self.case_name, 1) - 1, self.name


class ShareItem(CaseItem):
    def check(self, laboratory, path):
        return parent.compare_share(laboratory.outcome(path, self.mode), parent.parse_file(path)[1])
