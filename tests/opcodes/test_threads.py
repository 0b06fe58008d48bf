"""Threads, thread switches, signals and pending calls while compiled loops run."""

import _thread
import gc
import os
import signal
import sys
import threading
import time

from harness import case


def spin(n):
    total = 0
    for i in range(n):
        total += i & 3
    return total


def spin_objects(n):
    class P:
        def __init__(self, x):
            self.x = x

        def step(self):
            self.x += 1
            return self.x

    p = P(0)
    items = []
    for i in range(n):
        items.append(p.step() * 1.5)
        if len(items) > 10:
            items.clear()
    return p.x, items


def run_threads(function, count, *args):
    results = [None] * count

    def body(index):
        results[index] = function(*args)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@case(times=4)
def several_threads(log):
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        log(run_threads(spin, 4, 3000))
        log(run_threads(spin_objects, 4, 500))
    finally:
        sys.setswitchinterval(old)


@case(times=4)
def threads_switch_in_loops(log):
    """Each side waits in a loop for the other one: without thread switches this hangs."""
    state = [0]

    def follow():
        for turn in range(1, 6, 2):
            while state[0] != turn:
                pass
            state[0] += 1

    thread = threading.Thread(target=follow)
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        thread.start()
        for turn in range(0, 6, 2):
            while state[0] != turn:
                pass
            state[0] += 1
        thread.join()
    finally:
        sys.setswitchinterval(old)
    log(state)


@case(times=4)
def shared_counter_with_lock(log):
    lock = threading.Lock()
    box = {"n": 0}

    def bump(n):
        for _ in range(n):
            with lock:
                box["n"] += 1

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        run_threads(bump, 3, 300)
    finally:
        sys.setswitchinterval(old)
    log(box)


@case(times=4)
def recursion_in_threads(log):
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    def endless(n):
        return endless(n + 1)

    def guarded():
        try:
            endless(0)
        except RecursionError as error:
            return str(error)[:33]

    log(run_threads(fib, 3, 12))
    log(run_threads(guarded, 2))


@case(times=4)
def thread_locals(log):
    local = threading.local()

    def f(n):
        local.x = 0
        for i in range(n):
            local.x += 1
        return local.x

    log(run_threads(f, 3, 200), hasattr(local, "x"))


@case(times=4)
def exceptions_in_threads(log):
    seen = []

    def f():
        try:
            1 // 0
        except ZeroDivisionError:
            time.sleep(0)
            return sys.exception().__class__.__name__, sys.exc_info()[2].tb_frame.f_code.co_name

    def dies():
        raise ValueError("in thread")

    old = threading.excepthook
    threading.excepthook = lambda info: seen.append((info.exc_type.__name__, str(info.exc_value)))
    try:
        log(run_threads(f, 3))
        run_threads(dies, 1)
    finally:
        threading.excepthook = old
    log(seen)


@case(times=4)
def globals_change_in_other_thread(log):
    space = {"flag": False}
    exec("def wait(n):\n count = 0\n while not flag:\n  count += 1\n return 'seen'\n", space)

    def change():
        time.sleep(0.002)
        space["flag"] = True

    thread = threading.Thread(target=change)
    thread.start()
    log(space["wait"](0))
    thread.join()


@case(times=4)
def attribute_changes_in_other_thread(log):
    class Box:
        done = False

    box = Box()

    def wait():
        while not box.done:
            pass
        return "seen"

    def change():
        time.sleep(0.002)
        Box.done = True

    thread = threading.Thread(target=change)
    thread.start()
    log(wait())
    thread.join()


class Alarm(Exception):
    pass


def with_handler(handler, run, number=signal.SIGALRM):
    old = signal.signal(number, handler)
    try:
        return run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(number, old)


@case(times=4)
def signal_in_the_middle_of_large_numbers(log):
    """Operations on them look at signals by themselves. A handler that raises is heard once, and there."""
    def raising(number, frame):
        raise Alarm(frame.f_code.co_name)

    def product(x, y):
        for _ in range(10 ** 7):
            x * y

    def quotient(x, y):
        for _ in range(10 ** 7):
            x // y

    def remainder(x, y):
        for _ in range(10 ** 7):
            x % y

    for f in (product, quotient, remainder):
        def run():
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            try:
                f(7 ** 3000, 11 ** 400)
            except Alarm as e:
                return e.args
        log(with_handler(raising, run))


