"""Raising, catching, finally in all nestings, chains, groups, tracebacks."""

import sys
from sys import getrefcount as refcount

from harness import case


class Custom(Exception):
    def __init__(self, code, *more):
        super().__init__(code, *more)
        self.code = code


def raiser(error):
    raise error


@case
def basic(log):
    def f(action):
        try:
            log("try")
            result = action()
        except ZeroDivisionError:
            return "zero"
        except (KeyError, IndexError) as error:
            return "lookup", str(error)
        except Custom as error:
            return "custom", error.code
        else:
            log("else")
            return "else", result
        finally:
            log("finally")

    log.each(f, (lambda: 1,), (lambda: 1 // 0,), (lambda: {}["k"],), (lambda: [][1],), (lambda: raiser(Custom(5)),),
             (lambda: raiser(ValueError("out")),), (lambda: raiser(Custom),))


@case
def except_types(log):
    def f(types, error):
        try:
            raise error
        except types:
            return "caught"

    class Meta(type):
        def __instancecheck__(cls, instance):
            log("instancecheck")
            return True

        def __subclasscheck__(cls, other):
            log("subclasscheck")
            return True

    class Odd(Exception, metaclass=Meta):
        pass

    for types in (ValueError, Exception, BaseException, (), (KeyError, ValueError), ((KeyError, ), ValueError), 5, "x",
                  (ValueError, 5), (5, ValueError), None, int, (int, ), Odd, ArithmeticError):
        log.call(f, types, ValueError("v"))
        log.call(f, types, KeyboardInterrupt())


@case
def except_expression_raises(log):
    def f():
        try:
            raise ValueError("first")
        except nothing_here:
            return "never"

    def g():
        try:
            1 // 0
        except {}["missing"]:
            return "never"
        finally:
            log("finally")

    log.call(f)
    log.call(g)


@case
def finally_paths(log):
    def returns():
        try:
            return log("return value")
        finally:
            log("finally")

    def overrides():
        try:
            return "try"
        finally:
            return "finally"

    def swallows():
        try:
            1 // 0
        finally:
            return "swallowed"

    def replaces():
        try:
            raise KeyError("first")
        finally:
            raise ValueError("second")

    def loop_break():
        for i in range(5):
            try:
                if i == 2:
                    1 // 0
                log(i)
            finally:
                if i == 2:
                    break
        return i

    def loop_continue():
        out = []
        for i in range(4):
            try:
                if i % 2:
                    raise KeyError(i)
                out.append(i)
            except KeyError:
                continue
            finally:
                out.append(("f", i))
        return out

    def continue_in_finally():
        for i in range(3):
            try:
                1 // 0
            finally:
                continue
        return "no error"

    def nested():
        try:
            try:
                try:
                    raise KeyError("inner")
                finally:
                    log("f1")
            except KeyError:
                log("caught")
                raise ValueError("middle")
            finally:
                log("f2")
        except ValueError:
            return "outer"
        finally:
            log("f3")

    def return_through_three(x):
        for _ in range(2):
            try:
                try:
                    try:
                        return x
                    finally:
                        log("a", x)
                        x = "changed"
                finally:
                    log("b", x)
            finally:
                log("c")

    for function in (returns, overrides, swallows, replaces, loop_break, loop_continue, continue_in_finally, nested):
        log.call(function)
    log.call(return_through_three, 1)


FINALLY_ENDS = ("pass", "return 'F'", "break", "continue", "raise KeyError('F')", "1 // 0")
BODIES = ("pass", "return 'T'", "break", "continue", "raise ValueError('T')", "raise TypeError('T')")
HANDLERS = ("pass", "return 'E'", "break", "continue", "raise", "raise OSError('E')", "raise OSError('E') from None",
            "raise OSError('E') from error")


@case(times=4)
def all_exits(log):
    """Every way to leave a try, combined with every way to leave its handler and its finally."""
    for body in BODIES:
        for handler in HANDLERS:
            for end in FINALLY_ENDS:
                source = f"""
def f(log):
    for i in range(2):
        log('loop', i)
        try:
            {body}
        except ValueError as error:
            {handler}
        else:
            log('else')
        finally:
            log('finally')
            {end}
        log('after')
    return 'end'
"""
                space = {}
                import warnings
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exec(source, space)
                log.call(space["f"], log)


@case
def exception_variable(log):
    def f():
        error = "before"
        try:
            1 // 0
        except ZeroDivisionError as error:
            log(error)
        return error

    def g():
        try:
            1 // 0
        except ZeroDivisionError as error:
            del error
        return "fine"

    def h():
        try:
            1 // 0
        except ZeroDivisionError as error:
            error = "rebound"
            log(error)
        return error

    def loop():
        kept = []
        for i in range(3):
            try:
                [][i]
            except IndexError as error:
                kept.append(error)
        return kept

    for function in (f, g, h, loop):
        log.call(function)


@case
def sys_exc_info(log):
    def show(where):
        kind, value, tb = sys.exc_info()
        log(where, kind, value, tb is not None, sys.exception() is value)

    def f():
        show("before")
        try:
            show("try")
            1 // 0
        except ZeroDivisionError:
            show("handler")
            try:
                show("inner try")
                {}["k"]
            except KeyError:
                show("inner handler")
            show("after inner")
        else:
            show("else")
        finally:
            show("finally")
        show("after")
        try:
            try:
                raise ValueError("f")
            finally:
                show("finally with error")
        except ValueError:
            show("outer handler")
        show("end")

    def called():
        try:
            raise OSError("caller")
        except OSError:
            f()
            show("back")

    def returning():
        try:
            1 // 0
        except ZeroDivisionError:
            return show("returning")

    def looping():
        for i in range(2):
            try:
                raise KeyError(i)
            except KeyError:
                show(i)
                continue
        show("after loop")

    f()
    called()
    returning()
    looping()
    show("case")


@case
def generators_and_exception_state(log):
    def gen():
        log("g0", sys.exception())
        try:
            yield 1
        except KeyError as error:
            log("thrown", error, error.__context__)
            yield 2
        log("g1", sys.exception())
        try:
            raise OSError("inside")
        except OSError:
            yield 3
            log("g2", sys.exception())
        yield 4

    def f():
        g = gen()
        try:
            raise ValueError("outer")
        except ValueError:
            log(next(g), sys.exception())
            log(g.throw(KeyError("t")), sys.exception())
            log(next(g), sys.exception())
        log(sys.exception())
        log(next(g), sys.exception())
        g.close()

    log.call(f)


@case
def groups(log):
    def f(error):
        try:
            raise error
        except* ValueError as group:
            log("values", group.exceptions, type(group).__name__)
        except* (KeyError, OSError) as group:
            log("keys", group.exceptions)
        else:
            log("else")
        finally:
            log("finally")
        return "end"

    def none():
        try:
            log("fine")
        except* ValueError:
            log("never")
        else:
            return "else"

    def raising(error):
        try:
            raise error
        except* ValueError as group:
            raise OSError("from handler")
        except* KeyError:
            raise

    def nested(error):
        try:
            try:
                raise error
            except* ValueError:
                raise KeyError("k")
        except* KeyError as group:
            log.error(group)
            return_value = "done"
        return return_value

    def loop(error):
        for i in range(2):
            try:
                raise error
            except* ValueError as group:
                log(i, group.exceptions)
        try:
            group
        except NameError as problem:
            return str(problem)

    errors = (ValueError("plain"), KeyError("k"), TypeError("t"),
              ExceptionGroup("g",
                             [ValueError(1), KeyError(2)]), ExceptionGroup("g",
                                                                           [ValueError(1), TypeError(2)]),
              ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError(1), OSError(2)]),
                                       ValueError(3)]), ExceptionGroup("g", [TypeError(1)]),
              BaseExceptionGroup("b", [KeyboardInterrupt(), ValueError(1)]), KeyboardInterrupt("k"))
    for error in errors:
        for function in (f, raising, nested, loop):
            error.__traceback__ = error.__context__ = None
            log.call(function, error)
    log.call(none)


