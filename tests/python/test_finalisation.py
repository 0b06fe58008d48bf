"""The end of the interpreter while compiled code is suspended, runs in daemon threads or is being made. Each program ends with the
interpreter's own output and exit status."""

import pytest

from program import run

pytest.importorskip("tierjit")

ENABLE = """
import tierjit
tierjit.configure(tier1_threshold=1, tier2_threshold=20, osr_threshold=60, profiled_turns=8, {options})
tierjit.enable()
"""

COMMON = """
import atexit, os, sys, threading, time
sys.setswitchinterval(1e-5)

def say(*what):
    os.write(1, f"{what}\\n".encode())

def hot(n):
    total = 0
    for i in range(n):
        total += i * i % 7
    return total

for n in range(200):
    hot(n)
"""

ENDS = {
    "exit functions compile": """
def early():
    def outer(n):
        return [hot(i) for i in range(n)]
    say(len(outer(20)), len(outer(30)))
atexit.register(say, "late")
atexit.register(early)
""",
    "exit functions start threads": """
def late():
    try:
        threading.Thread(target=hot, args=(10,)).start()
        say("ran")
    except RuntimeError as error:
        say(error)
atexit.register(late)
""",
    "daemon threads in loops": """
def forever():
    total = 0
    while True:
        total = total + hot(10) & 0xffff
def counting():
    total = 0
    for i in range(10 ** 15):
        total = total + i & 0xffff
for target in (forever, counting, forever, counting):
    threading.Thread(target=target, daemon=True).start()
time.sleep(0.03)
""",
    "daemon threads that raise": """
def raising(i):
    if i % 3 == 1:
        raise KeyError(i)
def forever():
    while True:
        for i in range(100):
            try:
                raising(i)
            except KeyError:
                time.sleep(0)
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.03)
""",
    "threads that go on after main": """
def slow():
    time.sleep(0.01)
    say(hot(5000))
threading.Thread(target=slow).start()
""",
    "compilation under way": """
body = "".join(f"        total += i * {k} % 11\\\\n" for k in range(60))
for k in range(8):
    space = {}
    exec(f"def f(n):\\\\n    total = 0\\\\n    for i in range(n):\\\\n{body}    return total", space)
    space["f"](200)
""",
    "finalisers": """
class Dying:
    def __init__(self, n):
        self.n = n
    def __del__(self):
        try:
            say("dies", self.n, hot(self.n))
        except TypeError:
            os.write(1, b"after hot\\\\n")
for n in range(100):
    Dying(0).__del__ = None
alive, circle = Dying(100), Dying(77)
circle.self = circle
hot.attribute = Dying(5)
sys.attribute = Dying(6)
""",
    "generators alive": """
def items(n):
    try:
        for i in range(n):
            yield i
    finally:
        os.write(1, b"closed %d\\\\n" % i)
class Awaited:
    def __await__(self):
        yield 1
async def waits():
    try:
        await Awaited()
    finally:
        os.write(1, b"awaited\\\\n")
for n in range(5):
    list(items(n + 1))
first, second, third = items(10), items(20), waits()
next(first), next(second), next(second), third.send(None)
sys.attribute = second
""",
    "globals set to None": """
import types
module = types.ModuleType("module")
exec('''
import os
def helper(n):
    return n + 1
class Dying:
    def __del__(self, write=os.write):
        write(1, b"None" if helper is None else b"%d" % helper(1))
def work(n):
    total = 0
    for i in range(n):
        total += helper(i)
    Dying()
    return total
kept = Dying()
''', module.__dict__)
module.work(200), module.work(200)
module.circle = module.Dying()
module.circle.self = module.circle
sys.modules["module"] = module
del module
""",
    "sys.exit in threads": """
def leave(n):
    for i in range(n):
        if i == n - 1:
            sys.exit(3)
threads = [threading.Thread(target=leave, args=(n,)) for n in (5, 500, 500)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(5)
""",
    "os._exit beside threads": """
def forever():
    while True:
        hot(100)
threading.Thread(target=forever).start()
threading.Thread(target=forever, daemon=True).start()
time.sleep(0.01)
os._exit(7)
""",
    "os.abort beside threads": """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def forever():
    while True:
        hot(100)
threading.Thread(target=forever, daemon=True).start()
os.abort()
""",
    "Py_Exit below compiled code": """
import ctypes
def leave(n):
    for i in range(n):
        if i == 150:
            ctypes.pythonapi.Py_Exit(4)
leave(100)
leave(200)
""",
    "unhandled exception": """
def fails(n):
    return hot(n) if n else [][0]
fails(3), fails(2)
atexit.register(lambda: say("still", hot(10)))
fails(0)
""",
    "greenlets suspended": """
import greenlet
def sleeper(n):
    try:
        for i in range(n):
            try:
                greenlet.getcurrent().parent.switch(i)
            except ValueError:
                pass
    finally:
        os.write(1, b"woken\\\\n")
sleepers = [greenlet.greenlet(sleeper) for _ in range(5)]
for each in sleepers:
    each.switch(10), each.switch()
sys.attribute = sleepers[0]
atexit.register(sleepers[1].switch)
""",
}
ENDS = {name: text.replace("\\\\n", "\\n") for name, text in ENDS.items()}


def outcome(text):
    result = run("-c", text)
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize("name", ENDS)
def test_ends_as_in_the_interpreter(name):
    if "greenlet" in ENDS[name]:
        pytest.importorskip("greenlet")
    reference = outcome("\n" * ENABLE.count("\n") + COMMON + ENDS[name])
    for options in ("", "tier2=False", "background=False", "compile_delay_us=100000"):
        assert outcome(ENABLE.format(options=options) + COMMON + ENDS[name]) == reference, options
