"""Generators and numbers that compiled code makes and C code takes, in processes of their own."""

from program import check


def test_disabled_while_c_code_asks():
    """C functions keep the pointer by which they ask for items."""
    check("""
        import tierjit

        def gen(n):
            for i in range(n):
                if i == 50:
                    tierjit.disable()
                if i == 70:
                    tierjit.enable()
                yield i * 1000

        tierjit.enable()
        for consumer in (list, tuple, sum, set, max, all, sorted):
            result = consumer(gen(100))
            assert result == consumer([i * 1000 for i in range(100)]), consumer
    """)


def test_ints_that_die_in_c():
    check("""
        import sys, tierjit

        class Int(int):
            pass

        def numbers(n):
            for i in range(n):
                yield i * 1000 - 5000

        def f(n):
            return sum(numbers(n)) + sum(Int(i) for i in range(n)) + sum(i % 2 == 0 for i in range(n))

        tierjit.enable()
        first = f(2000)
        blocks = None
        for turn in range(50):
            assert f(2000) == first
            if turn == 25:
                blocks = sys.getallocatedblocks()
        assert sys.getallocatedblocks() - blocks < 1000
        assert [i for i in range(-5, 257)] == [int(str(i)) for i in range(-5, 257)] and sys.getrefcount(5) > 2 ** 31
        tierjit.disable()
        assert f(2000) == first
        tierjit.enable()
        assert f(2000) == first
    """)


def test_interpreters_with_locks_of_their_own():
    """Ints of other interpreters come from other allocators, and die while this one runs."""
    check("""
        import _interpreters, threading, tierjit

        def numbers(n):
            for i in range(n):
                yield i * 1000

        tierjit.enable()
        expected = sum(numbers(5000))
        ids = [_interpreters.create("isolated") for _ in range(2)]
        source = "for _ in range(100): assert sum([i * 1000 for i in range(5000)]) == %d" % expected
        failed = []
        others = [threading.Thread(target=lambda id=id: failed.append(_interpreters.run_string(id, source))) for id in ids]
        for other in others:
            other.start()
        for _ in range(100):
            assert sum(numbers(5000)) == expected
        for other in others:
            other.join()
        assert failed == [None, None], failed
        for id in ids:
            _interpreters.destroy(id)
        for _ in range(20):
            assert sum(numbers(5000)) == expected
    """)
