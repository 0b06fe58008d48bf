"""Greenlets switch inside compiled code: each has its own frames, exception state and C stack."""

import pytest

from program import check, run

pytest.importorskip("tierjit")
pytest.importorskip("greenlet")
pytest.importorskip("gevent")

MODES = ["tier2=False", "tier2=True, background=False", "tier2=True, compile_delay_us=500"]

ENABLE = """
import tierjit
tierjit.configure(tier1_threshold=1, tier2_threshold=20, osr_threshold=60, profiled_turns=8, {options})
tierjit.enable()
"""

COMMON = """
import gc, greenlet, sys, threading, traceback
from greenlet import getcurrent
def switch(*values):
    return getcurrent().parent.switch(*values)
"""

# Each prints what it has to say; the output is the interpreter's own.
PROGRAMS = {
    "loops": """
def turns(k, n):
    total = 0.5
    for i in range(n):
        total += i * k
        total += switch(total)
    return "end", total

def rounds(count, n):
    all = [greenlet.greenlet(turns) for _ in range(count)]
    first = [each.switch(k, n) for k, each in enumerate(all)]
    for turn in range(n):
        first = [each.switch(turn + k) for k, each in enumerate(all)]
    return first, [each.dead for each in all]

for n in (3, 30, 300):
    print(rounds(5, n))
""",
    "exception state": """
def handles(name, n):
    for i in range(n):
        try:
            raise KeyError(name, i)
        except KeyError as error:
            switch()
            assert sys.exception() is error, (name, i)
            try:
                if i % 3 == 0:
                    raise ValueError(name) from error
            except ValueError as inner:
                switch()
                assert sys.exception() is inner and inner.__context__ is error
            switch()
            assert sys.exception() is error
        assert sys.exception() is None
    return name

def rounds(n):
    all = [greenlet.greenlet(handles) for _ in range(4)]
    for name, each in zip("abcd", all):
        each.switch(name, n)
    ended = []
    while all:
        for each in list(all):
            try:
                result = each.switch()
            finally:
                assert sys.exception() is None
            if each.dead:
                ended.append(result)
                all.remove(each)
    return ended

for n in (2, 20, 200):
    print(rounds(n))
""",
    "generators": """
def numbers(n):
    try:
        for i in range(n):
            switch("below")
            yield i
    finally:
        if getcurrent().parent:
            switch("closing")

def delegates(n):
    yield from numbers(n)
    yield -1

def consumes(n):
    total = 0
    for i in delegates(n):
        total += i
    total += sum(x * 2 for x in numbers(n))
    for i in numbers(n):
        if i == n // 2:
            break
    return total

def drive(n):
    each, seen = greenlet.greenlet(consumes), []
    result = each.switch(n)
    while not each.dead:
        seen.append(result)
        result = each.switch()
    return len(seen), seen.count("closing"), result

for n in (2, 5, 60, 200):
    print(drive(n))

def running(gen):
    try:
        return next(gen)
    except ValueError as error:
        return str(error)

def shared():
    gen = numbers(3)
    first = greenlet.greenlet(lambda: next(gen))
    first.switch()
    return running(gen), first.switch(), gen.gi_frame is not None

for _ in range(30):
    result = shared()
print(result)
""",
    "killed": """
log = []

def sleeper(k, n):
    try:
        for i in range(n):
            try:
                switch(i)
            except ValueError as error:
                log.append((k, str(error)))
            finally:
                log.append((k, i))
    except greenlet.GreenletExit:
        log.append((k, "exit"))
        raise
    finally:
        log.append((k, "finally", switch.__name__))

def kill(k, how):
    each = greenlet.greenlet(sleeper)
    each.switch(k, 100), each.switch()
    if how == "throw":
        each.throw()
        assert each.dead
    elif how == "error":
        each.throw(ValueError("thrown"))
        try:
            each.throw(KeyError, "out")
        except KeyError as error:
            log.append((repr(error), [entry.name for entry in traceback.extract_tb(error.__traceback__)]))
    elif how == "drop":
        del each

for turn in range(40):
    for how in ("throw", "error", "drop"):
        kill(turn, how)
gc.collect()
print(len(log), log[-12:])

class Dying:
    def __del__(self):
        log.append("dies")

def holds(n):
    kept = Dying()
    for i in range(n):
        switch(kept and i)

log.clear()
for turn in range(70):
    each = greenlet.greenlet(holds)
    each.switch(5), each.switch()
    assert log == ["dies"] * turn
    each = None
print(len(log))
""",
    "recursion": """
def deep(n):
    return 1 + deep(n - 1) if n else switch("bottom") or 0

def endless(n):
    return endless(n + 1) + 1

def guarded():
    try:
        endless(0)
    except RecursionError as error:
        switch("caught")
        return type(error).__name__

def rounds(n):
    all = [greenlet.greenlet(deep) for _ in range(6)]
    bottoms = [each.switch(n - k) for k, each in enumerate(all)]
    guard = greenlet.greenlet(guarded)
    return bottoms, guard.switch(), [each.switch() for each in reversed(all)], guard.switch()

for n in (10, 400, 800, 900):
    print(rounds(n))
""",
    "thousands": """
def walker(n):
    total = 0
    for i in range(n):
        total += switch(i) or 0
    return total

def crowd(count, n):
    all = [greenlet.greenlet(walker) for _ in range(count)]
    for each in all:
        each.switch(n)
    for turn in range(n - 1):
        for each in all:
            each.switch(turn)
    return sum(each.switch(1) for each in all), all

total, all = crowd(3000, 4)
print(total, sum(each.dead for each in all))
total, all = crowd(20, 200)
print(total)
waiting = [greenlet.greenlet(walker) for _ in range(2000)]
for each in waiting:
    each.switch(3)
each = waiting = None
print(gc.collect() >= 0)
""",
    "frames and traces": """
def named(n):
    for i in range(n):
        switch([frame.f_code.co_name for frame in frames(sys._getframe())])

def frames(frame):
    while frame is not None:
        yield frame
        frame = frame.f_back

def look(n):
    each = greenlet.greenlet(named)
    first = each.switch(n)
    return first, each.gr_frame.f_code.co_name, each.gr_frame.f_back.f_locals["i"], [each.switch() for _ in range(2)][-1]

for n in (5, 5, 5, 100):
    print(look(n))
events = []
old = greenlet.settrace(lambda event, pair: events.append(event))
for _ in range(20):
    look(4)
greenlet.settrace(old)
print(len(events), sorted(set(events)))
""",
    "threads": """
sys.setswitchinterval(1e-5)

def worker(k, n):
    for i in range(n):
        k = switch(k * 3 + i) & 1023
    return k

def schedule(results, index, n):
    all = [greenlet.greenlet(worker) for _ in range(4)]
    values = [each.switch(k, n) for k, each in enumerate(all)]
    for _ in range(n):
        values = [each.switch(value) for each, value in zip(all, values)]
    results[index] = values

def rounds(n):
    results = [None] * 4
    threads = [threading.Thread(target=schedule, args=(results, index, n)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results

for n in (5, 50, 300):
    results = rounds(n)
    print(results[0], all(each == results[0] for each in results))
""",
    "finalisers and callbacks": """
def key(x):
    switch(x)
    return -x

class Switches:
    def __init__(self, n):
        self.n = n
    def __len__(self):
        switch("len")
        return self.n
    def __eq__(self, other):
        switch("eq")
        return self.n == other.n
    __hash__ = None
    def __enter__(self):
        return switch("enter")
    def __exit__(self, kind, error, tb):
        switch("exit")
        return kind is KeyError
    def __del__(self):
        if getcurrent().parent:
            switch("del")

def work(n):
    found = []
    for i in range(n):
        found.append(sorted(range(i % 4), key=key))
        with Switches(i) as entered:
            found.append(len(Switches(i)) + (Switches(1) == Switches(i % 2)))
            if i % 3 == 1:
                raise KeyError
    return len(found), found[-1]

def drive(n):
    each, seen = greenlet.greenlet(work), []
    result = each.switch(n)
    while not each.dead:
        seen.append(result)
        result = each.switch()
    return result, len(seen), seen[-12:]

for n in (2, 9, 40, 150):
    print(drive(n))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_switching_in_compiled_code(name):
    lines = "\n" * ENABLE.count("\n")
    reference = run("-c", lines + COMMON + PROGRAMS[name])
    assert reference.returncode == 0 and reference.stdout, reference.stderr
    for options in MODES:
        result = run("-c", ENABLE.format(options=options) + COMMON + PROGRAMS[name])
        assert (result.returncode, result.stdout, result.stderr) == (0, reference.stdout, reference.stderr), options


@pytest.mark.parametrize("options", MODES)
def test_it_is_compiled_code_that_switches(options):
    check(ENABLE.format(options=options) + COMMON + """
def turns(n):
    total = 0
    for i in range(n):
        total += switch(i)
    return total

def drive(n):
    each = greenlet.greenlet(turns)
    each.switch(n)
    for i in range(n - 1):
        each.switch(1)
    return each.switch(1)

for n in (1, 20, 300, 300):
    assert drive(n) == n
assert tierjit.is_compiled(turns) and tierjit.is_compiled(switch) and tierjit.is_compiled(drive)
with tierjit.pause():
    assert drive(300) == 300
""")


def test_compiled_code_is_left_while_it_waits():
    """Code, globals and compiled state change while greenlets are suspended in a loop."""
    check(ENABLE.format(options="tier2=True, background=False") + COMMON + """
def step(x):
    return x + 1

def turns(n):
    total = 0
    for i in range(n):
        total = step(total)
        switch(total)
    return total

def other(x):
    return x + 10

def begin():
    each = greenlet.greenlet(turns)
    for _ in range(100):
        each.switch(200)
    return each

def finish(each):
    while not each.dead:
        result = each.switch()
    return result

for _ in range(3):
    assert finish(begin()) == 200
each, plain = begin(), step.__code__
step.__code__ = other.__code__
assert finish(each) == 100 + 100 * 10
step.__code__ = plain
each, kept = begin(), step
step = other
assert finish(each) == 100 + 100 * 10
step = kept
each = begin()
tierjit.disable()
assert finish(each) == 200
each = begin()
tierjit.enable()
assert finish(each) == 200
each = begin()
turns.__code__ = (lambda n: -1).__code__
gc.collect()
assert turns(1) == -1 and finish(each) == 200
""")


def test_gevent():
    check(ENABLE.format(options="tier2=True, compile_delay_us=500") + """
from gevent import monkey
monkey.patch_all()
import gevent, gevent.event, gevent.lock, gevent.pool, gevent.queue, queue, threading, time

def produce(q, n):
    for i in range(n):
        q.put(i)
        if i % 5 == 0:
            gevent.sleep(0)
    q.put(None)

def consume(q):
    total = 0
    for item in iter(q.get, None):
        total += item
    return total

def pair(n):
    q = gevent.queue.Queue(3)
    gevent.spawn(produce, q, n)
    return gevent.spawn(consume, q)

pairs = [pair(n) for n in (10, 100, 400) * 3]
gevent.joinall(pairs, raise_error=True)
assert [each.value for each in pairs] == [45, 4950, 79800] * 3

def forever(box):
    try:
        while True:
            box.append(len(box))
            gevent.sleep(0)
    except gevent.GreenletExit:
        return "killed", len(box) > 1

boxes = [[] for _ in range(20)]
loops = [gevent.spawn(forever, box) for box in boxes]
gevent.sleep(0.01)
gevent.killall(loops)
assert [each.value for each in loops] == [("killed", True)] * 20

def timed(n):
    try:
        with gevent.Timeout(0.01):
            for i in range(n):
                gevent.sleep(0)
    except gevent.Timeout:
        return "late"

assert timed(10 ** 9) == timed(10 ** 9) == "late"
pool = gevent.pool.Pool(10)
assert pool.map(lambda x: gevent.sleep(0) or x * x, range(200)) == [x * x for x in range(200)]

lock, total = threading.Lock(), 0
def locked(n):
    global total
    for i in range(n):
        with lock:
            seen = total
            time.sleep(0)
            total = seen + 1
threads = [threading.Thread(target=locked, args=(60,)) for _ in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert total == 300
""")
