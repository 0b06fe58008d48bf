"""What frame objects show and change while compiled code runs."""

import inspect
import sys
import traceback
import warnings

from harness import case


def names(frame):
    return [f.f_code.co_name for f in walk(frame)]


def walk(frame):
    while frame is not None and frame.f_code.co_name != "run_once":
        yield frame
        frame = frame.f_back


@case
def stack_of_names(log):
    def inner(x):
        log(names(sys._getframe()))
        log([f.f_lineno - f.f_code.co_firstlineno for f in walk(sys._getframe())])
        return x

    def middle(x):
        y = inner(x)
        return (
            inner(x + 1)
            + inner(y)
        )

    def outer(x):
        return [middle(i) for i in range(x)]

    log.call(outer, 2)


@case
def locals_seen_by_callee(log):
    def f(a, b):
        c = a + b
        log.stack()
        d = [c for c in range(2)]
        log.stack()
        del a
        for i in range(2):
            log.stack()
            b = i
        try:
            1 // 0
        except ZeroDivisionError as error:
            log.stack()
        log.stack()
        return d

    log.call(f, 1, 2)
    log.call(f, 1.5, 2.5)


@case
def lines_at_each_call(log):
    def where():
        frame = sys._getframe(1)
        return frame.f_lineno - frame.f_code.co_firstlineno

    def f(n):
        out = [where()]
        for i in range(n):
            out.append(where())
            if i % 2:
                out.append(where())
            else:
                out.append(where() + 1000 if
                           where() > 0 else
                           where())
        while where() and n:
            n -= 1
        x = [where(),
             where(),
             [where()
              for _ in range(1)],
             (lambda: where())()]
        return out, x

    log.call(f, 3)


@case
def lasti_and_positions(log):
    def where():
        frame = sys._getframe(1)
        positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        first = frame.f_code.co_firstlineno
        return [positions[0] - first, positions[1] - first, positions[2], positions[3]]

    class Box:
        @property
        def p(self):
            return where.__call__()

        def __getattr__(self, name):
            return look()

        def __add__(self, other):
            return look()

        def __getitem__(self, key):
            return look()

        def __lt__(self, other):
            return look()

        def __bool__(self):
            marks.append(look())
            return True

        def __iter__(self):
            marks.append(look())
            return iter(())

        def __setattr__(self, name, value):
            marks.append(look())

        def __enter__(self):
            marks.append(look())

        def __exit__(self, *args):
            marks.append(look())

        def __format__(self, spec):
            marks.append(look())
            return ""

        def __contains__(self, other):
            marks.append(look())

        def __del__(self):
            marks.append(("del", look()))

    def look():
        frame = sys._getframe(2)
        positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        first = frame.f_code.co_firstlineno
        return [positions[0] - first, positions[1] - first, positions[2], positions[3]]

    marks = []

    def f(b):
        out = [b.x, b + 1, b[2], b < 3, b.p]
        b.attr = 5
        if b:
            pass
        for _ in b:
            pass
        with b:
            pass
        f"{b}"
        1 in b
        not b
        b and 1
        x = y = Box()
        x = None
        y = None
        [*b]
        Box()
        return out

    log.call(f, Box())
    log(marks)


