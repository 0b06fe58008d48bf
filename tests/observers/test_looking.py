"""Frames, stacks and memory as they are seen from callees and from other threads, while compiled code runs."""

import faulthandler
import gc
import inspect
import os
import sys
import tempfile
import threading
import traceback
import tracemalloc
import warnings
import weakref

import observers.subjects as subjects
from harness import case
from observers.subjects import ALL, TURNS, Hook, warm

NATIVE_SHARE = 0.1


def frames_of(frame):
    while frame is not None:
        if frame.f_code.co_filename == subjects.__file__:
            yield frame
        frame = frame.f_back


def plain(value):
    return value if isinstance(value, (int, float, str)) else type(value).__name__


@case(times=1)
def frames_from_a_callee(log):
    def look():
        for frame in frames_of(sys._getframe()):
            values = {name: plain(value) for name, value in frame.f_locals.items()}
            log(frame.f_code.co_qualname, frame.f_lineno - frame.f_code.co_firstlineno, frame.f_lasti, values)

    for program in ALL:
        warm(log, program)
        log.call(program, TURNS, Hook(at1=look, at4=look))


@case(times=1)
def locals_written_from_a_callee(log):
    """PEP 667: a write through f_locals is what the running function goes on with."""
    def write():
        for frame in frames_of(sys._getframe()):
            for name in ("total", "x", "caught", "count"):
                if isinstance(frame.f_locals.get(name), (int, float)):
                    frame.f_locals[name] += 1000
            frame.f_locals["n_new"] = 1
            log(sorted(frame.f_locals))

    for program in ALL:
        warm(log, program)
        log.call(program, TURNS, Hook(at2=write, at3=write))


@case(times=1)
def frames_that_are_kept(log):
    kept = []
    for program in ALL:
        warm(log, program)
        log.call(program, TURNS, Hook(at2=lambda: kept.extend(frames_of(sys._getframe()))))
        for frame in kept:
            log(frame.f_code.co_qualname, frame.f_lineno - frame.f_code.co_firstlineno, {k: plain(v) for k, v in frame.f_locals.items()})
        for frame in kept:
            frame.clear()
        kept.clear()


@case(times=1)
def stacks(log):
    def look():
        log([(info.function, info.lineno, info.positions.col_offset) for info in inspect.stack() if info.filename == subjects.__file__])
        log([(entry.name, entry.lineno) for entry in traceback.extract_stack() if entry.filename == subjects.__file__])
        log(inspect.currentframe().f_back.f_code.co_qualname)
        for level in range(1, 6):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                warnings.warn("here", stacklevel=level)
                log(level, caught[0].lineno, os.path.basename(caught[0].filename))

    for program in ALL:
        warm(log, program)
        log.call(program, TURNS, Hook(at2=look))


@case(times=1)
def suspended(log):
    """Generators and coroutines as inspect shows them, between resumptions of compiled code."""
    def look(generator):
        frame = generator.gi_frame
        inner = generator.gi_yieldfrom
        log(inspect.getgeneratorstate(generator), frame and frame.f_lineno, frame and frame.f_lasti, inner and inner.gi_frame.f_lineno,
            inspect.getgeneratorlocals(generator).keys() if frame else None)

    log.warm(lambda: list(subjects.delegating(3)), tier2=False)
    generator = subjects.delegating(3)
    look(generator)
    for _ in generator:
        look(generator)
    look(generator)
    origin = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(3)
    try:
        warm(log, subjects.driven)
        running = subjects.coroutine(3, Hook())
        log([(name, line) for file, line, name in running.cr_origin if file == __file__])
        log(running.send(None), running.cr_frame.f_lineno, running.cr_await.__qualname__, inspect.getcoroutinestate(running))
        running.close()
        log(inspect.getcoroutinestate(running), running.cr_frame)
    finally:
        sys.set_coroutine_origin_tracking_depth(origin)


def from_another_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function(threading.main_thread().ident)))
    thread.start()
    thread.join()
    return results[0]


