"""Calls between plain functions: inlined, and recursive without frames, with all that makes their frames appear."""

import signal
import sys
import threading
import traceback

from harness import case


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def halves(x, n):
    return x if n == 0 else halves(x * 0.5, n - 1) + 1.0


def power(base, n):
    if n == 0:
        return 1
    return base * power(base, n - 1)


def total(items, at):
    if at == len(items):
        return 0
    return items[at] + total(items, at + 1)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def warm(function, *args):
    for _ in range(6):
        function(*args)


@case
def recursion_of_numbers(log):
    log.each(fib, (0,), (1,), (2,), (13,))
    log.each(halves, (1.0, 0), (3.0, 9), (float("inf"), 3))
    log.each(ackermann, (2, 3), (0, 5), (3, 2))
    log.each(even, (0,), (10,), (201,))
    log.each(total, ([1, 2, 3, 4], 0), ((5, 6, 7), 1), ([], 0))


@case
def other_types_arrive(log):
    warm(fib, 5)
    warm(power, 3, 6)
    warm(halves, 2.0, 4)
    warm(total, [1, 2, 3], 0)
    log.each(fib, (7.5,), (True,), ("x",), (None,), (1 << 70,))
    log.each(power, (3, 60), (2.5, 6), ("ab", 1), (1 << 40, 5), (-7, 41))
    log.each(halves, (3, 4), ("s", 2), (1.0, 2.0), (float("nan"), 2), (1.0, True))
    log.each(total, ([1.5, 2], 0), ([1, "s"], 0), ([1 << 62, 1 << 62, 1 << 62], 0), ((), 0), (5, 0))
    log.each(ackermann, (1, 2.0), (1.0, 1))


@case(times=3)
def limits(log):
    def depth(n):
        try:
            return total(list(range(n)), 0)
        except RecursionError as error:
            return str(error)

    warm(total, [1, 2], 0)
    warm(even, 8)
    limit = sys.getrecursionlimit()
    log.each(depth, (10,), (500,), (5000,))
    try:
        sys.setrecursionlimit(30_000)
        log.each(depth, (5000,), (20_000,))
        log.each(even, (9000,), (9001,))
        sys.setrecursionlimit(200)
        log.each(depth, (50,), (1000,))
    finally:
        sys.setrecursionlimit(limit)


@case(times=3)
def endless(log):
    warm(down, 5)
    log.call(count_of_frames, down, 1 << 60)
    log.call(count_of_frames, down, -1)
    log.call(down, 7)


def down(n):
    return 0 if n == 0 else down(n - 1) + 1


def count_of_frames(function, *args):
    try:
        function(*args)
    except RecursionError as error:
        names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
        return len(names) > 100, names[-1], str(error)


divisor = 1


def divide(n):
    if n == 0:
        return 100 // divisor
    return divide(n - 1) + 1


def divide_through(n):
    return middle(n) + 1


def middle(n):
    return divide(n) * 2


def loop_of_divisions(n):
    result = 0
    for i in range(n):
        result += leaf(i, 20 - i)
    return result


def leaf(a, b):
    return inner(a, b) + 1


def inner(a, b):
    c = a * 2
    return c // b


def lines(function, *args):
    try:
        return function(*args)
    except Exception as error:
        entries = traceback.extract_tb(error.__traceback__)
        frames = [(frame.f_code.co_name, sorted(frame.f_locals.items(), key=lambda kv: kv[0]))
                  for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name != "lines"]
        return repr(error), [(e.name, e.lineno, e.colno, e.end_colno) for e in entries], frames


@case
def exceptions_from_below(log):
    global divisor
    divisor = 7
    warm(divide, 5)
    warm(divide_through, 4)
    warm(loop_of_divisions, 15)
    divisor = 0
    log.call(lines, divide, 4)
    log.call(lines, divide_through, 3)
    log.call(lines, loop_of_divisions, 25)
    divisor = 3
    log.call(lines, divide_through, 3)
    log.call(lines, inner, 1, 0)


