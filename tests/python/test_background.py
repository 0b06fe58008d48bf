"""The optimising tier's policy and its worker thread. Each case is a process of its own."""

import pytest

from program import check

pytest.importorskip("tierjit")

PRELUDE = """
import gc, os, sys, threading, time, tierjit, warnings
warnings.simplefilter("error")

def numbers(turns):
    total = 0
    for i in range(turns):
        total = (total * 3 + i) & 65535
    return total

def truth(turns):
    total = 0
    i = 0
    def step(total, i):
        return (total * 3 + i) & 65535
    for i in range(turns):
        total = step(total, i)
    return total

def begin(**options):
    tierjit.configure(tier2=True, sample_ms=0, **options)
    tierjit.enable()

def count(name):
    return tierjit.stats()["tier2_" + name]

def until(name, value=1, seconds=20, function=numbers, turns=3000):
    end = time.monotonic() + seconds
    while count(name) < value and time.monotonic() < end:
        function(turns)
    return count(name)

def os_threads():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))

count("compiles"), tierjit.info(numbers)  # import what they need
for watching in (truth, begin, count, until, os_threads): tierjit.never(watching)
"""


def program(text):
    return PRELUDE + text


@pytest.mark.parametrize("threshold", [500, 5000])
def test_osr_threshold_and_profiled_turns_move_the_promotion(threshold):
    check(program(f"""
begin(background=False, osr_threshold={threshold}, profiled_turns=100)
numbers({threshold} - 1)
assert tierjit.info(numbers).tier2 == ()
numbers(90)
assert [loop.phase for loop in tierjit.info(numbers).tier2] == ["profiled"], tierjit.info(numbers)
assert count("compiles") == 0
numbers(30)  # half as many as at first, now that it was left before
assert count("compiles") == 0
numbers(60)
assert count("compiles") == count("installs") == 1, tierjit.info(numbers)
[loop] = tierjit.info(numbers).tier2
assert loop.phase == "optimised" and loop.code_bytes > 0 and loop.compiles == 1 and loop.why_not == ""
assert loop.line == numbers.__code__.co_firstlineno + 2
assert os_threads() == 1
"""))


def test_without_the_thread_every_run_is_the_same():
    text = program("""
begin(background=False)
numbers(50000), numbers(10)
print({name: value for name, value in tierjit.stats().items() if name.startswith("tier2") and not "_ns_" in name})
""")
    assert check(text).stdout == check(text).stdout != ""


def test_the_thread_begins_with_the_first_hot_loop_and_ends_with_disable():
    check(program("""
begin()
assert os_threads() == 1
assert until("installs") == 1
assert os_threads() == 2 and threading.active_count() == 1
tierjit.disable()
assert os_threads() == 1
assert numbers(1000) == truth(1000)
"""))


def test_tier_1_goes_on_meanwhile():
    check(program("""
expected = truth(10_000)
begin(compile_delay_us=300_000, osr_threshold=100, tier2_threshold=1_000_000)
before = time.monotonic()
assert numbers(10_000) == expected
assert count("waiting") == 1 and count("installs") == 0
assert [loop.phase for loop in tierjit.info(numbers).tier2] == ["compiling"]
assert time.monotonic() - before < 0.25, "the program waited"
assert until("installs") == 1
assert count("entries") >= 1 and numbers(10_000) == expected
"""))


def test_code_is_installed_in_a_single_long_call():
    check(program("""
begin(compile_delay_us=20_000)
def long(seconds):
    end, turns, total = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end and turns < 30_000_000:
        for i in range(100_000):
            total += i & 7
            turns += 1
    return turns
long(20)
assert count("installs") >= 1
"""))


def test_disable_in_the_middle():
    check(program("""
begin(compile_delay_us=10_000_000, osr_threshold=100)
numbers(1000)
assert count("waiting") >= 1
before = time.monotonic()
tierjit.disable()
assert time.monotonic() - before < 5 and count("waiting") == 0 and os_threads() == 1
tierjit.configure(compile_delay_us=0)
tierjit.enable()
assert until("installs") == 1
assert numbers(1000) == truth(1000)
"""))


def test_nothing_is_begun_or_installed_in_a_pause():
    check(program("""
begin(osr_threshold=100, compile_delay_us=50_000)
numbers(1000)
assert count("waiting") >= 1
with tierjit.pause():
    time.sleep(0.1)
    for _ in range(10):
        numbers(5000)
    assert count("installs") == 0
assert until("installs") == 1
def other(turns):
    for i in range(turns):
        turns += i
    return turns
other(1)
with tierjit.pause():
    other(5000)
    assert count("compiles") == 1
"""))


def test_the_code_dies_meanwhile():
    check(program("""
import weakref
begin(osr_threshold=100, compile_delay_us=100_000)
for _ in range(5):
    namespace = {}
    exec("def f(n):\\n t = 0\\n for i in range(n): t += i\\n return t", namespace)
    code = weakref.ref(namespace["f"].__code__)
    namespace["f"](1000)
    assert count("waiting") >= 1
    namespace.clear()
    assert code() is None
    exec("0")
time.sleep(0.3)
assert until("installs") >= 1
"""))


