"""What a case may write down, and how values, exceptions and tracebacks become comparable text.

Nothing here may depend on addresses, on hash seeds or on how often a case ran before.
"""

import builtins
import itertools
import os
import re
import sys

native_counters = None      # in a process with tierjit: () -> (native bytecodes, entries of optimised code)
optimising = False          # whether warm() demands optimised code too

len, isinstance, repr = builtins.len, builtins.isinstance, builtins.repr     # cases change those of everybody

HARNESS_FOLDER = os.path.dirname(os.path.abspath(__file__))
ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
TEXT_LIMIT = 4000


def show(value):
    """repr() without addresses; a failing repr is a result as well."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<repr failed: {type(error).__name__}: {error}>"
    text = ADDRESS.sub("0x?", text)
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + f"...{len(text)}"


def typed(value):
    """The value together with its exact type, so that True and 1, or 1 and 1.0, are different results."""
    return f"{type(value).__qualname__} {show(value)}"


def positions(code, lasti):
    """(line, end line, column, end column) of the instruction at byte offset `lasti`."""
    for index, position in enumerate(code.co_positions()):
        if index * 2 == lasti:
            return list(position)
    return None


def traceback_lines(traceback):
    """Every frame of the traceback outside the harness: file, function, line and the instruction's columns."""
    lines = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(HARNESS_FOLDER):
            lines.append([os.path.basename(code.co_filename), code.co_qualname, traceback.tb_lineno,
                          positions(code, traceback.tb_lasti)])
        traceback = traceback.tb_next
    return lines


def describe_exception(error, seen=()):
    """Type, text, arguments, notes, traceback, cause and context of `error`, and the members of a group."""
    if error is None:
        return None
    if id(error) in seen:
        return "(seen before)"
    seen = (*seen, id(error))
    text = {
        "type": type(error).__qualname__,
        "str": ADDRESS.sub("0x?", str(error)),
        "args": show(error.args),
        "notes": getattr(error, "__notes__", None),
        "traceback": traceback_lines(error.__traceback__),
        "cause": describe_exception(error.__cause__, seen),
        "context": describe_exception(error.__context__, seen),
        "suppressed": error.__suppress_context__,
    }
    if isinstance(error, BaseExceptionGroup):
        text["members"] = [describe_exception(member, seen) for member in error.exceptions]
    return text


class Probe:
    """An object whose birth and death are written into the log."""

    def __init__(self, log, name):
        self.log = log
        self.name = name
        log.alive += 1

    def __repr__(self):
        return f"<probe {self.name}>"

    def __del__(self):
        self.log.alive -= 1
        self.log.events.append(f"del {self.name}")


class Log:
    """The argument of each case: a list of events in the order in which they happened."""

    def __init__(self):
        self.events = []
        self.alive = 0

    def __call__(self, *values):
        self.events.append(" ".join([show(value) for value in values]))

    def typed(self, *values):
        self.events.append(", ".join([typed(value) for value in values]))

    def probe(self, name):
        return Probe(self, name)

    def call(self, function, *args, **kwargs):
        """Calls and writes down the result or the exception with its traceback. Returns the result, or None."""
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            self.error(error)
            return None
        self.events.append("-> " + typed(result))
        return result

    def each(self, function, *rows):
        """call() for every row of arguments."""
        for row in rows:
            self.call(function, *row)

    def grid(self, function, *axes):
        """Calls `function` for the whole product of `axes`; one short line a call, exceptions without traceback."""
        for row in itertools.product(*axes):
            try:
                text = typed(function(*row))
            except Exception as error:
                text = f"{type(error).__qualname__}: {ADDRESS.sub("0x?", str(error))}"
            self.events.append(f"{show(row)} -> {text}")

    def error(self, error):
        self.events.append(describe_exception(error))

    def warm(self, function, *args, tier2=True, times=6):
        """Calls `function` without a tool; a process in which that did not run compiled code has an event more than the others.
        With `tier2`, code of the optimising tier where that is on."""
        before = native_counters() if native_counters else None
        for _ in range(times):
            function(*args)
        if native_counters:
            gained = [now - then for now, then in zip(native_counters(), before)]
            if gained[0] == 0 or (tier2 and optimising and gained[1] == 0):
                self.events.append(f"not compiled: {function.__name__} {gained}")

    def stack(self):
        """Function, line and locals of every frame outside the harness, from the inside out."""
        frame = sys._getframe(1)
        while frame is not None:
            if not frame.f_code.co_filename.startswith(HARNESS_FOLDER):
                variables = {name: show(value) for name, value in frame.f_locals.items() if value is not self}
                self.events.append(f"frame {frame.f_code.co_qualname} {frame.f_lineno} {variables}")
                if frame.f_code.co_name == "<module>":
                    break
            frame = frame.f_back
