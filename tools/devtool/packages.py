"""`tools/dev packages [name...]`: the test suites of other people's packages, with every function compiled on its first call, against the
same suites without tierjit. Reports the tests that end in another way; docs/compatibility.md holds the table (`--write`).

The packages are pinned, installed into a virtual environment of their own (build/packages/venv), and tested by what their source
distributions or they themselves contain.
"""

import argparse
import os
import shutil
import subprocess
import tarfile
import time
import venv
import xml.etree.ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import common, regrtest, setup
from .common import BUILD, ROOT, VENV, ToolError, say

FOLDER = BUILD / "packages"
PYTHON = FOLDER / "venv" / "bin" / "python"
TABLE = ROOT / "docs" / "compatibility.md"
SECONDS = 3600      # for one run of a suite
TIERS = ("1", "2")


@dataclass(frozen=True)
class Suite:
    """A package and how its tests are run. `tests` are pytest's arguments, in the unpacked source distribution or, where `installed`
    is set, anywhere. `grafted` is the folder of a source distribution whose tests belong into the package itself, where they are put.
    `left_out` tests need something that is not there (pytest's -k syntax), with the reason beside the line.
    """

    name: str
    version: str
    native: bool
    tests: tuple[str, ...]
    installed: bool = False
    grafted: str = ""
    needs: tuple[str, ...] = ()
    left_out: str = ""


SUITES = (
    Suite("numpy", "2.4.6", True, ("--pyargs", "numpy._core", "-m", "not slow"), installed=True, needs=("hypothesis",)),
    Suite("lxml", "6.1.3", True, ("--pyargs", "lxml.tests"), grafted="src/lxml/tests",
          left_out="not _ETree and not _ElementSlicing and not _XMLPull and not _C14N and not _XInclude and not _XmlFile and not _IOTest"),
          # (these are bases of classes, without a library to test)
    Suite("markupsafe", "3.0.4", True, ("tests",)),
    Suite("msgpack", "1.2.4", True, ("test",)),
    Suite("greenlet", "3.5.6", True, ("--pyargs", "greenlet.tests"), installed=True, needs=("objgraph", "psutil")),
    # Its benchmarks take minutes and test nothing else.
    Suite("multidict", "7.2.1", True, ("tests", "-c", os.devnull, "--rootdir", "."), left_out="not benchmarks",
          needs=("pytest-codspeed", "objgraph", "psutil", "hypothesis", "coverage")),
    Suite("frozenlist", "1.8.0", True, ("tests", "-c", os.devnull, "--rootdir", ".")),
    Suite("pyyaml", "6.0.3", True, ("tests",)),
    Suite("pydantic-core", "2.50.4", True, ("tests",),
          needs=("pydantic==2.14.3", "hypothesis", "dirty-equals", "inline-snapshot", "pytest-timeout", "pytest-mock", "pytest-benchmark",
                 "pytest-run-parallel", "tzdata", "python-dateutil", "pytz", "pandas")),
    Suite("sqlalchemy", "2.1.9", True, ("test/base", "test/engine", "-p", "no:logging", "--maxfail=0"), needs=("pytest-xdist",)),
    Suite("attrs", "26.1.0", False, ("tests",), needs=("hypothesis", "cloudpickle")),
    Suite("click", "8.5.1", False, ("tests",)),
    Suite("jinja2", "3.1.6", False, ("tests",), needs=("trio",)),
    Suite("more-itertools", "11.2.1", False, ("tests",)),
    Suite("packaging", "26.3", False, ("tests",), needs=("pretend", "tomli_w", "hypothesis")),
    Suite("networkx", "3.7", False, ("--pyargs", "networkx"), installed=True, needs=("numpy", "scipy", "pandas")),
    Suite("sympy", "1.14.0", False, ("--pyargs", "sympy.core"), installed=True, needs=("mpmath",)),
    Suite("toolz", "1.2.0", False, ("--pyargs", "toolz"), installed=True),
    Suite("itsdangerous", "2.2.0", False, ("tests",), needs=("freezegun",)),
    Suite("werkzeug", "3.1.9", False, ("tests", "--ignore=tests/test_serving.py"),
          needs=("ephemeral-port-reserve", "pytest-timeout", "watchdog", "cryptography")),
    Suite("pluggy", "1.7.0", False, ("testing",), needs=("pytest-benchmark",)),
)


