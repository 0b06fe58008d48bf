"""Offsets of instructions: what frames, tracebacks and tools are told of code whose instructions have EXTENDED_ARG prefixes and caches."""

import sys
import textwrap

from harness import case

NATIVE_SHARE = 0.1
M, E = sys.monitoring, sys.monitoring.events
EVENTS = ("RAISE", "RERAISE", "PY_UNWIND", "EXCEPTION_HANDLED", "PY_THROW", "STOP_ITERATION")
FILE = "<places>"
TURNS = 4

# The first constants and names of a function: what follows needs prefixes. Never run.
WIDE = "".join(f"        g{i} = o{i}.a{i} + {i}.5\n" for i in range(130))

BODIES = {
    "attribute": "thing.value",
    "method": "thing.method()",
    "property": "thing.looked",
    "store": "thing.looked = 5",
    "delete": "del thing.looked",
    "missing": "thing.no_such",
    "name": "no_such_name if i == 2 else fine()",
    "import": "import no_such_module",
    "import_from": "from sys import no_such",
    "store_global": "stored = thing + i",
    "operator": "thing + 1.25",
    "swapped": "1.25 + thing",
    "comparison": "thing < 1.25",
    "test": "1 if thing else 2",
    "item": "thing[3.75]",
    "store_item": "thing[3.75] = 1",
    "slice": "thing[i:9.5]",
    "call": "fails(i, 7.5)",
    "keywords": "fails(i, keyword=7.5)",
    "starred": "fails(*(i,), **{'keyword': 7.5})",
    "many": "fails(" + "i, " * 260 + ")",
    "instance": "Made(i)",
    "nested": "fine(fails(i), 2.25)",
    "format": "f'{thing}{i}'",
    "iterate": "[x for x in thing]",
    "unpack": "first, second = thing",
    "long_body": "for x in ticks(i):\n" + "".join(f"    i if i != {k}.75 else 0\n" for k in range(90)),
    "with_body": "with held: fails(i)",
    "with_exit": "with falling: fine()",
    "reraised": "try: fails(i)\nexcept LookupError as error: raise",
    "finally": "try: fails(i)\nfinally: fine(3.5)",
    "group": "try: fails(i)\nexcept* LookupError: fails(i + 1)",
    "assertion": "assert i != 2, fine(4.5)",
}

FUNCTION = """
def places(n, thing, i=0):
    global stored
    if n < 0:
{wide}
    for i in range(n):
        try:
{body}
        except LookupError:
            fine(8.25)
        except Exception:
            fine(9.25)
{last}
    return 1234.5
"""


def function(body, last):
    """Its source: `body` in a loop that catches what it raises, then `last`, whose exception leaves it."""
    return FUNCTION.format(wide=WIDE, body=textwrap.indent(body, " " * 12), last=textwrap.indent(last, " " * 4))


GENERATOR = """
def places(n, thing, i=0):
    if n < 0:
{wide}
    for i in range(n):
        try:
            yield thing.plain
            yield from ticks(i)
        except LookupError:
            fine(8.25)
    thing.method()
"""

SUPPORT = """
class Thing:
    plain = 1
    def acts(self, *rest):
        return fails(turn[0])
    method = __add__ = __radd__ = __lt__ = __bool__ = __getitem__ = __setitem__ = __iter__ = __str__ = acts
    looked = property(acts, acts, acts)

    @property
    def value(self):
        return fails(turn[0])

class Made:
    def __init__(self, i):
        fails(i)

class Held:
    def __init__(self, action):
        self.action = action
    def __enter__(self):
        return look()
    def __exit__(self, *error):
        self.action(2)

def fine(*rest):
    look()
    return 1

def ticks(i):
    yield i
    fails(i)
    yield i

def fails(*given, keyword=None):
    turn[0] += 1
    look()
    if turn[0] > 2:
        raise LookupError(turn[0])
    return 1
"""


