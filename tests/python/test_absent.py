"""The package in an interpreter that its extension module was not built for: everything runs, nothing is compiled."""

import pathlib
import shutil

import pytest

from program import run

tierjit = pytest.importorskip("tierjit")
PACKAGE = pathlib.Path(tierjit.__file__).parent


@pytest.fixture
def elsewhere(tmp_path):
    """A folder to import the package from, without the extension module."""
    shutil.copytree(PACKAGE, tmp_path / "tierjit", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return tmp_path


def check(folder, *arguments, **options):
    result = run(*arguments, env={"PYTHONPATH": str(folder)}, **options)
    assert result.returncode == 0, result.stderr
    return result


def test_a_program_that_uses_it_runs(elsewhere):
    result = check(elsewhere, "-c", """
import tierjit, warnings
assert not tierjit.is_available() and "cannot be loaded here" in tierjit.why_unavailable()
assert tierjit.configure(tier1_threshold=2) == {"tier1_threshold": None}
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    assert tierjit.enable() is False and not tierjit.is_enabled()
assert "stays off" in str(seen[0].message)

@tierjit.jit
def f(x):
    return x + 1

@tierjit.never
def g(x):
    return f(x) + 1

with tierjit.pause():
    assert g(1) == 3
assert tierjit.compile(f) is False and tierjit.is_compiled(f) == 0
assert "not available" in tierjit.info(f).why_not
assert tierjit.stats()["refusals"] == {} and tierjit.slow_sites() == ""
for wrong in (lambda: tierjit.compile(3), lambda: tierjit.is_compiled(len), lambda: tierjit.info("f")):
    try:
        wrong()
    except TypeError:
        continue
    raise AssertionError
tierjit.disable()
""")
    assert not result.stderr


def test_programs_run_by_the_command(elsewhere, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    for arguments in ([str(program)], ["-m", "program"], ["-c", program.read_text()]):
        result = check(elsewhere, "-m", "tierjit", *arguments, "a", cwd=tmp_path)
        assert result.stdout == "__main__ ['a']\n"
        assert "stays off" in result.stderr


def test_sysinfo(elsewhere):
    assert "no: its extension module cannot be loaded here" in check(elsewhere, "-m", "tierjit", "--sysinfo").stdout
