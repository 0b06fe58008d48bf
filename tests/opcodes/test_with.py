"""Context managers."""

import contextlib
import sys
from sys import getrefcount as refcount

from harness import case


class Manager:
    def __init__(self, log, name, suppress=False, enter=None, exit=None):
        self.log, self.name, self.suppress, self.enter, self.exit = log, name, suppress, enter, exit

    def __enter__(self):
        self.log("enter", self.name)
        if self.enter:
            raise self.enter
        return self.name

    def __exit__(self, kind, value, tb):
        self.log("exit", self.name, kind, value, tb is not None, sys.exception() is value)
        if self.exit:
            raise self.exit
        return self.suppress


@case
def plain(log):
    def f(manager, action):
        with manager as name:
            log("body", name)
            result = action()
        log("after")
        return result

    for manager in (Manager(log, "a"), Manager(log, "b", True), Manager(log, "c", enter=ValueError("enter")),
                    Manager(log, "d", exit=KeyError("exit"))):
        log.call(f, manager, lambda: 5)
        log.call(f, manager, lambda: 1 // 0)


@case
def exits(log):
    def returns(m):
        with m as name:
            return name

    def breaks(m):
        for i in range(5):
            with m:
                if i == 1:
                    continue
                if i == 2:
                    break
        return i

    def raises(m):
        with m:
            raise ValueError("body")
        return "suppressed"

    def return_in_finally(m):
        with m:
            try:
                1 // 0
            finally:
                return "finally"

    for function in (returns, breaks, raises, return_in_finally):
        log.call(function, Manager(log, "keep"))
        log.call(function, Manager(log, "suppress", True))
        log.call(function, Manager(log, "broken", exit=OSError("x")))


@case
def several(log):
    def f(a, b, c):
        with a as x, b as y, c:
            log(x, y)
            raise KeyError("body")
        return "end"

    def g(a, b):
        with (
            a as x,
            b as y,
        ):
            return x, y

    def nested(a, b):
        with a:
            with b:
                1 // 0
            log("between")
        return "end"

    def m(*args, **kw):
        return Manager(log, *args, **kw)

    log.call(f, m("1"), m("2"), m("3"))
    log.call(f, m("1", True), m("2"), m("3"))
    log.call(f, m("1"), m("2", True), m("3"))
    log.call(f, m("1"), m("2"), m("3", True))
    log.call(f, m("1", True), m("2", enter=ValueError("e")), m("3"))
    log.call(f, m("1", True), m("2", exit=ValueError("x")), m("3"))
    log.call(g, m("1"), m("2"))
    log.call(nested, m("1"), m("2", True))
    log.call(nested, m("1", True), m("2"))


@case
def not_managers(log):
    class OnlyEnter:
        def __enter__(self):
            return 1

    class OnlyExit:
        def __exit__(self, *args):
            return True

    class OnInstance:
        pass

    class BadArity:
        def __enter__(self):
            return self

        def __exit__(self):
            return True

    class Async:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *args):
            pass

    odd = OnInstance()
    odd.__enter__ = lambda: 1
    odd.__exit__ = lambda *a: True

    def f(m):
        with m:
            1 // 0
        return "end"

    for thing in (5, None, OnlyEnter(), OnlyExit(), odd, BadArity(), Async(), OnlyEnter):
        log.call(f, thing)


@case
def truth_of_exit(log):
    class Truth:
        def __bool__(self):
            log("bool")
            return True

    class BadTruth:
        def __bool__(self):
            raise OSError("bool failed")

    def f(m):
        with m:
            raise ValueError("v")
        return "suppressed"

    for result in (0, 1, "", "x", None, [], [0], Truth(), BadTruth()):
        log.call(f, Manager(log, "m", result))


@case
def targets(log):
    class Pair:
        def __enter__(self):
            return 1, (2, [3, 4])

        def __exit__(self, *args):
            return True

    def f(m):
        row = [0]
        with m as (a, (b, [c, *d])):
            row[0] = a
        with m as row[0]:
            pass
        with m as (x, y, z):
            pass
        return a, b, c, d, row

    log.call(f, Pair())


@case
def exit_changes(log):
    class M:
        def __enter__(self):
            M.__exit__ = lambda self, *args: log("replaced")
            return self

        def __exit__(self, *args):
            log("original")

    def f():
        with M():
            log("body")

    f()


