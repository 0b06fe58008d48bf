"""What docs/ lists is what the program has: options, reason codes, files, commands."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
CODE = re.compile(r"\bTJ-\d{3}\b")


def text(name):
    return (ROOT / name).read_text()


def table(name):
    """Cells of the rows of all tables in a file, by the first cell without backticks."""
    lines = [line for line in text(name).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in rows}


def test_options():
    tierjit = pytest.importorskip("tierjit")
    rows = table("docs/options.md")
    described = tierjit.get_config(described=True)
    assert set(described) == set(rows) - {"option", "---"}
    for name, option in described.items():
        default = str(option["default"]).lower() or "empty"
        assert rows[name][1:3] == [option["type"], default], name
        if option["type"] == "int":
            assert rows[name][3] == f"{option['min']} to {option['max']}", name


def test_reason_codes():
    sources = [path for folder in ("lib", "tier1", "tier2", "runtime") for path in (ROOT / folder).rglob("*")
               if path.suffix in (".cc", ".h", ".def")]
    made = {code for path in sources for code in CODE.findall(path.read_text())} - {"TJ-000"}
    assert set(table("docs/reasons.md")) - {"code", "---"} == made


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links(path):
    for target in re.findall(r"\]\((?!https://)([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_files_that_are_named(path):
    folders = "bindings|docs|lib|perf|runtime|tests|tier1|tier2|tools"
    generated = {"perf/results/", "perf/budget.json"}
    for name in re.findall(rf"`((?:{folders})/[\w./*-]*)`", path.read_text()):
        assert name in generated or list(ROOT.glob(name.rstrip("/"))), name


def test_commands_of_the_readme():
    listed = subprocess.run([sys.executable, "-m", "devtool", "help"], capture_output=True, text=True,
                            env={"PYTHONPATH": str(ROOT / "tools"), "PATH": "/usr/bin:/bin"}).stdout
    commands = set(re.findall(r"^  (\w+)  ", listed, re.M))
    assert commands
    assert set(re.findall(r"tools/dev (\w+)", text("README.md"))) - {"help"} == commands


def test_names_of_the_api():
    tierjit = pytest.importorskip("tierjit")
    for path in DOCS:
        for name in re.findall(r"\btierjit\.(\w+)", path.read_text()):
            assert name in tierjit.__all__ or name == "h", f"{path.name}: {name}"


def test_names_of_the_c_interface():
    header = text("lib/include/tierjit.h")
    for path in DOCS:
        internal = path.name == "architecture.md"  # which has names of stencils
        for name in re.findall(r"\btj_\w+" if internal else r"\b(?:tj_\w+|TJ_[A-Z]\w+)", path.read_text()):
            assert name in header, f"{path.name}: {name}"
