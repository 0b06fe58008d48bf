"""Measures one thing in this process and prints a line of JSON; tools/dev bench --figures starts it many times.

usage: figures.py program NAME   compile time and sizes of what a run of the program compiles
       figures.py library        the same for the functions of some modules of the standard library
       figures.py import         milliseconds and bytes that `import tierjit` takes
       figures.py calls          nanoseconds of a call of `def f(a, b): return a + b`
"""

import gc
import json
import os
import statistics
import sys
import time
import types

sys.path[0] = os.path.dirname(os.path.abspath(__file__))
import clock  # noqa: E402

COPIES = 5      # compilations of each function; the fastest counts, as what disturbs only ever adds
TURNS = 200_000
ROUNDS = 15


def program_functions(name):
    """One function object for each code that a small run compiles, default configuration."""
    import adapters
    import tierjit

    tierjit.enable()
    program = adapters.load(name)
    program.run(program.small)
    found = {}
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType and tierjit.is_compiled(thing):
            found[thing.__code__] = thing
    tierjit.disable()
    return [f for code, f in found.items() if not code.co_filename.startswith("<frozen")]


def library_functions():
    """Plain functions and methods of a few modules, mostly cold code."""
    import argparse, ast, dataclasses, difflib, functools, inspect, json.decoder, pickle, textwrap, tokenize

    for module in (argparse, ast, dataclasses, difflib, functools, inspect, json.decoder, pickle, textwrap, tokenize):
        classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
        for owner in (module, *classes):
            for value in vars(owner).values():
                if type(value) is types.FunctionType and value.__module__ == module.__name__:
                    yield value


def copy(function):
    return types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__,
                              None, function.__closure__)


def weigh(functions):
    """Rows [bytecodes, nanoseconds, hot bytes, all bytes] of the functions that compile."""
    import tierjit

    rows = []
    for function in functions:
        copies = [copy(function) for _ in range(COPIES)]
        if all(tierjit.compile(each) for each in copies):
            infos = [tierjit.info(each) for each in copies]
            own = tierjit.info(function) if tierjit.info(function).code_bytes else infos[0]
            rows.append([own.instructions, min(info.compile_ns for info in infos), own.hot_bytes,
                         own.code_bytes + own.data_bytes])
    return rows


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure_import():
    before, began = resident(), time.perf_counter()
    import tierjit  # noqa: F401

    return {"ms": (time.perf_counter() - began) * 1e3, "bytes": resident() - before}


LOOPS = """
def f(a, b):
    return a + b

def calling(n):
    for i in range(n):
        f(i, 1)

def empty(n):
    for i in range(n):
        pass
"""


def turn(calling, empty):
    """Nanoseconds that the call takes, the loop around it taken off; median of rounds that alternate."""
    costs = []
    for _ in range(ROUNDS):
        times = []
        for loop in (calling, empty):
            began = clock.cpu_seconds()
            loop(TURNS)
            times.append((clock.cpu_seconds() - began) * 1e9)
        costs.append((times[0] - times[1]) / TURNS)
    return statistics.median(costs)


def measure_calls():
    """{interpreted, from the interpreter into compiled code, compiled to compiled}, each from fresh functions."""
    found = {}
    for name, compiled in (("interpreted", ()), ("into_compiled", ("f",)), ("compiled", ("f", "calling", "empty"))):
        space = {}
        exec(LOOPS, space)
        if compiled:
            import tierjit
            for function in compiled:
                tierjit.compile(space[function])
        found[name] = turn(space["calling"], space["empty"])
    return found


def main(argv):
    kind = argv[0] if argv else ""
    if kind == "program":
        answer = weigh(program_functions(argv[1]))
    elif kind == "library":
        answer = weigh(library_functions())
    elif kind == "import":
        answer = measure_import()
    elif kind == "calls":
        answer = measure_calls()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
