"""Numba's variant of a program: @njit on each function of its file; those that Numba refuses stay Python functions.

Compiled code sees the other functions as Numba's, Python code sees them as callables that try Numba first, so one
refusal does not reach the callees. Types are inferred before anything runs, so a refused call has no effect, except
where Numba finds out late that it cannot hand a list back; what that changes shows in the comparison of the outputs.
"""

from __future__ import annotations

import ctypes
import sys
import types

import numba
from numba.core import errors

from .variants import from_source

functions: list[Function] = []


# What Numba raises while it compiles; the latter two are leaks from its inside.
REFUSALS = (errors.NumbaError, errors.UnsupportedBytecodeError, NotImplementedError, AssertionError)
REFLECTION = "cannot reflect"  # in the TypeError for a list of lists on its way back to Python


class Function:
    """Runs the compiled function; from the first refusal on, the Python function."""

    def __init__(self, python: types.FunctionType, compiled):
        self.python, self.compiled, self.refusal = python, compiled, ""
        functions.append(self)

    def __call__(self, *arguments):
        if not self.refusal:
            try:
                return self.compiled(*(each.compiled if type(each) is Function else each for each in arguments))
            except REFUSALS as error:
                self.refusal = reason(error)
            except TypeError as error:
                if REFLECTION not in str(error):
                    raise
                self.refusal = reason(error)
        return self.python(*arguments)


def reason(error: Exception) -> str:
    """The line of Numba's message that says what it is about."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Failed in", "During:", "File ", "-", "<"))]
    return (telling or [type(error).__name__])[0]


def compiled_clock():
    """pyperf.perf_counter for compiled code, which has no clock of its own: the C library's."""
    clock = ctypes.CDLL(None).clock
    clock.restype, clock.argtypes = ctypes.c_long, ()
    return numba.njit(lambda: clock() * 1e-6)


def import_file(name: str, path: str) -> types.ModuleType:
    module = from_source(name, path)
    if "pyperf" in sys.modules:
        sys.modules["pyperf"].perf_counter = compiled_clock()
    inside = dict(module.__dict__)  # the globals of compiled code
    for key, value in module.__dict__.items():
        if isinstance(value, types.FunctionType) and value.__module__ == name:
            copy = types.FunctionType(value.__code__, inside, key, value.__defaults__, value.__closure__)
            inside[key] = numba.njit(copy)
    for key, value in list(module.__dict__.items()):
        if inside[key] is not value:
            setattr(module, key, Function(value, inside[key]))
    return module


def report() -> dict:
    """{taken: names of functions that ran compiled, refused: {name: reason}}."""
    taken = [each.python.__name__ for each in functions if each.compiled.signatures]
    return {"taken": taken, "refused": {each.python.__name__: each.refusal for each in functions if each.refusal}}
