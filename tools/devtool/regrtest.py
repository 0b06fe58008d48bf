"""`tools/dev regrtest`: CPython's own test suite with every function compiled on its first call, compared with the
same interpreter without tierjit. Reports the tests whose outcome differs; tests/regrtest/expected_differences.txt
lists those that may.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import common, setup
from .common import BUILD, ROOT, VENV_PYTHON, ToolError, say

SITE = Path(__file__).resolve().parent / "regrtest_site"
EXPECTED = ROOT / "tests" / "regrtest" / "expected_differences.txt"

# The files whose pass set must be exactly the interpreter's; tests/regrtest/test_named.py runs them.
NAMED = """test_grammar test_dict test_list test_tuple test_set test_int test_float test_str test_exceptions
test_functools test_itertools test_class test_descr test_property test_scope test_unpack test_with test_patma test_call
test_json test_re test_collections test_dataclasses""".split()

# Left out of a run of the whole suite: they need a network, a display, or many processes for a long time.
LEFT_OUT = """test_concurrent_futures test_ftplib test_httplib test_httpservers test_idle test_imaplib
test_multiprocessing_fork test_multiprocessing_forkserver test_multiprocessing_main_handling test_multiprocessing_spawn
test_poplib test_smtplib test_smtpnet test_socket test_socketserver test_ssl test_tkinter test_ttk test_turtle
test_urllib2net test_urllib2_localnet test_urllibnet test_winconsoleio test_xmlrpc""".split()

# "0:00:04 load avg: 1.02 [ 3/23] test_int passed", "[12/23/1] test_re failed (2 failures) (31.0 sec)"
PROGRESS = re.compile(r"\[ *\d+/\d+(?:/\d+)?\] (test[\w.]*) (.+?)(?: \(\d[\d.]* (?:sec|min).*)?$")


@dataclass
class FileResult:
    """How one test file ended (`passed`, `failed`, `skipped`, `crashed ...`), and each of its cases."""

    outcome: str = "did not run"
    cases: dict[str, str] = field(default_factory=dict)


@dataclass
class Difference:
    """One test that ends in another way under tierjit; `case` is empty for the file as a whole."""

    file: str
    case: str
    interpreter: str
    compiled: str

    def __str__(self) -> str:
        return f"{self.file} {self.case or '(whole file)'}: {self.interpreter} -> {self.compiled}"


def environment(compiled: bool, tier: str = "1") -> dict[str, str]:
    """Both sides get the same search path, so that tests which look at it see no difference."""
    env = {name: value for name, value in common.environment().items() if not name.startswith("TIERJIT")}
    env["PYTHONPATH"] = str(SITE)
    if compiled:
        env["FORCE_TIERJIT"] = tier
    return env


def check_interpreter(tier: str) -> None:
    probe = [VENV_PYTHON, "-c", "import test.libregrtest"]
    if subprocess.run(probe, capture_output=True).returncode != 0:
        raise ToolError("this interpreter lacks CPython's tests (apt-get install libpython3.13-testsuite)")
    probe = [VENV_PYTHON, "-c", "import tierjit; assert tierjit.is_enabled(), tierjit.why_unavailable()"]
    done = subprocess.run(probe, env=environment(True, tier), capture_output=True, text=True)
    if done.returncode != 0:
        raise ToolError(f"tierjit does not start in test processes: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


def case_outcome(element: xml.etree.ElementTree.Element) -> str:
    kinds = {child.tag for child in element}
    for kind in ("error", "failure", "skipped"):
        if kind in kinds:
            return kind
    return "skipped" if element.get("result") in ("suppressed", "skipped") else "passed"


def file_of(case: str, files: set[str]) -> str | None:
    """The test file that a case's dotted name belongs to (test.test_json.test_dump.C.test_x -> test_json)."""
    parts = case.split()[-1].strip("()").split(".") if " (" in case else case.split(".")
    while parts and parts[0] == "test":
        parts = parts[1:]
    for length in range(len(parts), 0, -1):
        for name in (".".join(parts[:length]), "test." + ".".join(parts[:length])):
            if name in files:
                return name
    return None


def read_cases(report: Path, results: dict[str, FileResult]) -> None:
    try:
        root = xml.etree.ElementTree.parse(report).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return
    severity = {"passed": 0, "skipped": 1, "failure": 2, "error": 3}
    files = set(results)
    for element in root.iter("testcase"):
        case = element.get("name") or ""
        if file := file_of(case, files):
            cases, outcome = results[file].cases, case_outcome(element)
            if severity[outcome] >= severity[cases.get(case, "passed")]:
                cases[case] = outcome


def read_progress(line: str, results: dict[str, FileResult]) -> bool:
    """Notes how a file ended, from a line of regrtest's output; True when the line said so."""
    match = PROGRESS.search(line)
    if not match:
        return False
    outcome = match[2].split(" (")[0].split(" -- ")[0]
    if "exit code" in match[2] or "crashed" in match[2]:
        outcome = "crashed: " + match[2]
    results.setdefault(match[1], FileResult()).outcome = outcome
    return True


def test_command(files: list[str], jobs: int, report: Path) -> list[str]:
    chosen = files if files else ["-x", *LEFT_OUT]
    return [str(VENV_PYTHON), "-m", "test", f"-j{jobs}", "--timeout", "600", "--junit-xml", str(report), *chosen]


