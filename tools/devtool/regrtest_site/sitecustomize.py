"""Found first on the path of every process of a CPython test run, on both sides of the comparison.

Only with FORCE_TIERJIT in the environment does it do anything: then every function is compiled on its first call,
in the test process and in all the processes that it starts. (The name does not begin with TIERJIT_: tierjit warns of
unknown options there, on a stderr that tests look at.)
"""

import os

if os.environ.get("FORCE_TIERJIT"):
    try:
        import tierjit
    except ImportError as error:
        if "subinterpreters" not in str(error):     # these run without tierjit
            raise
    else:
        if tierjit.is_available():                  # not under another frame evaluator
            tierjit.configure(tier1_threshold=1)
            tierjit.enable()