def caught(n):
    try:
        if n == 0:
            return 1 // divisor
        return caught(n - 1)
    except ZeroDivisionError:
        return -n


@case
def handlers_on_the_way(log):
    global divisor
    divisor = 1
    warm(caught, 4)
    divisor = 0
    log.each(caught, (0,), (3,))
    divisor = 1
    log.each(caught, (0,), (3,))


def asks(n, bonus):
    if n == 0:
        return probe(bonus)
    here = n * 2
    return asks(n - 1, bonus) + here


def plain_probe(bonus):
    return bonus


def looking_probe(bonus):
    frame = sys._getframe(1)
    seen = []
    while frame.f_code.co_name == "asks":
        seen.append((frame.f_lineno, dict(frame.f_locals)))
        frame = frame.f_back
    return bonus + len(repr(seen))


def writing_probe(bonus):
    sys._getframe(2).f_locals["here"] = 1000
    return bonus


probe = plain_probe


@case
def callees_that_look(log):
    global probe
    probe = plain_probe
    warm(asks, 4, 1)
    probe = looking_probe
    log.each(asks, (4, 1), (0, 1), (2, 1))
    probe = writing_probe
    log.each(asks, (4, 1), (2, 1))
    probe = plain_probe
    log.each(asks, (4, 1))


def step(n):
    return n + 1


def uses_step(n):
    result = 0
    for i in range(n):
        result += step(i)
    return result


def rebinding(n):
    global step
    if n == 3:
        step = lambda n: n * 100
    return 0 if n == 0 else rebinding(n - 1) + step(n)


@case
def functions_change(log):
    global step
    original = step
    warm(uses_step, 10)
    log.call(uses_step, 10)
    step = lambda n: n * 2
    log.call(uses_step, 10)
    step = original
    log.call(uses_step, 10)
    code = step.__code__
    step.__code__ = (lambda n: n - 1).__code__
    log.call(uses_step, 10)
    step.__code__ = code
    log.call(uses_step, 10)
    step.__defaults__ = (5,)
    log.call(uses_step, 10)
    step.__defaults__ = None
    step = 5
    log.call(uses_step, 10)
    step = original
    log.call(rebinding, 6)
    step = original
    log.call(rebinding, 2)
    step = original


def changes_itself(n):
    global changes_itself
    if n == 2:
        changes_itself = step
    return 0 if n == 0 else changes_itself(n - 1) + 1


@case
def recursion_through_a_changed_global(log):
    global changes_itself
    original = changes_itself
    warm(changes_itself, 1)
    log.call(changes_itself, 5)
    changes_itself = original
    log.call(original, 4)
    changes_itself = original


def with_default(a, b=3):
    return a * b


def uses_default(n):
    result = 0
    for i in range(n):
        result += with_default(i) + with_default(i, 2) + with_default(b=i, a=1)
    return result


def wrong_count(n):
    for i in range(n):
        if i == 9:
            return inner(i)
        inner(i, 1)


@case
def shapes_of_calls(log):
    log.each(uses_default, (4,), (12,))
    log.call(lines, wrong_count, 12)


def first(items):
    return items[0]


def pick(items, n):
    result = []
    last = None
    for i in range(n):
        last = first(items)
    result.append(last)
    return result


class Tracked:
    alive = 0

    def __init__(self):
        Tracked.alive += 1

    def __del__(self):
        Tracked.alive -= 1


def same(x):
    return x


def hands_on(x, n):
    return x if n == 0 else hands_on(x, n - 1)


@case
def objects_pass_through(log):
    warm(pick, [1, 2], 8)
    warm(hands_on, [1], 4)
    item = object()
    log.call(lambda: pick([item], 10)[0] is item)
    log.call(lambda: hands_on(item, 5) is item)
    log.call(lambda: sys.getrefcount(hands_on(item, 5)) - sys.getrefcount(item))
    log.call(lambda: (hands_on(Tracked(), 6), Tracked.alive)[1])
    log.call(lambda: Tracked.alive)
    log.call(lambda: (pick([Tracked()], 9), Tracked.alive)[1])
    log.call(lambda: Tracked.alive)
    log.call(lambda: pick([], 3))


