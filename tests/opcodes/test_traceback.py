"""Tracebacks: lines, columns, chains over many frames."""

from harness import case


def raiser(error):
    raise error


@case
def reraise(log):
    def plain():
        try:
            1 // 0
        except ZeroDivisionError:
            log("again")
            raise

    def named():
        try:
            1 // 0
        except ZeroDivisionError as error:
            raise error

    def later():
        try:
            1 // 0
        except ZeroDivisionError as error:
            kept = error
        raise kept

    def nested():
        try:
            1 // 0
        except ZeroDivisionError:
            try:
                {}["k"]
            except KeyError:
                pass
            raise

    def no_active():
        raise

    def in_function():
        try:
            1 // 0
        except ZeroDivisionError:
            no_active()

    def after_inner():
        try:
            raise ValueError("outer")
        except ValueError:
            try:
                raise KeyError("inner")
            except KeyError:
                raise

    def twice():
        try:
            plain()
        except ZeroDivisionError as error:
            try:
                raise error
            except ZeroDivisionError as again:
                raise again

    for function in (plain, named, later, nested, no_active, in_function, after_inner, twice):
        log.call(function)


@case
def chaining(log):
    def context():
        try:
            1 // 0
        except ZeroDivisionError:
            {}["k"]

    def cause():
        try:
            1 // 0
        except ZeroDivisionError as error:
            raise ValueError("new") from error

    def no_cause():
        try:
            1 // 0
        except ZeroDivisionError:
            raise ValueError("new") from None

    def class_cause():
        raise ValueError("x") from KeyError

    def bad_cause():
        raise ValueError("x") from 5

    def three():
        try:
            try:
                1 // 0
            except ZeroDivisionError:
                {}["k"]
        except KeyError:
            [][0]

    def from_callee():
        try:
            raise KeyError("outer")
        except KeyError:
            raiser(ValueError("in callee"))

    def finally_context():
        try:
            raise KeyError("try")
        finally:
            [][0]

    def same_object():
        error = ValueError("same")
        try:
            raise error
        except ValueError:
            raise error

    def cycle():
        a = ValueError("a")
        try:
            try:
                raise a
            except ValueError:
                raise KeyError("b")
        except KeyError:
            raise a

    def already_handled():
        try:
            1 // 0
        except ZeroDivisionError:
            pass
        {}["no context"]

    for function in (context, cause, no_cause, class_cause, bad_cause, three, from_callee, finally_context, same_object,
                     cycle, already_handled):
        log.call(function)


@case
def raise_forms(log):
    class NeedsArgument(Exception):
        def __init__(self, a):
            super().__init__(a)

    class NewReturnsOther(Exception):
        def __new__(cls):
            return 5

    class InitFails(Exception):
        def __init__(self):
            raise OSError("from init")

    for thing in (ValueError, ValueError("v"), ValueError("a", 1), 5, None, "text", int, NeedsArgument, NewReturnsOther,
                  InitFails, StopIteration(3), GeneratorExit, KeyboardInterrupt("k"), SystemExit(2), BaseException("b"),
                  BaseExceptionGroup("g", [ValueError(1)])):
        log.call(raiser, thing)