@case
def writes_through_f_locals(log):
    def set_caller(**values):
        sys._getframe(1).f_locals.update(values)
        return 1

    def f(a):
        return a + set_caller(a=100), a

    def g(a, b):
        c = a
        set_caller(a="new a", c="new c")
        return a, b, c

    def loop(n):
        out = []
        i = 0
        while i < n:
            out.append(i)
            if i == 2:
                set_caller(i=6)
            i += 1
        return out

    def for_loop(n):
        out = []
        for i in range(n):
            set_caller(i=i * 10, n=0)
            out.append(i)
        return out, n

    def pending(a, b):
        return [a, b, set_caller(a="A", b="B"), a, b, (a, set_caller(a="AA"), a)]

    def types_change(x):
        y = x * 2
        set_caller(x="text")
        return x * 2, y

    def binds_unbound():
        set_caller(z=5)
        return z
        z = 1

    def conditional(flag):
        if flag:
            z = 1
        try:
            return z
        except NameError:
            set_caller(z="from outside")
            return z

    def callee_of_expression(a):
        return a * set_caller(a=7) + a * (set_caller(a=9) + a)

    def cells(a):
        def get():
            return a
        set_caller(a="through proxy")
        return a, get()

    def new_names(a):
        set_caller(extra=5)
        frame = sys._getframe()
        return frame.f_locals["extra"], sorted(frame.f_locals), "extra" in locals()

    log.call(f, 1)
    log.call(g, 1, 2)
    log.call(loop, 10)
    log.call(for_loop, 3)
    log.call(pending, 1, 2)
    log.call(types_change, 3)
    log.call(binds_unbound)
    log.each(conditional, (0,), (1,))
    log.call(callee_of_expression, 2)
    log.call(cells, 1)
    log.call(new_names, 1)


@case
def writes_during_comparisons_and_branches(log):
    class Evil:
        def __init__(self, **values):
            self.values = values

        def __lt__(self, other):
            sys._getframe(1).f_locals.update(self.values)
            return True

        def __add__(self, other):
            sys._getframe(1).f_locals.update(self.values)
            return 10

        def __bool__(self):
            sys._getframe(1).f_locals.update(self.values)
            return True

    def f(e, x):
        y = x
        if e < 1:
            y += x
        return x, y

    def g(e, x):
        return [x, e + x, x]

    def h(e, x):
        while e:
            return x, e
        return "not"

    log.call(f, Evil(x=100, y=50), 1)
    log.call(g, Evil(x="new"), 1)
    log.call(h, Evil(x="new", e="rebound"), 1)


@case
def traceback_keeps_frames(log):
    def f(x):
        y = x * 2
        probe = log.probe("kept")
        raise ValueError("v")

    def g(x):
        try:
            f(x)
        except ValueError as error:
            return error.__traceback__

    tb = g(5)
    frame = tb.tb_next.tb_frame
    log(sorted(k for k in frame.f_locals if k != "log"), frame.f_locals["y"],
        frame.f_lineno - frame.f_code.co_firstlineno)
    log("still alive")
    frame.clear()
    log("cleared", sorted(frame.f_locals))
    del frame, tb
    log("gone")


@case
def frame_outlives_function(log):
    def f(a):
        b = a + 1
        frame = sys._getframe()
        a = "changed"
        return frame

    frame = f(1)
    log(frame.f_locals["a"], frame.f_locals["b"], frame.f_back is None, frame.f_lineno - frame.f_code.co_firstlineno)
    frame.f_locals["b"] = "written later"
    log(frame.f_locals["b"])
    frame.clear()
    log(dict(frame.f_locals))
    del frame


@case
def frame_of_caller_kept(log):
    kept = []

    def keep():
        kept.append(sys._getframe(1))

    def f(a):
        keep()
        a += 1
        keep()
        b = log.probe("local of f")
        return a

    log.call(f, 1)
    log(kept[0] is kept[1], kept[0].f_locals["a"], sorted(kept[0].f_locals))
    log("before clear")
    kept.clear()
    log("end")


@case
def clear_of_running_frame(log):
    def f():
        try:
            sys._getframe().clear()
        except RuntimeError as error:
            return str(error)

    def outer():
        def inner():
            try:
                sys._getframe(1).clear()
            except RuntimeError as error:
                return str(error)
        return inner()

    log.call(f)
    log.call(outer)


@case
def frame_attributes(log):
    def f(a):
        frame = sys._getframe()
        return (frame.f_code is f.__code__, frame.f_globals is globals(), frame.f_builtins["len"]
                is len, frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes, frame.f_lasti
                > 0, frame.f_back.f_code.co_name, type(frame.f_locals).__name__, frame is sys._getframe())

    log.call(f, 1)


