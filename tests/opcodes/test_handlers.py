"""Exceptions in loops: protected regions, handlers and what follows them in optimised code; tracebacks, contexts, and frames that are seen
while exceptions are alive."""

import gc
import sys
from sys import getrefcount as refcount

from harness import case

TURNS = 300


def lines(error):
    found = []
    tb = error.__traceback__
    while tb is not None:
        found.append((tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
        tb = tb.tb_next
    return found


@case
def around_an_item(log):
    def f(d, n):
        s = 0
        for i in range(n):
            try:
                x = d[i]
            except KeyError as e:
                s += len(e.args)
                continue
            s = s * 3 + x
        return s, i

    log.call(f, {i: i for i in range(TURNS)}, TURNS)
    log.call(f, {i: i for i in range(0, TURNS, 2)}, TURNS)
    log.call(f, {i: i for i in range(TURNS - 1)}, TURNS)
    log.call(f, {}, TURNS)
    log.call(f, [1, 2], TURNS)
    log.call(f, {}, 0)


@case
def what_follows(log):
    def f(xs):
        good = bad = 0
        for x in xs:
            try:
                good += int(x)
            except ValueError:
                bad += 1
            good ^= bad
        return good, bad

    log.call(f, ["1", "2", "x", "4"] * 20)
    log.call(f, ["1"] * 40 + ["x"] * 3)
    log.call(f, ["x"] * 40 + ["1"] * 3)
    log.call(f, ["1"] * 40 + [None])


@case
def around_the_loop(log):
    def f(xs, n):
        s = 0
        try:
            for i in range(n):
                s += xs[i]
        except IndexError as e:
            return "out", s, i, lines(e)
        finally:
            s += 1000
        return s, i

    log.call(f, list(range(TURNS)), TURNS)
    log.call(f, list(range(TURNS)), TURNS + 5)
    log.call(f, list(range(TURNS)) + ["x"], TURNS + 5)
    log.call(f, dict.fromkeys(range(TURNS), 2), TURNS + 1)


@case
def else_and_finally(log):
    def f(steps):
        told = []
        a = b = c = 0
        for step in steps:
            try:
                if step == 1:
                    raise KeyError(step)
                if step == 2:
                    continue
                if step == 3:
                    1 // (a - a)
                a += 1
            except KeyError:
                b += 10
            except ZeroDivisionError as e:
                told.append((str(e), lines(e)))
                if step == 4:
                    break
            else:
                a += 100
            finally:
                c += 1
        return a, b, c, told

    log.call(f, [0, 1, 2, 3] * 15)
    log.call(f, [0] * 40 + [1])
    log.call(f, [0] * 40 + [5, 3, 2, 1])


@case
def returns_from_finally(log):
    def f(n, stop):
        s = 0
        for i in range(n):
            try:
                s += i
                if i == stop:
                    raise ValueError(i)
            finally:
                if i == stop + 1:
                    return "end", s, i
        return s

    log.call(f, TURNS, 1000)
    log.call(f, TURNS, TURNS - 3)
    log.call(f, TURNS, TURNS - 1)

    def g(n):
        s = 0
        for i in range(n):
            try:
                s += 1 // (n - 5 - i)
            finally:
                return_here = i > n - 4
                if return_here:
                    return s, sys.exc_info()[0]
        return s

    log.call(g, TURNS)


@case
def managers(log):
    class Manager:
        def __init__(self, swallow):
            self.swallow = swallow
            self.entered = 0
            self.left = []

        def __enter__(self):
            self.entered += 1
            return self.entered

        def __exit__(self, kind, value, tb):
            if kind is not None:
                self.left.append((kind.__name__, str(value), tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
            return self.swallow

    def f(m, n, every):
        s = 0
        for i in range(n):
            with m as k:
                s += k
                if i % every == 3:
                    raise ValueError(s)
                s += 1
            s ^= 5
        return s

    for swallow in (True, False, 0, [1]):
        for every in (4, 50, 1000):
            m = Manager(swallow)
            log.call(f, m, TURNS, every)
            log(m.entered, m.left)


@case
def nested_handlers(log):
    def f(n):
        told = []
        s = 0
        for i in range(n):
            try:
                try:
                    s += 10 // (i % 4)
                except ZeroDivisionError as inner:
                    try:
                        {}[i]
                    except KeyError as key:
                        told.append((repr(key), repr(key.__context__), key.__context__ is inner))
                        raise LookupError(i) from key
            except LookupError as outer:
                told.append((repr(outer), repr(outer.__cause__), repr(outer.__context__), lines(outer), lines(outer.__context__)))
                s += 1
        return s, told[-4:], len(told), sys.exc_info()

    log.call(f, TURNS)


@case
def raises_again(log):
    def f(n, stop):
        s = 0
        for i in range(n):
            try:
                try:
                    s += 1 // (stop - i)
                except ZeroDivisionError:
                    s += 100
                    raise
            except ZeroDivisionError as e:
                s += 1
                kept = lines(e)
                if n == TURNS:
                    raise
        return s, kept

    log.call(f, TURNS, TURNS - 2)
    log.call(f, TURNS + 1, TURNS - 2)
    log.call(f, TURNS, 5)


@case
def wrong_kind(log):
    def f(n, stop):
        s = 0
        for i in range(n):
            try:
                s += 1 // (stop - i)
            except KeyError:
                s = -1
        return s

    log.call(f, TURNS, TURNS - 3)
    log.call(f, TURNS, -1)

    def g(n, types):
        s = 0
        for i in range(n):
            try:
                {}[i]
            except types:
                s += 1
        return s

    log.call(g, TURNS, KeyError)
    log.call(g, TURNS, (ValueError, LookupError))
    log.call(g, TURNS, ())
    log.call(g, TURNS, 5)
    log.call(g, TURNS, BaseException)


@case
def the_handled_exception(log):
    def current():
        return sys.exc_info()[1]

    def f(n):
        seen = []
        for i in range(n):
            try:
                raise KeyError(i)
            except KeyError as e:
                seen.append(current() is e)
                try:
                    raise ValueError(i)
                except ValueError as v:
                    seen.append(current() is v and v.__context__ is e)
                seen.append(current() is e)
            seen.append(current())
        return all(x is None or x for x in seen), len(seen)

    log.call(f, TURNS)
    try:
        raise OSError("outside")
    except OSError:
        log.call(f, TURNS)


@case
def locals_of_who_is_watched(log):
    def f(n):
        kept = []
        s = 0
        x = 0.5
        b = False
        for i in range(n):
            try:
                s += i
                x *= 1.5
                b = i % 3 == 0
                if i % 7 == 6:
                    raise ValueError(i)
            except ValueError as e:
                frame = e.__traceback__.tb_frame
                kept.append((frame.f_locals["s"] == s, frame.f_locals["i"] == i, frame.f_locals["x"] == x, frame.f_locals["b"] is b, frame.f_lineno))
        return s, x, kept

    log.call(f, TURNS)

    def keeper(n):
        held = None
        s = 0
        for i in range(n):
            try:
                s += i
                if i == n // 2:
                    raise ValueError(i)
            except ValueError as e:
                held = e
            s += 1
        return held

    error = log.call(keeper, TURNS)
    names = keeper(TURNS).__traceback__.tb_frame.f_locals
    log(names["s"], names["i"], names["n"])
    del error


@case
def locals_that_others_change(log):
    def change(name, value):
        sys._getframe(1).f_locals[name] = value

    def f(n, when, name, value):
        s = 0
        x = 1.0
        for i in range(n):
            try:
                s += 1
                x += 0.5
                if i == when:
                    change(name, value)
                if i % 5 == 4:
                    raise ValueError
            except ValueError:
                s += 2
                if i == when + 1:
                    change(name, value)
        return s, x, i

    for name, value in (("s", 1000), ("x", 9.5), ("i", 7), ("s", "text"), ("x", None), ("n", 3)):
        log.call(f, TURNS, 21, name, value)
        log.call(f, TURNS, 23, name, value)

    def from_a_frame_kept(n):
        s = 0
        frame = None

        def poke():
            frame.f_locals["s"] = 500

        for i in range(n):
            try:
                s += i
                if i == 3:
                    raise ValueError
                if i == n - 10:
                    poke()
            except ValueError as e:
                frame = e.__traceback__.tb_frame
        return s

    log.call(from_a_frame_kept, TURNS)


class Noisy:
    log = None

    def __init__(self, name):
        self.name = name

    def __del__(self):
        Noisy.log.append((self.name, sys._getframe(1).f_lineno - sys._getframe(1).f_code.co_firstlineno, sys.exc_info()[0]))

    def take(self, a, b):
        return a


@case
def what_the_stack_held(log):
    def f(d, n):
        s = 0
        for i in range(n):
            try:
                s += len([Noisy(i), Noisy(-i), d[i]])
            except KeyError:
                s += 1
        return s

    def g(n):
        s = 0
        for i in range(n):
            try:
                Noisy(i).take(i, 1 // (i % 9))
                s += i
            except ZeroDivisionError:
                s += 1
        return s

    for function, arguments in ((f, ({i: i for i in range(0, TURNS, 3)}, TURNS)), (g, (TURNS,))):
        Noisy.log = []
        log.call(function, *arguments)
        log(Noisy.log)

    def values(d, n):
        s = 0
        for i in range(n):
            try:
                s += (i, [i, "x"], {}, d[i])[0]
            except KeyError:
                s += 1
        return s

    key = object()
    d = {i: key for i in range(0, TURNS, 3)}
    before = refcount(key)
    log.call(values, d, TURNS)
    log(refcount(key) - before)


@case
def exceptions_that_die_noisily(log):
    class Error(Exception):
        def __del__(self):
            Noisy.log.append(("error", self.args, sys.exc_info()[0], sys._getframe(1).f_locals.get("s")))

    def f(n):
        s = 0
        for i in range(n):
            try:
                s += 1
                if i % 4 == 3:
                    raise Error(i)
            except Error:
                s += 10
            s += 100
        return s

    Noisy.log = []
    log.call(f, TURNS)
    log(Noisy.log)


@case
def out_of_callees(log):
    def small(x):
        if x % 7 == 6:
            raise ValueError(x)
        return x + 1

    def deeper(x):
        return small(x) * 2

    def f(call, n):
        s = 0
        told = []
        for i in range(n):
            try:
                s += call(i)
            except ValueError as e:
                told.append(lines(e))
                s += 1
            s ^= i
        return s, told[:2], told[-1], len(told)

    log.call(f, small, TURNS)
    log.call(f, deeper, TURNS)

    def named(n):
        s = 0
        told = []
        for i in range(n):
            try:
                s += module_level_double(i)
            except ValueError as e:
                told.append((lines(e), repr(e.__context__)))
            s ^= i
        return s, told[:2], told[-1], len(told)

    log.call(named, TURNS)


def module_level_small(x):
    if x % 7 == 6:
        raise ValueError(x)
    return x + 1


def module_level_double(x):
    return module_level_small(x) * 2


@case
def iterators_that_raise(log):
    class Numbers:
        def __init__(self, stop):
            self.at = 0
            self.stop = stop

        def __iter__(self):
            return self

        def __next__(self):
            self.at += 1
            if self.at % 5 == 0:
                raise KeyError(self.at)
            if self.at > self.stop:
                raise StopIteration
            return self.at

    def f(n):
        s = t = 0
        for i in range(n):
            try:
                for x in Numbers(i):
                    s += x
            except KeyError as e:
                t += e.args[0]
            s += 1
        return s, t

    log.call(f, TURNS)

    def same(numbers, n):
        s = 0
        for i in range(n):
            try:
                for x in numbers:
                    s += x
                return s, i
            except KeyError:
                s += 1000
        return s

    log.call(same, Numbers(TURNS), TURNS)


@case
def unbound_names(log):
    def f(n):
        told = []
        for i in range(n):
            try:
                if i % 3 == 0:
                    late = i
                told.append(late)
                if i % 3 == 1:
                    del late
            except UnboundLocalError as e:
                told.append(str(e))
            except NameError as e:
                told.append(e.name)
        return told[-6:], len(told)

    log.call(f, TURNS)

    def after_as(n):
        told = []
        e = 5
        for i in range(n):
            try:
                if i == n - 2:
                    told.append(e)
                if i % 20 == 19:
                    raise ValueError(i)
            except ValueError as e:
                told.append(repr(e))
            except UnboundLocalError as other:
                told.append(str(other))
        return told

    log.call(after_as, TURNS)


@case
def groups(log):
    def f(n):
        told = []
        for i in range(n):
            try:
                if i % 4 == 1:
                    raise ExceptionGroup("two", [ValueError(i), KeyError(i)])
                if i % 4 == 2:
                    raise TypeError(i)
            except* ValueError as e:
                told.append(repr(e))
            except* (KeyError, TypeError) as e:
                told.append(repr(e))
        return told[-6:], len(told)

    log.call(f, TURNS)


@case
def while_tools_listen(log):
    def f(n, at):
        s = 0
        for i in range(n):
            try:
                s += i
                if i == at:
                    sys.settrace(tracer)
                if i % 6 == 5:
                    raise ValueError(i)
            except ValueError:
                s += 1
            if i == at + 12:
                sys.settrace(None)
        return s

    events = []

    def tracer(frame, event, arg):
        if frame.f_code is f.__code__:
            events.append((event, frame.f_lineno - frame.f_code.co_firstlineno, frame.f_locals["s"]))
        return tracer

    for at in (10, 40):
        events.clear()
        log.call(f, TURNS, at)
        log(events)
    log.call(f, TURNS, 1000)


@case
def assertions(log):
    def f(xs):
        s = 0
        for x in xs:
            try:
                assert x < 50, x
                s += x
            except AssertionError as e:
                s += len(str(e))
        return s

    log.call(f, list(range(TURNS)))
    log.call(f, [60] * 30 + [1] * 30)


@case
def garbage_and_frames(log):
    def f(n):
        s = 0
        for i in range(n):
            try:
                s += i
                if i % 10 == 9:
                    raise ValueError(i)
            except ValueError as e:
                e.cycle = e
            if i == n - 1:
                gc.collect()
                found = [o for o in gc.get_referrers(sys._getframe()) if isinstance(o, BaseException)]
                s += len(found)
        return s

    log.call(f, TURNS)