@case(times=4)
def signal_ends_endless_loops(log):
    def raising(number, frame):
        raise Alarm("time")

    def while_true():
        while True:
            pass

    def for_range():
        total = 0
        for i in range(10 ** 12):
            total += i

    def calls():
        def f(x):
            return x
        while f(1):
            f(2)

    def methods():
        class C:
            def m(self):
                return self
        c = C()
        while c.m():
            c.m().m()

    def recursion():
        def down(n):
            return down(n - 1) if n else 0
        while True:
            down(50)

    def comprehension():
        while [i for i in range(10)]:
            pass

    def nested():
        for i in iter(int, 1):
            for j in range(100):
                for k in (1, 2, 3):
                    pass

    def with_try():
        while True:
            try:
                1 // 0
            except ZeroDivisionError:
                continue

    for function in (while_true, for_range, calls, methods, recursion, comprehension, nested, with_try):
        def run():
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.003)
                function()
            except Alarm as error:
                return function.__name__, str(error)
        log.call(with_handler, raising, run)
    gc.collect()  # when the collector ran last depends on the moment of the signals


@case(times=4)
def handler_sees_frame(log):
    seen = []

    def handler(number, frame):
        seen.append((frame.f_code.co_name, sorted(k for k in frame.f_locals if k in ("i", "total", "stop")),
                     0 < frame.f_lineno - frame.f_code.co_firstlineno < 6))
        stop.append(1)

    stop = []

    def loop():
        i = total = 0
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        while not stop:
            i += 1
            total += i
        return "left"

    log.call(with_handler, handler, loop)
    log(seen)


@case(times=4)
def handler_changes_locals(log):
    def handler(number, frame):
        while frame.f_code is not loop.__code__:
            frame = frame.f_back
        frame.f_locals["running"] = False

    def loop():
        running = True
        count = 0
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        while running:
            count += 1
        return count > 0

    log.call(with_handler, handler, loop)


@case
def raise_signal(log):
    """raise_signal() runs the handler before the next bytecode that polls."""
    def handler(number, frame):
        log("handler", frame.f_code.co_name)
        if raising:
            raise Alarm("raised")

    def f(n):
        for i in range(n):
            if i == 2:
                signal.raise_signal(signal.SIGUSR1)
                log("after raise_signal", i)
            log("body", i)
        return "end"

    def kill():
        os.kill(os.getpid(), signal.SIGUSR1)
        log("after kill")
        return 5

    for raising in (False, True):
        log.call(with_handler, handler, lambda: f(4), signal.SIGUSR1)
        log.call(with_handler, handler, kill, signal.SIGUSR1)


@case
def keyboard_interrupt(log):
    def f():
        try:
            for i in range(10):
                if i == 3:
                    signal.raise_signal(signal.SIGINT)
            return "not interrupted"
        except KeyboardInterrupt:
            return "interrupted", i
        finally:
            log("finally")

    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        log.call(f)
        try:
            _thread.interrupt_main()
            for _ in range(100):
                pass
            log("missed")
        except KeyboardInterrupt:
            log("interrupted")
    finally:
        signal.signal(signal.SIGINT, old)


@case(times=4)
def async_exception(log):
    import ctypes

    class Stop(Exception):
        pass

    def target(started, result):
        try:
            started.set()
            while True:
                spin(10)
        except Stop:
            result.append("stopped")

    started, result = threading.Event(), []
    thread = threading.Thread(target=target, args=(started, result))
    thread.start()
    started.wait()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop))
    thread.join(10)
    log(result)


@case(times=4)
def pending_calls(log):
    """Py_AddPendingCall must run within a loop of the main thread."""
    import ctypes
    api = ctypes.pythonapi
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    done = []

    def pending(argument):
        done.append(1)
        return 0

    callback = prototype(pending)
    api.Py_AddPendingCall(callback, None)

    def loop():
        while not done:
            pass
        return done

    log.call(loop)


@case(times=4)
def daemon_and_timers(log):
    fired = threading.Event()
    timer = threading.Timer(0.002, fired.set)
    timer.start()

    def wait():
        while not fired.is_set():
            pass
        return "fired"

    log(wait())
    timer.join()


@case(times=3)
def fork(log):
    def f(n):
        return sum([i * i for i in range(n)])

    log(f(10))
    reader, writer = os.pipe()
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.write(writer, repr((f(10), spin(100), spin_objects(20))).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as stream:
        log(stream.read())
    log(os.waitpid(pid, 0)[1])


@case(times=4)
def queues(log):
    import queue
    requests, answers = queue.Queue(), queue.Queue()

    def worker():
        while (item := requests.get()) is not None:
            answers.put((item, item * item))

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(50):
        requests.put(i)
    for _ in threads:
        requests.put(None)
    for thread in threads:
        thread.join()
    log(sorted(answers.get() for _ in range(50))[-3:])


@case(times=4)
def executor(log):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(3) as pool:
        log(list(pool.map(spin, [10, 100, 1000])))
        future = pool.submit(lambda: 1 // 0)
        log(type(future.exception()).__name__)
