"""The package's functions. Each case runs in a process of its own."""

import pytest

from program import check

pytest.importorskip("tierjit")


def test_a_function_is_compiled_after_some_calls():
    check("""
        import tierjit
        assert tierjit.is_available() and tierjit.why_unavailable() is None
        def f(x):
            return x + 1
        code, same = f.__code__, f
        assert not tierjit.is_enabled() and tierjit.is_compiled(f) == 0
        assert tierjit.enable() and tierjit.enable() and tierjit.is_enabled()
        for i in range(3):
            assert f(i) == i + 1
        assert tierjit.is_compiled(f) == 0
        assert "3 of 4" in tierjit.info(f).why_not, tierjit.info(f)
        for i in range(3):
            assert f(i) == i + 1
        assert tierjit.is_compiled(f) == 1 and f is same and f.__code__ is code
        info = tierjit.info(f)
        assert (info.name, info.tier, info.state, info.why_not, info.calls) == ("f", 1, "compiled", "", 4)
        assert info.code_bytes > 0 and info.instructions > 0 and info.entries >= 2, info
    """)


def test_a_loop_is_compiled_at_the_first_call():
    check("""
        import tierjit
        tierjit.enable()
        def f(n):
            t = 0
            for i in range(n):
                t += i
            return t
        assert f(10) == 45 and tierjit.is_compiled(f) == 1
    """)


def test_loops_may_wait_too():
    check("""
        import tierjit
        tierjit.configure(compile_loops_at_once=False)
        tierjit.enable()
        def f(n):
            t = 0
            for i in range(n):
                t += i
            return t
        assert f(10) == 45 and tierjit.is_compiled(f) == 0
        for _ in range(3): f(1)
        assert tierjit.is_compiled(f) == 1
    """)


def test_disable_and_enable_again():
    check("""
        import tierjit
        def f(x): return x * 2
        tierjit.enable()
        for i in range(10): f(i)
        assert tierjit.is_compiled(f) == 1
        compiles = tierjit.stats()["compiles"]
        tierjit.disable()
        assert not tierjit.is_enabled() and tierjit.is_compiled(f) == 0
        assert "not enabled" in tierjit.info(f).why_not
        before = tierjit.info(f).entries
        assert [f(i) for i in range(5)] == [0, 2, 4, 6, 8]
        assert tierjit.info(f).entries == before
        tierjit.enable()
        assert tierjit.is_compiled(f) == 1
        assert f(4) == 8 and tierjit.info(f).entries == before + 1
        tierjit.disable()
        tierjit.disable()
    """)


def test_generators_change_sides_when_switched():
    check("""
        import tierjit
        def gen():
            n = 0
            while True:
                got = yield n
                n += 1 if got is None else got
        def turn(g, n):
            out = []
            for x in g:
                out.append(x)
                if len(out) == n:
                    return out
        send = type(gen()).send
        old = gen()
        assert next(old) == 0
        tierjit.enable()
        g = gen()
        assert turn(g, 3) == [0, 1, 2] and turn(old, 2) == [1, 2] and tierjit.is_compiled(gen) == 1
        entries = tierjit.info(gen).entries
        assert entries >= 1
        tierjit.disable()
        assert next(g) == 3 and turn(g, 2) == [4, 5] and send(g, 10) == 15 and g.__next__() == 16
        h = gen()
        assert list(zip(range(3), h)) == [(0, 0), (1, 1), (2, 2)] and tierjit.info(gen).entries == entries
        tierjit.enable()
        assert turn(g, 2) == [17, 18] and send(h, 5) == 7 and turn(h, 1) == [8] and next(old) == 3
        assert list(zip(range(2), gen())) == [(0, 0), (1, 1)] and tierjit.info(gen).entries > entries
    """)


def test_specialised_calls_come_back_after_disable():
    # A call site that the interpreter has specialised passes by a function's entry as long as its version fits.
    check("""
        import dis, tierjit
        def f(x): return x
        def g(n):
            i = 0
            while i < n:
                f(i)
                i += 1
        def opcodes():
            return {i.opname for i in dis.get_instructions(g, adaptive=True)}
        g(100)
        assert "CALL_PY_EXACT_ARGS" in opcodes()
        tierjit.never(g)
        tierjit.enable()
        g(100)
        assert tierjit.is_compiled(f) == 1, tierjit.info(f)
        entries = tierjit.info(f).entries
        assert entries >= 90, entries
        tierjit.disable()
        g(10000)
        assert tierjit.info(f).entries == entries
        assert "CALL_PY_EXACT_ARGS" in opcodes(), opcodes()
    """)


