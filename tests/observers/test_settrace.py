"""sys.settrace: complete event streams of the same programs, whenever the tracer comes and whatever it asks for."""

import sys
import threading

import observers.subjects as subjects
from harness import case
from observers.subjects import ALL, TURNS, Hook, warm

NATIVE_SHARE = 0.1
FILES = (subjects.__file__, __file__)


def shown(arg):
    if isinstance(arg, tuple) and len(arg) == 3 and isinstance(arg[0], type):
        return arg[0].__name__
    return arg if isinstance(arg, (int, float, str, type(None))) else type(arg).__name__


class Tracer:
    """Notes every event of functions of `subjects`; its own and the case file's frames are left out."""

    def __init__(self, log, lines=True, opcodes=False, stop=None):
        self.log, self.lines, self.opcodes, self.stop = log, lines, opcodes, stop

    def __call__(self, frame, event, arg):
        code = frame.f_code
        if code.co_filename != subjects.__file__ or code.co_qualname.startswith("Hook"):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = self.lines, self.opcodes
        self.note(frame, event, arg)
        return self

    def note(self, frame, event, arg):
        where = frame.f_lasti if event == "opcode" else frame.f_lineno - frame.f_code.co_firstlineno
        self.log(event, frame.f_code.co_qualname, where, shown(arg))


def traced(log, program, hook, tracer):
    warm(log, program)
    log("watched", program.__name__)
    sys.settrace(tracer)
    try:
        log.call(program, TURNS, hook)
    finally:
        sys.settrace(None)


