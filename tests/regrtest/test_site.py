"""What the processes of a CPython test run are given on both sides: the mended process pools."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from devtool import regrtest  # noqa: E402

SHUT_DOWN_WHILE_A_CALL_FAILS = """
import sys, time
from concurrent.futures import ProcessPoolExecutor, process

class Slow(dict):
    def pop(self, *args):
        found = super().pop(*args)
        time.sleep(0.5)     # the executor's thread finds no work pending
        return found

class Unpicklable:
    def __reduce__(self):
        raise ValueError("no pickle")

executor = ProcessPoolExecutor(1)
executor._pending_work_items = executor._call_queue.pending_work_items = Slow()
assert executor.submit(abs, -1).result() == 1
thread = executor._executor_manager_thread
failing = executor.submit(id, Unpicklable())
time.sleep(0.25)            # the feeder has taken the call off the pending work
executor.shutdown(wait=False)
assert "no pickle" in str(failing.exception())
thread.join()
print("mended" if "executor_deadlock" in sys.modules else "as it is")
"""


@pytest.mark.skipif(sys.version_info >= (3, 13, 1), reason="mended in the standard library")
@pytest.mark.parametrize("tier", [None, "1", "2"])
def test_executors_that_are_shut_down_while_a_call_fails_end(tier):
    env = regrtest.environment(tier is not None, tier or "1")
    worker = [sys.executable, "-c", SHUT_DOWN_WHILE_A_CALL_FAILS, "test.test_concurrent_futures.test_deadlock"]
    done = subprocess.run(worker, env=env, capture_output=True, text=True, timeout=30)
    assert done.stdout == "mended\n", done.stderr


def test_other_processes_have_the_standard_librarys_own():
    source = "import sys; print('concurrent.futures' in sys.modules, 'executor_deadlock' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], env=regrtest.environment(False), capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stderr