def test_closures_share_compiled_code():
    check("""
        import tierjit
        tierjit.enable()
        def make(n):
            def add(x): return x + n
            return add
        first = make(1)
        for i in range(6): assert first(i) == i + 1
        assert tierjit.is_compiled(first) == 1
        second = make(10)
        assert tierjit.is_compiled(second) == 1 and second(1) == 11
        def call(f):
            return f(1)
        assert [call(make(i)) for i in range(50)] == [i + 1 for i in range(50)]
        assert tierjit.info(second).entries >= 50
    """)


def test_a_new_code_object_is_respected():
    check("""
        import tierjit
        tierjit.enable()
        def f(x): return x + 1
        def g(x): return x - 1
        for i in range(10): f(i)
        assert tierjit.is_compiled(f) == 1
        f.__code__ = g.__code__
        assert tierjit.is_compiled(f) == 0
        assert [f(i) for i in range(8)] == [i - 1 for i in range(8)]
        assert tierjit.is_compiled(f) == 1
        def yields(x): yield x
        f.__code__ = yields.__code__
        assert [list(f(i)) for i in range(8)] == [[i] for i in range(8)]
    """)


def test_changed_defaults_are_respected():
    check("""
        import tierjit
        tierjit.enable()
        def f(x, y=1, *, z=2): return x, y, z
        for i in range(10): assert f(i) == (i, 1, 2)
        f.__defaults__ = (5,)
        f.__kwdefaults__ = {"z": 6}
        assert f(0) == (0, 5, 6)
        tierjit.disable()
        assert f(0) == (0, 5, 6)
    """)


def test_pause():
    check("""
        import tierjit
        tierjit.enable()
        def f(x): return x
        with tierjit.pause():
            with tierjit.pause():
                pass
            def g(x): return x
            for i in range(20): f(i), g(i)
            assert tierjit.is_compiled(f) == 0 and tierjit.is_compiled(g) == 0
            assert "paused" in tierjit.info(f).why_not
        for i in range(10): f(i), g(i)
        assert tierjit.is_compiled(f) == 1 and tierjit.is_compiled(g) == 1
    """)


def test_jit_and_compile():
    check("""
        import tierjit
        def plain(x): return x + 1
        f = tierjit.jit(plain)
        assert f is plain and tierjit.is_compiled(f) == 1 and f(1) == 2 and tierjit.info(f).entries == 1
        @tierjit.jit(tier=1)
        def g(x): return x
        assert tierjit.is_compiled(g) == 1 and not tierjit.is_enabled()
        class C:
            @tierjit.jit
            @staticmethod
            def s(x): return x
            def m(self, x): return x
        assert tierjit.is_compiled(C.s) == 1
        assert tierjit.compile(C().m) is True and tierjit.is_compiled(C.m) == 1
        assert tierjit.compile(C.m.__code__) is True
        for bad in (2, -1):
            try: tierjit.compile(f, tier=bad)
            except ValueError: pass
            else: raise AssertionError
        for bad in (len, 1, None, C):
            for function in (tierjit.compile, tierjit.is_compiled, tierjit.info, tierjit.disassemble, tierjit.never):
                try: function(bad)
                except TypeError: pass
                else: raise AssertionError((function, bad))
    """)


def test_never():
    check("""
        import tierjit
        tierjit.enable()
        @tierjit.never
        def f(x):
            for i in range(x): pass
            return x
        for i in range(20): assert f(i) == i
        assert tierjit.is_compiled(f) == 0 and tierjit.compile(f) is False
        info = tierjit.info(f)
        assert info.state == "off" and info.why_not.startswith("TJ-900"), info
        def g(x): return x
        for i in range(10): g(i)
        assert tierjit.is_compiled(g) == 1
        entries = tierjit.info(g).entries
        assert tierjit.never(g) is g and tierjit.is_compiled(g) == 0
        for i in range(10): g(i)
        assert tierjit.info(g).entries == entries
    """)


def test_limits_refuse_with_a_reason():
    check("""
        import tierjit
        tierjit.configure(max_bytecodes=50)
        tierjit.enable()
        names = {}
        exec("def long(x):\\n" + "    x = x + 1\\n" * 200 + "    return x", names)
        long = names["long"]
        for i in range(10): assert long(i) == i + 200
        info = tierjit.info(long)
        assert info.state == "refused" and info.why_not.startswith("TJ-901: "), info
        stats = tierjit.stats()
        assert stats["refusals"]["TJ-901"] >= 1 and "max_bytecodes" in stats["refusal_texts"]["TJ-901"]
        tierjit.configure(max_bytecodes=250000)
        assert tierjit.compile(long) is True and long(1) == 201
    """)


