"""sys.monitoring and sys.setprofile: complete event streams of the same programs, whenever the tool comes."""

import sys
import threading

import observers.subjects as subjects
from harness import case
from observers.subjects import ALL, BRANCHING, TURNS, Hook, warm

NATIVE_SHARE = 0.1
M, E = sys.monitoring, sys.monitoring.events
EVENTS = {name: value for name, value in vars(E).items() if isinstance(value, int) and value}
# What an exception that passes a call tells as its place depends on whether the interpreter had inlined the call: see docs/tools.md.
PLACELESS = {"RAISE", "PY_UNWIND", "RERAISE"}
LOCAL = ("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "CALL", "LINE", "INSTRUCTION", "JUMP", "BRANCH", "STOP_ITERATION")


def shown(value):
    if isinstance(value, (int, str, float)):
        return value
    return getattr(value, "__qualname__", type(value).__name__)


class Tool:
    """A tool that notes its events; `disabling` ones return DISABLE for lines."""

    def __init__(self, log, number, names, disabling=False):
        self.log, self.number, self.names, self.disabling = log, number, names, disabling

    def __enter__(self):
        M.use_tool_id(self.number, "test")
        for name in self.names:
            M.register_callback(self.number, EVENTS[name], self.callback(name))
        return self

    def __exit__(self, *error):
        M.set_events(self.number, 0)
        for program in (*ALL, *BRANCHING, *CALLEES):
            M.set_local_events(self.number, program.__code__, 0)
        for name in self.names:
            M.register_callback(self.number, EVENTS[name], None)
        M.free_tool_id(self.number)

    def callback(self, name):
        def called(code, *rest):
            if code.co_filename != subjects.__file__ or code.co_qualname.startswith("Hook"):
                return None
            rest = rest[1:] if name in PLACELESS else rest
            values = [shown(value) for value in rest]
            self.log(self.number, name, code.co_qualname, *values)
            return M.DISABLE if self.disabling and name in LOCAL else None
        return called

    def on(self):
        M.set_events(self.number, sum(EVENTS[name] for name in set(self.names) - {"C_RETURN", "C_RAISE"}))

    def off(self):
        M.set_events(self.number, 0)

    def on_for(self, *functions):
        for function in functions:
            M.set_local_events(self.number, function.__code__, sum(EVENTS[name] for name in self.names if name in LOCAL))


CALLEES = (subjects.leaf, subjects.middle, subjects.counted, subjects.delegating, subjects.step)
GROUPS = (("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "PY_THROW"), ("LINE",), ("INSTRUCTION",),
          ("JUMP", "BRANCH", "STOP_ITERATION"),
          ("RAISE", "RERAISE", "EXCEPTION_HANDLED", "PY_UNWIND"), ("CALL", "C_RETURN", "C_RAISE"))


def run(log, program, hook):
    log("watched", program.__name__)
    log.call(program, TURNS, hook)


@case(times=1)
def tool_before(log):
    for program in ALL:
        for group in GROUPS:
            warm(log, program)
            with Tool(log, 3, group) as tool:
                tool.on()
                run(log, program, Hook())


@case(times=1)
def tool_comes_in_a_loop(log):
    for program in ALL:
        for group in GROUPS:
            warm(log, program)
            with Tool(log, 3, group) as tool:
                run(log, program, Hook(at2=tool.on, at4=tool.off))


@case(times=1)
def local_events_in_a_loop(log):
    for program in ALL:
        warm(log, program)
        with Tool(log, 3, LOCAL) as tool:
            run(log, program, Hook(at2=lambda: tool.on_for(program, *CALLEES)))


@case(times=1)
def disabled_events(log):
    for program in ALL:
        warm(log, program)
        with Tool(log, 3, ("LINE", "BRANCH", "JUMP", "CALL", "PY_START", "PY_RETURN"), disabling=True) as tool:
            run(log, program, Hook(at2=tool.on, at4=M.restart_events))


@case(times=1)
def several_tools(log):
    for program in ALL:
        warm(log, program)
        with Tool(log, 0, ("LINE", "PY_START")) as first, Tool(log, 1, ("LINE", "CALL", "PY_RETURN"), disabling=True) as second, \
                Tool(log, 4, ("BRANCH", "INSTRUCTION")) as third:
            first.on()
            run(log, program, Hook(at1=second.on, at2=lambda: third.on_for(program), at3=first.off, at4=M.restart_events))


BRANCHES = ("BRANCH", "JUMP", "STOP_ITERATION", "LINE", "PY_START", "PY_YIELD", "PY_RETURN")


@case(times=1)
def branches(log):
    """Which way each condition, loop, pattern and comprehension goes, with the lines between."""
    for program in BRANCHING:
        for disabling in (False, True):
            warm(log, program)
            with Tool(log, 3, BRANCHES, disabling=disabling) as tool:
                tool.on()
                run(log, program, Hook())
            warm(log, program)
            with Tool(log, 3, BRANCHES, disabling=disabling) as tool:
                run(log, program, Hook(at1=tool.on, at3=M.restart_events, at4=tool.off))


@case(times=1)
def branches_of_one_function(log):
    for program in BRANCHING:
        for disabling in (False, True):
            warm(log, program)
            with Tool(log, 3, BRANCHES, disabling=disabling) as tool:
                run(log, program, Hook(at2=lambda: tool.on_for(program), at4=M.restart_events))


class Profiler:
    def __init__(self, log):
        self.log = log

    def __call__(self, frame, event, arg):
        if frame.f_code.co_filename == subjects.__file__ and not frame.f_code.co_qualname.startswith("Hook"):
            self.log(event, frame.f_code.co_qualname, frame.f_lineno - frame.f_code.co_firstlineno, shown(arg))


def profiled(log, program, hook, profiler):
    warm(log, program)
    sys.setprofile(profiler)
    try:
        run(log, program, hook)
    finally:
        sys.setprofile(None)


@case(times=1)
def profiler_before(log):
    for program in ALL:
        profiled(log, program, Hook(), Profiler(log))


@case(times=1)
def profiler_comes_in_a_loop(log):
    for program in ALL:
        profiler = Profiler(log)
        profiled(log, program, Hook(at2=lambda: sys.setprofile(profiler), at4=lambda: sys.setprofile(None)), None)


@case(times=1)
def profiler_from_another_thread(log):
    for program in ALL:
        profiler = Profiler(log)

        def elsewhere(value):
            thread = threading.Thread(target=threading.setprofile_all_threads, args=(value,))
            thread.start()
            thread.join()

        profiled(log, program, Hook(at2=lambda: elsewhere(profiler), at4=lambda: elsewhere(None)), None)


@case(times=1)
def call_counts(log):
    import cProfile
    import profile
    import pstats

    for kind in (cProfile.Profile, profile.Profile):
        for program in ALL:
            warm(log, program)
            counter = kind()
            counter.runcall(program, TURNS, Hook())
            stats = pstats.Stats(counter).stats
            log(program.__name__, sorted((name, calls[0], calls[1]) for (file, _, name), calls in stats.items() if file == subjects.__file__))


@case(times=1)
def call_counts_from_a_loop(log):
    import cProfile
    import pstats

    for program in ALL:
        warm(log, program)
        counter = cProfile.Profile()
        run(log, program, Hook(at2=counter.enable, at4=counter.disable))
        stats = pstats.Stats(counter).stats
        log(sorted((name, calls[0], calls[1]) for (file, _, name), calls in stats.items() if file == subjects.__file__))
