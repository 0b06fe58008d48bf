"""tools/dev peers with the interpreter and tierjit: tables, JSON, plots, missing peers, outputs that differ."""

import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
sys.path.insert(0, str(ROOT / "tools"))

from devtool import common, contenders, macro, peers, peers_report, warmup  # noqa: E402

IN_VENV = pathlib.Path(sys.prefix) == common.VENV


def command(*arguments):
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")}
    env |= {"PYTHONPATH": str(ROOT / "tools"), "PYTHONDONTWRITEBYTECODE": "1", "TIERJIT_DEV_READY": "1"}
    return subprocess.run([sys.executable, "-m", "devtool", "peers", *arguments], capture_output=True, text=True,
                          env=env, cwd=ROOT, timeout=300)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run over two programs in which both peers that are asked for are missing."""
    if not IN_VENV:
        pytest.skip("the command measures in .venv")
    pytest.importorskip("tierjit")
    folder = tmp_path_factory.mktemp("peers")
    done = command("--no-install", "--small", "--rounds", "2", "--calls", "2", "--warm-up-rounds", "1",
                   "--seconds", "0.1", "--clock", "cpu", "--only", "fib", "--only", "int_loop",
                   "--peer", "pypy", "--python", f"pypy={folder}/pypy3",
                   "--peer", "cinderx", "--python", f"cinderx={sys.executable}", "--output", str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_tables(tiny):
    _, text = tiny
    assert "speed-up of warm calls" in text
    assert "cold: speed-up from the start of the process" in text
    for row in ("fib", "int_loop", "geometric mean", "0.05 s"):
        assert row in text


def test_missing_peers_have_a_line(tiny):
    folder, text = tiny
    assert f"PyPy: missing: {folder}/pypy3 is no PyPy" in text
    assert "CinderX: missing:" in text


def test_json(tiny):
    folder, _ = tiny
    document = json.loads((folder / "peers.json").read_text())
    missing = {each["key"] for each in document["contenders"] if each["missing"]}
    assert missing == {"pypy", "cinderx"}
    for row in document["ratios"]["cells"].values():
        ratio = row["tierjit"]["ratio"]
        assert 0 < ratio["low"] <= ratio["value"] <= ratio["high"]
        assert len(row["tierjit"]["seconds"]) == 2
    assert document["ratios"]["means"]["tierjit"]["programs"] == 2
    for program in document["warm_up"]["programs"].values():
        assert not program["problems"]
        assert len({len(curve) for curve in program["curves"].values()}) == 1
        assert all(curve == sorted(curve) for curve in program["curves"].values())


def test_plots(tiny):
    folder, _ = tiny
    for name in ("peers.png", "peers_warm_up.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_unknown_names():
    assert command("--peer", "nobody").returncode == 2
    assert command("--python", "nobody=/bin/true").returncode == 2


def board():
    cell = peers.Cell
    return {"one": {"interpreter": cell([2.0, 2.0], {"a"}), "tierjit": cell([1.0, 1.0], {"a"}),
                    "pypy": cell([0.1, 0.1], {"b"}), "numba": cell(problem="not taken: f: a reason")},
            "two": {"interpreter": cell([8.0, 8.0], {"c"}), "tierjit": cell([1.0, 1.0], {"c"}),
                    "pypy": cell([2.0, 2.0], {"c"}), "numba": cell([4.0, 4.0], {"c"}, refused={"g": "why"})}}


PRESENT = [contenders.Contender(key, key) for key in ("interpreter", "tierjit", "pypy", "numba")]


def test_means_take_what_ran_and_agreed():
    cells = board()
    peers.judge(cells)
    found = peers_report.numbers(cells, PRESENT)
    assert found["cells"]["one"]["pypy"]["problem"] == "differs"
    means = found["means"]
    assert means["tierjit"]["value"] == pytest.approx(4.0)
    assert (means["pypy"]["programs"], means["pypy"]["value"]) == (1, pytest.approx(4.0))
    assert means["pypy"]["on_these"] == {"tierjit": pytest.approx(8.0)}
    assert means["numba"]["value"] == pytest.approx(2.0)


def test_texts_of_cells():
    cells = board()
    peers.judge(cells)
    found = peers_report.numbers(cells, PRESENT)["cells"]
    assert "differs" in peers_report.cell_text(found["one"]["pypy"])
    assert "not taken" in peers_report.cell_text(found["one"]["numba"])
    assert "2.00x*" in peers_report.cell_text(found["two"]["numba"])
    assert "failed" in peers_report.cell_text({"problem": "exit code 1 under PyPy: boom", "refused": {}})


def test_jobs_end_with_the_interpreters_first_call_past_their_time():
    run = warmup.Run
    row = {"interpreter": run([[0.04, 0.06, 0.12, 0.9], [0.04, 0.06, 0.12, 0.9], [1.0, 1.0, 1.0, 1.0]]),
           "pypy": run([[0.1, 0.11, 0.12, 0.13]]), "numba": run(problem="not taken")}
    found = warmup.jobs_of(row, 2.0)
    # Calls too long to show jobs of 0.2 s and 0.5 s.
    assert found == {0.05: {"interpreter": 0.06, "pypy": 0.11}, 0.1: {"interpreter": 0.12, "pypy": 0.12}}
    assert list(warmup.jobs_of(row, 0.05)) == [0.05]


def test_a_process_that_fails_is_a_reason():
    report = macro.report_of([sys.executable, "-c", "raise ValueError('boom')"], "PyPy", macro.environment())
    assert report == {"error": "exit code 1 under the PyPy: ValueError: boom"}


@pytest.mark.parametrize("output, line", [
    ("compiling\nx.py:3: error: Incompatible types\nFound 1 error", "x.py:3: error: Incompatible types"),
    ("Traceback\n  File\nAssertionError: object\n", "AssertionError: object"),
    ("", "?"),
])
def test_reasons_of_compilers(output, line):
    assert contenders.telling(output) == line


def test_programs_of_the_comparison_exist():
    known = set(macro.names()) if IN_VENV else set()
    assert not known or not (set(peers.PROGRAMS) & set(contenders.adapters.OWN)) - known
    assert set(peers.PROGRAMS) <= {*contenders.adapters.OWN, *contenders.adapters.pyperformance.PROGRAMS}


def test_extension_modules_take_the_place_of_the_source(tmp_path):
    folder = pathlib.Path(sysconfig.get_config_var("DESTSHARED"))
    library = next(folder.glob("_bisect.*.so"), None)
    if library is None:
        pytest.skip("this interpreter keeps no extension modules in files")
    shutil.copy(library, tmp_path)
    variant = contenders.adapters.variants.switch_on(f"extension={tmp_path}")
    before = sys.modules.get("_bisect")
    try:
        module = variant.import_file("_bisect", "/where/the/source/is.py")
    finally:
        sys.modules["_bisect"] = before
    assert pathlib.Path(module.__file__).parent == tmp_path
    assert module.bisect_left([1, 2, 3], 2) == 1


class StandInDispatcher:
    """A compiled function of a Numba that refuses text; it tells that it ran by a negative sign."""

    def __init__(self, python):
        self.python, self.signatures = python, []

    def __call__(self, *arguments):
        if any(isinstance(argument, str) for argument in arguments):
            raise sys.modules["numba"].core.errors.NumbaError("Failed in nopython\n\nno text here\nmore")
        self.signatures = ["a signature"]
        return -self.python(*arguments)


@pytest.fixture
def numba_functions(monkeypatch):
    names = ("NumbaError", "UnsupportedBytecodeError")
    errors = types.SimpleNamespace(**{name: type(name, (Exception,), {}) for name in names})
    stand_in = types.ModuleType("numba")
    stand_in.core, stand_in.njit = types.SimpleNamespace(errors=errors), StandInDispatcher
    for name, module in (("numba", stand_in), ("numba.core", stand_in.core), ("numba.core.errors", errors)):
        monkeypatch.setitem(sys.modules, name, module)
    yield importlib.import_module("adapters.numba_functions")
    del sys.modules["adapters.numba_functions"]


def test_functions_that_numba_refuses_stay_python(numba_functions, tmp_path):
    source = tmp_path / "numba_program.py"
    source.write_text("def half(x): return x / 2\ndef size(x): return len(x)\n"
                      "def run(x): return half(size(x))\nLIMIT = 3\n")
    module = numba_functions.import_file("numba_program", str(source))
    # `run` and `size` are refused, `half` is reached through them and runs compiled.
    assert module.run("four") == -2.0
    assert module.LIMIT == 3
    assert numba_functions.report() == {"taken": ["half"], "refused": {"run": "no text here", "size": "no text here"}}
    assert module.half(8) == -4.0
    del sys.modules["numba_program"]


@pytest.mark.parametrize("program", ["int_loop", "sieve"])
def test_cold_process(program):
    if not IN_VENV:
        pytest.skip("the command measures in .venv")
    run = warmup.Run()
    contender = contenders.Contender("interpreter", "interpreter", sys.executable)
    assert warmup.run_once(run, contender, program, 3, 60.0, "cpu") == 3
    assert warmup.run_once(run, contender, program, 3, 60.0, "wall") == 3
    assert not run.problem and len(run.digests) == 1
