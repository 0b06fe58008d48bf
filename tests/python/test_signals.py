"""Signals in compiled loops of every kind: the handler runs there soon, and what it raises arrives at a line of the loop."""

import pytest

from program import check

pytest.importorskip("tierjit")

# A process that no signal gets through to is ended by the alarm of the last resort.
PRELUDE = """
import faulthandler, signal, sys
import tierjit
faulthandler.dump_traceback_later(30, exit=True)
tierjit.configure(tier1_threshold=1, tier2={tier2}, osr_threshold=1000, tier2_threshold=1000, profiled_turns=8)
tierjit.enable()

stop = False            # never set: loops end by signals
class Stop(Exception): pass

def while_ints():
    i = 0
    while not stop:
        i += 1
def for_range():
    for i in range(1 << 62):
        pass
def nested_floats():
    x = 0.0
    while x < 1e300:
        for i in range(1000):
            for j in range(100):
                x = x * 0.5 + j
def generator_expression():
    sum(i & 1 for i in range(1 << 62))
def comprehension():
    while not stop:
        [i * 2 for i in range(100)]
def recursion():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    while not stop:
        fib(12)
def endless():
    i = 0
    while True:
        yield i
        i += 1
def generator():
    for i in endless():
        if stop: break
def exceptions():
    while not stop:
        try:
            raise ValueError
        except ValueError:
            pass
def finally_blocks():
    while not stop:
        try:
            x = 1
        finally:
            x = 2
class Manager:
    def __enter__(self): return self
    def __exit__(self, *error): return False
def with_blocks():
    while not stop:
        with Manager() as m:
            x = m
class Item:
    def __init__(self, x): self.x = x
    def m(self): return self.x
def objects():
    while not stop:
        Item(1.5).m()
class Numbers:
    def __aiter__(self): return self
    async def __anext__(self): return 1
async def async_for():
    async for i in Numbers():
        if stop: break
async def waiting():
    while not stop:
        await nothing()
async def nothing(): pass
def run_async_for(): drive(async_for())
def run_waiting(): drive(waiting())
def drive(coroutine):
    try: coroutine.send(None)
    except StopIteration: pass
    finally: coroutine.close()
def calls_of_c():
    while not stop:
        sorted(map(abs, [3, -1, 2]))
LOOPS = [while_ints, for_range, nested_floats, generator_expression, comprehension, recursion, generator, exceptions, finally_blocks, with_blocks,
         objects, run_async_for, run_waiting, calls_of_c]

def innermost(error):
    entry = error.__traceback__
    while entry.tb_next is not None: entry = entry.tb_next
    return entry
"""
TIERS = pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])


def signals(source, tier2):
    check(PRELUDE.replace("{tier2}", str(tier2)) + source)


@TIERS
def test_interrupts(tier2):
    """By the handler of Ctrl-C: KeyboardInterrupt, in the loop's function or what it calls, every time."""
    signals("""
signal.signal(signal.SIGALRM, signal.default_int_handler)
def interrupted(loop):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.03)
        loop()
    except KeyboardInterrupt as error:
        entry, names = error.__traceback__.tb_next, []
        while entry is not None:
            code = entry.tb_frame.f_code
            lines = {line for _, _, line in code.co_lines()}
            assert entry.tb_lineno in lines, (loop, entry.tb_lineno, lines)
            names.append(code.co_name)
            entry = entry.tb_next
        return names
    raise AssertionError(loop)
for loop in LOOPS:
    for _ in range(3):
        names = []
        while not names: names = interrupted(loop)     # on a busy machine it may come before the loop begins
        assert names[0] == loop.__name__, (loop, names)
        assert sys.exception() is None
    assert tierjit.is_compiled(loop), (loop, tierjit.info(loop).why_not)
assert tierjit.stats()["native_share"] > 0.9, tierjit.stats()["native_share"]
""", tier2)


