"""sys.settrace, sys.setprofile and sys.monitoring: switched on before, or inside a callee of compiled code."""

import functools
import sys

from harness import case

NATIVE_SHARE = 0.2      # traced code runs in the interpreter
TOOL = 3
EVENTS = sys.monitoring.events


def relative(frame):
    return frame.f_lineno - frame.f_code.co_firstlineno


def tracer(log, opcodes=False):
    def trace(frame, event, arg):
        if frame.f_code.co_filename != __file__:
            return None
        if opcodes:
            frame.f_trace_opcodes = True
        shown = arg if event in ("return", "c_call") else arg and getattr(arg[0], "__name__", None)
        log(event, frame.f_code.co_name, relative(frame), shown)
        return trace
    return trace


def profiler(log):
    def profile(frame, event, arg):
        if frame.f_code.co_filename == __file__:
            log(event, frame.f_code.co_name, relative(frame),
                getattr(arg, "__name__", arg) if event.startswith("c_") else arg)
    return profile


def add(a, b):
    c = a + b
    return c


def work(n):
    total = 0
    for i in range(n):
        if i % 2:
            total += add(i, 1)
        else:
            try:
                1 // i
            except ZeroDivisionError:
                total -= 1
            finally:
                total += 10
    while total > 15:
        total -= len("abc") * 3
    items = [x * 2 for x in range(2)]
    with Manager() as m:
        total += m
    return total, items


class Manager:
    def __enter__(self):
        return 1

    def __exit__(self, *args):
        return True


class Thing:
    def __init__(self, x):
        self.x = x

    @property
    def p(self):
        return self.x

    def m(self):
        return self.p


def objects():
    t = Thing(3)
    return t.m() + t.p


def gen(n):
    for i in range(n):
        yield i


def consumer(n):
    total = 0
    for x in gen(n):
        total += x
    return total


def fails(n):
    if n == 0:
        raise ValueError("bottom")
    fails(n - 1)


def catches(n):
    try:
        fails(n)
    except ValueError as error:
        return str(error)


@case
def trace_before(log):
    work(3)
    for function, args in ((work, (3,)), (objects, ()), (consumer, (2,)), (catches, (2,))):
        sys.settrace(tracer(log))
        try:
            function(*args)
        finally:
            sys.settrace(None)
    work(3)


@case
def profile_before(log):
    work(3)
    for function, args in ((work, (3,)), (objects, ()), (consumer, (2,)), (catches, (2,))):
        sys.setprofile(profiler(log))
        try:
            function(*args)
        finally:
            sys.setprofile(None)


@case
def opcode_events(log):
    def f(a):
        b = a + 1
        return b

    events = []

    def trace(frame, event, arg):
        if frame.f_code is f.__code__:
            frame.f_trace_opcodes = True
            events.append((event, frame.f_lasti if event == "opcode" else relative(frame)))
            return trace

    f(1)
    sys.settrace(trace)
    f(1)
    sys.settrace(None)
    log(events)


def switch_on(log, on):
    """Called from running code: from here on every event must arrive."""
    on()


def interrupted_loop(n, at, on, off):
    total = 0
    for i in range(n):
        if i == at:
            on()
        total += i
        if i == at + 2:
            off()
            total += 100
    return total


def interrupted_while(n, at, on, off):
    i = 0
    while i < n:
        i += 1
        if i == at:
            on()
        x = add(i, i)
        if i == at + 2:
            off()
    return x


def caller_of_switch(on, off):
    def inner():
        on()
        return 1
    a = inner()
    b = a + inner()
    c = add(a, b)
    off()
    return c


def switch_in_handler(on, off):
    try:
        1 // 0
    except ZeroDivisionError:
        on()
        x = 1
    y = x
    off()
    return y


def switch_and_raise(on, off):
    def inner():
        on()
        raise KeyError("k")
    try:
        inner()
    except KeyError:
        x = 5
    finally:
        off()
    return x


def switch_in_operator(on, off):
    class Op:
        def __add__(self, other):
            on()
            return 5
    x = Op() + 1
    y = x * 2
    off()
    return y


def switch_in_property(on, off):
    class P:
        @property
        def p(self):
            on()
            return 5

        def __del__(self):
            off()
    o = P()
    x = o.p
    y = x + 1
    o = None
    return y


def switch_in_init(on, off):
    class C:
        def __init__(self):
            on()
            self.x = 1
    o = C()
    y = o.x
    off()
    return y


SWITCHERS = ((interrupted_loop, (6, 2)), (interrupted_while, (6, 2)), (caller_of_switch, ()), (switch_in_handler, ()),
             (switch_and_raise, ()), (switch_in_operator, ()), (switch_in_property, ()), (switch_in_init, ()))


@case
def trace_switched_on_inside(log):
    """settrace alone affects new frames; the callers get events once their f_trace is set."""
    for function, args in SWITCHERS:
        log.call(function, *args, lambda: sys.settrace(tracer(log)), lambda: sys.settrace(None))
        sys.settrace(None)


