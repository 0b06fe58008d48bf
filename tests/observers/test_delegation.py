"""Generators that wait for others: what tools and frames show from inside the innermost one, and a tool that comes there."""

import inspect
import sys
import threading

from harness import case

NATIVE_SHARE = 0.02
M, E = sys.monitoring, sys.monitoring.events
NAMES = ("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "PY_THROW", "STOP_ITERATION", "LINE")
TURNS = 5


def innermost(n, hook):
    try:
        for i in range(n):
            hook(i)
            got = yield i
            if got:
                hook(got)
    except LookupError:
        hook(n)
        yield "caught"
    finally:
        hook(-1)
    return n


def between(n, hook):
    result = yield from innermost(n, hook)
    return result


def outermost(n, hook):
    first = yield from between(n, hook)
    second = yield from between(2, hook)
    yield first + second


class Items:
    """Its __iter__ and __next__ are Python functions."""

    def __init__(self, n, hook):
        self.n, self.hook, self.at = n, hook, 0

    def __iter__(self):
        self.hook(self.at)
        return self

    def __next__(self):
        self.hook(self.at)
        if self.at == self.n:
            raise StopIteration
        self.at += 1
        return self.at


def over_items(n, hook):
    total = 0
    for x in Items(n, hook):
        total += x
    yield total
    yield from Items(n, hook)


class Waits:
    def __init__(self, n, hook):
        self.n, self.hook = n, hook

    def __await__(self):
        return innermost(self.n, self.hook)


async def inner_task(n, hook):
    return await Waits(n, hook)


async def outer_task(n, hook):
    total = await inner_task(n, hook)
    async with Held(hook):
        async for x in ticks(2, hook):
            total += x
    return total


class Held:
    def __init__(self, hook):
        self.hook = hook

    async def __aenter__(self):
        await Waits(1, self.hook)

    async def __aexit__(self, *error):
        await Waits(1, self.hook)


async def ticks(n, hook):
    try:
        for i in range(n):
            hook(i)
            await Waits(1, hook)
            yield i
    except LookupError:
        hook(n)
        yield 100
    finally:
        await Waits(1, hook)


PROGRAMS = (outermost, over_items, outer_task)
ALL = (innermost, between, outermost, over_items, Items.__iter__, Items.__next__, Waits.__await__, inner_task, outer_task, Held.__aenter__,
       Held.__aexit__, ticks)


def quiet(turn):
    pass


def drive(program, hook, disturb=None, at=2):
    """What it gives; in turn `at` disturb(generator) is called instead of a resumption."""
    running, out = program(TURNS, hook), []
    for turn in range(40):
        try:
            out.append(disturb(running) if disturb is not None and turn == at else running.send(None))
        except BaseException as error:
            out.append((type(error).__name__, str(error)))
            break
    return out


def over_ticks(way, hook, log=lambda *event: None):
    """An asynchronous generator driven by hand; `way` makes the awaitable of its second resumption."""
    generator, out = ticks(TURNS, hook), []
    for awaitable in (generator.__anext__(), way(generator), generator.__anext__()):
        try:
            while True:
                out.append(awaitable.send(None))
                log(generator.ag_running, generator.ag_await is not None, generator.ag_frame is not None)
        except BaseException as error:
            out.append((type(error).__name__, str(error)))
    return out


def warm(log):
    for function in ALL:
        function.__code__ = function.__code__.replace()
    log.warm(lambda: [drive(program, quiet) for program in PROGRAMS] and over_ticks(lambda g: g.asend(None), quiet), tier2=False)


def named(frame):
    return frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, frame.f_lasti


def ours(frame):
    while frame is not None:
        if frame.f_code.co_filename == __file__ and frame.f_code.co_name in NAMED:
            yield frame
        frame = frame.f_back


NAMED = {function.__name__ for function in ALL}
WAYS = {"throw": lambda g: g.throw(LookupError("thrown")), "other": lambda g: g.throw(ValueError("thrown")), "close": lambda g: g.close(),
        "send": lambda g: g.send(3) if isinstance(g, type(innermost(1, None))) else g.send(None)}
ASYNC_WAYS = {"athrow": lambda g: g.athrow(LookupError("thrown")), "other": lambda g: g.athrow(ValueError("thrown")),
              "aclose": lambda g: g.aclose(), "asend": lambda g: g.asend(None)}


class Once:
    """A hook that acts from its `at`th call on, once."""

    def __init__(self, at, action):
        self.left, self.action = at, action

    def __call__(self, turn):
        self.left -= 1
        if self.left == 0:
            self.action()


def everywhere(log, run_under):
    """run_under(hook -> result) for each program, each way, and each moment at which a tool may come."""
    for at in (1, 3, 4, 8):
        for program in PROGRAMS:
            log(program.__name__, at)
            run_under(at, lambda hook: drive(program, hook))
        for name, way in WAYS.items():
            log(name, at)
            run_under(at, lambda hook: drive(outermost, hook, way))
            run_under(at, lambda hook: drive(outer_task, hook, way))
        for name, way in ASYNC_WAYS.items():
            log(name, at)
            run_under(at, lambda hook: over_ticks(way, hook))


@case(times=1)
def frames_from_the_innermost(log):
    def look(generators):
        def looks(turn):
            frames = list(ours(sys._getframe(1)))
            log(turn, [named(frame) for frame in frames], [sorted(frame.f_locals) for frame in frames])
            log([named(frame) for frame in ours(sys._current_frames()[threading.get_ident()])])
            for g in generators:
                if inspect.isgenerator(g):
                    log(inspect.getgeneratorstate(g), g.gi_running, getattr(g.gi_yieldfrom, "__name__", None), named(g.gi_frame))
                else:
                    log(inspect.getcoroutinestate(g), g.cr_running, getattr(g.cr_await, "__name__", None), named(g.cr_frame))
        return looks

    for program in PROGRAMS:
        warm(log)
        generators = []
        running = program(TURNS, look(generators))
        generators.append(running)
        log(program.__name__)
        while True:
            try:
                log(running.send(None))
            except StopIteration as end:
                log("end", end.value)
                break
            waiting = getattr(running, "gi_yieldfrom", None) or getattr(running, "cr_await", None)
            while waiting is not None and hasattr(waiting, "gi_frame"):
                log("waits", waiting.__name__, named(waiting.gi_frame))
                waiting = waiting.gi_yieldfrom
        for way in ASYNC_WAYS.values():
            log(over_ticks(way, quiet, log))


@case(times=1)
def tracer_comes_inside(log):
    def run_under(at, run):
        def trace(frame, event, arg):
            if frame.f_code.co_name in NAMED:
                log(event, *named(frame)[:2], repr(arg)[:30] if event != "exception" else arg[0].__name__)
            return trace

        def comes():
            sys.settrace(trace)
            for frame in ours(sys._getframe(1)):
                frame.f_trace = trace
        warm(log)
        try:
            log(run(Once(at, comes)))
        finally:
            sys.settrace(None)
    everywhere(log, run_under)


@case(times=1)
def profiler_comes_inside(log):
    def run_under(at, run):
        def profile(frame, event, arg):
            if frame.f_code.co_name in NAMED and not event.startswith("c_"):
                log(event, *named(frame)[:2], repr(arg)[:30])
        warm(log)
        try:
            log(run(Once(at, lambda: sys.setprofile(profile))))
        finally:
            sys.setprofile(None)
    everywhere(log, run_under)


@case(times=1)
def monitoring_comes_inside(log):
    def run_under(at, run):
        def noted(name):
            def note(code, *rest):
                if code.co_filename == __file__ and code.co_name in NAMED:
                    log(name, code.co_name, *[value if isinstance(value, int) else type(value).__name__ for value in rest])
            return note
        warm(log)
        M.use_tool_id(3, "delegation")
        for name in NAMES:
            M.register_callback(3, getattr(E, name), noted(name))
        try:
            log(run(Once(at, lambda: M.set_events(3, sum(getattr(E, name) for name in NAMES)))))
        finally:
            M.set_events(3, 0)
            for name in NAMES:
                M.register_callback(3, getattr(E, name), None)
            M.free_tool_id(3)
    everywhere(log, run_under)
