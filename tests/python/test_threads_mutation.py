"""One thread changes what compiled code relies on while others run and compile it: every single result is of the one state or of
the other, and those after the last change are of the last state."""

import pytest

from program import check

pytest.importorskip("tierjit")

PRELUDE = """
import builtins, collections, gc, queue, signal, sys, threading, time, tierjit
tierjit.configure(tier1_threshold=1, tier2_threshold=20, osr_threshold=60, profiled_turns=8, compile_delay_us=100, tier2={tier2})
tierjit.enable()
sys.setswitchinterval(1e-6)

def beside(change, work, threads=3, turns=150):
    "Runs work() in threads while change(turn) goes on; returns what went wrong."
    stop, wrong = False, []
    def run():
        while not stop:
            try:
                work()
            except BaseException as error:
                wrong.append(repr(error))
                return
    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for turn in range(turns):
        change(turn)
        for _ in range(turn % 5):
            time.sleep(0)
    stop = True
    for thread in running:
        thread.join()
    return wrong
tierjit.never(beside)
"""

# What value(i) is made of, what puts it into the state in which it is i + 1, and into the one in which it is i + 10.
STATES = {
    "code": ("""
def value(i): return i + 1
def other(i): return i + 10
first, second = value.__code__, other.__code__
""", "value.__code__ = first", "value.__code__ = second"),
    "function": ("""
def value(i): return i + 1
def other(i): return i + 10
plain = value
""", "globals()['value'] = plain", "globals()['value'] = other"),
    "kind of callable": ("""
def value(i): return i + 1
plain = value
""", "globals()['value'] = plain", "globals()['value'] = (10).__add__"),
    "defaults": ("""
def value(i, more=1): return i + more
""", "value.__defaults__ = (1,)", "value.__defaults__ = (10,)"),
    "keyword defaults": ("""
def value(i, *, more=1): return i + more
""", "value.__kwdefaults__ = {'more': 1}", "value.__kwdefaults__ = {'more': 10}"),
    "global": ("""
more = 1
def value(i): return i + more
""", "globals()['more'] = 1", "globals()['more'] = 10"),
    "builtin": ("""
builtins.more = 10
more = 1
def value(i): return i + more
""", "globals()['more'] = 1", "globals().pop('more', None)"),
    "shadowed builtin": ("""
one = [0]
def value(i): return i + len(one)
""", "globals().pop('len', None)", "globals()['len'] = lambda items: 10"),
    "type of a global": ("""
more = 1
def value(i): return i + more
""", "globals()['more'] = 1", "globals()['more'] = 10.0"),
    "closure": ("""
def make(more):
    def value(i): return i + more
    return value
value = make(1)
[cell] = value.__closure__
""", "cell.cell_contents = 1", "cell.cell_contents = 10"),
    "method": ("""
class C:
    def step(self, i): return i + 1
def ten(self, i): return i + 10
c, one = C(), C.step
def value(i): return c.step(i)
""", "C.step = one", "C.step = ten"),
    "method of a base": ("""
class A:
    def step(self, i): return i + 1
class B(A): pass
class C(B): pass
def ten(self, i): return i + 10
c = C()
def value(i): return c.step(i)
""", "vars(B).get('step') and delattr(B, 'step')", "B.step = ten"),
    "bases": ("""
class A:
    def step(self, i): return i + 1
class B:
    def step(self, i): return i + 10
class C(A): pass
c = C()
def value(i): return c.step(i)
""", "C.__bases__ = (A,)", "C.__bases__ = (B,)"),
    "class": ("""
class A:
    more = 1
class B:
    more = 10
c = A()
def value(i): return i + c.more
""", "c.__class__ = A", "c.__class__ = B"),
    "class attribute": ("""
class C:
    more = 1
c = C()
def value(i): return i + c.more
""", "C.more = 1", "C.more = 10"),
    "instance attribute": ("""
class C:
    def __init__(self): self.more = 1
c = C()
def value(i): return i + c.more
""", "c.more = 1", "c.more = 10.0"),
    "instance or class": ("""
class C:
    more = 10
c = C()
c.more = 1
def value(i): return i + c.more
""", "c.more = 1", "vars(c).pop('more', None)"),
    "instance's dict": ("""
class C:
    def __init__(self): self.more, self.less = 1, 2
c = C()
def value(i): return i + c.more
""", "c.__dict__ = {'more': 1}", "c.__dict__ = {'x': 0, 'more': 10}"),
    "property": ("""
class C:
    def __init__(self): vars(self)['more'] = 1
c = C()
def value(i): return i + c.more
""", "'more' in vars(C) and delattr(C, 'more')", "C.more = property(lambda self: 10)"),
    "__getattr__": ("""
class C:
    def __getattr__(self, name): return 10
c = C()
c.more = 1
def value(i): return i + c.more
""", "c.more = 1", "vars(c).pop('more', None)"),
    "__init__": ("""
class C:
    def __init__(self, i): self.x = i + 1
def ten(self, i): self.x = i + 10
one = C.__init__
def value(i): return C(i).x
""", "C.__init__ = one", "C.__init__ = ten"),
    "operator": ("""
class C:
    def __radd__(self, i): return i + 1
def ten(self, i): return i + 10
c, one = C(), C.__radd__
def value(i): return i + c
""", "C.__radd__ = one", "C.__radd__ = ten"),
    "generator's code": ("""
def steps(i):
    yield i
    yield i + 1
def others(i):
    yield i
    yield i + 10
first, second = steps.__code__, others.__code__
def value(i): return [x for x in steps(i)][1]
""", "steps.__code__ = first", "steps.__code__ = second"),
    "slot descriptor": ("""
class C:
    __slots__ = ("more",)
c = C()
c.more, slot = 1, C.more
def value(i): return i + c.more
""", "C.more = slot", "C.more = 10"),
    "item": ("""
table = {"more": 1}
def value(i): return i + table["more"]
""", "table['more'] = 1", "table['more'] = 10.0"),
}


@pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])
@pytest.mark.parametrize("group", range(5))
def test_changes_beside_running_code(group, tier2):
    for name in list(STATES)[group::5]:
        setup, one, ten = STATES[name]
        check(PRELUDE.replace("{tier2}", str(tier2)) + setup + f"""
def work(n=80):
    for i in range(n):
        got = value(i)
        if got != i + 1 and got != i + 10:
            raise AssertionError((i, got))

def change(turn):
    if turn % 2:
        {one}
    else:
        {ten}
tierjit.never(change)

change(1)
work(), work()
wrong = beside(change, work)
assert not wrong, ({name!r}, wrong[0])
def all_of(n):
    return [value(i) for i in range(n)]
for turn in (1, 2, 3, 4):
    change(turn)
    for n in (5, 300):
        assert [x - i for i, x in enumerate(all_of(n))] == [1 if turn % 2 else 10] * n, ({name!r}, turn)
""")


@pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])
def test_code_comes_and_goes(tier2):
    """Threads make functions and classes, run them until they are compiled, and drop them, with collections in between."""
    check(PRELUDE.replace("{tier2}", str(tier2)) + """
gc.set_threshold(50, 3, 3)
def made(k):
    space = {}
    exec(f'''
class C:
    def __init__(self, x):
        self.x = x
        self.me = self
    def step(self, i):
        return self.x + i * {k}
def f(n):
    total = 0
    for i in range(n):
        total += C(i).step(1)
    return total
def g(n):
    for i in range(n):
        yield f(3) + i
''', space)
    return space["f"], space["g"]
count = 0
def work():
    global count
    count = k = count + 1
    f, g = made(k)
    for n in (2, 90):
        assert f(n) == n * (n - 1) // 2 + n * k
    assert sum(g(70)) == 70 * (3 + 3 * k) + 70 * 69 // 2
wrong = beside(lambda turn: gc.collect() if turn % 20 == 0 else time.sleep(0.001), work)
assert not wrong, wrong[0]
assert count > 10
""")


@pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])
def test_producers_and_consumers(tier2):
    check(PRELUDE.replace("{tier2}", str(tier2)) + """
def produce(q, n):
    for i in range(n):
        q.put((i, i * 0.5))
    q.put(None)

def consume(q, out):
    total = 0
    while True:
        item = q.get()
        if item is None:
            break
        whole, half = item
        total += whole + half
    out.append(total)

def rounds(n, make):
    q, out = make(), []
    threads = [threading.Thread(target=produce, args=(q, n)) for _ in range(3)]
    threads += [threading.Thread(target=consume, args=(q, out)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(out)

for make in (queue.Queue, lambda: queue.Queue(2), queue.SimpleQueue, queue.LifoQueue):
    for n in (5, 150):
        if make is queue.LifoQueue:
            q = make()
            produce(q, n)
            assert q.get() is None and q.get()[0] == n - 1
        else:
            assert rounds(n, make) == 3 * 1.5 * (n * (n - 1) // 2)

condition, turn_of, seen = threading.Condition(), 0, []
def in_turn(me, count, n):
    global turn_of
    for i in range(n):
        with condition:
            while turn_of != me:
                condition.wait()
            seen.append(me)
            turn_of = (me + 1) % count
            condition.notify_all()
threads = [threading.Thread(target=in_turn, args=(me, 3, 70)) for me in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert seen == [0, 1, 2] * 70

barrier, lock, sums = threading.Barrier(3), threading.Lock(), collections.Counter()
def phases(n):
    for i in range(n):
        with lock:
            sums[i] += 1
        barrier.wait()
        assert sums[i] == 3
        barrier.wait()
failed = []
threading.excepthook = lambda args: failed.append(args)
threads = [threading.Thread(target=phases, args=(70,)) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed
""")


@pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])
def test_exceptions_from_outside_end_compiled_loops(tier2):
    """Signal handlers that raise in the main thread, and exceptions that are set in other threads."""
    check(PRELUDE.replace("{tier2}", str(tier2)) + """
import ctypes
class Late(Exception):
    pass

def handler(number, frame):
    raise Late(frame.f_code.co_name)

def endless():
    total = 0
    while True:
        for i in range(1000):
            total = total + i & 1023

def noted(seen):
    try:
        endless()
    except Late as error:
        seen.append(type(error))

seen = []
threads = [threading.Thread(target=noted, args=(seen,)) for _ in range(3)]
for thread in threads:
    thread.start()
signal.signal(signal.SIGALRM, handler)
caught = 0
for turn in range(10):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.003)
        endless()
    except Late as error:
        caught += 1
assert caught == 10
where = []
signal.signal(signal.SIGUSR1, lambda number, frame: where.append(threading.current_thread() is threading.main_thread()))
for thread in threads:
    signal.pthread_kill(thread.ident, signal.SIGUSR1)
while not where:
    pass
assert set(where) == {True}
for thread in threads:
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Late)) == 1
for thread in threads:
    thread.join()
assert seen == [Late] * 3
""")