@case
def group_errors(log):
    def bad_type(error):
        try:
            raise error
        except* ExceptionGroup:
            pass

    def not_a_class(error):
        try:
            raise error
        except* 5:
            pass

    log.call(bad_type, ValueError(1))
    log.call(not_a_class, ValueError(1))


@case
def lifetimes_on_unwind(log):
    def f():
        a = log.probe("a")
        b = log.probe("b")
        try:
            c = log.probe("c")
            for x in [log.probe("x"), log.probe("y")]:
                [log.probe("temp"), 1 // 0]
        except ZeroDivisionError:
            log("handler", a.name, b.name, c.name, x.name)
        log("end")

    def g():
        a = log.probe("a2")
        for x in [log.probe("x2")]:
            with_stack(log.probe("arg"), 1 // 0)

    def with_stack(*args):
        pass

    log.call(f)
    log.call(g)


@case
def counts_around_exceptions(log):
    value = ["value"]

    def f(x):
        try:
            return [x, x, x[5]]
        except IndexError as error:
            log("refs", refcount(x))
        log("refs", refcount(x))
        try:
            raiser(ValueError(x))
        except ValueError as error:
            log("refs", refcount(x), refcount(error))
            y = error
        log("refs", refcount(x), refcount(y))
        del y
        log("refs", refcount(x))
        return x

    log("refs", refcount(value))
    f(value)
    log("refs", refcount(value))


@case
def destructor_raises(log):
    import sys

    class Bad:
        def __del__(self):
            raise ValueError("in del")

    def f():
        x = Bad()
        x = None
        log("after")
        try:
            y = Bad()
            1 // 0
        except ZeroDivisionError:
            log("handler")
        return "end"

    old = sys.unraisablehook
    sys.unraisablehook = lambda info: log("unraisable", info.exc_type, str(info.exc_value))
    try:
        log.call(f)
    finally:
        sys.unraisablehook = old


@case
def many_handlers(log):
    source = "def f(x):\n try:\n  raise x\n"
    names = [
        name for name in ("KeyError", "IndexError", "OSError", "TypeError", "ValueError", "AttributeError", "NameError",
                          "EOFError")
    ]
    source += "".join(f" except {name} as e:\n  return '{name}', str(e)\n" for name in names)
    space = {}
    exec(source, space)
    for name in names:
        log.call(space["f"],
                 __builtins__[name]("m") if isinstance(__builtins__, dict) else getattr(__builtins__, name)("m"))
    log.call(space["f"], MemoryError())


@case
def deeply_nested_try(log):
    depth = 9
    source = "def f(log, n):\n" + "".join(" " * i + " try:\n"
                                          for i in range(depth)) + " " * depth + " if n < 99: raise ValueError(n)\n"
    source += " " * depth + " return 'no error'\n"
    for i in reversed(range(depth)):
        source += " " * i + " except ValueError as e:\n" + " " * i + f"  if e.args[0] > {i}: raise\n"
        source += " " * i + f"  return 'level {i}'\n"
        source += " " * i + " finally:\n" + " " * i + f"  log({i})\n"
    space = {}
    exec(source, space)
    log.each(space["f"], (log, 0), (log, 5), (log, 50), (log, 99))


@case
def try_in_loops(log):
    def parse(items):
        good, bad = [], []
        for item in items:
            try:
                value = int(item)
                if value < 0:
                    raise Custom(value)
            except ValueError:
                bad.append(item)
                continue
            except (TypeError, Custom) as error:
                bad.append(type(error).__name__)
            else:
                good.append(value)
            finally:
                if len(bad) > 4:
                    break
        return good, bad

    log.call(parse, ["1", "x", 2, None, "-5", 3.7, [], "9", "z", "q", "r", "s"])
    log.call(parse, [])


@case
def stop_iteration_value(log):
    def gen():
        yield 1
        return "value"

    def f():
        g = gen()
        next(g)
        try:
            next(g)
        except StopIteration as stop:
            return stop.value

    log.call(f)


@case
def os_errors(log):
    def f(path):
        try:
            open(path)
        except FileNotFoundError as error:
            return error.errno, error.filename, str(error)

    log.call(f, "/no/such/file")


@case
def custom_exception_classes(log):
    class Base(Exception):
        def __str__(self):
            return "custom str"

    class Derived(Base):
        def __init__(self, **kw):
            self.kw = kw

    class BadStr(Exception):
        def __repr__(self):
            return "bad repr"

    def f(error):
        try:
            raise error
        except Derived as d:
            return "derived", d.kw, str(d)
        except Base as b:
            return "base", str(b)

    log.each(f, (Base(),), (Derived(a=1),), (BadStr("x"),))


@case
def exception_in_except_releases(log):
    def f():
        for i in range(3):
            try:
                try:
                    raise ValueError(log.probe(f"v{i}"))
                except ValueError as error:
                    raise KeyError(log.probe(f"k{i}"))
            except KeyError as error:
                log("context", error.__context__.args[0].name)
            log("released")

    log.call(f)


@case
def return_values_and_handlers(log):
    def f(x):
        try:
            return x[0] + x[1]
        except IndexError:
            return -1
        except TypeError:
            try:
                return x + x
            except TypeError as error:
                return str(error)

    log.each(f, ([1, 2],), ([1],), (5,), (None,), (["a", "b"],), ([1, "a"],))


@case
def exceptions_that_die_when_handled(log):
    """Their finalizers run where the handler ends, and find what was handled before."""

    class Dies(Exception):
        def __del__(self):
            log("dead", sys.exception())

    class Holder:
        def __del__(self):
            log("held", sys._getframe(1).f_lineno)

    def f():
        try:
            raise Dies
        except Dies:
            log(type(sys.exception()))
        log("behind", sys.exception())

    def nested():
        try:
            raise KeyError("outer")
        except KeyError:
            try:
                raise Dies
            except Dies:
                pass
            log("between", sys.exception())
        log("behind", sys.exception())

    def local():
        holder = Holder()  # noqa: F841
        raise ValueError

    def traceback_dies():
        try:
            local()
        except ValueError:
            log("caught")
        log("behind")

    def generator():
        try:
            raise Dies
        except Dies:
            yield type(sys.exception())
        yield sys.exception()

    def resumed():
        try:
            raise KeyError
        except KeyError:
            return list(generator()), sys.exception()

    for _ in range(3):
        for function in (f, nested, traceback_dies, resumed):
            log.call(function)


@case
def finalizers_of_exceptions_that_change_things(log):
    class Traces(Exception):
        def __del__(self):
            sys.settrace(trace)

    class Raises(Exception):
        def __del__(self):
            nonlocal x
            x = "changed"

    def trace(frame, event, arg):
        if frame.f_code.co_filename == __file__:
            log(event, frame.f_code.co_name)
        return trace

    x = "first"

    def change():
        try:
            raise Raises
        except Raises:
            y = x
        return y, x

    def traced():
        try:
            raise Traces
        except Traces:
            a = 1
        a += 1
        sys.settrace(None)
        return a

    for _ in range(3):
        log.call(change)
        log.call(traced)
        x = "first"


@case
def matches_by_class(log):
    class Base(Exception):
        pass

    class Derived(Base):
        pass

    def f(error, types):
        try:
            raise error
        except types as caught:
            return type(caught), refcount(type(caught)) > 1

    for error in (Base, Derived, Base(), Derived(1)):
        for types in (Base, Derived, (Base,), (KeyError, Derived), (), Exception, 5, (Base, 5), "x", type(error)):
            log.call(f, error, types)

    def leaking():
        before = refcount(Base)
        for _ in range(50):
            try:
                raise Base
            except Base:
                pass
        return refcount(Base) - before

    log(leaking())


@case
def many_ranges(log):
    """Tables of exception ranges that are too long to be read from the start."""
    source = ["def f(k, log):", "    out = []"]
    for i in range(60):
        source += ["    try:", f"        if k == {i}: raise ValueError({i})", "        try:",
                   f"            out.append({i} // (k - {i} + 1))",
                   f"        finally: out.append({i})", "    except ZeroDivisionError as e:", f"        out.append('zero {i}')"]
    source.append("    return out")
    space = {}
    exec("\n".join(source), space)
    for k in (-5, -1, 0, 1, 7, 30, 58, 59, 60, 61):
        log.call(space["f"], k, log)


@case
def plain_and_other_constructions(log):
    """Exceptions that BaseException's own slots make, and those that something else has a hand in."""
    class Plain(Exception):
        pass

    class Late(Exception):
        pass

    class Made(Exception):
        def __new__(cls, *args):
            log("new", args)
            return super().__new__(cls, *args)

    class Stranger(Exception):
        def __new__(cls, *args):
            return 5

    class Sibling(Exception):
        def __new__(cls, *args):
            return Plain(*args)

    class Meta(type):
        def __call__(cls, *args):
            log("call", args)
            return super().__call__(*args)

        def __subclasscheck__(cls, other):
            log("subclasscheck", other.__name__)
            return super().__subclasscheck__(other)

    class Odd(Exception, metaclass=Meta):
        pass

    def raise_class(cls):
        raise cls

    def raise_instance(cls, *args):
        raise cls(*args)

    def keyword(cls):
        raise cls(a=1)

    def f(action, *args):
        try:
            action(*args)
        except Exception as error:
            return type(error), error.args, refcount(error.args) if error.args else 0, error.__context__, vars(error)

    for change in (None, lambda self, *args: log("init", args)):
        if change is not None:
            Late.__init__ = change
        for cls in (Plain, Late, Made, Stranger, Sibling, Odd, ValueError, KeyError, OSError, StopIteration, UnicodeError, SystemExit,
                    int, "x"):
            log.call(f, raise_class, cls)
            log.call(f, keyword, cls)
            for args in ((), (1,), (2, "No such file"), ([],)):
                log.call(f, raise_instance, cls, *args)


@case
def contexts_while_handling(log):
    def chain(error):
        seen = []
        while error is not None and error not in seen:
            seen.append(error)
            error = error.__context__
        return [(type(e).__name__, e.args, e.__suppress_context__, e.__cause__ is not None) for e in seen], error is not None

    def twice(first, second, cause):
        try:
            try:
                raise first
            except Exception:
                if cause == "none":
                    raise second from None
                if cause == "itself":
                    raise second from first
                raise second
        except Exception as error:
            return chain(error)

    def same_again():
        error = ValueError("same")
        try:
            try:
                raise error
            except ValueError:
                raise error
        except ValueError as caught:
            return chain(caught), caught is error

    def cycle():
        a, b, c = KeyError("a"), KeyError("b"), KeyError("c")
        a.__context__, b.__context__ = b, c
        try:
            try:
                raise a
            except KeyError:
                raise c
        except KeyError as caught:
            return chain(caught)

    def from_c(error, d):
        try:
            try:
                raise error
            except Exception:
                return d["missing"]
        except KeyError as caught:
            return chain(caught), caught.args

    def old_context(error):
        error.__context__ = ZeroDivisionError("old")
        try:
            raise error
        except Exception as caught:
            first = chain(caught)
        try:
            try:
                raise IndexError
            except IndexError:
                raise error
        except Exception as caught:
            return first, chain(caught)

    def in_generator():
        try:
            yield 1
        except ValueError:
            raise KeyError("inner")

    def thrown():
        g = in_generator()
        next(g)
        try:
            try:
                raise IndexError("outer")
            except IndexError:
                g.throw(ValueError("thrown"))
        except KeyError as error:
            return chain(error)

    for cause in (None, "none", "itself"):
        for first in (ValueError, ValueError("i")):
            for second in (KeyError, KeyError("k"), ValueError("i")):
                log.call(twice, first, second, cause)
    log.call(same_again)
    log.call(cycle)
    log.call(from_c, ValueError, {})
    log.call(from_c, ValueError("x"), {"y": 1})
    log.call(old_context, ValueError("v"))
    log.call(thrown)


@case
def keys_that_dicts_lack(log):
    class Equal:
        def __init__(self, value):
            self.value = value

        def __hash__(self):
            log("hash", self.value)
            return hash(self.value)

        def __eq__(self, other):
            log("eq", self.value)
            return self.value == other

    class Missing(dict):
        def __missing__(self, key):
            log("missing", key)
            return "made"

    class Str(str):
        pass

    def get(d, key):
        try:
            return d[key]
        except KeyError as error:
            return error.args, error.args[0] is key, error.__traceback__.tb_lineno - get.__code__.co_firstlineno
        except TypeError as error:
            return str(error)

    def uncaught(d, key):
        return d[key]

    for d in ({}, {"a": 1}, {1: "one", (1, 2): "pair"}, {Equal("a"): 5}, Missing(), Missing(a=1)):
        for key in ("a", "z", "".join(["z", "z"]), 1, True, 1.0, 10**30, (1, 2), (3,), None, Str("a"), Str("q"), Equal("a"), Equal(1), []):
            log.call(get, d, key)
            log.call(uncaught, d, key)
    key = "no such key".upper()
    before = refcount(key)
    for _ in range(20):
        get({}, key)
    log(refcount(key) - before)


@case
def one_entry_a_raise(log):
    """Each frame that an exception passes adds one entry, whatever the exception carries already."""
    def entries(tb):
        out = []
        while tb is not None:
            out.append((tb.tb_frame.f_code.co_name, tb.tb_lasti, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
            tb = tb.tb_next
        return out

    def inner(error):
        raise error

    def outer(error):
        for _ in range(2):
            try:
                inner(error)
            except ValueError as caught:
                log(entries(caught.__traceback__))

    def cleared(error):
        try:
            inner(error)
        except ValueError as caught:
            caught.__traceback__ = None
            try:
                raise
            except ValueError as again:
                return entries(again.__traceback__)

    def given(error, other):
        try:
            raise other
        except KeyError as caught:
            tb = caught.__traceback__
        try:
            raise error.with_traceback(tb)
        except ValueError as caught:
            return entries(caught.__traceback__)

    log.call(outer, ValueError)
    log.call(outer, ValueError("kept"))
    log.call(cleared, ValueError("x"))
    log.call(given, ValueError("x"), KeyError("y"))


@case
def methods_that_builtins_lack(log):
    class Sub(list):
        pass

    def f(owner):
        try:
            return owner.zz()
        except AttributeError as error:
            return str(error), error.name, error.obj is owner

    for owner in ([], 5, "s", None, {}, Sub(), f, type, object(), sys, iter(())):
        log.call(f, owner)
