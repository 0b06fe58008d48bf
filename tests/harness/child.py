"""Runs the cases of one file in one mode and writes their records, one JSON line a case.

Usage: python child.py FILE MODE OUTPUT SKIP, where SKIP is the number of leading cases to leave out.
A line {"start": name} goes out before each case, so that the parent can name the one that crashed.
"""

import faulthandler
import gc
import importlib.util
import io
import json
import os
import sys
import time
import types

CASE_SECONDS = 30       # then the watchdog dumps the stack and ends the process
CONFIRMING_SECONDS = 240    # the same while growth is confirmed, on a machine that may be busy
TAIL = 10               # last repeats of a case over which memory growth is looked at
WARMING = 200           # further repeats of a case that grew: caches and free lists fill up
CONFIRMING = 1000       # and the repeats after those over which it must not have grown by a block each


def run_once(function, log_type, describe, typed, seen=None):
    """One call of a case; returns its record as text. `seen()` tells what an inspector has seen."""
    log = log_type()
    stdout, sys.stdout = sys.stdout, io.StringIO()
    record = {}
    try:
        result = function(log)
        record["result"] = typed(result)
        del result
    except BaseException as error:
        record["raised"] = describe(error)
    record["stdout"] = sys.stdout.getvalue()
    sys.stdout = stdout
    record["alive"] = log.alive
    record["collected"] = gc.collect()
    record["alive_after_gc"] = log.alive
    record["clean"] = sys.gettrace() is None and sys.getprofile() is None and sys.exception() is None
    record["events"] = log.events
    if seen is not None:
        record["seen"] = seen()
    return json.dumps(record)


def growth(run, repeats):
    before = sys.getallocatedblocks()
    for _ in range(repeats):
        run()
    return sys.getallocatedblocks() - before


def leaked_blocks(run, repeats):
    """Memory blocks that each further call leaves behind, 0 when the growth ends: a leak shows in every stretch of calls."""
    started = time.monotonic()
    if repeats < 2 * TAIL or growth(run, TAIL) < TAIL:
        return 0
    if (time.monotonic() - started) * (WARMING + CONFIRMING) / TAIL > CASE_SECONDS / 2:
        return 0        # it would not come to an end
    faulthandler.dump_traceback_later(CONFIRMING_SECONDS, exit=True)
    if growth(run, WARMING) < WARMING:
        return 0
    return max(0, growth(run, CONFIRMING) // CONFIRMING)


def run_case(case, repeats, observe, seen):
    """Equal consecutive records are stored once, with their count."""
    runs = []
    for _ in range(min(repeats, case.times)):
        text = run_once(case.function, observe.Log, observe.describe_exception, observe.typed, seen)
        if runs and runs[-1][1] == text:
            runs[-1][0] += 1
        else:
            runs.append([1, text])

    def again():
        run_once(case.function, observe.Log, observe.describe_exception, observe.typed)

    steady = len(runs) <= 2
    return {"case": case.name, "runs": runs, "leaked": leaked_blocks(again, min(repeats, case.times)) if steady else 0}


def load(path, inspector):
    name = os.path.splitext(os.path.basename(path))[0]
    if inspector is not None:
        return inspector.load(path, name)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


TRANSPARENT = ("call", "each", "grid")      # Log's functions that call cases' functions: ordinary code under test


def own_functions(*modules):
    """The harness's functions that observe: they must not themselves depend on the code under test."""
    for module in modules:
        for value in list(vars(module).values()):
            members = list(vars(value).values()) if isinstance(value, type) else [value]
            for member in members:
                own = isinstance(member, types.FunctionType) and member.__module__ == module.__name__
                if own and member.__name__ not in TRANSPARENT:
                    yield member


def native_counters():
    stats = sys.modules["tierjit"].stats()
    return stats["native_bytecodes"], stats["tier2_entries"]


def attach(mode, modules):
    import tierjit
    observe = modules[1]
    observe.native_counters, observe.optimising = native_counters, bool(mode.options.get("tier2"))
    for function in own_functions(*modules):
        tierjit.never(function)
    tierjit.configure(**mode.options)
    tierjit.enable()
    tierjit.configure(**mode.late_options)
    return tierjit


def run_file(path, mode, output, skip):
    from harness import casebook, inspector, observe
    if not mode.inspects:
        inspector = None
    modules = [module for module in (casebook, observe, inspector, sys.modules[__name__]) if module is not None]
    jit = attach(mode, modules) if mode.jit else None

    def emit(record):
        output.write(json.dumps(record, default=repr) + "\n")
        output.flush()

    emit({"start": "(import)"})
    load(path, inspector)
    gc.collect()
    gc.freeze()
    gc.disable()
    for case in casebook.cases[skip:]:
        emit({"start": case.name})
        faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
        emit(run_case(case, mode.repeats, observe, inspector and inspector.take))
    faulthandler.cancel_dump_traceback_later()
    emit({"done": True, "stats": jit.stats() if jit else None})


def main():
    path, mode_name, output_path, skip = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    faulthandler.enable()
    from harness.modes import MODES, REFERENCES
    mode = REFERENCES.get(mode_name) or MODES[mode_name]
    with open(output_path, "w", encoding="utf-8") as output:
        run_file(path, mode, output, int(skip))


if __name__ == "__main__":
    main()
