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

FILE_SECONDS = 900  # a test file that runs longer has hung; the longest takes 60 on a machine that does nothing else

# "0:00:04 load avg: 1.02 [ 3/23] test_int passed", "[12/23/1] test_re failed (2 failures) (31.0 sec)"
PROGRESS = re.compile(r"\[ *\d+/\d+(?:/\d+)?\] (test[\w.]*) (.+?)(?: \(\d[\d.]* (?:sec|min).*)?$")


@dataclass
class FileResult:
    """How one test file ended (`passed`, `failed`, `skipped`, `crashed ...`), and each of its cases."""

    outcome: str = "did not run"
    cases: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One test that ends in another way under tierjit; `case` is empty for the file as a whole."""

    file: str
    case: str
    interpreter: str
    compiled: str

    def __str__(self) -> str:
        return f"{self.file} {self.case or '(whole file)'}: {self.interpreter} -> {self.compiled}"


@dataclass
class Comparison:
    """What differs: `steady` differences show twice, the `unsteady` ones are gone when the file runs once more, alone."""

    steady: list[Difference] = field(default_factory=list)
    unsteady: list[Difference] = field(default_factory=list)


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


def dotted_name(case: str) -> str:
    """What a case belongs to: "setUpClass (test.test_os.C)" -> test.test_os.C, "test.test_os.C.test_x (i=1)" -> test.test_os.C.test_x."""
    first, _, rest = case.partition(" ")
    return rest.strip("()") if rest.startswith("(") and "." not in first else first


def file_of(case: str, files: set[str]) -> str | None:
    """The test file that a case's dotted name belongs to (test.test_json.test_dump.C.test_x -> test_json)."""
    parts = dotted_name(case).split(".")
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
    sole = next(iter(files)) if len(files) == 1 else None  # some files take their cases from modules of other names
    for element in root.iter("testcase"):
        case = element.get("name") or ""
        if file := sole or file_of(case, files):
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


def patterns(cases: list[str]) -> list[str]:
    """These cases as regrtest's --matchfile takes them; what a class or module says of itself stands for all that it holds."""
    return sorted({dotted_name(case) + ("" if case.startswith(dotted_name(case)) else ".*") for case in cases})


def test_command(files: list[str], jobs: int, folder: Path, cases: list[str]) -> list[str]:
    command = [str(VENV_PYTHON), "-m", "test", f"-j{jobs}", "--timeout", str(FILE_SECONDS), "--junit-xml", str(folder / "report.xml")]
    if cases:
        chosen = folder / "cases"
        chosen.write_text("\n".join(patterns(cases)))
        command += ["--matchfile", str(chosen)]
    return [*command, *files]


def run_side(files: list[str], compiled: bool, jobs: int, tier: str = "1", show: bool = False,
             cases: list[str] = ()) -> dict[str, FileResult]:
    """One run of these files, or of some cases in them."""
    results = {file: FileResult() for file in files}
    with tempfile.TemporaryDirectory(prefix="regrtest-") as name:
        folder = Path(name)
        with subprocess.Popen(test_command(files, jobs, folder, cases), cwd=folder, env=environment(compiled, tier), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              errors="replace") as process:
            for line in process.stdout:
                if read_progress(line, results) and show:
                    print(line, end="", flush=True)
        read_cases(folder / "report.xml", results)
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
    """The interpreter's own results of these files, from an earlier run where there is one."""
    kept = {file: result for file in files if (result := load_baseline(file))}
    missing = [file for file in files if file not in kept]
    if missing:
        say(f"interpreter alone: {len(missing)} files") if show else None
        fresh = run_side(missing, False, jobs, show=show)
        save_baseline({file: result for file, result in fresh.items() if result.outcome != "did not run"})
        kept |= fresh
    return kept


def is_clean(result: FileResult) -> bool:
    return result.outcome == "passed" and bool(result.cases) and set(result.cases.values()) <= {"passed", "skipped"}


def reference_of(results: dict[str, FileResult], jobs: int, show: bool = False) -> dict[str, FileResult]:
    """What the interpreter makes of the same files. It runs those where something failed, and otherwise only the cases that were
    skipped: a case that passes needs no comparison.
    """
    doubtful = [file for file, result in results.items() if not is_clean(result)]
    skipped = {file: [case for case, outcome in result.cases.items() if outcome == "skipped"]
               for file, result in results.items() if is_clean(result)}
    asking = [file for file, cases in skipped.items() if cases]
    asked = {}
    if asking:
        say(f"interpreter alone: the skipped cases of {len(asking)} files") if show else None
        asked = run_side(asking, False, jobs, cases=[case for cases in skipped.values() for case in cases])
    reference = baseline(doubtful, jobs, show)
    for file, cases in skipped.items():
        passed = {case: outcome for case, outcome in results[file].cases.items() if outcome == "passed"}
        told = {case: asked[file].cases.get(case, "absent") for case in cases}
        reference[file] = FileResult("passed", passed | told)
    return reference


def whole_suite() -> list[str]:
    done = subprocess.run([VENV_PYTHON, "-m", "test", "--list-tests"], capture_output=True, text=True, env=environment(False))
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


def sort_out(found: list[Difference], tier: str) -> Comparison:
    """Runs the files that differ once more, alone, on both sides: what does not repeat is unsteady by itself.

    Crashes and time-outs count at once.
    """
    result = Comparison()
    for file in sorted({difference.file for difference in found}):
        again = {(d.file, d.case) for d in compare(run_side([file], False, 1), run_side([file], True, 1, tier))}
        for difference in (d for d in found if d.file == file):
            repeats = (file, difference.case) in again or (file, "") in again or is_fatal(difference.compiled)
            (result.steady if repeats else result.unsteady).append(difference)
    return result


def is_fatal(outcome: str) -> bool:
    return outcome.startswith(("crashed", "timed out", "did not run"))


def differences(files: list[str], jobs: int = 1, tier: str = "1", show: bool = False) -> Comparison:
    """How these files end in other ways than in the interpreter; expected differences are included."""
    say(f"compiled on first call, tier {tier}: {len(files)} files") if show else None
    compiled = run_side(files, True, jobs, tier, show)
    return sort_out(compare(reference_of(compiled, jobs, show), compiled), tier)


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


def report(files: list[str], found: Comparison) -> int:
    surprises = unexpected(found.steady)
    for difference in found.steady:
        print(f"{'DIFFERS' if difference in surprises else 'expected'}: {difference}")
    for difference in found.unsteady:
        print(f"unsteady, not seen again: {difference}")
    seen = {name for difference in found.steady for name in (difference.file, difference.case)}
    for name in expected_differences():
        if name not in seen and (name in files or file_of(name, set(files))):
            print(f"no longer differs, so its line can go: {name}")
    differing = len({difference.file for difference in found.steady})
    print(f"{len(files)} files, {differing} with differences, {len(surprises)} unexpected differences, {len(found.unsteady)} unsteady")
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
