"""The programs that perf/driver.py can run: ours (perf/workloads) and pyperformance's (pyperformance.py).

Runs under other Pythons as well (3.9 at least), and imports little: perf/cold.py counts from the start of the process.
"""

from __future__ import annotations

import os

from . import pyperformance
from .variants import from_source

WORKLOADS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "workloads")

# Sizes for which one call takes 0.05-0.4 s in the interpreter, and about a twentieth of that for callgrind.
OWN = {
    "int_loop": (1_500_000, 60_000),
    "float_oscillator": (1_500_000, 60_000),
    "attribute_loop": (2_500_000, 100_000),
    "method_loop": (1_000_000, 40_000),
    "call_loop": (900_000, 40_000),
    "fib": (30, 20),
    "sieve": (1_500_000, 60_000),
    "matmul": (150, 35),
    "string_build": (150_000, 6_000),
    "dict_count": (700_000, 30_000),
    "closures": (500_000, 20_000),
    "exceptions": (250_000, 10_000),
    "comprehension_mix": (10_000, 400),
    "sort_key": (80_000, 4_000),
    "dispatch": (500_000, 20_000),
    "pipeline": (1_200_000, 50_000),
    "mandelbrot": (240, 40),
    "planets": (30_000, 1_000),
    "queens": (11, 8),
    "json_encode": (10_000, 400),
    "word_count": (8_000, 300),
    "binary_trees": (1_200, 50),
    "life": (1_000, 40),
    "determinant": (1_200, 50),
    "bigint": (2_000, 300),
    "matching": (250_000, 10_000),
    "records": (60_000, 2_500),
    "star_calls": (100_000, 4_000),
    "context": (150_000, 6_000),
    "operators": (180_000, 8_000),
}


class Program:
    """One program: `run(n)` returns its result, `size` and `small` are n for timing and for callgrind."""

    def __init__(self, name, run, size: int, small: int):
        self.name, self.run, self.size, self.small = name, run, size, small


def names() -> list[str]:
    """Every program: pyperformance's first (where the package is installed), then ours."""
    return [*pyperformance.available(), *OWN]


def source(name: str) -> tuple[str, str]:
    """(name of the module, path of the file) of a program; KeyError for an unknown name."""
    if name in OWN:
        return name, os.path.join(WORKLOADS, f"{name}.py")
    return pyperformance.source(pyperformance.PROGRAMS[name].folder)


def load(name: str, import_file=from_source) -> Program:
    """Imports the program and makes what it needs before its first call; KeyError for an unknown name.

    import_file(module name, path) makes the module; variants.py has others than that of the plain source.
    """
    if name in OWN:
        return Program(name, import_file(*source(name)).run, *OWN[name])
    entry = pyperformance.PROGRAMS[name]
    return Program(name, entry.prepare(pyperformance.load_module(entry.folder, import_file)), entry.size, entry.small)