def offsets(frame):
    """Of the frames of these programs, from `frame` outwards."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename == FILE:
            found.append((frame.f_code.co_name, frame.f_lasti))
        frame = frame.f_back
    return found


def passed(error):
    found, entry = [], error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == FILE:
            found.append((entry.tb_frame.f_code.co_name, entry.tb_lasti, entry.tb_frame.f_lasti))
        entry = entry.tb_next
    return found


class Places:
    """A program with the objects that it uses; `look` is called from its callees."""

    def __init__(self, source, look):
        self.turn = [0]
        self.space = {"look": lambda: look(sys._getframe(1)), "turn": self.turn}
        exec(compile(SUPPORT, FILE, "exec"), self.space)
        exec(compile(source, FILE, "exec"), self.space)
        self.space["held"] = self.space["Held"](self.space["fine"])
        self.space["falling"] = self.space["Held"](self.space["fails"])
        self.thing = self.space["Thing"]()

    def run(self, turns=TURNS):
        self.turn[0] = 0
        return self.space["places"](turns, self.thing)


def ended(log, run):
    try:
        log("result", run())
    except Exception as error:
        log(type(error).__name__, passed(error))


def warm(log, program):
    def run():
        try:
            program.run()
        except Exception:
            pass
    log.warm(run, tier2=False)


@case(times=1)
def offsets_in_frames_and_tracebacks(log):
    for name, body in BODIES.items():
        seen = []
        program = Places(function(body, body), lambda frame: seen.append(offsets(frame)))
        warm(log, program)
        seen.clear()
        log(name)
        ended(log, program.run)
        log(seen)


class Tool:
    """Comes when it is asked for the first time, from a callee."""

    def __init__(self):
        self.events, self.ready = [], False

    def __enter__(self):
        M.use_tool_id(4, "places")
        for name in EVENTS:
            M.register_callback(4, getattr(E, name), self.noted(name))
        return self

    def __exit__(self, *error):
        M.set_events(4, 0)
        for name in EVENTS:
            M.register_callback(4, getattr(E, name), None)
        M.free_tool_id(4)

    def noted(self, name):
        def note(code, offset, error):
            if code.co_filename == FILE:
                self.events.append((name, code.co_name, offset, type(error).__name__))
        return note

    def comes(self):
        if self.ready:
            M.set_events(4, sum(getattr(E, name) for name in EVENTS))


@case(times=1)
def offsets_of_events(log):
    """A tool that is set in a callee is told where its callers raise."""
    for name, body in BODIES.items():
        # The interpreter, which runs the last statement, inlines getters where it has specialised the instruction: see docs/tools.md.
        last = body if name != "attribute" else "pass"
        with Tool() as tool:
            program = Places(function(body, last), lambda frame: tool.comes())
            warm(log, program)
            tool.ready = True
            log(name)
            ended(log, program.run)
        for event in tool.events:
            log(*event)


def drive(program, way, seen):
    """All that is yielded; in turn 2 `way` is done to the generator."""
    generator = program.run()
    for turn in range(3 * TURNS):
        if turn == 2:
            seen.append(generator.gi_frame.f_lasti)
            getattr(generator, way[0])(*way[1:])
        if generator.gi_frame is None:
            break
        seen.append(generator.gi_frame.f_lasti)
        if next(generator, None) is None:
            break


@case(times=1)
def offsets_of_generators(log):
    for way in (("send", 1), ("throw", LookupError("thrown")), ("throw", ValueError("thrown")), ("close",), ("__next__",)):
        with Tool() as tool:
            seen = []
            program = Places(GENERATOR.format(wide=WIDE), lambda frame: (seen.append(offsets(frame)), tool.comes()))

            def run():
                try:
                    list(program.run())
                except LookupError:
                    pass
            log.warm(run, tier2=False)
            tool.ready = True
            seen.clear()
            log(way[0])
            ended(log, lambda: drive(program, way, seen))
        log(seen, tool.events)
