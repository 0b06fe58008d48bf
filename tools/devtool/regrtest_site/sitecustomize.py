"""Found first on the path of every process of a CPython test run, on both sides of the comparison.

A defect of CPython 3.13.0 itself that makes tests hang at random is mended on both sides (executor_deadlock.py).

Beyond that, only FORCE_TIERJIT in the environment makes it do anything: then every function is compiled on its first call,
in the test process and in all the processes that it starts. FORCE_TIERJIT=2 optimises loops and functions too, as early as
types can be noted; FORCE_TIERJIT=2r leaves optimised code at random places. (The name does not begin with TIERJIT_: tierjit warns of
unknown options there, on a stderr that tests look at.)
"""

import os
import sys

if sys.version_info < (3, 13, 1) and "test_concurrent_futures" in sys.orig_argv[-1]:     # the worker that runs one of these files
    import executor_deadlock

    executor_deadlock.mend()

if os.environ.get("FORCE_TIERJIT"):
    try:
        import tierjit
    except ModuleNotFoundError:                     # test_os starts the base interpreter, which has no packages
        pass
    except ImportError as error:
        if "subinterpreters" not in str(error):     # these run without tierjit
            raise
    else:
        if tierjit.is_available():                  # not under another frame evaluator
            tierjit.configure(tier1_threshold=1, tier2=False)
            if os.environ["FORCE_TIERJIT"].startswith("2"):
                tierjit.configure(tier2=True, tier2_every_loop=True, tier2_threshold=1, osr_threshold=1, profiled_turns=2)
            if os.environ["FORCE_TIERJIT"] == "2r":
                tierjit.configure(fail_guards=1)
            tierjit.enable()