@case
def frame_proxies(log):
    def f(a, b=2):
        p = sys._getframe().f_locals
        p["a"] = 10
        out = [a, p["a"], len(p), list(p)[:2], "a" in p, p.get("zzz"), p == dict(p), repr(sorted(p))]
        try:
            del p["a"]
        except Exception as error:
            out.append((type(error).__name__, str(error)))
        p |= {"b": 20}
        out.append(b)
        return out

    log.call(f, 1)


@case
def traceback_module(log):
    def f():
        g()

    def g():
        log([(s.name, s.lineno - f.__code__.co_firstlineno, s.line) for s in traceback.extract_stack()
             if s.name in "fg"])
        1 // 0

    try:
        f()
    except ZeroDivisionError as error:
        log([(s.name, s.lineno - f.__code__.co_firstlineno, s.colno, s.end_colno, s.line)
             for s in traceback.extract_tb(error.__traceback__)])
        log("".join(traceback.format_exception(error)).replace(__file__, "FILE").split("\n")[-8:])


@case
def inspect_functions(log):
    def f(a, *rest, k=1, **kw):
        info = inspect.currentframe()
        values = inspect.getargvalues(info)
        return values.args, values.varargs, values.keywords, {
            k: v
            for k, v in values.locals.items() if k in "a rest k kw"
        }, inspect.stack()[0].function

    log.call(f, 1, 2, k=3, z=4)


@case
def warnings_stack_levels(log):
    def deprecated(level):
        warnings.warn("old", DeprecationWarning, stacklevel=level)

    def caller(level):
        deprecated(level)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for level in (1, 2, 3):
            caller(level)
    log([(w.lineno - deprecated.__code__.co_firstlineno, w.filename == __file__, str(w.message)) for w in caught])


@case
def locals_function(log):
    def f(a):
        before = locals()
        b = 2
        after = locals()
        a = 3
        return sorted(before), before["a"], sorted(k for k in after
                                                   if k not in ("before", "after")), after["a"], locals()["a"]

    def g(a):
        locals()["a"] = 5
        return a

    def h():
        for i in range(2):
            x = locals()
        return sorted(x), x["i"]

    log.call(f, 1)
    log.call(g, 1)
    log.call(h)


@case
def getframe_in_comprehension_and_lambda(log):
    def f(n):
        return [sys._getframe().f_lineno - sys._getframe().f_code.co_firstlineno
                for _ in range(n)], (lambda: names(sys._getframe())[:2])()

    log.call(f, 2)


@case
def depth_of_frames(log):
    def depth(n):
        if n == 0:
            return len(list(walk(sys._getframe())))
        return depth(n - 1)

    log.each(depth, (0,), (5,), (50,))


@case
def eval_and_exec_see_locals(log):
    def f(a):
        b = 2
        x = eval("a + b")
        exec("b = 100")
        y = eval("b")
        return x, y, eval("[i + a for i in range(2)]"), sorted(eval("locals()"))

    log.call(f, 1)


@case
def exception_in_callee_sees_caller_locals(log):
    def inner():
        raise KeyError("inner")

    def f(a):
        b = a * 2
        inner()
        c = b

    def g(items):
        for item in items:
            total = f(item)

    try:
        g([1, 2])
    except KeyError as error:
        tb = error.__traceback__
        while tb:
            frame = tb.tb_frame
            log(frame.f_code.co_name, tb.tb_lineno - frame.f_code.co_firstlineno, {
                k: v
                for k, v in frame.f_locals.items() if type(v) in (int, list)
            })
            tb = tb.tb_next