def test_what_was_constant_changes_meanwhile():
    check(program("""
begin(osr_threshold=100, install_delay=50, compile_delay_us=1000, tier2_every_loop=True)
def size(items, turns):
    total = 0
    for i in range(turns):
        total += measure(items)
        if i == 180:
            globals()["measure"] = double
    return total
measure = len
def double(items):
    return 2 * len(items)
assert size([1, 2, 3], 1000) == 181 * 3 + 819 * 6
assert count("stale") == 1, tierjit.stats()
assert until("installs", function=lambda turns: size([1], turns)) >= 1
assert size([1, 2, 3], 1000) == 6000
"""))


FIB = """
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def phase(f):
    return [unit.phase for unit in tierjit.info(f).tier2 if unit.kind == "function"]

def enter(f, *args, until, seconds=20):
    end = time.monotonic() + seconds
    while phase(f) != [until] and time.monotonic() < end:
        f(*args)
    return phase(f)
for watching in (phase, enter): tierjit.never(watching)
"""


def test_functions_are_compiled_meanwhile():
    check(program(FIB + """
expected = [fib(n) for n in range(18)]
begin(tier2_threshold=500, compile_delay_us=100_000)
assert enter(fib, 5, until="compiling") == ["compiling"]
assert count("waiting") == 1 and count("installs") == 0
assert fib(17) == expected[17]
assert enter(fib, 5, until="optimised") == ["optimised"], tierjit.info(fib)
assert [fib(n) for n in range(18)] == expected and count("lost") == count("stale") == 0
"""))


def test_loops_wait_for_the_functions_that_they_call():
    check(program(FIB + """
def calls(n):
    total = 0
    for i in range(n):
        total += fib(i & 7)
    return total
expected = calls(2000)
begin(tier2_threshold=500, osr_threshold=100, compile_delay_us=50_000)
enter(calls, 2000, until=None, seconds=1)
[unit] = [unit for unit in tierjit.info(calls).tier2 if unit.kind == "loop"]
assert unit.phase == "optimised" and unit.compiles == 1, unit
assert phase(fib) == ["optimised"] and calls(2000) == expected
assert "generic" not in unit.why_not
"""))


def test_a_function_dies_meanwhile():
    check(program(FIB + """
import weakref
begin(tier2_threshold=300, compile_delay_us=100_000)
for _ in range(5):
    namespace = {}
    exec("def f(n):\\n return n if n < 2 else f(n - 1) + f(n - 2)", namespace)
    code = weakref.ref(namespace["f"].__code__)
    assert enter(namespace["f"], 5, until="compiling") == ["compiling"]
    del namespace["f"]
    namespace.clear()
    gc.collect()
    assert code() is None
time.sleep(0.3)
assert enter(fib, 5, until="optimised") == ["optimised"] and fib(15) == 610
"""))


@pytest.mark.parametrize("change", ["fib.__code__ = other.__code__", "globals()['fib'] = other", "tierjit.disable(); tierjit.enable()"])
def test_a_function_changes_meanwhile(change):
    check(program(FIB + f"""
def other(n):
    return n if n < 3 else fib(n - 1) + fib(n - 2)
def truth(n):
    return n if n < least else truth(n - 1) + truth(n - 2)
tierjit.never(truth)
def calls(n):
    total = 0
    for i in range(n):
        total += fib(i & 7)
    return total
begin(tier2_threshold=300, osr_threshold=200, compile_delay_us=30_000)
for _ in range(4):
    enter(fib, 5, until="compiling", seconds=0.2)
    calls(100)
{change}
least = 3 if "other" in {change!r} else 2
end = time.monotonic() + 1
while time.monotonic() < end:
    assert calls(400) == sum(truth(i & 7) for i in range(400))
"""))


def test_a_class_changes_meanwhile():
    check(program("""
begin(osr_threshold=100, install_delay=50, compile_delay_us=1000, tier2_every_loop=True)
class Point:
    def __init__(self, x):
        self.x = x
def total(points, turns):
    s = 0
    for i in range(turns):
        s += points[i & 3].x
        if i == 180:
            Point.y = 1  # gives the class another version
    return s
points = [Point(k) for k in range(4)]
assert total(points, 1000) == 1500
assert count("stale") == 1, tierjit.stats()
"""))


def test_what_is_too_large_is_tried_without_inlining():
    check(program("""
source = "def leaf(x):\\n" + "".join(f" x = (x * 3 + {k}) & 65535\\n" for k in range(8)) + " return x\\n"
source += "def f(n):\\n t = 0\\n for i in range(n):\\n" + "  t += leaf(i)\\n" * 12 + " return t\\n"
exec(source)
expected = f(300)
begin(background=False, osr_threshold=200, tier2_threshold=100, profiled_turns=4, max_compile_ms=1)
for _ in range(20):
    assert f(300) == expected
[loop] = [unit for unit in tierjit.info(f).tier2 if unit.kind == "loop"]
assert loop.compiles == 2 and loop.why_not.startswith("TJ-301"), loop  # only calls are left then
assert count("quick") == 0 and count("installs") == 0
"""))