@case
def contextlib_managers(log):
    @contextlib.contextmanager
    def manager(name):
        log("enter", name)
        try:
            yield name
        except KeyError as error:
            log("handled", error)
        finally:
            log("exit", name)

    def f(action):
        with manager("a") as a, manager("b") as b:
            action()
            return a + b
        return "suppressed"

    def stack():
        with contextlib.ExitStack() as s:
            names = [s.enter_context(manager(n)) for n in "xy"]
            s.callback(log, "callback")
            raise KeyError(names)
        return "end"

    def suppress():
        with contextlib.suppress(ZeroDivisionError, KeyError):
            1 // 0
        with contextlib.suppress(KeyError):
            [][0]

    def redirect():
        import io
        with contextlib.redirect_stdout(io.StringIO()) as out:
            print("hidden")
        return out.getvalue()

    log.each(f, (lambda: None,), (lambda: {}["k"],), (lambda: 1 // 0,))
    log.call(stack)
    log.call(suppress)
    log.call(redirect)


@case
def exception_context(log):
    def f():
        try:
            raise KeyError("outer")
        except KeyError:
            with Manager(log, "m", exit=OSError("exit")):
                raise ValueError("body")

    def g():
        with Manager(log, "m"):
            try:
                1 // 0
            except ZeroDivisionError:
                raise ValueError("in handler")

    log.call(f)
    log.call(g)
    log(sys.exception())


@case
def lifetimes(log):
    class Holder:
        def __init__(self, name):
            self.probe = log.probe(name)

        def __enter__(self):
            return log.probe(self.probe.name + ".entered")

        def __exit__(self, *args):
            log("exit", self.probe.name)
            return True

    def f():
        with Holder("a"):
            log("body a")
        log("after a")
        with Holder("b") as x:
            log("body b")
        log("after b")
        with Holder("c") as x:
            1 // 0
        log("after c")
        x = None
        log("end")

    log.call(f)


@case
def counts(log):
    class M:
        def __enter__(self):
            log("refs", refcount(self))
            return self

        def __exit__(self, *args):
            log("refs", refcount(self))
            return True

    def f(m):
        log("refs", refcount(m))
        with m as n:
            log("refs", refcount(m), refcount(n))
            raise ValueError
        log("refs", refcount(m))

    f(M())


@case
def in_loops(log):
    def f(n):
        out = []
        for i in range(n):
            with Manager(log, i, i % 2 == 0) as name:
                out.append(name)
                if i < 3:
                    1 // (i % 2)
        return out

    log.call(f, 4)


@case
def real_managers(log):
    import decimal
    import tempfile
    import threading
    import warnings

    def f():
        lock = threading.Lock()
        with lock:
            held = lock.locked()
        with tempfile.TemporaryFile("w+") as file:
            file.write("text")
            file.seek(0)
            text = file.read()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.warn("careful")
        with decimal.localcontext() as context:
            context.prec = 3
            third = decimal.Decimal(1) / 3
        with memoryview(b"abc") as view:
            first = view[0]
        return held, lock.locked(), text, file.closed, len(caught), str(
            caught[0].message), caught[0].lineno, third, first

    log.call(f)


@case
def traceback_of_exit(log):
    class M:
        def __enter__(self):
            return self

        def __exit__(self, kind, value, tb):
            lines = []
            while tb:
                lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno))
                tb = tb.tb_next
            log(lines)
            return False

    def inner():
        raise ValueError("deep")

    def f():
        with M() as m:
            log("start")
            inner()

    log.call(f)


@case
def managers_in_python(log):
    """`__enter__` and `__exit__` as functions: entered without a detour, so what they see and keep must be the same."""
    class Manager:
        def __init__(self, name, swallow=False):
            self.name, self.swallow = name, swallow

        def __enter__(self):
            if self.name == "enter":
                raise KeyError("enter")
            return log.probe(self.name)

        def __exit__(self, kind, value, traceback):
            log("exit", kind, str(value))
            if self.name == "exit":
                raise IndexError("exit")
            return self.swallow

        def __del__(self):
            log("del", self.name)

    class Defaults(Manager):
        def __enter__(self, extra=1):
            del self
            return extra

        def __exit__(self, *args, more=2):
            del self
            log("exit", len(args), more)

    class OnlyEnter:
        def __enter__(self):
            log("never")

    def f(manager, error=None):
        with manager as entered:
            log("in", entered is not None)
            if error is not None:
                raise error
        log("after")

    for _ in range(2):
        log.call(lambda: f(Manager("plain")))
        log.call(lambda: f(Manager("enter")))
        log.call(lambda: f(Manager("exit")))
        log.call(lambda: f(Manager("raise"), ValueError(1)))
        log.call(lambda: f(Manager("swallow", True), ValueError(2)))
        log.call(lambda: f(Manager("exit"), ValueError(3)))
        log.call(lambda: f(Defaults("defaults")))
        log.call(lambda: f(Defaults("defaults"), ValueError(4)))
        log.call(lambda: f(OnlyEnter()))
        log.call(lambda: f(5))
    Manager.__exit__ = lambda *args: log("other", len(args))
    log.call(lambda: f(Manager("changed")))
    Manager.__enter__ = classmethod(lambda cls: cls.__name__)
    log.call(lambda: f(Manager("changed")))


@case
def trying_to_enter_within(log):
    class Manager:
        def __enter__(self):
            raise KeyError("enter")

        def __exit__(self, *args):
            log("never")

        def __del__(self):
            log("del")

    def f():
        for i in range(2):
            try:
                with Manager():
                    log("never")
            except KeyError as e:
                log(str(e), e.__traceback__.tb_next is not None)
        return [1, Manager().__class__.__name__]

    log.call(f)
    log.call(f)


@case
def exits_that_raise_in_a_loop(log):
    class Manager:
        def __init__(self, name, how):
            self.name, self.how = name, how

        def __enter__(self):
            return self

        def __exit__(self, *details):
            if self.how is not None:
                raise self.how(self.name)

        def __del__(self):
            log("died", self.name)

    def f(n, how):
        caught = 0
        for k in range(n):
            try:
                with Manager(k, how):
                    raise IndexError
            except (KeyError, IndexError) as error:
                log(type(error).__name__, refcount(error))
                caught += 1
        return caught

    def nested(n, inner, outer):
        caught = 0
        for k in range(n):
            try:
                with Manager(-k, outer), Manager(k, inner) as m:
                    try:
                        raise IndexError
                    finally:
                        log(refcount(m))
            except (KeyError, IndexError, ValueError) as error:
                log(type(error).__name__, type(error.__context__).__name__)
                caught += 1
        return caught

    def reraised(n):
        caught = 0
        for k in range(n):
            m = Manager(k, None)
            try:
                try:
                    raise KeyError(m)
                except KeyError as error:
                    try:
                        raise IndexError(m)
                    finally:
                        log(refcount(m), refcount(error))
            except IndexError as error:
                log(refcount(error), refcount(m))
                caught += 1
        return caught

    for how in (None, KeyError):
        log.call(f, 12, how)
        for outer in (None, ValueError):
            log.call(nested, 8, how, outer)
    log.call(reraised, 10)
