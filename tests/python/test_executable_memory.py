"""No executable memory, or no more of it: compiling is refused with a reason, the program goes on."""

import resource

import pytest

from program import check

pytest.importorskip("tierjit")

PRELUDE = """
import ctypes, resource, sys, warnings
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1

def early(n):
    total = 0
    for i in range(n): total += i
    return total
class Point:
    def __init__(self, x): self.x = x
def late(n):
    return [Point(i).x * 2 for i in range(n)]
def recursive(n): return n if n < 2 else recursive(n - 1) + recursive(n - 2)
def generator(n):
    for i in range(n): yield i
def program():
    for _ in range(12):
        assert early(5000) == 12497500 and late(300)[-1] == 598 and recursive(11) == 89 and sum(generator(100)) == 4950
        try: late("x")
        except TypeError as error: assert error.__traceback__.tb_next.tb_frame.f_code is late.__code__
def refuse_executable_memory():
    if libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        sys.exit(0 if ctypes.get_errno() == 22 else 1)  # a kernel before 6.3
OPTIONS = dict(tier1_threshold=1, osr_threshold=200, profiled_turns=2, tier2_threshold=3, tier2_every_loop=True, background={background})
"""
BACKGROUND = pytest.mark.parametrize("background", [False, True], ids=["waiting", "background"])


def memory(source, background=False):
    check(PRELUDE.replace("{background}", str(background)) + source)


def test_refused_from_the_beginning():
    memory("""
refuse_executable_memory()
import tierjit
assert not tierjit.is_available() and "refuses executable memory" in tierjit.why_unavailable(), tierjit.why_unavailable()
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    assert not tierjit.enable()
assert len(seen) == 1 and "refuses executable memory" in str(seen[0].message)
program()
assert not tierjit.is_compiled(early) and "refuses" in tierjit.info(early).why_not
assert not tierjit.compile(late) and tierjit.stats()["native_share"] is None
""")


@BACKGROUND
def test_refused_while_the_program_runs(background):
    """The program shuts itself off: what is compiled goes on running, nothing new is compiled."""
    memory("""
import tierjit
tierjit.configure(**OPTIONS)
tierjit.enable()
early(5)
assert tierjit.is_compiled(early)
refuse_executable_memory()
program()
assert tierjit.is_compiled(early) and tierjit.info(early).back_edges > 10000
for function in (late, recursive, generator):
    assert not tierjit.is_compiled(function)
    assert tierjit.info(function).why_not.startswith("TJ-205: the system refuses executable memory"), tierjit.info(function).why_not
assert not tierjit.compile(program)
assert tierjit.stats()["refusals"]["TJ-205"] >= 3
loops = [unit for unit in tierjit.info(early).tier2 if unit.kind == "loop"]
assert all(unit.why_not.startswith("TJ-304: ") and not unit.entries for unit in loops) and len(loops) == 1, loops
""", background)


@BACKGROUND
def test_the_arena_is_full(background):
    """By the option: functions that come too late stay interpreted, hot loops stay in tier 1, and both are told why."""
    memory("""
import tierjit
tierjit.configure(max_code_bytes=1 << 16, **OPTIONS)
tierjit.enable()
early(5)
fillers = []
for i in range(300):
    names = {}
    exec(f"def f(a):\\n t = a\\n for i in range(2): t = t * 2 + a.real - {i}\\n return t", names)
    assert names["f"](3) == (3 * 2 + 3 - i) * 2 + 3 - i
    fillers.append(names["f"])
compiled = [tierjit.is_compiled(f) for f in fillers]
assert compiled[0] and not compiled[-1]
assert "TJ-902: " in tierjit.info(fillers[-1]).why_not and "65536" in tierjit.info(fillers[-1]).why_not, tierjit.info(fillers[-1]).why_not
program()
assert tierjit.is_compiled(early) and not tierjit.is_compiled(late)
stats = tierjit.stats()
assert stats["refusals"]["TJ-902"] > 100 and stats["code_bytes"] <= 1 << 16, stats
loops = [unit for unit in tierjit.info(early).tier2 if unit.kind == "loop"]
assert all(unit.why_not.startswith("TJ-304: ") and not unit.entries for unit in loops) and len(loops) == 1, loops

# Room again: by death, or by a larger cap.
fillers.clear()
tierjit.configure(max_code_bytes=1 << 24)
def fresh(n): return [i * n for i in range(n)]
assert fresh(5)[-1] == 20 and tierjit.is_compiled(fresh), tierjit.info(fresh).why_not
""", background)


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_AS)[1] != resource.RLIM_INFINITY, reason="address space is limited already")
@BACKGROUND
def test_no_address_space(background):
    """Every size of the limit from next to nothing: tierjit is unavailable, has a smaller arena, or runs out of memory as it compiles."""
    memory("""
import os
def with_limit(megabytes, first):
    child = os.fork()
    if child == 0:
        if first: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, resource.RLIM_INFINITY))
        import tierjit
        tierjit.configure(**OPTIONS) if tierjit.is_available() else None
        warnings.simplefilter("ignore")
        tierjit.enable()
        used = int(open("/proc/self/statm").read().split()[0]) * 4096
        if not first: resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 16), resource.RLIM_INFINITY))
        try: program()
        except MemoryError:  # the program's own objects may not find room either: pymalloc asks for 1 MiB at a time
            os._exit(0 if not first and megabytes < 40 else 1)
        if not first and megabytes >= 40 or megabytes > 800: assert tierjit.is_compiled(early), tierjit.info(early).why_not
        os._exit(0)
    return os.waitpid(child, 0)[1]
own = int(open("/proc/self/statm").read().split()[0]) * 4096 >> 20
for megabytes in (own + 10, own + 60, own + 150, own + 300, own + 1200):
    assert with_limit(megabytes, True) == 0, megabytes
for megabytes in (0, 1, 2, 5, 10, 20, 40, 160):
    assert with_limit(megabytes, False) == 0, megabytes
""", background)
