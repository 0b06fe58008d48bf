"""Loops that no call, no module body and no enable() could see are found by sampling. Each case is a process of its own."""

import pytest

from program import check

pytest.importorskip("tierjit")

PRELUDE = """
import os, sys, threading, time, tierjit, warnings
warnings.simplefilter("error")

def entries():
    return tierjit.stats()["loop_entries"]

entries()  # imports what it needs
def spin(done):
    # The body never allocates a container: no collection, only the sample, can interrupt it.
    turns = 0
    while not done:
        turns += 1
    return turns

def begins_in_a_pause(seconds=10.0):
    done = []
    with tierjit.pause():
        thread = threading.Thread(target=spin, args=(done,))
        thread.start()
        time.sleep(0.02)
    before, end = entries(), time.monotonic() + seconds
    while entries() == before and time.monotonic() < end:
        time.sleep(0.01)
    done.append(1)
    thread.join()
    return entries() - before

def os_threads():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))
"""


def program(text):
    return PRELUDE + text


def test_a_loop_of_another_thread_that_began_while_paused():
    check(program("""
tierjit.enable()
assert begins_in_a_pause() == 1
"""))


def test_a_loop_that_goes_on_after_tracing():
    check(program("""
tierjit.enable()
def traced_first(limit):
    before, turns = entries(), 0
    sys.settrace(lambda *event: None)
    turns += 1
    sys.settrace(None)
    end = time.monotonic() + limit
    while entries() == before and time.monotonic() < end:
        turns += 1
    return entries() - before
assert traced_first(10) == 1
"""))


def test_zero_means_never():
    check(program("""
tierjit.configure(sample_ms=0)
tierjit.enable()
assert os_threads() == 1
assert begins_in_a_pause(0.3) == 0
"""))


def test_the_thread_is_gone_when_tierjit_is_off():
    check(program("""
for _ in range(3):
    tierjit.enable()
    assert os_threads() == 2
    tierjit.disable()
    time.sleep(0.01)
    assert os_threads() == 1
"""))


def test_an_idle_process_is_not_woken():
    check(program("""
tierjit.enable()
other = next(int(name) for name in os.listdir("/proc/self/task") if int(name) != os.getpid())
def switches():
    with open(f"/proc/self/task/{other}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
before = switches()
time.sleep(0.5)
assert switches() - before <= 1
"""))


def test_forks_meet_no_thread_and_sampling_goes_on_in_both():
    check(program("""
import logging  # has hooks of its own at forks
tierjit.enable()
os.register_at_fork(after_in_parent=lambda: [(lambda: None)() for _ in range(3)])
for _ in range(20):
    child = os.fork()  # a warning of threads would be an error
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
child = os.fork()
if child == 0:
    os._exit(10 + begins_in_a_pause())
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 11
assert begins_in_a_pause() == 1
"""))


def test_forks_behind_the_interpreters_back():
    check(program("""
import ctypes
tierjit.enable()
child = ctypes.CDLL(None).fork()
if child == 0:
    tierjit.disable()
    tierjit.enable()
    os._exit(10 + begins_in_a_pause())
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 11
"""))


def test_clocks_of_cpu_time_stay_exact():
    # A timer of the process's CPU time would let its clock advance in steps of scheduler ticks only.
    check(program("""
tierjit.enable()
assert os_threads() == 2
seen = set()
while len(seen) < 200:
    seen.add(time.process_time())
steps = sorted(seen)
assert min(b - a for a, b in zip(steps, steps[1:])) < 0.0005
"""))


def test_an_idle_process_is_not_woken():
    check(program("""
tierjit.enable()
tierjit.configure(sample_ms=1)
time.sleep(0.05)
def switches():
    total = 0
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            with open(f"/proc/self/task/{task}/status") as status:
                total += next(int(line.split()[1]) for line in status if line.startswith("voluntary"))
    return total
before = switches()
time.sleep(0.5)
assert switches() - before <= 3, switches() - before
"""))