def test_refused_functions_are_left_alone():
    check("""
        import tierjit
        tierjit.configure(max_bytecodes=1)
        def f(x): return x
        tierjit.enable()
        for i in range(100): f(i)
        assert tierjit.info(f).calls == 1 and tierjit.info(f).state == "refused"
        tierjit.configure(count_refused=True)
        def g(x): return x
        before = tierjit.stats()["calls_forwarded"]
        for i in range(100): g(i)
        assert tierjit.stats()["calls_forwarded"] >= before + 100
    """)


def test_configure():
    check("""
        import tierjit
        described = tierjit.get_config(described=True)
        assert tierjit.get_config()["tier1_threshold"] == 4
        assert tierjit.configure(tier1_threshold=7, perf_map=False) == {"tier1_threshold": 4, "perf_map": False}
        assert tierjit.get_config()["tier1_threshold"] == 7
        assert tierjit.configure(tier1_threshold="8", log="compile,refuse") == {"tier1_threshold": 7, "log": ""}
        assert tierjit.configure(log="", tier1_threshold=9.0)["tier1_threshold"] == 8
        def error(kind, **options):
            before = tierjit.get_config()
            try:
                tierjit.configure(**options)
            except kind as e:
                assert tierjit.get_config() == before
                return str(e)
            raise AssertionError(options)
        assert "'tier1_threshold'" in error(TypeError, tier1_treshold=1)
        assert "tier1_treshold" in error(TypeError, max_bytecodes=9, tier1_treshold=object())
        assert "between" in error(ValueError, tier1_threshold=0)
        error(ValueError, max_bytecodes=5, tier1_threshold=10**30)
        error(ValueError, loop_door=2)
        for key, entry in described.items():
            for wrong in (None, [], object(), 1j, b"1", float("nan"), chr(0) + "1", chr(0xd800), "maybe"):
                error((TypeError, ValueError), **{key: wrong})
            if entry["type"] == "str":
                error(TypeError, **{key: 1})
                continue
            low, high = (entry["min"], entry["max"]) if entry["type"] == "int" else (0, 1)
            for wrong in (low - 1, high + 1, -10**30, 10**30, 10**5000, 1e300, float("inf"), float("-inf"), str(10**30), "-" + "9" * 200):
                text = error(ValueError, **{key: wrong}) if entry["type"] == "int" or not isinstance(wrong, str) else ""
                if text:
                    assert text.startswith(f"{key} must be between {low} and {high}, not ") and "9223372036854775807" not in text, text
            error(TypeError, **{key: 0.5})
            for right in (low, high, float(high), True if low <= 1 else low):
                before = tierjit.configure(**{key: right})
                assert tierjit.get_config()[key] == right
                tierjit.configure(**before)
        assert "not 1e+30" in error(ValueError, tier1_threshold=10**30)
        error(TypeError, tier1_threshold="many")
        error(TypeError, tier1_threshold=1.5)
        error(TypeError, tier1_threshold=[])
        error(TypeError, log=1)
        assert "channel" in error(ValueError, log="compile,nonsense")
        described = tierjit.get_config(described=True)
        for key, entry in described.items():
            assert entry["doc"] and entry["env"] == "TIERJIT_" + key.upper(), entry
            assert entry["type"] in ("int", "bool", "str"), entry
        assert described["tier1_threshold"]["default"] == 4 and described["tier1_threshold"]["value"] == 9
    """)


def test_stats_can_be_reset():
    check("""
        import tierjit
        tierjit.enable()
        def f(x): return x
        for i in range(100): f(i)
        stats = tierjit.stats(reset=True)
        assert stats["compiles"] > 0 and stats["compile_ns_total"] >= stats["compile_ns_max"] > 0
        tierjit.disable()
        tierjit.stats(reset=True)
        assert tierjit.stats()["compiles"] == 0
    """)


def test_code_that_dies_takes_its_unit_along():
    check("""
        import gc, tierjit
        tierjit.configure(tier1_threshold=1)
        tierjit.enable()
        def round():
            names = {}
            exec("def f(x): return x + 1\\ndef g(x): return f(x)", names)
            assert names["g"](1) == 2
        for _ in range(20): round()
        gc.collect()
        before = tierjit.stats()
        for _ in range(2000): round()
        gc.collect()
        round(), round(), round()
        after = tierjit.stats()
        assert after["compiles"] >= before["compiles"] + 4000
        assert after["compiled_alive"] <= before["compiled_alive"] + 50, (before, after)
        assert after["code_bytes"] <= before["code_bytes"] + 100_000, (before, after)
    """)


