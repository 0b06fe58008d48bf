"""Every way from the interpreter and from C code into compiled code, and when tierjit leaves code to other tools.

Each case is a process of its own."""

import pytest

from program import check

pytest.importorskip("tierjit")

PRELUDE = """
import sys, tierjit
mon = sys.monitoring
tierjit.configure(tier2=TIER2)
tierjit.stats()  # imports what it needs

def native(run, *args):
    '''Bytecodes of compiled code that run(*args) has made run.'''
    before = tierjit.stats()["native_bytecodes"]
    run(*args)
    return tierjit.stats()["native_bytecodes"] - before

def interpreted(function):
    return tierjit.never(function)

def entries():
    return tierjit.stats()["loop_entries"]

N = 2000
"""


def program(text, tier2=False):
    check(PRELUDE.replace("TIER2", str(tier2)) + text)


# Source that defines what is called, and a statement that an interpreted loop runs. Called means: as often as the loop turns.
CALLS = {
    "function": ("def f(x): return x + 1", "f(i)"),
    "defaults": ("def f(x, y=2, *, z=3): return x + y + z", "f(i)"),
    "keywords": ("def f(x, y=2, *, z=3): return x + y + z", "f(y=i, x=2, z=1)"),
    "starred": ("def f(*a, **k): return len(a) + len(k)\na, k = (1, 2), {'q': 1}", "f(*a, **k)"),
    "method": ("class C:\n    def m(self, x): return x + 1\no = C()", "o.m(i)"),
    "bound method": ("class C:\n    def m(self, x): return x + 1\nm = C().m", "m(i)"),
    "class method": ("class C:\n    @classmethod\n    def m(cls, x): return x + 1", "C.m(i)"),
    "static method": ("class C:\n    @staticmethod\n    def m(x): return x + 1", "C.m(i)"),
    "constructor, by map()": ("class C:\n    def __init__(self, x): self.x = x + 1", "list(map(C, (1, 2)))"),
    "constructor with defaults": ("class C:\n    def __init__(self, x, y=1, *z): self.x = x + 1", "C(i)"),
    "new": ("class C:\n    def __new__(cls, x): return object.__new__(cls)", "C(i)"),
    "metaclass": ("class M(type):\n    def __call__(cls, x): return x + 1\nclass C(metaclass=M): pass", "C(i)"),
    "call": ("class C:\n    def __call__(self, x): return x + 1\no = C()", "o(i)"),
    "property": ("class C:\n    @property\n    def p(self): return 1 + N\no = C()", "o.p"),
    "setter": ("class C:\n    @property\n    def p(self): return 1\n    @p.setter\n    def p(self, x): y = x + 1\no = C()", "o.p = i"),
    "descriptor": ("class D:\n    def __get__(self, o, c): return 1 + N\nclass C: d = D()\no = C()", "o.d"),
    "getattr": ("class C:\n    def __getattr__(self, name): return name + 'x'\no = C()", "o.missing"),
    "getattribute": ("class C:\n    def __getattribute__(self, name): return name + 'x'\no = C()", "o.missing"),
    "setattr": ("class C:\n    def __setattr__(self, name, x): y = x + 1\no = C()", "o.q = i"),
    "hash": ("class C:\n    def __hash__(self): return 1 + N\no, d = C(), {}", "d[o] = i"),
    "equality": ("class C:\n    def __eq__(self, o): return self is not o\n    __hash__ = None\no = C()", "o == i"),
    "in a list": ("class C:\n    def __eq__(self, o): return self is o\no = C()\nl = [C(), C(), o]", "o in l"),
    "item": ("class C:\n    def __getitem__(self, x): return x + 1\no = C()", "o[i]"),
    "items by iter()": ("class C:\n    def __getitem__(self, x):\n        if x > 2: raise IndexError\n        return x\no = C()", "list(o)"),
    "length": ("class C:\n    def __len__(self): return 1 + N\no = C()", "len(o)"),
    "truth": ("class C:\n    def __bool__(self): return N > 1\no = C()", "not o"),
    "addition": ("class C:\n    def __add__(self, x): return x + 1\n    def __radd__(self, x): return x + 1\no = C()", "o + i; i + o"),
    "iterator": ("class C:\n    def __iter__(self): return self\n    def __next__(self): return 1 + N\no = C()", "next(o)"),
    "with": ("class C:\n    def __enter__(self): return 1 + N\n    def __exit__(self, *e): return None\no = C()", "with o: pass"),
    "finaliser": ("class C:\n    def __del__(self): x = 1 + N", "C()"),
    "str": ("class C:\n    def __str__(self): return 'a' + 'b' * 1\no = C()", "f'{o}'"),
    "sort key": ("l = [3, 1, 2]", "sorted(l, key=lambda x: x + 1)"),
    "map": ("l = [3, 1, 2]", "list(map(lambda x: x + 1, l))"),
    "filter": ("l = [3, 1, 2]", "list(filter(lambda x: x > 1, l))"),
    "max key": ("l = [3, 1, 2]", "max(l, key=lambda x: -x)"),
    "reduce": ("import functools\nl = [3, 1, 2]", "functools.reduce(lambda x, y: x + y, l)"),
    "partial": ("import functools\nf = functools.partial(lambda x, y: x + y, 1)", "f(i)"),
    "cached": ("import functools\n@functools.lru_cache(8)\ndef f(x): return x + 1", "f(i)"),
    "defaultdict": ("import collections\nd = collections.defaultdict(lambda: N + 1)", "d.clear(); d[i]"),
    "regular expression": ("import re\np = re.compile('a')", "p.sub(lambda m: m[0] + 'b', 'xax')"),
    "weak reference": ("import weakref\nclass C: pass\nback = []", "back = weakref.ref(C(), lambda r: N + 1)"),
    "ctypes": ("import ctypes\nf = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1)", "f(i)"),
    "closure made anew": ("def make(y): return lambda x: x + y", "make(1)(i)"),
    "function made anew": ("", "(lambda x: x + 1)(i)"),
    "class made anew": ("def make():\n    class C:\n        def m(self, x): return x + 1\n    return C", "make()().m(i)"),
    "nested": ("def f(x):\n    def g(y): return y + x\n    return g(1)", "f(i)"),
    "generator, by list()": ("def g(n):\n    for j in range(n): yield j", "list(g(3))"),
    "generator, by sum()": ("def g(n):\n    for j in range(n): yield j", "sum(g(3))"),
    "generator, by next()": ("def g():\n    while True: yield N\no = g()", "next(o)"),
    "generator, by send()": ("def g():\n    x = 0\n    while True: x = yield x\no = g()\nnext(o)", "o.send(i)"),
    "generator expression": ("l = [3, 1, 2]", "any(x > 3 for x in l)"),
    "comprehension": ("l = [3, 1, 2]", "(lambda: [x + 1 for x in l])()"),
    "coroutine": ("async def f(x): return x + 1", "try: f(i).send(None)\n        except StopIteration: pass"),
    "exec in a function": ("code = compile('f(1)', '', 'exec')\ndef f(x): return x + 1", "exec(code)"),
}


@pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])
@pytest.mark.parametrize("door", CALLS)
def test_calls_from_interpreted_code(door, tier2):
    setup, statement = CALLS[door]
    program(f"""
{setup}
@interpreted
def drive(n):
    for i in range(n):
        {statement}
drive(50)           # the interpreter specialises its calls
tierjit.enable()
drive(50)           # what is called gets warm
done = native(drive, N)
assert done >= 2 * N, done
done = native(drive, N)
assert done >= 2 * N, done
tierjit.disable()
assert native(drive, N) < N
tierjit.enable()
done = native(drive, N)
assert done >= 2 * N, done
""", tier2)


@pytest.mark.parametrize("where", ["here", "below", "beside", "module", "exec", "class"])
def test_loops_that_run_already(where):
    loop = """
    total = 0
    for i in range(50_000):
        if i == 10:
            tierjit.enable()
            before = tierjit.stats()["native_bytecodes"], entries()
        total += i
    done.append((tierjit.stats()["native_bytecodes"] - before[0], entries() - before[1], total))
"""
    body = loop.replace("\n    ", "\n")
    texts = {
        "here": f"def f():{loop}\nf()",
        "below": "def on():\n    tierjit.enable()\n" + f"def f():{loop}\nf()".replace("tierjit.enable()", "on()"),
        "beside": f"import threading\ndef f():{loop}\nt = threading.Thread(target=f)\nt.start()\nt.join()",
        "module": body,
        "exec": f"exec({body!r}, globals(), {{}})",
        "class": f"class C:{loop}",
    }
    program("done = []\n" + texts[where] + """
(bytecodes, count, total), = done
assert count == 1 and bytecodes > 200_000 and total == 49_999 * 25_000, done
""")