def set_for_callers(tracer):
    """From now on, and for the frames that are running."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == subjects.__file__ and not frame.f_code.co_qualname.startswith("Hook"):
            frame.f_trace = tracer
        frame = frame.f_back
    sys.settrace(tracer)


def off():
    sys.settrace(None)


@case(times=1)
def tracer_before(log):
    for program in ALL:
        traced(log, program, Hook(), Tracer(log))


@case(times=1)
def opcodes_before(log):
    for program in ALL:
        traced(log, program, Hook(), Tracer(log, opcodes=True))


@case(times=1)
def opcodes_without_lines(log):
    for program in ALL:
        traced(log, program, Hook(), Tracer(log, lines=False, opcodes=True))


@case(times=1)
def calls_and_returns_only(log):
    for program in ALL:
        traced(log, program, Hook(), Tracer(log, lines=False))


@case(times=1)
def tracer_comes_in_a_callee(log):
    """It sees frames that begin afterwards, and not those that are running."""
    for program in ALL:
        tracer = Tracer(log)
        traced(log, program, Hook(at2=lambda: sys.settrace(tracer), at4=off), None)


@case(times=1)
def tracer_comes_for_running_frames(log):
    for program in ALL:
        for opcodes in (False, True):
            tracer = Tracer(log, opcodes=opcodes)
            traced(log, program, Hook(at2=lambda: set_for_callers(tracer), at4=off), None)


@case(times=1)
def tracer_comes_and_goes(log):
    for program in ALL:
        tracer = Tracer(log)
        on = lambda: set_for_callers(tracer)    # noqa: E731
        traced(log, program, Hook(at1=on, at2=off, at3=on, at4=off, at5=on), None)


@case(times=1)
def settings_of_a_running_frame(log):
    """f_trace_lines and f_trace_opcodes change while the frame runs."""
    def set_flags(name, value):
        frame = sys._getframe()
        while frame.f_code.co_filename != subjects.__file__ or frame.f_code.co_qualname.startswith("Hook"):
            frame = frame.f_back
        setattr(frame, name, value)

    class Plain(Tracer):
        def __call__(self, frame, event, arg):
            if frame.f_code.co_filename == subjects.__file__ and not frame.f_code.co_qualname.startswith("Hook"):
                self.note(frame, event, arg)
                return self
            return None

    for program in ALL:
        tracer = Plain(log)
        traced(log, program, Hook(at1=lambda: set_flags("f_trace_opcodes", True), at2=lambda: set_flags("f_trace_lines", False),
                                  at3=lambda: set_flags("f_trace_opcodes", False), at4=lambda: set_flags("f_trace_lines", True)), tracer)


@case(times=1)
def f_trace_without_a_tracer(log):
    """f_trace alone does nothing until a tracer is set, which may be in another function."""
    for program in ALL:
        tracer = Tracer(log)

        def mark():
            frame = sys._getframe()
            while frame is not None:
                if frame.f_code is program.__code__:
                    frame.f_trace = tracer
                frame = frame.f_back

        traced(log, program, Hook(at1=mark, at3=lambda: sys.settrace(lambda *event: None), at5=off), None)


@case(times=1)
def f_trace_removed(log):
    for program in ALL:
        def forget():
            frame = sys._getframe()
            while frame is not None:
                if frame.f_code.co_filename == subjects.__file__:
                    frame.f_trace = None
                frame = frame.f_back

        traced(log, program, Hook(at2=forget), Tracer(log))


@case(times=1)
def locals_at_every_line(log):
    class Locals(Tracer):
        def note(self, frame, event, arg):
            values = {name: shown(value) for name, value in frame.f_locals.items()}
            self.log(event, frame.f_code.co_qualname, frame.f_lineno - frame.f_code.co_firstlineno, values)

    for program in ALL:
        tracer = Locals(log)
        traced(log, program, Hook(at3=lambda: set_for_callers(tracer)), None)


@case(times=1)
def locals_changed(log):
    """A tracer that came while the loop ran changes its variables, new ones among them."""
    class Changing(Tracer):
        def note(self, frame, event, arg):
            if event == "line" and frame.f_code in (subjects.numbers.__code__, subjects.floats.__code__, subjects.calls.__code__):
                name = "x" if "x" in frame.f_locals else "total"
                frame.f_locals[name] = frame.f_locals[name] + 100
                frame.f_locals["extra"] = 1
            super().note(frame, event, arg)

    for program in (subjects.numbers, subjects.floats, subjects.calls):
        tracer = Changing(log)
        traced(log, program, Hook(at2=lambda: set_for_callers(tracer), at4=off), None)
        traced(log, program, Hook(), Changing(log))


class Jumping(Tracer):
    """Jumps at line `at` to line `to`, `times` times."""

    def __init__(self, log, code, at, to, times):
        super().__init__(log)
        self.code, self.at, self.to, self.times = code, at, to, times

    def note(self, frame, event, arg):
        super().note(frame, event, arg)
        first = frame.f_code.co_firstlineno
        if event == "line" and frame.f_code is self.code and frame.f_lineno == first + self.at and self.times:
            self.times -= 1
            try:
                frame.f_lineno = first + self.to
            except ValueError as error:
                self.log(str(error))


@case(times=1)
def jumps(log):
    for program, pairs in ((subjects.numbers, ((3, 5), (4, 3), (5, 3), (6, 2), (3, 6), (1, 6))), (subjects.nested, ((3, 8), (7, 8), (8, 9), (4, 1))),
                           (subjects.errors, ((4, 5), (6, 12), (8, 9), (12, 4), (13, 1))),
                           (subjects.blocks, ((3, 1), (4, 5), (5, 7), (2, 7)))):
        for at, to in pairs:
            traced(log, program, Hook(), Jumping(log, program.__code__, at, to, 1))
            tracer = Jumping(log, program.__code__, at, to, 2)
            traced(log, program, Hook(at2=lambda: set_for_callers(tracer)), None)


@case(times=1)
def tracer_raises(log):
    """Once the loop is running; the exception comes out of the line, and there is no tracer any more."""
    class Raising(Tracer):
        def note(self, frame, event, arg):
            super().note(frame, event, arg)
            if event == self.stop:
                raise ValueError(event)

    for program in ALL:
        for event in ("line", "call", "return", "exception"):
            tracer = Raising(log, stop=event)
            traced(log, program, Hook(at2=lambda: set_for_callers(tracer)), None)
            log(sys.gettrace() is None)


@case(times=1)
def tracer_from_another_thread(log):
    """threading.settrace_all_threads() while this thread is in a loop."""
    for program in ALL:
        tracer = Tracer(log)

        def from_elsewhere(function, *args):
            thread = threading.Thread(target=function, args=args)
            thread.start()
            thread.join()

        traced(log, program, Hook(at2=lambda: from_elsewhere(threading.settrace_all_threads, tracer),
                                  at4=lambda: from_elsewhere(threading.settrace_all_threads, None)), None)


@case(times=1)
def tracer_of_new_threads(log):
    threads = []

    def run(program, hook):
        log.call(program, TURNS, hook)

    for program in ALL:
        warm(log, program)
        threading.settrace(Tracer(log))
        thread = threading.Thread(target=run, args=(program, Hook()))
        threads.append(thread)
        thread.start()
        thread.join()
        threading.settrace(None)
        sys.settrace(None)      # the interpreter keeps the events on when a thread ends that was traced


@case(times=1)
def call_tracing(log):
    """sys.call_tracing() from within a tracer: the inner call is traced as well."""
    class Nested(Tracer):
        def note(self, frame, event, arg):
            super().note(frame, event, arg)
            if event == "call" and frame.f_code is subjects.middle.__code__ and not self.stop:
                self.stop = True
                self.log("inner", sys.call_tracing(subjects.floats, (3, Hook())))

    warm(log, subjects.floats)
    traced(log, subjects.calls, Hook(), Nested(log))


@case(times=1)
def generators_that_are_suspended(log):
    """The tracer comes while a compiled generator waits; it is resumed by loops, C code, send, throw and close."""
    def resumed(way, tracer):
        generator = subjects.delegating(4)
        out = [next(generator)]
        sys.settrace(tracer)
        try:
            out.append(way(generator))
        except BaseException as error:
            out.append(type(error).__name__)
        finally:
            sys.settrace(None)
        out.append(generator.gi_frame is None)
        return out

    def loop(generator):
        total = 0
        for x in generator:
            total += x if x != "end" else 0
        return total

    ways = (loop, list, next, lambda g: g.send(None), lambda g: g.throw(KeyError("thrown")), lambda g: g.close(), lambda g: [*g])
    for way in ways:
        log.warm(resumed, way, None, tier2=False)
        for opcodes in (False, True):
            log.call(resumed, way, Tracer(log, opcodes=opcodes))


@case(times=1)
def frames_of_suspended_generators(log):
    """f_trace of a frame that is suspended when the tracer is set."""
    def run(tracer):
        generator = subjects.counted(4)
        next(generator)
        generator.gi_frame.f_trace = tracer
        sys.settrace((lambda *event: None) if tracer else None)
        try:
            return list(generator)
        finally:
            sys.settrace(None)

    log.warm(run, None, tier2=False)
    log.call(run, Tracer(log))


class Comes:
    """Whatever is done with it, a tracer comes."""

    def __init__(self, action):
        self.action = action

    def act(self, *ignored):
        self.action()
        return False

    __setitem__ = __delitem__ = __lt__ = __bool__ = __contains__ = __iadd__ = __neg__ = __exit__ = __call__ = act

    def __enter__(self):
        pass

    def __getattr__(self, name):
        self.action()

    def __setattr__(self, name, value):
        if name == "action":
            object.__setattr__(self, name, value)
        else:
            self.action()


class Dies:
    def __init__(self, action):
        self.action = action

    def __del__(self):
        self.action()


def at_store_subscript(comes, dies):
    comes[0] = 1
    x = 1
    return x


def at_delete_subscript(comes, dies):
    del comes[0]
    x = 1
    return x


def at_store_attribute(comes, dies):
    comes.x = 1
    x = 1
    return x


def at_expression(comes, dies):
    comes()
    x = 1
    return x


def at_attribute_expression(comes, dies):
    comes.none
    x = 1
    return x


def at_test(comes, dies):
    if comes < 1:
        x = 1
    else:
        x = 2
    return x


def at_truth(comes, dies):
    if comes:
        x = 1
    else:
        x = 2
    return x


def at_negated_truth(comes, dies):
    if not comes:
        x = 1
    else:
        x = 2
    return x


def at_membership(comes, dies):
    while 1 in comes:
        x = 1
    else:
        x = 2
    return x


def at_both(comes, dies):
    if (comes and
            comes):
        x = 1
    else:
        x = 2
    return x


def at_death_of_local(comes, dies):
    local = dies()
    local = 1
    x = 1
    return x, local


def at_death_by_del(comes, dies):
    local = dies()
    del local
    x = 1
    return x


def at_death_of_result(comes, dies):
    dies()
    x = 1
    return x


def at_death_of_item(comes, dies):
    items = [dies()]
    items[0] = 1
    x = 1
    return x, items


def at_death_of_attribute(comes, dies):
    pair = subjects.Pair(dies(), 1)
    pair.a = 1
    x = 1
    return x, pair.b


def at_death_of_iterator(comes, dies):
    for x in [dies()]:
        x = 1
    return x


def at_end_of_loop(comes, dies):
    for x in (1, 2):
        comes()
    x = 2
    return x


def at_end_of_while(comes, dies):
    x = 0
    while x < 2:
        x += 1
        comes()
    x = 2
    return x


def at_end_of_with(comes, dies):
    with comes:
        x = 1
    x = 2
    return x


def at_with_that_swallows(comes, dies):
    try:
        with comes:
            x = 1 // 0
    except ZeroDivisionError:
        x = 2
    return x


def at_global(comes, dies):
    global store
    store = dies()
    store = 1
    x = 1
    return x


def at_in_place(comes, dies):
    comes += 1
    x = 1
    return x


def at_return(comes, dies):
    return comes()


def at_unpacking(comes, dies):
    a = dies()
    a, b = 1, 2
    x = 1
    return a, b, x


def at_comprehension(comes, dies):
    items = [comes()
             for _ in (1, 2)]
    x = 1
    return items, x


PLACES = [function for name, function in list(globals().items()) if name.startswith("at_")]


@case(times=1)
def tracer_comes_at_any_place(log):
    """The event of the line that follows is told, wherever in a line the tracer comes for the running frame."""
    def quiet():
        pass

    for function in PLACES:
        function.__code__ = function.__code__.replace()
        log.warm(function, Comes(quiet), lambda: Dies(quiet), tier2=False)
        for opcodes in (False, True):
            events = []

            def trace(frame, event, arg):
                frame.f_trace_opcodes = opcodes
                events.append((event, frame.f_lasti if event == "opcode" else frame.f_lineno - frame.f_code.co_firstlineno, shown(arg)))
                return trace

            def on():
                frame = sys._getframe()
                while frame.f_code is not function.__code__:
                    frame = frame.f_back
                frame.f_trace, frame.f_trace_opcodes = trace, opcodes
                sys.settrace(lambda *event: None)

            try:
                log.call(function, Comes(on), lambda: Dies(on))
            finally:
                sys.settrace(None)
            log(function.__name__, events)