def test_disassemble():
    check("""
        import tierjit
        def f(x): return x + 1
        try: tierjit.disassemble(f)
        except ValueError as e: assert "not" in str(e)
        else: raise AssertionError
        tierjit.compile(f)
        assert len(tierjit.disassemble(f).splitlines()) >= 1
        try: tierjit.disassemble(f, what="ir")
        except ValueError: pass
        else: raise AssertionError
        try: import capstone
        except ImportError:
            try: tierjit.disassemble(f, what="asm")
            except ImportError as e: assert "capstone" in str(e)
            else: raise AssertionError
        else:
            assert "ret" in tierjit.disassemble(f, what="asm")
    """)


def test_environment():
    result = check("""
        import tierjit
        assert not tierjit.is_enabled() and not tierjit.is_available() and "TIERJIT=0" in tierjit.why_unavailable()
        assert tierjit.enable() is False
        @tierjit.jit
        @tierjit.never
        def f(x): return x
        assert f(1) == 1 and tierjit.compile(f) is False and tierjit.is_compiled(f) == 0
        tierjit.info(f), tierjit.stats()
        tierjit.disable()
    """, TIERJIT="0")
    assert result.stderr == ""
    result = check("import tierjit; assert tierjit.is_enabled(); assert tierjit.get_config()['tier1_threshold'] == 2",
                   TIERJIT="1", TIERJIT_TIER1_THRESHOLD="2", TIERJIT_TIER3_THRESHOLD="2", TIERJIT_MAX_BYTECODES="many")
    warnings = sorted(result.stderr.splitlines())
    assert len(warnings) == 2, warnings
    assert "TIERJIT_MAX_BYTECODES" in warnings[0] and "'many'" in warnings[0]
    assert "TIERJIT_TIER3_THRESHOLD" in warnings[1] and "did you mean" in warnings[1]


def test_import_is_cheap():
    result = check("""
        import sys, time
        start = time.perf_counter()
        import tierjit
        took = time.perf_counter() - start
        for module in ("dataclasses", "inspect", "json", "typing", "re", "argparse"):
            assert module not in sys.modules, module
        print(took)
    """)
    assert float(result.stdout) < 0.1  # 30 ms is the aim; test machines may be busy


def test_running_loops_do_no_harm_at_module_level():
    check("""
        import tierjit
        tierjit.enable()
        total = 0
        for i in range(1000):
            total += i
        assert total == 499500
        class C:
            values = []
            for j in range(10):
                values.append(j)
        assert C.values == list(range(10)) and C.j == 9
        assert tierjit.stats()["loop_door"] == "on"
    """)


def test_a_running_function_enters_through_the_door():
    check("""
        import tierjit
        def main():
            total = 0
            for i in range(2000):
                if i == 10:
                    tierjit.enable()
                total += i
            return total
        assert main() == 1999000
        assert tierjit.stats()["loop_entries"] >= 1, tierjit.stats()
        tierjit.disable()
        assert main() == 1999000
    """)


def test_the_door_stays_shut_when_the_tool_id_is_taken():
    check("""
        import sys, tierjit
        sys.monitoring.use_tool_id(5, "somebody")
        tierjit.enable()
        for i in range(1000): pass
        stats = tierjit.stats()
        assert "tool id 5" in stats["loop_door"] and stats["loop_entries"] == 0
        tierjit.disable()
        assert sys.monitoring.get_tool(5) == "somebody"
    """)


def test_the_door_is_given_back():
    check("""
        import sys, tierjit
        def f():
            for i in range(100):
                if i == 5: tierjit.enable()
                if i == 50: tierjit.disable()
            return sys.monitoring.get_local_events
        assert sys.monitoring.get_tool(5) is None
        f()
        assert sys.monitoring.get_tool(5) is None
        sys.monitoring.use_tool_id(5, "me")
        assert sys.monitoring.get_local_events(5, f.__code__) == 0
    """)


def test_other_tools_on_the_same_loop():
    check("""
        import sys, tierjit
        lines = []
        mon = sys.monitoring
        mon.use_tool_id(1, "coverage")
        mon.register_callback(1, mon.events.LINE, lambda code, line: lines.append(line))
        def f():
            for i in range(20):
                pass
            return 1
        mon.set_local_events(1, f.__code__, mon.events.LINE)
        tierjit.enable()
        f()
        f()
        assert len(lines) >= 80, lines
    """)


def test_another_frame_evaluator_is_respected():
    check("""
        import sys, tierjit, warnings
        try:
            sys.activate_stack_trampoline("perf")
        except ValueError:
            raise SystemExit
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                assert tierjit.enable() is False
            assert "PEP 523" in str(caught[0].message)
        finally:
            sys.deactivate_stack_trampoline()
        assert tierjit.enable() is True
    """)