def either(flag, a, b):
    return a if flag else b


def mixes(n):
    result = 0
    for i in range(n):
        result += either(i & 1 == 0, i, i * 0.5)
        result += either(i > 3, 1, True)
    return result


@case
def results_of_two_kinds(log):
    log.each(mixes, (3,), (12,))
    log.each(either, (True, "a", "b"), (False, 1, 2.0))


def maybe(n):
    if n > 2:
        bound = n
    return -1 if n <= 2 else bound


def unbound(n):
    if n > 2:
        bound = n
    return bound


def uses_maybe(n):
    result = 0
    for i in range(n):
        result += maybe(i)
    return result


def uses_unbound(low, n):
    result = 0
    for i in range(low, n):
        result += unbound(i)
    return result


@case
def locals_that_may_be_unbound(log):
    log.each(uses_maybe, (10,), (2,))
    warm(uses_unbound, 3, 12)
    log.call(lines, uses_unbound, 3, 12)
    log.call(lines, uses_unbound, 0, 12)


def triangle(n):
    result = 0
    for i in range(n):
        result += i
    return result


def triangles(n):
    result = 0
    for i in range(n):
        result += triangle(i)
    return result


def tree(n):
    result = 1
    for i in range(n):
        result += tree(i)
    return result


@case
def loops_inside(log):
    log.each(triangles, (3,), (30,))
    log.each(tree, (3,), (7,))
    log.each(triangles, (2.5,), (True,))


@case(times=4)
def tracing_switched_on(log):
    events = []

    def tracer(frame, event, arg):
        events.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
        return tracer

    warm(fib, 6)
    warm(triangles, 5)
    sys.settrace(tracer)
    try:
        fib(3)
        triangles(3)
    finally:
        sys.settrace(None)
    log.call(lambda: events)
    log.call(fib, 8)


@case(times=4)
def tracing_from_below(log):
    global probe
    events = []

    def tracer(frame, event, arg):
        if frame.f_code.co_name in ("asks", "plain_probe"):
            events.append((frame.f_code.co_name, event, frame.f_lineno))
        return tracer

    def switching_probe(bonus):
        sys.settrace(tracer)
        return bonus

    probe = plain_probe
    warm(asks, 4, 1)
    probe = switching_probe
    try:
        log.call(asks, 3, 1)
    finally:
        sys.settrace(None)
    probe = plain_probe
    log.call(lambda: events)
    log.call(asks, 3, 1)


@case(times=4)
def listening_to_one_function(log):
    tool, seen = 4, []
    events = sys.monitoring.events
    warm(uses_step, 8)
    warm(fib, 5)
    sys.monitoring.use_tool_id(tool, "test")
    try:
        sys.monitoring.register_callback(tool, events.PY_START, lambda code, offset: seen.append(code.co_name))
        sys.monitoring.set_local_events(tool, step.__code__, events.PY_START)
        uses_step(4)
        log.call(lambda: list(seen))
        sys.monitoring.set_local_events(tool, step.__code__, 0)
        sys.monitoring.set_local_events(tool, fib.__code__, events.PY_START)
        fib(3)
        uses_step(4)
        log.call(lambda: list(seen))
        sys.monitoring.set_local_events(tool, fib.__code__, 0)
    finally:
        sys.monitoring.free_tool_id(tool)
    log.call(uses_step, 6)


@case(times=2)
def interrupted(log):
    class Stop(Exception):
        pass

    def handler(*args):
        raise Stop

    def run():
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            while True:
                fib(22)
        except Stop as error:
            return {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)} <= {"run", "fib", "handler"}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

    warm(fib, 6)
    log.call(run)
    log.call(fib, 10)


@case(times=3)
def threads(log):
    def run():
        results = []
        threads = [threading.Thread(target=lambda k=k: results.append((k, fib(12 + k), triangles(20 + k)))) for k in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return sorted(results)

    log.call(run)