@case(times=1)
def looked_at_by_another_thread(log):
    def frames(ident):
        return [(f.f_code.co_qualname, f.f_lineno, {k: plain(v) for k, v in f.f_locals.items()}) for f in frames_of(sys._current_frames()[ident])]

    def exceptions(ident):
        return type(sys._current_exceptions()[ident]).__name__

    for program in ALL:
        warm(log, program)
        log.call(program, TURNS, Hook(at1=lambda: log(from_another_thread(frames)), at3=lambda: log(from_another_thread(exceptions))))


@case(times=1)
def dumped_by_faulthandler(log):
    def dump():
        with tempfile.TemporaryFile("w+") as file:
            from_another_thread(lambda ident: faulthandler.dump_traceback(file, all_threads=True))
            faulthandler.dump_traceback(file, all_threads=False)
            file.seek(0)
            log([line.split(", ", 1)[1] for line in file if "subjects.py" in line])

    for program in ALL:
        warm(log, program)
        log.call(program, TURNS, Hook(at2=dump))


@case(times=1)
def dumped_later(log):
    """By the watchdog's thread, in the middle of a loop without calls that ends when the dump is there."""
    def spins(name):
        turns = 0
        while not os.path.getsize(name):
            turns += 1
        return turns > 0

    with tempfile.NamedTemporaryFile("w+") as file:
        log.warm(spins, __file__, tier2=False)
        faulthandler.dump_traceback_later(0.05, file=file)
        try:
            log(spins(file.name))
        finally:
            faulthandler.cancel_dump_traceback_later()
        file.seek(0)
        # Functions that the optimising tier calls without a frame are not there: see docs/tools.md.
        log([line.split(" in ")[1].strip() for line in file if __file__ in line][-1:])


@case(times=1)
def allocations(log):
    """tracemalloc: how much has been made. In optimised code the lines differ: see docs/tools.md."""
    def build(n, hook):
        rows = []
        for i in range(n):
            rows.append([i, str(i) * 50])
            hook(i)
        return rows

    build.__code__ = build.__code__.replace()
    log.warm(build, 50, Hook(), tier2=False)
    tracemalloc.start(3)
    try:
        rows = build(50, Hook())
        found = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, __file__)])
        first = build.__code__.co_firstlineno
        last = first + 6
        log(sum(stat.count for stat in found.statistics("lineno") if first <= stat.traceback[0].lineno <= last) >= 100)
        log(len(rows), first <= tracemalloc.get_object_traceback(rows[7][1])[-1].lineno <= last, tracemalloc.get_traced_memory()[1] > 50 * 50)
    finally:
        tracemalloc.stop()


class Watched:
    """Its death is noted by a finalizer and by the callback of a weak reference."""

    def __init__(self, log, name):
        self.log, self.name = log, name
        self.reference = weakref.ref(self, lambda reference: log("callback", name))

    def __del__(self):
        self.log("dies", self.name)


@case(times=1)
def deaths(log):
    def build(n, note):
        kept = held = None
        for i in range(n):
            kept = Watched(note, i)
            note("made", i)
            pair = [kept, Watched(note, (i, "pair"))]
            pair[1] = i
            note("replaced", i)
            if i % 2:
                held = weakref.ref(kept, lambda reference, i=i: note("second callback", i))
                kept = None
                note("dropped", i, held())
        return n

    log.warm(build, 6, lambda *event: None, tier2=False)
    log.call(build, 6, log)
    log("over")


@case(times=1)
def referrers(log):
    def look(items):
        log(sorted(type(o).__name__ for o in gc.get_referrers(items) if type(o).__name__ in ("dict", "list", "tuple")))
        log(sum(o is items for o in gc.get_objects()), sys.getrefcount(items))

    def holds(n, hook):
        items = [[1], n]
        box = (items,)
        for i in range(n):
            items[1] = i
            hook(items)
        return box

    holds.__code__ = holds.__code__.replace()
    log.warm(holds, TURNS, lambda items: None, tier2=False)
    log.call(holds, 2, look)
