"""Other interpreters of the process run interpreted, whether they share the lock or have one of their own."""

import pytest

from program import check

pytest.importorskip("tierjit")

# Iterates, awaits, makes and drops numbers: what tierjit hooks in types that all interpreters share.
WORK = """
import sys
sys.setswitchinterval(1e-5)

def items(n):
    for i in range(n):
        yield i * 1000

async def wait(n):
    total = 0
    for i in range(n):
        total += i * 12345
    return total

def finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value

class Point:
    def __init__(self, x):
        self.x = x

    def half(self):
        return self.x * 0.5

def work(n):
    total = sum(items(n)) + finish(wait(n))
    for i in items(n):
        total += Point(i * 777).half()
    first = items(3)
    next(first)
    first.send(None)
    table = {i * 1000: float(i) for i in range(n)}
    return total + len(table), [2 ** i for i in range(40)][-1]

answers = {work(200) for _ in range(20)}
assert len(answers) == 1
"""


@pytest.mark.parametrize("kinds", [["isolated"], ["legacy"], ["isolated", "isolated"], ["isolated", "legacy"]], ids="+".join)
def test_they_run_beside_compiled_code(kinds):
    check(f"""
        import _interpreters, threading, tierjit
        tierjit.configure(tier1_threshold=1, tier2_threshold=20, osr_threshold=60, profiled_turns=8)
        tierjit.enable()
        source = {WORK!r}
        space = {{}}
        exec(source, space)
        expected, stop, wrong = space["work"](200), False, []

        def other(kind):
            for _ in range(2):
                interpreter = _interpreters.create(kind)
                failure = _interpreters.run_string(interpreter, source)
                if failure is not None:
                    wrong.append(failure.formatted)
                _interpreters.destroy(interpreter)

        def own():
            while not stop:
                if space["work"](200) != expected:
                    wrong.append("main")

        others = [threading.Thread(target=other, args=(kind,)) for kind in {kinds!r}]
        spinner = threading.Thread(target=own)
        for thread in (*others, spinner):
            thread.start()
        for thread in others:
            thread.join()
        stop = True
        spinner.join()
        assert not wrong, wrong[0]
        assert tierjit.is_compiled(space["work"]) and space["work"](200) == expected
    """)


def test_import_with_a_lock_of_their_own_is_refused():
    check("""
        import _interpreters, tierjit
        interpreter = _interpreters.create("isolated")
        failure = _interpreters.run_string(interpreter, "import tierjit")
        assert "ImportError" in failure.formatted and "subinterpreters" in failure.formatted
        _interpreters.destroy(interpreter)
    """)


@pytest.mark.parametrize("main", ["", "tierjit.enable()"])
def test_import_with_the_shared_lock_gives_a_tierjit_that_is_off(main):
    check(f"""
        import _interpreters, tierjit
        {main}
        def before(n):
            return [i for i in range(n)]
        for i in range(10):
            before(i)
        was = tierjit.is_enabled(), tierjit.is_compiled(before), tierjit.get_config()
        interpreter = _interpreters.create("legacy")
        failure = _interpreters.run_string(interpreter, '''if True:
            import warnings, tierjit
            assert not tierjit.is_available() and "main interpreter only" in tierjit.why_unavailable()
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                assert not tierjit.enable() and not tierjit.is_enabled()
            assert "stays off" in str(seen[0].message)
            def f(n):
                total = 0
                for i in range(n):
                    total += i
                return total
            tierjit.configure(tier1_threshold=77)
            assert tierjit.jit(f) is f and f(1000) == 499500 and not tierjit.is_compiled(f)
            with tierjit.pause():
                assert f(10) == 45
            tierjit.disable()
        ''')
        assert failure is None, failure.formatted
        _interpreters.destroy(interpreter)
        assert was == (tierjit.is_enabled(), tierjit.is_compiled(before), tierjit.get_config())
        tierjit.enable()
        def after(n):
            return [before(i) for i in range(n)]
        for i in range(10):
            after(i)
        assert tierjit.is_compiled(after) and tierjit.is_compiled(before)
    """)


def test_the_c_interface_serves_the_main_interpreter_only():
    check("""
        import _interpreters, ctypes, os, tierjit
        tierjit.enable()
        library = os.path.join(os.path.dirname(tierjit.__file__), "libtierjit.so")
        interpreter = _interpreters.create("legacy")
        failure = _interpreters.run_string(interpreter, f'''if True:
            import ctypes
            library = ctypes.PyDLL({library!r})
            unavailable = 4
            assert library.tj_attach_abi(1, 0, None) == unavailable
            assert library.tj_set_mode(None, 0, 0, None) == unavailable
            def f(): pass
            assert library.tj_compile(ctypes.py_object(f), 0, None) == unavailable
        ''')
        assert failure is None, failure.formatted
        _interpreters.destroy(interpreter)
        assert tierjit.is_enabled()
    """)
