"""Starts the processes of a case file, gathers their records and compares them."""

import ast
import concurrent.futures
import dataclasses
import difflib
import functools
import json
import os
import subprocess
import sys
import tempfile

from harness.modes import MODES, NATIVE_SHARE, OBSERVER_MODES, reference_of

CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child.py")
FILE_SECONDS = 300
CRASHES_BEFORE_GIVING_UP = 25
DIFF_LINES = 60


@dataclasses.dataclass
class Outcome:
    """What one mode made of one file."""
    cases: dict = dataclasses.field(default_factory=dict)       # name -> {"runs": ..., "leaked": ...}
    crashes: dict = dataclasses.field(default_factory=dict)     # name -> the end of the process's stderr
    stats: dict | None = None
    problem: str | None = None                                  # why the whole file could not be run


@functools.cache
def parse_file(path):
    """(names of the cases, floor of the native share, line of each case) without importing the file."""
    with open(path, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    names, share = {}, NATIVE_SHARE
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(is_case(mark) for mark in node.decorator_list):
            names[node.name] = node.lineno
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "NATIVE_SHARE":
            share = ast.literal_eval(node.value)
    return names, share


def is_case(decorator):
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(target, ast.Name) and target.id == "case"


def environment():
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("TIERJIT", "PYTHON"))}
    return variables | {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run_child(path, mode, skip):
    """(records, exit code, stderr) of one process; a process that overstays is ended."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "records")
        command = [sys.executable, CHILD, path, mode.name, output, str(skip)]
        try:
            done = subprocess.run(command, env=environment(), capture_output=True, timeout=FILE_SECONDS, cwd=folder,
                                  stdin=subprocess.DEVNULL)
            code, stderr = done.returncode, done.stderr
        except subprocess.TimeoutExpired as error:
            code, stderr = "timeout", error.stderr or b""
        return read_records(output), code, stderr.decode(errors="replace")


def read_records(output):
    if not os.path.exists(output):
        return []
    with open(output, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def run_mode(path, mode):
    """Runs all cases of the file. After a crash the cases behind the crashed one run in a new process."""
    outcome, names = Outcome(), list(parse_file(path)[0])
    skip = 0
    while len(outcome.crashes) <= CRASHES_BEFORE_GIVING_UP:
        records, code, stderr = run_child(path, mode, skip)
        outcome.cases.update({record["case"]: record for record in records if "case" in record})
        if records and "done" in records[-1]:
            outcome.stats = records[-1]["stats"]
            if code == 0:
                return outcome
            outcome.problem = f"exit code {code} after the last case\n{stderr[-3000:]}"
            return outcome
        started = records[-1].get("start") if records else None
        if started not in names:
            outcome.problem = f"exit code {code} before the first case\n{stderr[-3000:]}"
            return outcome
        outcome.crashes[started] = f"exit code {code}\n{stderr[-3000:]}"
        skip = names.index(started) + 1
    outcome.problem = "too many crashes"
    return outcome


class Laboratory:
    """Runs each file once per mode, two processes at a time, and keeps the outcomes."""

    def __init__(self, mode_names, everywhere):
        self.modes = [MODES[name] for name in mode_names]
        self.everywhere = everywhere    # also in files that a mode usually leaves out
        self.outcomes = {}
        self.workers = concurrent.futures.ThreadPoolExecutor(2)

    def modes_of(self, path):
        folder, name = os.path.split(path)
        if os.path.basename(folder) == "observers" and not self.everywhere:
            return [mode for mode in self.modes if mode.name in OBSERVER_MODES]
        stem = os.path.splitext(name)[0]
        return [mode for mode in self.modes if self.everywhere or mode.files is None or stem in mode.files]

    def outcome(self, path, mode):
        if (path, mode.name) not in self.outcomes:
            modes = self.modes_of(path)
            for wanted in [*map(reference_of, modes), *modes, reference_of(mode), mode]:
                if (path, wanted.name) not in self.outcomes:
                    self.outcomes[path, wanted.name] = self.workers.submit(run_mode, path, wanted)
        return self.outcomes[path, mode.name].result()

    def close(self):
        self.workers.shutdown(cancel_futures=True)


def expand(runs):
    return [text for count, text in runs for _ in range(count)]


def pretty(text):
    return json.dumps(json.loads(text), indent=1, ensure_ascii=False).splitlines()


def difference(expected, actual, names):
    """A unified diff of two records, cut to a readable length."""
    lines = list(difflib.unified_diff(pretty(expected), pretty(actual), *names, lineterm="", n=4))
    return "\n".join(line[:400] for line in lines[:DIFF_LINES])


def escaped(case):
    """The exception that came out of a case, or None. What follows it in the case is not tested; log.call() writes down those that are meant."""
    for _, text in case["runs"]:
        raised = json.loads(text).get("raised")
        if raised is not None:
            return raised
    return None


def compare_case(reference, outcome, name, mode_name):
    """Returns None when the case agrees, otherwise why it does not."""
    if name in outcome.crashes:
        return f"{name} crashed in mode {mode_name}: {outcome.crashes[name]}"
    if name not in reference.cases:
        return f"no reference: {reference.crashes.get(name) or reference.problem}"
    if name not in outcome.cases:
        return outcome.problem or f"{name} did not run"
    expected, actual = expand(reference.cases[name]["runs"]), expand(outcome.cases[name]["runs"])
    for index, (left, right) in enumerate(zip(expected, actual)):
        if left != right:
            return f"call {index + 1} of {name} differs\n" + difference(left, right, ("interpreter", mode_name))
    raised = escaped(reference.cases[name])
    if raised is not None:
        return f"{name} is not meant to raise {raised["type"]}: {raised["str"]}, {raised["traceback"]}"
    leaked = outcome.cases[name]["leaked"]
    if leaked > reference.cases[name]["leaked"]:
        return f"{name} leaks {leaked} blocks a call"
    return None


def compare_share(outcome, floor):
    if outcome.problem:
        return outcome.problem
    if outcome.stats is None:
        return "no statistics: the process crashed"
    share = outcome.stats["native_share"]
    if share is None:
        return "no native share: nothing was compiled"
    if share >= floor:
        return None
    return f"native share {share:.3f} below {floor}; refusals: {json.dumps(outcome.stats.get('refusals'), indent=1)}"