def test_forks_meet_no_thread_and_both_sides_go_on():
    check(program("""
import logging  # has hooks of its own at forks
begin(osr_threshold=100, compile_delay_us=50_000)
numbers(1000)
assert count("waiting") >= 1
time.sleep(0.01)
for _ in range(10):
    numbers(1000)
    child = os.fork()  # a warning of threads would be an error
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
child = os.fork()
if child == 0:
    right = until("installs") >= 1 and numbers(1000) == truth(1000) and os_threads() == 2
    os._exit(7 if right else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert until("lost") >= 1 and until("installs") >= 1, tierjit.stats()
assert numbers(1000) == truth(1000)
"""))


def test_the_end_of_the_program_does_not_wait():
    check(program("""
begin(osr_threshold=100, compile_delay_us=10_000_000)
numbers(1000)
assert count("waiting") >= 1
import atexit
began = time.monotonic()
class Late:
    def __del__(self):
        print(numbers(1000) == truth(1000), time.monotonic() - began < 5)
late = Late()
"""))


def test_many_loops_and_threads():
    check(program("""
begin(osr_threshold=50, profiled_turns=5, compile_delay_us=200)
functions = []
for k in range(100):
    namespace = {}
    exec(f"def f(n):\\n t = {k}\\n for i in range(n):\\n  t = (t * 5 + i) & 1023\\n  if t > 1020: t += len(xs)\\n return t", namespace)
    namespace["xs"] = [1]
    functions.append(namespace["f"])
expected = [f(20) for f in functions]
long = [sum(int(f(n)) for n in (40, 400)) for f in functions]
def work():
    for _ in range(8):
        assert [f(20) for f in functions] == expected
        assert [sum(int(f(n)) for n in (40, 400)) for f in functions] == long
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
work()
end = time.monotonic() + 30
while count("waiting") and time.monotonic() < end:
    work()
assert count("installs") >= 50, tierjit.stats()
"""))


LARGE = """
def large(statements):
    body = "".join(f"  a = (a * 3 + i + {k}) & 65535\\n  b = b * 0.5 + a\\n" for k in range(statements))
    namespace = {}
    exec(f"def f(n):\\n a = 1\\n b = 2.5\\n for i in range(n):\\n{body} return a, b", namespace)
    return namespace["f"]
"""


def test_the_budget_means_less_care_then_none():
    check(program(LARGE + """
full, quick, none = large(2), large(12), large(60)
begin(background=False, osr_threshold=10, profiled_turns=2, max_compile_ms=4)
expected = [f(5) for f in (full, quick, none)], [f(9) for f in (full, quick, none)]
for f in (full, quick, none): f(40)
assert ([f(5) for f in (full, quick, none)], [f(9) for f in (full, quick, none)]) == expected
stats = tierjit.stats()
assert stats["tier2_installs"] == 2 and stats["tier2_quick"] == 1 , stats
[loop] = tierjit.info(none).tier2
assert loop.phase == "given up" and loop.why_not.startswith("TJ-303: ") and "max_compile_ms" in loop.why_not
assert stats["tier2_refusals"] == {loop.why_not: 1}
"""))


def test_too_large_and_no_room():
    check(program(LARGE + """
larger, small = large(400), large(3)
begin(background=False, osr_threshold=10, profiled_turns=2)
larger(40)
def refusals():
    return [why.partition(":")[0] for why in tierjit.stats()["tier2_refusals"]]
assert refusals() == ["TJ-302"], tierjit.stats()
small(5)
tierjit.configure(max_code_bytes=65536)
small(40)
assert refusals() in (["TJ-302", "TJ-304"], ["TJ-302"]) and count("installs") == 0, tierjit.stats()
"""))


def test_the_program_hardly_waits():
    check(program(LARGE + """
begin(osr_threshold=100)
f = large(100)
f(1000)
end = time.monotonic() + 20
while count("installs") == 0 and time.monotonic() < end:
    f(1000)
assert count("installs") == 1 and count("pause_ns_total") < count("compile_ns_total")
"""))


@pytest.mark.parametrize("option, value, error", [
    ("osr_threshold", 0, "ValueError"), ("max_compile_ms", 0, "ValueError"), ("max_compile_ms", "'long'", "TypeError"),
    ("background", "'perhaps'", "TypeError"), ("install_delay", -1, "ValueError"), ("back_ground", 1, "TypeError"),
    ("tier2_threshold", 2.5, "TypeError"), ("max_code_bytes", 1, "ValueError"),
])
def test_errors(option, value, error):
    check(program(f"""
before = tierjit.get_config()
try:
    tierjit.configure({option}={value})
except {error} as problem:
    assert "{option.replace('back_ground', 'background')}" in str(problem), problem
else:
    raise AssertionError
assert tierjit.get_config() == before
"""))


def test_the_environment():
    check(program("""
config = tierjit.get_config()
assert config["background"] is False and config["max_compile_ms"] == 7 and config["osr_threshold"] == 123
"""), TIERJIT_BACKGROUND="off", TIERJIT_MAX_COMPILE_MS="7", TIERJIT_OSR_THRESHOLD="123")