@case
def trace_switched_on_for_callers(log):
    def on():
        trace = tracer(log)
        frame = sys._getframe(1)
        while frame.f_code.co_filename == __file__ and frame.f_code.co_name != "trace_switched_on_for_callers":
            frame.f_trace = trace
            frame = frame.f_back
        sys.settrace(trace)

    for function, args in SWITCHERS:
        log.call(function, *args, on, lambda: sys.settrace(None))
        sys.settrace(None)


@case
def profile_switched_on_inside(log):
    for function, args in SWITCHERS:
        log.call(function, *args, lambda: sys.setprofile(profiler(log)), lambda: sys.setprofile(None))
        sys.setprofile(None)


def with_monitoring(log, events, run, local=None, raise_places=True):
    """Runs `run(on, off)` where on() and off() switch the events of a tool."""
    monitoring = sys.monitoring
    monitoring.use_tool_id(TOOL, "test")
    names = {value: name for name, value in vars(EVENTS).items() if isinstance(value, int) and value}

    def callback(event):
        def called(code, *rest):
            if code.co_filename == __file__ and code.co_name not in ("on", "off", "with_monitoring", "<lambda>"):
                shown = [
                    getattr(x, "__name__", None) or (x if isinstance(x, (int, str)) else type(x).__name__) for x in rest
                ]
                if event == EVENTS.LINE:
                    shown = [rest[0] - code.co_firstlineno]
                if not raise_places and event in (EVENTS.RAISE, EVENTS.PY_UNWIND):
                    shown = shown[1:]
                log(names[event], code.co_name, *shown)
        return called

    for event in names:
        if event & events:
            monitoring.register_callback(TOOL, event, callback(event))

    def on():
        if local is None:
            monitoring.set_events(TOOL, events)
        else:
            for function in local:
                monitoring.set_local_events(TOOL, function.__code__, events)

    def off():
        monitoring.set_events(TOOL, 0)
        for function in local or ():
            monitoring.set_local_events(TOOL, function.__code__, 0)

    try:
        return run(on, off)
    finally:
        off()
        for event in names:
            monitoring.register_callback(TOOL, event, None)
        monitoring.free_tool_id(TOOL)


ALL = (EVENTS.PY_START | EVENTS.PY_RETURN | EVENTS.PY_YIELD | EVENTS.PY_RESUME | EVENTS.CALL | EVENTS.LINE | EVENTS.JUMP
       | EVENTS.BRANCH | EVENTS.RAISE
       | EVENTS.EXCEPTION_HANDLED | EVENTS.PY_UNWIND | EVENTS.RERAISE | EVENTS.C_RETURN | EVENTS.C_RAISE
       | EVENTS.STOP_ITERATION | EVENTS.PY_THROW)


@case
def monitoring_before(log):
    for function, args in ((work, (3,)), (objects, ()), (consumer, (2,)), (catches, (2,))):
        for events in (EVENTS.PY_START | EVENTS.PY_RETURN, EVENTS.LINE, EVENTS.CALL | EVENTS.C_RETURN,
                       EVENTS.JUMP | EVENTS.BRANCH,
                       EVENTS.RAISE | EVENTS.EXCEPTION_HANDLED | EVENTS.PY_UNWIND | EVENTS.RERAISE, EVENTS.INSTRUCTION):
            def run(on, off):
                on()
                result = function(*args)
                off()
                return result
            log.call(with_monitoring, log, events, run)


@case
def monitoring_switched_on_inside(log):
    for function, args in SWITCHERS:
        log(function.__name__)
        # An interpreted caller that was in the middle of a call to compiled code when the tool came tells the CALL's last
        # code unit, not the one before the CALL.
        log.call(with_monitoring, log, ALL & ~(EVENTS.C_RETURN | EVENTS.C_RAISE | EVENTS.CALL),
                 lambda on, off: function(*args, on, off), raise_places=False)


@case
def monitoring_calls_switched_on_inside(log):
    for function, args in SWITCHERS:
        log(function.__name__)
        log.call(with_monitoring, log, EVENTS.CALL | EVENTS.C_RETURN | EVENTS.C_RAISE | EVENTS.PY_RETURN,
                 lambda on, off: function(*args, on, off))


@case
def local_monitoring(log):
    for function, args in SWITCHERS[:3]:
        log(function.__name__)
        log.call(with_monitoring, log, EVENTS.LINE | EVENTS.PY_RETURN | EVENTS.BRANCH,
                 lambda on, off: function(*args, on, off), (function, add))
    log.call(with_monitoring, log, EVENTS.LINE, lambda on, off: (on(), work(2), objects()), (work,))


def by_partial(set_events, code, events):
    return functools.partial(set_events, TOOL)(code, events)


def by_map(set_events, code, events):
    return list(map(set_events, [TOOL], [code], [events]))


def by_generator(set_events, code, events):
    return [x for x in (set_events(TOOL, code, events) for _ in (1,))]


def by_finalizer(set_events, code, events):
    class Last:
        def __del__(self):
            set_events(TOOL, code, events)
    Last()


def local_levels(way, level, code):
    if level:
        return local_levels(way, level - 1, code)
    return way(sys.monitoring.set_local_events, code, EVENTS.LINE | EVENTS.PY_RETURN)