def test_loops_of_bodies():
    """Of a module that is imported, exec() with dicts of its own, class bodies, eval()."""
    program("""
import os, tempfile
tierjit.enable()
LOOP = "total = 0\\nfor i in range(20000):\\n    total += i & 3\\n"
with tempfile.TemporaryDirectory() as folder:
    open(os.path.join(folder, "has_a_loop.py"), "w").write(LOOP)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = False
    def imports(): import has_a_loop
    assert native(imports) > 100_000
    module = sys.modules["has_a_loop"]
    assert module.total == 30_000 and module.__spec__.origin == module.__file__ == os.path.join(folder, "has_a_loop.py")
    assert os.listdir(os.path.join(folder, "__pycache__")) == [os.path.basename(module.__cached__)]
assert native(exec, LOOP) > 100_000
assert native(exec, LOOP, {}) > 100_000
assert native(exec, LOOP, {}, {}) > 100_000
def makes_a_class():
    class C:
        total = 0
        for i in range(20000):
            total += i & 3
assert native(makes_a_class) > 100_000
assert native(eval, "[i & 3 for i in range(20000)]") > 60_000
""")


def test_bodies_that_run_a_few_turns_stay_interpreted():
    program("""
tierjit.enable()
before, compiles = entries(), tierjit.stats()["compiles"]
for k in range(100):
    exec(compile(f"for i in range({k % 5}): x = i\\n", "<short>", "exec"), {})
assert entries() == before, entries()
often = compile("total = 0\\nfor i in range(30):\\n    total += i\\n", "<often>", "exec")
@interpreted
def again(n):
    for _ in range(n): exec(often, {})
assert native(again, 3) < 500
assert native(again, 500) > 500 * 100  # the same code is worth it in the end, in any namespace
assert entries() > 400
""")


def test_constructors():
    """The interpreter's specialised constructor runs a short __init__ itself. Whatever else calls the class enters compiled code."""
    program("""
class C:
    def __init__(self, x): self.x = x + 1
@interpreted
def specialised(n):
    for i in range(n): C(i)
specialised(50)
tierjit.enable()
def compiled(n):
    for i in range(n): C(i)
compiled(50)
assert tierjit.is_compiled(C.__init__)
assert native(compiled, N) >= 8 * N
assert native(exec, "for i in range(20000): C(i)", globals()) >= 8 * 20000
@interpreted
def otherwise(n):
    make = [C]
    for i in range(n): type.__call__(C, i)
assert native(otherwise, N) >= 2 * N
assert native(specialised, N) < N
""")


LONG = r"""
steps = "; ".join(f"a{k} = x + {k}; b = a{k} * 2 - x" for k in range(14))
source = f'''
class C:
    def __init__(self, x):
        {steps}
        if x == -1: 1 // 0
        self.b = b
def gen(n):
    try:
        for x in range(n):
            {steps}
            try:
                got = yield b
            except KeyError:
                got = "caught"
            if got: yield got
            if x == 77: raise ValueError(x)
    finally:
        closed.append(n)
    return 5
'''
closed = []
exec(source)
@interpreted
def make(n):
    total = 0
    for i in range(n): total += C(i).b
    return total
@interpreted
def consume(n):
    total = 0
    for x in gen(n): total += x
    return total
"""


