"""fork, spawn and forkserver: children go on with compiled code and compile more, whatever the parent was doing."""

import pytest

from program import check, run

pytest.importorskip("tierjit")

PRELUDE = """
import os, queue, signal, sys, threading, time, tierjit, warnings
tierjit.configure(tier1_threshold=1, tier2_threshold=20, osr_threshold=60, profiled_turns=8, OPTIONS)
tierjit.enable()
sys.setswitchinterval(1e-5)

def hot(n):
    total = 0
    for i in range(n):
        total += i * i % 7
    return total

def items(n):
    for i in range(n):
        yield hot(i % 5)

def fresh(k, n=300):
    space = {}
    exec(f"def f(n):\\n total = {k}\\n for i in range(n):\\n  total += i % ({k} + 2)\\n return total", space)
    return space["f"](n)

def right(k):
    return k + sum(i % (k + 2) for i in range(300))

for _ in range(20):
    hot(100), sum(items(50))
HOT = hot(1000)
assert tierjit.is_compiled(hot)

def wait(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

MODES = {
    "settled": "tier2=True, background=False",
    "job under way": "tier2=True, compile_delay_us=3000",
    "tier 1": "tier2=False",
}


def program(options, text):
    return PRELUDE.replace("OPTIONS", options) + text


@pytest.mark.parametrize("mode", MODES)
def test_forks_in_compiled_loops(mode):
    """Children leave a loop in the middle of which they were made by its end, an exception, sys.exit() or os._exit()."""
    check(program(MODES[mode], """
warnings.simplefilter("ignore", DeprecationWarning)

def forks(n):
    seen = []
    for i in range(n):
        total = hot(50)
        if i % 10 == 5:
            child = os.fork()
            if child == 0:
                assert fresh(i) == right(i) and sum(items(40)) == sum(items(40))
                if i == 35:
                    os._exit(35)
                if i == 45:
                    sys.exit(45)
                if i == 55:
                    raise KeyboardInterrupt
                return i
            seen.append(child)
        if i % 7 == 0:
            fresh(i)
    return seen

parent = os.getpid()
try:
    seen = forks(70)
except KeyboardInterrupt:
    assert hot(1000) == HOT
    sys.exit(55)
if os.getpid() != parent:
    assert hot(1000) == HOT and type(seen) is int
    sys.exit(seen)
assert [wait(child) for child in seen] == list(range(5, 70, 10))
assert hot(1000) == HOT and fresh(99) == right(99)
"""))


def test_forks_below_generators_and_forks_of_forks():
    check(program("tier2=True, compile_delay_us=1000", """
def forking(depth):
    for i in range(6):
        yield i
        if i == 3 and depth:
            child = os.fork()
            if child == 0:
                depth -= 1
                yield 100
            else:
                assert wait(child) == 0
    if depth == 0:
        assert fresh(5) == right(5)

def consume():
    return [k for k in forking(3)]

parent = os.getpid()
seen = consume()
assert seen == [0, 1, 2, 3] + [4, 5] or os.getpid() != parent and seen[4] == 100, seen
assert hot(1000) == HOT
"""))


def test_forks_beside_threads():
    """Only the forking thread is there in the child: frames of the others are gone, locks that they do not hold work."""
    check(program("tier2=True, compile_delay_us=500", """
warnings.simplefilter("ignore", DeprecationWarning)
stop = False

def spin(k):
    while not stop:
        assert hot(100) == spun and sum(items(20)) == items_sum
        fresh(k)

spun, items_sum = hot(100), sum(items(20))
threads = [threading.Thread(target=spin, args=(k,)) for k in range(3)]
for thread in threads:
    thread.start()

def forks(n):
    for i in range(n):
        child = os.fork()
        if child == 0:
            assert threading.active_count() == 1 and hot(1000) == HOT and fresh(i) == right(i)
            results = []
            worker = threading.Thread(target=lambda: results.append(hot(1000)))
            worker.start()
            worker.join()
            os._exit(7 if results == [HOT] else 1)
        assert wait(child) == 7

try:
    forks(15)
finally:
    stop = True
for thread in threads:
    thread.join()
"""))


def test_children_end_as_they_do_in_the_interpreter():
    text = """
import atexit, os, sys, threading
def work(n):
    total = 0
    for i in range(n):
        total += i % 3
    return total
class Dying:
    def __del__(self):
        os.write(1, b"dies %d\\n" % work(10))
work(300), work(300)
kept = Dying()
atexit.register(lambda: os.write(1, b"exit %d\\n" % work(50)))
for turn in range(4):
    child = os.fork()
    if child == 0:
        if turn == 0:
            sys.exit(3)
        if turn == 1:
            raise ValueError("in the child")
        if turn == 2:
            threading.Thread(target=lambda: os.write(1, b"thread %d\\n" % work(400))).start()
        break
    os.write(1, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    enable = "import tierjit; tierjit.configure(tier1_threshold=1, osr_threshold=60, profiled_turns=8, tier2=%s); tierjit.enable()"
    expected = run("-c", "\n" + text)
    for tier2 in (False, True):
        actual = run("-c", enable % tier2 + "\n" + text)
        assert (actual.returncode, actual.stdout, actual.stderr) == (expected.returncode, expected.stdout, expected.stderr)


POOLS = """
import concurrent.futures, multiprocessing, sys, tierjit
tierjit.configure(tier1_threshold=1, osr_threshold=60, profiled_turns=8, tier2=True, compile_delay_us=500)
tierjit.enable()

def square_sum(n):
    total = 0
    for i in range(n):
        total += i * i
    return total

def fails(n):
    if n == 3:
        raise LookupError(n)
    return square_sum(n), tierjit.is_compiled(square_sum)

if __name__ == "__main__":
    method = sys.argv[1]
    context = multiprocessing.get_context(method)
    for _ in range(20):
        square_sum(100)
    sums = [sum(i * i for i in range(n)) for n in range(60)]
    with context.Pool(2) as pool:
        assert pool.map(square_sum, range(60), chunksize=7) == sums
        assert list(pool.imap_unordered(square_sum, [9] * 5)) == [sums[9]] * 5
        try:
            pool.map(fails, range(5))
        except LookupError as error:
            assert error.args == (3,)
        else:
            raise AssertionError("no error")
        pool.close()
        pool.join()
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        assert list(executor.map(square_sum, range(30))) == sums[:30]
        assert executor.submit(fails, 50).result() == (sums[50], True)
        assert isinstance(executor.submit(fails, 3).exception(), LookupError)
    ends = context.Queue()
    process = context.Process(target=ends.put, args=(square_sum(20),))
    process.start()
    assert ends.get(timeout=60) == sums[20]
    process.join()
    assert process.exitcode == 0
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools(method, tmp_path):
    script = tmp_path / "pools.py"
    script.write_text(POOLS)
    result = run(str(script), method)
    assert result.returncode == 0, result.stderr