def local_at_return(way, level):
    local_levels(way, level, local_at_return.__code__)
    a = 1
    return a + level


def local_in_loop(way, level):
    total = 0
    for i in range(3):
        if i == 1:
            local_levels(way, level, local_in_loop.__code__)
        total += i
    return total


def local_in_operator(way, level):
    class Switch:
        def __add__(self, other):
            return local_levels(way, level, local_in_operator.__code__)

    Switch() + 1
    a = 1
    return a + level


@case
def local_events_from_below(log):
    """Events that are set on the code of a frame which waits for a call further down."""
    for function in (local_at_return, local_in_loop, local_in_operator):
        for way in (by_partial, by_map, by_generator, by_finalizer):
            for level in (0, 2):
                log(function.__name__, way.__name__, level)
                log.call(with_monitoring, log, EVENTS.LINE | EVENTS.PY_RETURN, lambda on, off: function(way, level))
                sys.monitoring.use_tool_id(TOOL, "test")
                sys.monitoring.set_local_events(TOOL, function.__code__, 0)
                sys.monitoring.free_tool_id(TOOL)


@case
def monitoring_disable(log):
    monitoring = sys.monitoring
    monitoring.use_tool_id(TOOL, "test")

    def line(code, number):
        if code is work.__code__:
            log("line", number - code.co_firstlineno)
            return monitoring.DISABLE

    monitoring.register_callback(TOOL, EVENTS.LINE, line)
    monitoring.set_events(TOOL, EVENTS.LINE)
    try:
        work(3)
        work(3)
        log("restart")
        monitoring.restart_events()
        work(2)
    finally:
        monitoring.set_events(TOOL, 0)
        monitoring.register_callback(TOOL, EVENTS.LINE, None)
        monitoring.free_tool_id(TOOL)
    work(3)


@case
def callback_raises(log):
    def trace(frame, event, arg):
        if frame.f_code is add.__code__ and event == "line":
            raise ValueError("from tracer")
        return trace if frame.f_code.co_filename == __file__ else None

    sys.settrace(trace)
    try:
        add(1, 2)
    except ValueError as error:
        sys.settrace(None)
        log(str(error))
    finally:
        sys.settrace(None)

    def start(code, offset):
        if code is add.__code__:
            raise KeyError("from monitoring")

    monitoring = sys.monitoring
    monitoring.use_tool_id(TOOL, "test")
    monitoring.register_callback(TOOL, EVENTS.PY_START, start)
    monitoring.set_events(TOOL, EVENTS.PY_START)
    try:
        log.call(work, 3)
    finally:
        monitoring.set_events(TOOL, 0)
        monitoring.register_callback(TOOL, EVENTS.PY_START, None)
        monitoring.free_tool_id(TOOL)
    log.call(work, 3)


@case
def tracer_changes_locals(log):
    def trace(frame, event, arg):
        if frame.f_code is add.__code__:
            if event == "line" and relative(frame) == 2:
                frame.f_locals["c"] = 1000
            return trace

    sys.settrace(trace)
    result = add(1, 2)
    sys.settrace(None)
    log(result, add(1, 2))


@case
def tracer_jumps(log):
    def f(n):
        out = []
        out.append(1)
        out.append(2)
        out.append(3)
        return out

    def trace(frame, event, arg):
        if frame.f_code is f.__code__:
            if event == "line" and relative(frame) == 3:
                frame.f_lineno = frame.f_lineno + 1
            return trace

    f(1)
    sys.settrace(trace)
    result = f(1)
    sys.settrace(None)
    log(result, f(1))


@case
def cprofile(log):
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.enable()
    work(3)
    objects()
    catches(2)
    consumer(3)
    profile.disable()
    stats = pstats.Stats(profile).stats
    log(sorted((name, calls[0], calls[1]) for (file, line, name), calls in stats.items() if file == __file__))


@case
def trace_module(log):
    import trace
    counter = trace.Trace(count=1, trace=0)
    counter.runfunc(work, 3)
    log(
        sorted((line - work.__code__.co_firstlineno, n) for (file, line), n in counter.results().counts.items()
               if file == __file__))


@case
def trace_in_recursion(log):
    def f(n):
        if n == 2:
            sys.settrace(tracer(log))
        if n:
            f(n - 1)
        if n == 2:
            sys.settrace(None)
        return n

    log.call(f, 4)
    sys.settrace(None)


@case
def profile_per_thread(log):
    import threading
    events = []

    def profile(frame, event, arg):
        if frame.f_code is add.__code__:
            events.append((event, relative(frame)))

    def f():
        sys.setprofile(profile)
        add(1, 2)
        sys.setprofile(None)
        add(3, 4)

    thread = threading.Thread(target=f)
    add(5, 6)
    thread.start()
    thread.join()
    add(7, 8)
    log(events)


@case
def return_value_seen(log):
    seen = []

    def trace(frame, event, arg):
        if frame.f_code.co_filename == __file__:
            if event == "return":
                seen.append((frame.f_code.co_name, arg))
            return trace

    sys.settrace(trace)
    try:
        add(1, 2)
        catches(1)
        consumer(2)
    finally:
        sys.settrace(None)
    log(seen)
