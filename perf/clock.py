"""CPU seconds of this process, all threads, to the microsecond.

Not time.process_time(): while a timer on the process's CPU time is armed, as tierjit's sampling has one, that clock
only moves with the scheduler's ticks.
"""

import resource


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