@case
def current_frames_from_thread(log):
    import threading

    def f(ready, done):
        x = 5
        ready.set()
        done.wait()
        return x

    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=f, args=(ready, done))
    thread.start()
    ready.wait()
    frame = sys._current_frames()[thread.ident]
    seen = names(frame)
    while frame.f_code is not f.__code__:
        frame = frame.f_back
    log("f" in seen, frame.f_locals["x"])
    done.set()
    thread.join()
    del frame


@case
def generator_frames(log):
    def gen(a):
        b = a + 1
        yield names(sys._getframe())
        yield sorted(sys._getframe().f_locals)

    def f():
        g = gen(1)
        out = [next(g), g.gi_frame.f_locals["b"], next(g), g.gi_frame.f_lineno - gen.__code__.co_firstlineno]
        list(g)
        return out, g.gi_frame

    log.call(f)


@case
def f_lineno_after_return(log):
    def f(x):
        frames.append(sys._getframe())
        if x:
            return (
                x
                + 1)
        raise ValueError(
            x)

    frames = []
    for x in (1, 0):
        try:
            f(x)
        except ValueError:
            pass
    log([frame.f_lineno - f.__code__.co_firstlineno for frame in frames])
    frames.clear()


@case
def returns_under_a_held_frame(log):
    """The frame object outlives its frame and takes all values along, the returned one too."""
    kept = []

    def local(a, b):
        c = [a, b]
        kept.append(sys._getframe())
        return c

    def parameter(a, b):
        kept.append(sys._getframe())
        return b

    def constant(a):
        del a
        kept.append(sys._getframe())
        return None

    for function, arguments in (local, (1000, 2.5)), (parameter, (1000, "x" * 3)), (constant, ([],)):
        log.call(function, *arguments)
        frame = kept.pop()
        log(frame.f_lineno - frame.f_code.co_firstlineno, dict(frame.f_locals))


@case
def locals_die_after_the_frame_is_gone(log):
    class Loud:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log(self.name, names(sys._getframe()), sys._getframe(1).f_lineno - sys._getframe(1).f_code.co_firstlineno)

    def callee(first, last):
        middle = Loud("middle")
        again = middle
        return last

    def caller():
        kept = callee(Loud("first"), Loud("last"))
        log("back", kept.name)
        del kept
        return (
            callee(Loud("first"), 3)
        )

    log.call(caller)


@case
def functions_that_die_while_they_run(log):
    def make(n):
        def fresh(x):
            nonlocal fresh
            del fresh
            return x + n

        return fresh

    def immediate(n):
        return (lambda x: x * n)(3)

    for n in range(40):
        log.call(make(n), 1000)
        log.call(immediate, n)


@case
def frames_at_the_beginning_of_a_chunk(log):
    """Wherever the data stack's chunks begin, some depth's calls cross the boundary again and again."""

    def leaf(a, b, c):
        d = a + b
        return d + c

    def caller(n):
        total = 0
        for i in range(3):
            total += leaf(i, n, 1000)
        return total

    def deep(n):
        if n == 0:
            return 0
        return caller(n) + deep(n - 1)

    log.call(deep, 400)


@case
def locals_written_by_an_iterator(log):
    """The item's class changes the locals of the loop that asks for it: between the items, and at the end."""

    class Items:
        def __init__(self, turns, at, value):
            self.left, self.at, self.value = turns, at, value

        def __iter__(self):
            return self

        def __next__(self):
            self.left -= 1
            if self.left == self.at:
                sys._getframe(1).f_locals["total"] = self.value
            if self.left < 0:
                raise StopIteration
            return self.left

    def loop(turns, at, value):
        total = last = 0
        for i in Items(turns, at, value):
            total += i
            last = i
        return total, last, i

    def in_a_range(turns, at, value):
        total = 0
        for n in range(3):
            for i in Items(turns, at, value):
                total += i * n
        return total, n, i

    for turns in range(3):
        for function in (loop, in_a_range):
            for at in (20, 3, 0, -1):
                for value in (1000, 2.5, "text"):
                    log.call(function, 6, at, value)