@case
def deep_tracebacks(log):
    def a(n):
        if n == 0:
            return b(n)
        return a(n - 1)

    def b(n):
        try:
            return c(n)
        except ZeroDivisionError as error:
            raise ValueError("b") from error

    def c(n):
        return [1, 2,
                3 // n]

    log.call(a, 5)
    log.call(a, 0)


@case
def traceback_positions(log):
    def binary(a, b):
        return (a +
                b * (a
                     - b))

    def call(a):
        return a(
            1,
            a.b,
        )

    def sub(a):
        x = a["k"][
            "l"]
        return x

    def compare(a, b):
        if (a <
                b):
            return 1

    def multi(a, b):
        c = a; d = a / b; e = d

    def store(a):
        a.x, a[1], a.y = 1, 2, 3

    def unpack(a):
        (b,
         c) = a

    def iterate(a):
        for x in \
                a:
            pass

    def attribute(a):
        return (a
                .b
                .c)

    def raising(a):
        raise (
            a
        )

    def in_with(a):
        with a as b:
            pass

    def deleted(a):
        del a[0], a.x

    def formatted(a):
        return f"{a:{a}} {a!r}" f"{a.nothing}"

    def asserted(a):
        assert (a and
                a.b), a.message

    def imported():
        import no_such_module_anywhere

    def star(a):
        return [*a, *(a,)]

    def unary(a):
        return (-
                a)

    for function, args in ((binary, (1, "x")), (binary, ("x", 1)), (binary, (2, None)), (call, (5, )), (call, (len, )),
                           (call, (None, )), (sub, ({}, )), (sub, ({
                               "k": {}
                           }, )), (sub, (None, )), (compare, (1, "x")), (multi, (1, 0)), (store, ([], )),
                           (store, (5, )), (unpack, (5, )), (unpack, ((1, ), )), (iterate, (5, )), (attribute, (5, )),
                           (raising, (KeyError("r"), )), (raising, (7, )), (in_with, (5, )), (deleted, ([], )),
                           (deleted, ([1], )), (formatted, (5, )), (formatted, ([], )), (asserted, (0, )),
                           (asserted, (5, )), (imported, ()), (star, (5, )), (unary, ("x", ))):
        log.call(function, *args)


@case
def traceback_of_loop_and_reraise(log):
    def f():
        for i in range(3):
            try:
                g(i)
            except ValueError as error:
                if i == 2:
                    raise
                saved = error
        return saved

    def g(i):
        try:
            raise ValueError(i)
        finally:
            log("g", i)

    log.call(f)


@case
def notes(log):
    def f():
        try:
            1 // 0
        except ZeroDivisionError as error:
            error.add_note("note one")
            error.add_note("note two")
            raise

    log.call(f)


@case
def exceptions_keep_frames_alive(log):
    def f():
        probe = log.probe("local")
        raise ValueError("keeps")

    def g():
        try:
            f()
        except ValueError as error:
            log("caught", sorted(error.__traceback__.tb_next.tb_frame.f_locals))
        log("after handler")

    g()
    kept = None
    try:
        f()
    except ValueError as error:
        kept = error
    log("kept")
    kept.__traceback__ = None
    log("released")
    kept = None


@case
def exceptions_from_everywhere(log):
    class Bad:
        def fail(self, *args):
            raise ValueError("bad")

        __add__ = __radd__ = __getitem__ = __setitem__ = __delitem__ = __iter__ = __call__ = __bool__ = fail
        __eq__ = __lt__ = __contains__ = fail
        __enter__ = __exit__ = __format__ = __str__ = __neg__ = __getattr__ = __hash__ = __index__ = fail

    def adding(b): return b + 1
    def getting(b): return b[1]
    def setting(b): b[1] = 2
    def deleting(b): del b[1]
    def looping(b):
        for x in b: pass
    def calling(b): return b(1)
    def testing(b):
        if b: return 1
    def comparing(b): return b == 1
    def containing(b): return 1 in b
    def formatting(b): return f"{b}"
    def attribute(b): return b.nothing
    def negating(b): return -b
    def hashing(b): return {b: 1}
    def indexing(b): return [1][b]
    def unpacking(b): x, y = b
    def starring(b): return [*b]
    def withing(b):
        with b: pass
    def dicting(b): return {**b}

    for function in (adding, getting, setting, deleting, looping, calling, testing, comparing, containing, formatting,
                     attribute, negating, hashing, indexing, unpacking, starring, withing, dicting):
        log.call(function, Bad())

        def guarded(b):
            try:
                return function(b)
            except ValueError:
                return "guarded"
            finally:
                log("finally")
        log.call(guarded, Bad())