@pytest.mark.parametrize("tier2", [False, True], ids=["tier1", "tier2"])
@pytest.mark.parametrize("drive", ["make", "consume"])
def test_what_the_interpreter_enters_by_itself(drive, tier2):
    """Long constructors in its specialised CALL, long generators in its FOR_ITER."""
    program(LONG + f"""
before = [{drive}(n) for n in (0, 1, 5, 70)]        # the interpreter specialises
tierjit.enable()
{drive}(70)
count = entries()
for _ in range(30): {drive}(70)
assert entries() - count >= 30 * 70, entries() - count
assert before == [{drive}(n) for n in (0, 1, 5, 70)]
tierjit.disable()
count = entries()
assert before == [{drive}(n) for n in (0, 1, 5, 70)] and entries() == count
assert mon.get_tool(5) is None
tierjit.enable()
{drive}(70)
assert entries() > count
""", tier2)


def test_errors_where_the_interpreter_enters_by_itself():
    program(LONG + """
import traceback
def outcome(run, *args):
    try:
        return run(*args)
    except Exception as error:
        return traceback.format_exc(), [line for _, line in traceback.walk_tb(error.__traceback__)]
@interpreted
def bad(n):
    for i in range(n, -2, -1): C(i)
@interpreted
def throws():
    seen, g = [], gen(9)
    for x in g:
        seen.append(x)
        if x == 15: seen.append(g.throw(KeyError))
    return seen, sys.exception()
@interpreted
def stops():
    for x in gen(9):
        if x > 14: break
    return list(closed)
def all_of_it():
    del closed[:]
    return outcome(bad, 3), outcome(consume, 100), outcome(throws), outcome(stops), list(closed)
before = all_of_it()
for _ in range(4): assert str(all_of_it()) == str(before)
tierjit.enable()
count = entries()
for _ in range(8): assert str(all_of_it()) == str(before), (before, all_of_it())
assert entries() > count + 8 * 70
events = []
mon.use_tool_id(2, "another")
mon.register_callback(2, mon.events.PY_RESUME, interpreted(lambda code, at: events.append(code.co_name)))
mon.set_local_events(2, gen.__code__, mon.events.PY_RESUME)
count = entries()
consume(50)
assert events == ["gen"] * 50 and entries() == count
mon.set_local_events(2, gen.__code__, 0)
consume(50)
assert entries() > count and len(events) == 50
""")


def test_a_generator_that_an_interpreted_loop_consumes():
    """A short one: what it calls is compiled; from C code, and from compiled loops, it is resumed natively itself."""
    program("""
def work(x):
    y = x + 1
    return y * 2
def gen(n):
    for i in range(n):
        yield work(i)
@interpreted
def consume(n):
    total = 0
    for x in gen(n): total += x
    return total
tierjit.enable()
assert consume(N) == consume(N)
assert native(consume, N) >= 4 * N
def compiled(n):
    total = 0
    for x in gen(n): total += x
    return total
assert compiled(N) == consume(N)
assert native(compiled, N) >= 15 * N
""")


LISTENED = """
def loop(n):
    total = 0
    for i in range(n):
        total += step(i)
    return total
def step(x):
    return x + 1
tierjit.enable()
assert loop(100) == loop(100)
assert native(loop, N) > 5 * N
"""


def test_the_tool_id_of_another():
    program("""
mon.use_tool_id(5, "another")
seen = []
mon.register_callback(5, mon.events.JUMP, interpreted(lambda *event: seen.append(event)))
def f():
    tierjit.enable()
    for i in range(N): i
f()
assert mon.get_tool(5) == "another" and "tool id 5" in tierjit.stats()["loop_door"] and entries() == 0
exec("for i in range(20000): i")
assert entries() == 0
def g(n):
    for i in range(n): i
g(5)
mon.set_local_events(5, g.__code__, mon.events.JUMP)
assert native(g, N) < N and len(seen) >= N - 1, (native(g, N), len(seen))
tierjit.disable()
assert mon.get_tool(5) == "another" and mon.get_local_events(5, g.__code__) == mon.events.JUMP
""")