def run_side(files: list[str], compiled: bool, jobs: int, tier: str = "1", show: bool = False) -> dict[str, FileResult]:
    """One run of the suite (`files` empty: all that is not left out)."""
    results = {file: FileResult() for file in files}
    with tempfile.TemporaryDirectory(prefix="regrtest-") as folder:
        report = Path(folder, "report.xml")
        with subprocess.Popen(test_command(files, jobs, report), cwd=folder, env=environment(compiled, tier), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              errors="replace") as process:
            for line in process.stdout:
                if read_progress(line, results) and show:
                    print(line, end="", flush=True)
        read_cases(report, results)
    return results


def baseline_folder() -> Path:
    """Where the interpreter's own results are kept: one file a test file, for this very interpreter."""
    text = f"{sys.version}{sys.prefix}{VENV_PYTHON.resolve()}"
    return BUILD / "regrtest" / hashlib.sha256(text.encode()).hexdigest()[:12]


def load_baseline(file: str) -> FileResult | None:
    try:
        return FileResult(**json.loads((baseline_folder() / f"{file}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def save_baseline(results: dict[str, FileResult]) -> None:
    baseline_folder().mkdir(parents=True, exist_ok=True)
    for file, result in results.items():
        target = baseline_folder() / f"{file}.json"
        part = target.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(asdict(result)))
        part.replace(target)


def baseline(files: list[str], jobs: int, show: bool = False) -> dict[str, FileResult]:
    kept = {file: result for file in files if (result := load_baseline(file))}
    missing = [file for file in files if file not in kept]
    if missing or not files:
        say("interpreter alone") if show else None
        fresh = run_side(missing, False, jobs, show=show)
        save_baseline({file: result for file, result in fresh.items() if result.outcome != "did not run"})
        kept |= fresh
    return kept


def whole_suite() -> list[str]:
    done = subprocess.run([VENV_PYTHON, "-m", "test", "--list-tests", "-x", *LEFT_OUT], capture_output=True, text=True,
                          env=environment(False))
    return [line for line in done.stdout.split() if line.startswith("test")]


def compare(expected: dict[str, FileResult], actual: dict[str, FileResult]) -> list[Difference]:
    """Cases whose outcome differs; the file itself where it ended otherwise and no case tells why."""
    found = []
    for file, reference in expected.items():
        result = actual.get(file, FileResult())
        cases = [Difference(file, case, reference.cases.get(case, "absent"), result.cases.get(case, "absent"))
                 for case in sorted(reference.cases.keys() | result.cases.keys())
                 if reference.cases.get(case) != result.cases.get(case)]
        if reference.outcome != result.outcome and (not cases or not result.cases):
            cases = [Difference(file, "", reference.outcome, result.outcome)]
        found += cases
    return found


def confirmed(differences: list[Difference], tier: str) -> list[Difference]:
    """Runs the files that differ once more, alone, on both sides: what does not repeat is unsteady by itself."""
    files = sorted({difference.file for difference in differences})
    if not files:
        return []
    again = compare(run_side(files, False, 1), run_side(files, True, 1, tier))
    repeated = {(difference.file, difference.case) for difference in again}
    crashed = {difference.file for difference in again if not difference.case}
    return [d for d in differences if (d.file, d.case) in repeated or d.file in crashed or not d.case]


def differences(files: list[str], jobs: int = 1, tier: str = "1", show: bool = False) -> list[Difference]:
    """The differences of these files that show twice; expected ones are included."""
    reference = baseline(files, jobs, show)
    say("compiled on first call") if show else None
    return confirmed(compare(reference, run_side(files, True, jobs, tier, show)), tier)


def expected_differences() -> dict[str, str]:
    """{file or case: reason} from the committed list."""
    listed = {}
    for line in EXPECTED.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(": ")
            if not reason.strip():
                raise ToolError(f"{EXPECTED.relative_to(ROOT)}: no reason given for {name}")
            listed[name.strip()] = reason.strip()
    return listed


def unexpected(found: list[Difference]) -> list[Difference]:
    listed = expected_differences()
    return [difference for difference in found if not {difference.file, difference.case} & listed.keys()]


def report(files: list[str], found: list[Difference]) -> int:
    surprises = unexpected(found)
    for difference in found:
        mark = "DIFFERS" if difference in surprises else "expected"
        print(f"{mark}: {difference}")
    seen = {name for difference in found for name in (difference.file, difference.case)}
    for name in expected_differences():
        if name not in seen and (name in files or file_of(name, set(files))):
            print(f"no longer differs, so its line can go: {name}")
    differing = len({difference.file for difference in found})
    print(f"{len(files)} files, {differing} with differences, {len(surprises)} unexpected differences")
    return 1 if surprises or not files else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev regrtest", description=__doc__)
    parser.add_argument("--tier", default="1", choices=["1", "2", "2r"],
                        help="the tier that compiles every function; 2r: and guards that fail at random")
    parser.add_argument("--named", action="store_true", help="the files that must agree exactly")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="test files at a time")
    parser.add_argument("--fresh", action="store_true", help="take the interpreter's own results again")
    parser.add_argument("tests", nargs="*", help="test files, such as test_dict (default: the whole suite)")
    options = parser.parse_args(arguments)
    setup.prepare()
    check_interpreter(options.tier)
    files = [*options.tests, *(NAMED if options.named else [])] or whole_suite()
    if options.fresh:
        for file in files:
            (baseline_folder() / f"{file}.json").unlink(missing_ok=True)
    return report(files, differences(files, options.jobs, options.tier, show=True))