def test_subinterpreters_are_left_alone():
    check("""
        import tierjit
        tierjit.enable()
        try:
            import _interpreters as interpreters
        except ImportError:
            raise SystemExit
        interp = interpreters.create()
        error = interpreters.exec(interp, "def f(n):\\n for i in range(n): pass\\n return n\\nfor i in range(50): f(i)")
        assert error is None, error
        error = interpreters.exec(interp, "import tierjit")
        assert error is not None and "ImportError" in error.formatted, error
        interpreters.destroy(interp)
        def f(n):
            for i in range(n): pass
            return n
        for i in range(10): f(i)
        assert tierjit.is_compiled(f) == 1
    """)


def test_threads_and_fork():
    check("""
        import os, threading, tierjit
        tierjit.enable()
        def f(n):
            t = 0
            for i in range(n): t += i
            return t
        results = []
        threads = [threading.Thread(target=lambda: results.append([f(i) for i in range(200)])) for _ in range(4)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert all(r == results[0] for r in results) and len(results) == 4
        pid = os.fork()
        if pid == 0:
            def g(n): return f(n) + 1
            os._exit(0 if [g(i) for i in range(20)][19] == 172 and tierjit.is_compiled(g) == 1 else 1)
        assert os.waitpid(pid, 0)[1] == 0
    """)


def test_functions_at_exit():
    result = check("""
        import atexit, tierjit
        tierjit.enable()
        class Last:
            def __del__(self):
                print("last", f(3))
        def f(n):
            t = 0
            for i in range(n): t += i
            return t
        def early():
            print("atexit", f(4), tierjit.is_enabled())
        atexit.register(early)
        for i in range(10): f(i)
        last = Last()
        last.cycle = last
    """)
    assert result.stdout.splitlines()[0] == "atexit 6 True" and result.stdout.splitlines()[1:] in (["last 3"], [])


def test_pickle_inspect_weakref():
    check("""
        import inspect, pickle, weakref, tierjit, json
        tierjit.enable()
        def f(a, b=1, *c, d: int, **e): "doc"; return a
        for i in range(10): f(i, d=1)
        assert str(inspect.signature(f)) == "(a, b=1, *c, d: int, **e)"
        assert f.__doc__ == "doc" and weakref.ref(f)() is f
        for i in range(10): json.dumps([1])
        assert pickle.loads(pickle.dumps(json.dumps)) is json.dumps
    """)


def test_functions_set_aside_by_gc_freeze_are_switched_off_too():
    check("""
        import gc, tierjit
        tierjit.configure(tier1_threshold=1)
        tierjit.enable()
        def f(x):
            return x + 1
        f(1)
        gc.freeze()
        entries = tierjit.info(f).entries
        tierjit.disable()
        f(2)
        assert tierjit.info(f).entries == entries
    """)


def test_functions_are_interpreted_while_a_tool_watches_calls():
    check("""
        import sys, tierjit
        tierjit.configure(tier1_threshold=1)
        tierjit.enable()
        def add(a, b):
            return a + b
        def run(events):
            monitoring.set_events(1, events)
            add(1, 2)
            monitoring.set_events(1, 0)
        monitoring, seen = sys.monitoring, []
        add(1, 2)
        assert tierjit.is_compiled(add)
        monitoring.use_tool_id(1, "test")
        monitoring.register_callback(1, monitoring.events.C_RETURN, lambda code, at, function, arg: seen.append(function))
        run(monitoring.events.CALL)
        assert add not in seen, seen
        assert not tierjit.is_compiled(add)
        lambda: None                        # the next new function notices that nobody watches any more
        assert tierjit.is_compiled(add)
    """)


def test_compiled_code_objects_look_untouched():
    check("""
        import ctypes, sys, tierjit
        def f():
            return 1
        size = sys.getsizeof(f.__code__)
        tierjit.configure(tier1_threshold=1)
        tierjit.enable()
        f()
        assert tierjit.is_compiled(f) and sys.getsizeof(f.__code__) == size
        # Nor does another tool's free function hear of the death of code that only tierjit knows.
        freed = []
        free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(freed.append)
        ctypes.pythonapi.PyUnstable_Eval_RequestCodeExtraIndex(free)
        scope = {}
        exec("def g(): return 2", scope)
        assert scope["g"]() == 2 and tierjit.is_compiled(scope["g"])
        scope.clear()
        assert not freed
        import os
        os._exit(0)                         # `free` must not go before the interpreter
    """)