@TIERS
def test_handlers_that_raise_and_look(tier2):
    """The handler sees the frame that it interrupts, at a line of it; it raises after some calls."""
    signals("""
calls = []
def handler(number, frame):
    assert number == signal.SIGALRM and frame is sys._getframe(1)
    if len(calls) == 20: return     # one that was under way when the timer ended
    calls.append((frame.f_code.co_name, frame.f_lineno))
    assert frame.f_lineno in {line for _, _, line in frame.f_code.co_lines()}, calls[-1]
    dict(frame.f_locals)
    if len(calls) == 20:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise Stop("enough")
signal.signal(signal.SIGALRM, handler)
for loop in LOOPS:
    calls.clear()
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.0005)
    try: loop()
    except Stop as error:
        assert str(error) == "enough" and innermost(error).tb_frame.f_code is handler.__code__
        entry = error.__traceback__
        while entry.tb_next.tb_next is not None: entry = entry.tb_next
        assert (entry.tb_frame.f_code.co_name, entry.tb_lineno) == calls[-1]
    else: raise AssertionError(loop)
    assert len(calls) == 20
""", tier2)


@TIERS
def test_handlers_that_change_what_the_loop_uses(tier2):
    signals("""
class Box: value = 0
box, items, table = Box(), [0] * 8, {"go": True}
limit = 1
def by_attribute():
    n = 0
    while box.value == 0: n += 1
    return box.value
def by_item():
    n = 0.0
    while not items[3]: n += 0.5
    return items[3]
def by_dict():
    while table["go"]: pass
    return table["go"]
def by_global():
    n = 0
    while limit: n += 1
    return limit
def by_local():
    done = False
    while not done: pass
    return done
def by_function():
    while not check(): pass
    return "new"
def check(): return False
def by_length():
    while len(items) == 8: pass
    return len(items)
def handler(number, frame):
    global limit
    box.value = 7
    items[3] = 2.5
    table["go"] = 0
    limit = ""
    check.__code__ = (lambda: True).__code__
    if frame.f_code is by_length.__code__: items.append(1)
    if frame.f_code is by_local.__code__: frame.f_locals["done"] = "by the handler"
signal.signal(signal.SIGALRM, handler)
expected = {by_attribute: 7, by_item: 2.5, by_dict: 0, by_global: "", by_function: "new", by_length: 9, by_local: "by the handler"}
for function, result in expected.items():
    box.value, items[:], table["go"], limit = 0, [0] * 8, True, 1
    check.__code__ = (lambda: False).__code__
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    found = function()
    assert found == result, (function, found)
""", tier2)


@TIERS
def test_handlers_that_start_tools(tier2):
    """A tracer that the handler installs, for the frame that it interrupts too, sees the loop's lines from then on."""
    signals("""
lines = []
def tracer(frame, event, argument):
    if event == "line" and frame.f_code is traced.__code__:
        lines.append(frame.f_lineno - traced.__code__.co_firstlineno)
        if len(lines) == 12: raise Stop
    return tracer
def handler(number, frame):
    sys.settrace(tracer)
    while frame is not None:
        frame.f_trace = tracer
        frame = frame.f_back
def traced():
    i = 0
    while not stop:
        i += 1
        i -= 2
signal.signal(signal.SIGALRM, handler)
for _ in range(3):
    lines.clear()
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    try: traced()
    except Stop: sys.settrace(None)
    else: raise AssertionError
    start = lines.index(2)
    assert lines[start:start + 9] == [2, 3, 4] * 3, lines
""", tier2)


@TIERS
def test_a_storm(tier2):
    """A signal every 50 us while programs compute: each result is right."""
    signals("""
count = 0
def handler(number, frame):
    global count
    count += 1
    frame.f_locals
signal.signal(signal.SIGALRM, handler)
signal.signal(signal.SIGPROF, handler)
def numbers(n):
    t, x = 0, 0.5
    for i in range(n):
        t += i * i & 1023
        x = x * 0.999 + i
    return t, x
def walk(n): return [Item(i).m() for i in range(n)]
def tree(n): return (tree(n - 1), tree(n - 1)) if n else ()
def count_tree(t): return 1 + sum(count_tree(c) for c in t)
def gen(n):
    for i in range(n):
        try: yield i
        finally: pass
def caught(n):
    t = 0
    for i in range(n):
        try:
            if i % 3 == 0: raise Stop(i)
        except Stop as stop: t += stop.args[0]
    return t
def all_of():
    return numbers(30000), sum(walk(3000)), count_tree(tree(8)), sum(gen(5000)), caught(3000)
expected = all_of()
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.00005)
signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
for _ in range(12):
    found = all_of()
    assert found == expected, (found, expected)
signal.setitimer(signal.ITIMER_REAL, 0)
signal.setitimer(signal.ITIMER_PROF, 0)
assert count > 20, count
""", tier2)
