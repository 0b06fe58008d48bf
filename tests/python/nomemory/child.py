"""Runs programs while memory fails at each of their allocations in turn; writes a line for each outcome that may not be.

Usage: python child.py MODE STEP warm|cold NAME...; MODE is a key of MODES, STEP how far one failing allocation lies from the next. `warm`: the
programs are compiled before; `cold`: each run has programs of its own, which are compiled while memory fails. Each program first says
"# name"; the last line is "done".
"""

import dis
import gc
import marshal
import sys

import _testcapi

import programs

MODES = {
    "interpreter": None,
    "tier1": {"tier1_threshold": 1, "tier2": False},
    "tier2": {"tier1_threshold": 1, "tier2": True, "tier2_every_loop": True, "tier2_threshold": 1, "osr_threshold": 1, "profiled_turns": 2,
              "background": False},
}
MODES["tier2_random"] = MODES["tier2"] | {"fail_guards": 1}
WARM_RUNS = 6
PASSES = 8              # successful runs in a row, less for larger steps, after which there are no more allocations to refuse
MAX_STARTS = 5000
# Allocations that fail in a row. Not all further ones: the interpreter never gets out of some handlers then.
FAILURES = (1, 5, 100)


def attach(mode):
    if MODES[mode] is None:
        return None
    import tierjit
    for function in (run_without_memory, refuse_each, check_state, check_program, check_while_compiling, prove):
        tierjit.never(function)
    tierjit.configure(**MODES[mode])
    tierjit.enable()
    return tierjit


def report(function, text):
    print(f"{function.__name__}: {text}", flush=True)


def run_without_memory(function, start, stop):
    """(result, exception) of the function while allocations number `start` to `stop` fail."""
    set_nomemory, remove_hooks = _testcapi.set_nomemory, _testcapi.remove_mem_hooks
    try:
        set_nomemory(start, stop)
        result = function()
        remove_hooks()
        return result, None
    except BaseException as error:
        remove_hooks()
        return None, error


def check_state(function, expected, when):
    if sys.exception() is not None:
        report(function, f"{when}: sys.exception() is {sys.exception()!r}")
    result = function()
    if result != expected:
        report(function, f"{when}: a clean run gives {result!r}, not {expected!r}")
    gc.collect()        # and free lists are empty


def refuse_each(function, expected, step, failures):
    """How many runs have raised MemoryError."""
    start = failures % step
    passed = refused = 0
    while passed < max(2, PASSES // step) and start < MAX_STARTS:
        when = f"{failures} failures from {start}"
        result, error = run_without_memory(function, start, start + failures)
        if error is None:
            passed += 1
            if result != expected:
                report(function, f"{when}: gives {result!r}, not {expected!r}")
        else:
            passed, refused = 0, refused + 1
            if type(error) is not MemoryError:
                report(function, f"{when}: raises {type(error).__name__}: {error}")
        del result, error
        check_state(function, expected, when)
        start += step
    return refused


def fresh_programs():
    """A function of a program's name that makes the program anew, with code that was never compiled."""
    with open(programs.__file__, encoding="utf-8") as source:
        code = marshal.dumps(compile(source.read(), programs.__file__, "exec"))

    def make(name):
        namespace = {"__name__": "fresh"}
        exec(marshal.loads(code), namespace)
        return namespace[name]
    return make


def check_while_compiling(function, step, make):
    """What memory fails for is tierjit's own work, too, up to code of the optimising tier that is entered in a running loop."""
    expected = function()
    for failures in FAILURES:
        passed, start = 0, failures % step
        while passed < max(2, PASSES // step) and start < MAX_STARTS:
            fresh = make(function.__name__)
            when = f"cold, {failures} failures from {start}"
            result, error = run_without_memory(fresh, start, start + failures)
            passed = passed + 1 if error is None else 0
            if error is None and result != expected:
                report(function, f"{when}: gives {result!r}, not {expected!r}")
            if error is not None and type(error) is not MemoryError:
                report(function, f"{when}: raises {type(error).__name__}: {error}")
            del result, error
            for _ in range(WARM_RUNS):
                check_state(fresh, expected, when)
            start += step


def makes_functions(function):
    """The interpreter gives a reference to the code back twice when there is no memory for the function: not for `cold`."""
    return any(instruction.opname == "MAKE_FUNCTION" for instruction in dis.get_instructions(function))


def check_program(function, step, jit):
    expected = function()
    for _ in range(WARM_RUNS):
        function()
    singletons = (None, True, False, 5, "", ())
    gc.collect()
    before = [sys.getrefcount(value) for value in singletons]
    refused = sum(refuse_each(function, expected, step, failures) for failures in FAILURES)
    if [sys.getrefcount(value) for value in singletons] != before:
        report(function, f"reference counts of {singletons} were {before}")
    # Optimised code may need no memory that can be refused.
    if not refused and jit is None:
        report(function, "no run without memory")
    if jit is not None:
        prove(function, jit)


def prove(function, jit):
    info = jit.info(function)
    if info.tier == 0:
        report(function, f"not compiled: {info.why_not}")
    if jit.get_config()["tier2"] and not any(unit.compiles for unit in info.tier2):
        report(function, f"not optimised: {info.tier2}")


def main():
    mode, step, start, names = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    jit = attach(mode)
    make = fresh_programs()
    for function in programs.PROGRAMS:
        if (function.__name__ in names or not names) and not (start == "cold" and makes_functions(function)):
            print("#", function.__name__, flush=True)
            check_while_compiling(function, step, make) if start == "cold" else check_program(function, step, jit)
    print("done", flush=True)


if __name__ == "__main__":
    main()
