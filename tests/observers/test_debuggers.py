"""pdb, bdb, coverage.py, trace: the same sessions and the same data."""

import bdb
import io
import os
import pdb
import re
import sys
import trace

import observers.subjects as subjects
from harness import case
from observers.subjects import ALL, BRANCHING, TURNS, Hook, warm

NATIVE_SHARE = 0.1
ADDRESS = re.compile(r"x[0-9a-f]{8,}")     # pdb shortens texts


def session(log, script, start):
    """What pdb prints, driven by `script`; start(debugger) begins it."""
    output = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("\n".join(script) + "\n"), stdout=output, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    try:
        log.call(start, debugger)
    finally:
        sys.settrace(None)
        bdb.Breakpoint.clearBreakpoints()
    log(ADDRESS.sub("x?", output.getvalue()))


def line_of(function, distance):
    return f"{subjects.__file__}:{function.__code__.co_firstlineno + distance}"


@case(times=1)
def breakpoint_in_a_running_loop(log):
    """set_trace() in a callee of compiled code: the first stop, steps into, over and out of it, up and down."""
    scripts = (["n"] * 6 + ["c"], ["s"] * 12 + ["c"], ["up", "p i", "up", "down", "n", "r", "n", "n", "p i", "c"], ["unt", "unt", "w", "a", "c"])
    for program in ALL:
        for script in scripts:
            warm(log, program)
            session(log, script, lambda debugger: program(TURNS, Hook(at2=debugger.set_trace)))


@case(times=1)
def variables_changed(log):
    for script in (["up", "up", "!total = 1000", "c"], ["r", "r", "n", "!i = 4", "p i, total", "n", "n", "p i, total", "c"]):
        warm(log, subjects.numbers)
        session(log, script, lambda debugger: subjects.numbers(TURNS, Hook(at2=debugger.set_trace)))


@case(times=1)
def breakpoints(log):
    for program, distance in ((subjects.numbers, 3), (subjects.nested, 7), (subjects.errors, 8), (subjects.objects, 3), (subjects.driven, 5)):
        place = line_of(program, distance)
        condition = ", len(locals()) > 2"
        scripts = ([f"b {place}", "c", "p sorted(k for k in locals())", "c", "w", "cl 1", "c"], [f"b {place}{condition}", "c", "a", "q"],
                   [f"tbreak {place}", "c", "n", "s", "s", "r", "c"], [f"b {line_of(subjects.leaf, 1)}", "c", "up", "p x", "c", "q"])
        for script in scripts:
            warm(log, program)
            session(log, script, lambda debugger: debugger.runcall(program, TURNS, Hook()))


@case(times=1)
def jump(log):
    warm(log, subjects.numbers)
    first = subjects.numbers.__code__.co_firstlineno
    for line in (2, 5, 6):
        session(log, [f"b {line_of(subjects.numbers, 3)}", "c", "c", f"j {first + line}", "n", "n", "cl 1", "c"],
                lambda debugger: debugger.runcall(subjects.numbers, TURNS, Hook()))


def inspect_dead(debugger, error):
    debugger.reset()
    debugger.interaction(None, error)


@case(times=1)
def post_mortem(log):
    def fails():
        raise LookupError("here")

    for program in ALL:
        warm(log, program)
        try:
            program(TURNS, Hook(at3=fails))
        except LookupError as error:
            session(log, ["w", "up", "up", "p sorted(locals())", "down", "q"], lambda debugger: inspect_dead(debugger, error))


class Steps(bdb.Bdb):
    """All that a debugger is told."""

    def __init__(self, log):
        super().__init__()
        self.log = log

    def note(self, what, frame, *rest):
        if frame.f_code.co_filename == subjects.__file__:
            self.log(what, frame.f_code.co_qualname, frame.f_lineno - frame.f_code.co_firstlineno, *rest)

    def user_call(self, frame, arguments):
        self.note("call", frame)
        self.set_step()

    def user_line(self, frame):
        self.note("line", frame)
        self.set_step()

    def user_return(self, frame, value):
        self.note("return", frame, type(value).__name__)
        self.set_step()

    def user_exception(self, frame, info):
        self.note("exception", frame, info[0].__name__)
        self.set_step()


@case(times=1)
def steps(log):
    for program in ALL:
        warm(log, program)
        debugger = Steps(log)
        try:
            log.call(program, TURNS, Hook(at2=debugger.set_trace, at4=debugger.set_continue))
        finally:
            sys.settrace(None)


def executed(program, core, branch):
    """The lines, or the arcs, that coverage.py has seen of the subjects."""
    import coverage
    os.environ["COVERAGE_CORE"] = core
    try:
        tool = coverage.Coverage(data_file=None, branch=branch, config_file=False, include=[subjects.__file__], messages=False)
        tool.start()
        try:
            program(TURNS, Hook())
        finally:
            tool.stop()
        data = tool.get_data()
        return sorted((data.arcs if branch else data.lines)(subjects.__file__) or ())
    finally:
        del os.environ["COVERAGE_CORE"]


@case(times=1)
def coverage_data(log):
    for core, branch in (("ctrace", False), ("ctrace", True), ("sysmon", False), ("pytrace", True)):
        for program in (*ALL, *BRANCHING):
            warm(log, program)
            log(core, branch, program.__name__, executed(program, core, branch))


@case(times=1)
def trace_counts(log):
    for program in ALL:
        warm(log, program)
        counter = trace.Trace(count=1, trace=0, countfuncs=0)
        counter.runfunc(program, TURNS, Hook())
        log(program.__name__, sorted((line, count) for (file, line), count in counter.results().counts.items() if file == subjects.__file__))
