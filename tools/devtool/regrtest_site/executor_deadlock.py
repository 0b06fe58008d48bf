"""Mends a deadlock of CPython 3.13.0 in the process pools of concurrent.futures (python/cpython gh-125451, mended in 3.13.1).

A call that cannot be pickled is taken off the pending work by the queue's feeder thread, which then waits for the executor's shutdown
lock to wake the executor's thread. When the executor is shut down in between, its thread finds no work pending, takes that lock, and
joins the feeder: neither goes on. It is a race of the standard library alone, so its tests hang now and then whoever runs them.

As in later releases, the lock that waking needs is the wakeup's own, and the feeder waits for no other.
"""

import threading
from concurrent.futures import process
from traceback import format_exception


def guarded(method):
    """`method` of a wakeup, under that wakeup's own lock. Reentrant: a signal handler may come while the lock is held."""

    def locked(self):
        with self.__dict__.setdefault("_own_lock", threading.RLock()):
            return method(self)

    return locked


def feeder_error(self, error, item):
    """What the feeder does about an item that it cannot send; the same as in 3.13.0 but for the shutdown lock."""
    if not isinstance(item, process._CallItem):
        super(process._SafeQueue, self)._on_queue_feeder_error(error, item)
        return
    error.__cause__ = process._RemoteTraceback('\n"""\n' + "".join(format_exception(error)) + '"""')
    work = self.pending_work_items.pop(item.work_id, None)
    self.thread_wakeup.wakeup()
    if work is not None:
        work.future.set_exception(error)


def mend() -> None:
    """Call before the first executor is made."""
    process._ThreadWakeup.wakeup = guarded(process._ThreadWakeup.wakeup)
    process._ThreadWakeup.close = guarded(process._ThreadWakeup.close)
    process._SafeQueue._on_queue_feeder_error = feeder_error
