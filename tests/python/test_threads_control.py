"""disable(), enable(), configure() and pause() while compiled code runs, in the same thread and in others."""

import pytest

from program import check

pytest.importorskip("tierjit")


def test_exceptions_pass_frames_whose_functions_were_given_back():
    check("""
        import tierjit
        tierjit.configure(tier1_threshold=1)
        tierjit.enable()

        def off(i):
            if i == 5:
                tierjit.disable()
                raise ValueError
            return i

        def caught(n):
            total = 0
            for i in range(n):
                try:
                    total += off(i)
                except ValueError:
                    total += 100
            return total

        def passed(n):
            for i in range(n):
                off(i)

        def flushed(n):
            for i in range(n):
                if i == 5:
                    tierjit._tierjit.set_mode(None, tierjit._tierjit.TJ_FLUSH, False)
                    {}[i]

        for f in (caught, passed, flushed):
            f(3)
            assert tierjit.is_compiled(f)
            try:
                assert f(10) == 140 and f is caught
            except (KeyError, ValueError) as error:
                assert error.__traceback__.tb_next.tb_lineno > f.__code__.co_firstlineno and f is not caught
            tierjit.enable()
    """)


CONTROLS = {
    "disable": "tierjit.disable(); tierjit.enable()",
    "pause": "with tierjit.pause(): work(5)",
    "configure": "tierjit.configure(tier1_threshold=turn % 3 + 1, tier2=turn % 4 > 0)",
    "flush": "tierjit._tierjit.set_mode(None, tierjit._tierjit.TJ_FLUSH, False)",
    "modes": "tierjit.never(leaf) if turn % 2 else tierjit.jit(leaf)",
}


@pytest.mark.parametrize("control", CONTROLS)
def test_control_from_another_thread(control):
    check(f"""
        import sys, threading, tierjit
        tierjit.configure(tier1_threshold=1, tier2=True, tier2_threshold=20, osr_threshold=60, profiled_turns=8, compile_delay_us=300)
        tierjit.enable()
        sys.setswitchinterval(1e-6)

        def leaf(i):
            if i % 7 == 3:
                raise KeyError(i)
            return i + 1

        def items(n):
            for i in range(n):
                yield i * 1000

        class Cell:
            def __init__(self, value):
                self.value = value

            def __enter__(self):
                return self.value * 1.5

            def __exit__(self, *error):
                return True

        def work(n):
            total = sum(items(n))
            for i in items(n):
                try:
                    total += leaf(i)
                except KeyError:
                    total += 5
                with Cell(i) as value:
                    total += value
                    leaf(i)
            return total

        expected, five = work(40), work(5)
        stop, wrong = False, []

        def run():
            while not stop:
                if work(40) != expected:
                    wrong.append(1)

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(200):
                {CONTROLS[control]}
                if turn % 10 == 0:
                    assert work(5) == five
        finally:
            stop = True
        for thread in threads:
            thread.join()
        assert not wrong
    """)