@pytest.mark.parametrize("event", ["PY_START", "LINE", "JUMP", "PY_RETURN", "BRANCH", "INSTRUCTION"])
def test_local_events_of_another_tool(event):
    program(LISTENED + f"""
event = mon.events.{event}
seen = []
mon.use_tool_id(2, "another")
mon.register_callback(2, event, interpreted(lambda code, *where: seen.append(code.co_name)))
mon.set_local_events(2, loop.__code__, event)
done = native(loop, N)
assert 3 * N <= done, done                          # the callee still runs natively
assert seen and set(seen) == {{"loop"}}
if {event!r} in ("LINE", "JUMP", "BRANCH", "INSTRUCTION"): assert len(seen) >= N - 1, len(seen)
del seen[:]
mon.set_local_events(2, step.__code__, event)
loop(N)
if {event!r} not in ("JUMP", "BRANCH"): assert seen.count("step") >= N, len(seen)
if {event!r} not in ("PY_START", "PY_RETURN"): assert seen.count("loop") >= N - 1, len(seen)
mon.set_local_events(2, loop.__code__, 0)
mon.set_local_events(2, step.__code__, 0)
del seen[:]
assert native(loop, N) > 5 * N and not seen
mon.free_tool_id(2)
""")


@pytest.mark.parametrize("event", ["PY_START", "LINE", "PY_RETURN", "CALL"])
def test_global_events(event):
    program(LISTENED + f"""
event = mon.events.{event}
seen = []
mon.use_tool_id(1, "another")
mon.register_callback(1, event, interpreted(lambda code, *where: seen.append(code.co_name)))
native(loop, N)
mon.set_events(1, event)
loop(N)
mon.set_events(1, 0)
assert seen.count("loop" if event == mon.events.CALL else "step") >= N, len(seen)
del seen[:]
(lambda: None)()  # where calls were watched, a new function is what tells that they no longer are
loop(10)
assert native(loop, N) > 5 * N and not seen
""")


def test_events_begin_in_the_middle_of_a_body():
    """A loop of a module that has been entered leaves when a tool begins to listen, and is entered again when it ends."""
    program("""
tierjit.enable()
seen = []
mon.use_tool_id(3, "another")
mon.register_callback(3, mon.events.LINE, interpreted(lambda code, line: seen.append(line)))
exec('''
code = sys._getframe().f_code
for i in range(30000):
    if i == 10000: mon.set_local_events(3, code, mon.events.LINE)
    if i == 10100: mon.set_local_events(3, code, 0)
''')
assert 300 <= len(seen) <= 303 and set(seen) == {3, 4, 5}, (len(seen), set(seen))
assert entries() == 2, entries()
""")


def test_tracing_sees_the_loops_of_bodies():
    program("""
tierjit.enable()
lines = []
def trace(frame, event, argument):
    if frame.f_code.co_filename == "<body>": lines.append((event, frame.f_lineno))
    return trace
code = compile("for i in range(3000):\\n    i\\n", "<body>", "exec")
exec(code, {})
count = entries()
assert count == 1
sys.settrace(trace)
exec(code, {})
sys.settrace(None)
assert len(lines) == 3000 * 2 + 3, len(lines)
assert entries() == count
exec(code, {})
assert entries() == count + 1
""")


def test_debuggers_find_no_events_of_the_door():
    """Where code has local events of another tool the interpreter leaves out the opcode events that pdb's first stop needs."""
    check("""
        import sys, tierjit
        events = []
        def trace(frame, event, arg):
            frame.f_trace_opcodes = True
            events.append(event)
            return trace
        def comes():
            tierjit.enable()                    # f() is running: its code gets events
            assert sys.monitoring.get_local_events(5, f.__code__)
            sys.settrace(None)                  # as bdb does
            frame = sys._getframe(1)
            frame.f_trace, frame.f_trace_opcodes = trace, True
            sys.settrace(lambda *event: None)
        def f(n):
            for i in range(n):
                if i == 1:
                    comes()
        f(4)
        sys.settrace(None)
        assert events.count("opcode") > 10, events
    """)
