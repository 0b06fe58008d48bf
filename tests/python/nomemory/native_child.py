"""Runs programs while C++ in tierjit gets no memory at each of its allocations in turn; writes a line for each outcome that may not be.

Usage: LD_PRELOAD=failing_malloc.so python native_child.py MODE STEP NAME...; MODE is a key of child.MODES, STEP how far one failing allocation
lies from the next. Each run has programs of its own, which are compiled while memory fails. Python has all the memory that it wants, so results
are what they are without tierjit. Each program first says "# name"; the last line is "done".
"""

import ctypes
import gc
import sys

import child
import programs

WARM_RUNS = 6
MAX_STARTS = 20_000
FAILURES = (1, 3, -1)   # allocations that fail in a row; -1: all further ones


class NativeMemory:
    """The preloaded library, which knows whose allocations are to fail."""

    def __init__(self):
        self.library = ctypes.CDLL(None)
        self.library.begin_failing.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_long, ctypes.c_long]
        self.library.end_failing.restype = ctypes.c_long
        with open("/proc/self/maps", encoding="utf-8") as maps:
            lines = [line.split() for line in maps if "libtierjit.so" in line]
        bounds = [int(bound, 16) for line in lines if "x" in line[1] for bound in line[0].split("-")]
        self.low, self.high = min(bounds), max(bounds)

    def run(self, function, start, failures):
        """(result, exception, allocations) of the function while allocations from number `start` on fail."""
        begin, end = self.library.begin_failing, self.library.end_failing
        try:
            begin(self.low, self.high, start, failures)
            result = function()
            return result, None, end()
        except BaseException as error:
            return None, error, end()


def several(function):
    def run():
        results = [function() for _ in range(WARM_RUNS)]
        return results if any(result != results[0] for result in results) else results[0]
    return run


def check_compiling(function, make, memory, step):
    """While the program is compiled in both tiers, as it runs for the first times; then it runs in peace."""
    expected = function()
    for failures in FAILURES:
        start, asked = 0, 1
        while start < min(asked, MAX_STARTS):
            fresh = make(function.__name__)
            when = f"{failures} failures from {start}"
            result, error, asked = memory.run(several(fresh), start, failures)
            if error is not None or result != expected:
                child.report(function, f"{when}: gives {result!r}, not {expected!r}" if error is None else f"{when}: raises {error!r}")
            child.check_state(fresh, expected, when)
            start += step


def questions(jit):
    """Of the package itself; they may raise MemoryError."""
    def asked():
        return sum(range(3))
    yield lambda: jit.compile(asked)
    yield lambda: jit.info(questions)
    yield lambda: jit.info(asked)
    yield jit.stats
    yield jit.slow_sites
    yield lambda: jit.disassemble(asked)
    yield lambda: jit.get_config(described=True)
    yield lambda: jit.configure(tier2_units="1-5")
    yield lambda: jit.never(lambda: None)
    yield lambda: (jit.disable(), jit.enable())


def check_questions(jit, memory):
    for number, ask in enumerate(questions(jit)):
        for failures in FAILURES:
            start, asked, config = 0, 1, jit.get_config()
            while start < asked:
                _, error, asked = memory.run(ask, start, failures)
                if error is not None and type(error) is not MemoryError:
                    child.report(questions, f"{number}, {failures} failures from {start}: raises {error!r}")
                start += 1
            jit.configure(**config)
            jit.enable()
            ask()


def main():
    mode, step, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    jit = child.attach(mode)
    memory = NativeMemory()
    for function in (NativeMemory.run, several, check_compiling):
        jit.never(function)
    make = child.fresh_programs()
    for function in programs.PROGRAMS:
        if function.__name__ in names or not names:
            print("#", function.__name__, flush=True)
            check_compiling(function, make, memory, step)
            gc.collect()
    print("# questions", flush=True)
    check_questions(jit, memory)
    print("done", flush=True)


if __name__ == "__main__":
    main()