@dataclass
class Run:
    """How a suite ended: each test's outcome, the exit code of pytest, the time in s, and the end of what it printed."""

    cases: dict[str, str] = field(default_factory=dict)
    code: int = 0
    seconds: float = 0
    tail: str = ""

    def counts(self) -> Counter:
        return Counter(self.cases.values())

    def ran(self) -> bool:
        return self.code in (0, 1) and bool(self.cases)


def quietly(command: list[str | Path], what: str, cwd: Path = ROOT) -> None:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ToolError(f"{what}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")


def make_venv() -> None:
    """A virtual environment with pytest and this build of tierjit, but without its other packages."""
    if not PYTHON.exists():
        venv.EnvBuilder(with_pip=True).create(FOLDER / "venv")
        quietly([PYTHON, "-m", "pip", "install", "--quiet", "pytest"], "pip install pytest")
    ours = next(VENV.glob("lib/python3*/site-packages"))
    theirs = next((FOLDER / "venv").glob("lib/python3*/site-packages"))
    for part in ours.glob("*tierjit*"):
        if not (theirs / part.name).exists():
            (theirs / part.name).symlink_to(part)


def install(suite: Suite) -> None:
    stamp = FOLDER / f"{suite.name}-{suite.version}.installed"
    if stamp.exists():
        return
    say(f"installing {suite.name} {suite.version}")
    quietly([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{suite.name}=={suite.version}", *suite.needs],
            f"pip install {suite.name}")
    if not suite.installed:
        unpack(suite)
    if suite.grafted:
        graft(suite)
    stamp.touch()


def source(suite: Suite) -> Path:
    return FOLDER / "sources" / suite.name


def unpack(suite: Suite) -> None:
    """Gets the source distribution, which contains the tests; the installed package is what they test."""
    fetched = FOLDER / "fetched"
    quietly([PYTHON, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", suite.name,
             "-d", fetched / suite.name, f"{suite.name}=={suite.version}"], f"pip download {suite.name}")
    archive = next((fetched / suite.name).glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        top = os.path.commonpath(tar.getnames())
        tar.extractall(fetched, filter="data")
    source(suite).parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(source(suite), ignore_errors=True)
    (fetched / top).replace(source(suite))
    uncover(suite)


def uncover(suite: Suite) -> None:
    """Takes the package itself out of its source distribution where it lies beside the tests: it would be imported from there, without
    its extension modules, in place of the installed one."""
    shutil.rmtree(source(suite) / suite.name.replace("-", "_"), ignore_errors=True)


def graft(suite: Suite) -> None:
    """Copies the tests into the installed package."""
    package = next((FOLDER / "venv").glob("lib/python3*/site-packages")) / suite.name
    shutil.copytree(source(suite) / suite.grafted, package / Path(suite.grafted).name, dirs_exist_ok=True)


def outcome(element: xml.etree.ElementTree.Element) -> str:
    kinds = {child.tag for child in element}
    return next((kind for kind in ("error", "failure", "skipped") if kind in kinds), "passed")


def read_report(report: Path) -> dict[str, str]:
    try:
        root = xml.etree.ElementTree.parse(report).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return {}
    cases = {}
    for element in root.iter("testcase"):
        name = f"{element.get('classname')}::{element.get('name')}"
        while name in cases:
            name += "'"  # some suites have several of one name
        cases[name] = outcome(element)
    return cases


def run(suite: Suite, compiled: bool, tier: str = "1") -> Run:
    folder = FOLDER if suite.installed or suite.grafted else source(suite)
    report = FOLDER / f"{suite.name}.{tier if compiled else 'interpreter'}.xml"
    report.unlink(missing_ok=True)
    env = regrtest.environment(compiled, tier) | {"VIRTUAL_ENV": str(FOLDER / "venv"), "PYTHONHASHSEED": "0"}
    command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", f"--junit-xml={report}"]
    command += ["-k", suite.left_out] if suite.left_out else []
    begun = time.monotonic()
    try:
        done = subprocess.run([*command, *suite.tests], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return Run(code=-1, seconds=SECONDS, tail="timed out")
    return Run(read_report(report), done.returncode, time.monotonic() - begun, done.stdout[-2000:])


def differences(reference: Run, actual: Run) -> list[str]:
    if not actual.ran():
        return [f"did not come to its end (exit code {actual.code})"]
    return [f"{case}: {reference.cases.get(case, 'absent')} -> {actual.cases.get(case, 'absent')}"
            for case in sorted(reference.cases.keys() | actual.cases.keys()) if reference.cases.get(case) != actual.cases.get(case)]


def steady(suite: Suite, reference: Run, actual: Run, tier: str) -> list[str]:
    """What differs in a second run of both sides, too; a run that does not end counts at once."""
    found = differences(reference, actual)
    if not found or not actual.ran():
        return found
    again = set(differences(run(suite, False), run(suite, True, tier)))
    return [difference for difference in found if difference in again]


def counted(result: Run) -> str:
    counts = result.counts()
    failed = counts["failure"] + counts["error"]
    return f"{counts['passed']} passed, {counts['skipped']} skipped" + (f", {failed} failed" if failed else "")


def compare(suite: Suite, tiers: list[str]) -> tuple[Run, dict[str, tuple[Run, list[str]]]]:
    install(suite)
    reference = run(suite, False)
    if not reference.ran():
        raise ToolError(f"{suite.name}: the suite does not run without tierjit (exit code {reference.code}):\n{reference.tail}")
    print(f"{suite.name} {suite.version}: {counted(reference)} in {reference.seconds:.0f} s", flush=True)
    results = {}
    for tier in tiers:
        actual = run(suite, True, tier)
        found = steady(suite, reference, actual, tier)
        results[tier] = (actual, found)
        print(f"  tier {tier}: {counted(actual)} in {actual.seconds:.0f} s, {len(found)} differences", flush=True)
        for difference in found:
            print(f"    DIFFERS: {difference}", flush=True)
    return reference, results


def row(suite: Suite, reference: Run, results: dict[str, tuple[Run, list[str]]]) -> str:
    kind = "C, C++ or Rust" if suite.native else "Python"
    found = " / ".join(str(len(differing)) for _, differing in results.values())
    return f"| {suite.name} {suite.version} | {kind} | {counted(reference)} | {found} |"


def write_table(rows: list[str], tiers: list[str]) -> None:
    """Puts the rows into the table of docs/compatibility.md, in place of those of the same packages."""
    begin, end = "<!-- table -->\n", "<!-- end -->"
    before, _, rest = TABLE.read_text().partition(begin)
    old, _, after = rest.partition(end)
    lines = {line.split("|")[1].split()[0]: line for line in [*old.splitlines()[2:], *rows] if line.strip()}
    order = [suite.name for suite in SUITES]
    table = ["| package | code | its suite without tierjit | tests that end otherwise, tier 1 / tier 2 |", "|---|---|---|---|"]
    table += sorted(lines.values(), key=lambda line: order.index(line.split("|")[1].split()[0]))
    TABLE.write_text(before + begin + "\n".join(table) + "\n" + end + after)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev packages", description=__doc__)
    parser.add_argument("--tier", action="append", choices=["1", "2", "2r"], help="the tier that compiles every function (default: 1 and 2)")
    parser.add_argument("--write", action="store_true", help="put the results into docs/compatibility.md")
    parser.add_argument("names", nargs="*", help="packages (default: all)")
    options = parser.parse_args(arguments)
    setup.prepare()
    known = {suite.name: suite for suite in SUITES}
    if unknown := [name for name in options.names if name not in known]:
        raise ToolError(f"unknown package {unknown[0]!r}; known: {', '.join(known)}")
    tiers = options.tier or list(TIERS)
    if options.write and tiers != list(TIERS):
        raise ToolError("the table holds both tiers: --write goes without --tier")
    make_venv()
    return run_all([known[name] for name in options.names] or list(SUITES), tiers, options.write)


def run_all(suites: list[Suite], tiers: list[str], write: bool) -> int:
    rows, differing, broken = [], 0, 0
    for number, suite in enumerate(suites, 1):
        say(f"{number}/{len(suites)} {suite.name}")
        try:
            reference, results = compare(suite, tiers)
        except ToolError as error:
            broken += 1
            print(error, flush=True)
            continue
        differing += any(found for _, found in results.values())
        rows.append(row(suite, reference, results))
        if write:
            write_table(rows, tiers)
    print(f"{len(rows)} suites, {differing} with differences; {broken} did not run")
    return 1 if differing or broken or not rows else 0
