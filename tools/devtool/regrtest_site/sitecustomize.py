"""Found first on the path of every process of a CPython test run, on both sides of the comparison.

Only with TIERJIT_FORCE in the environment does it do anything: then every function is compiled on its first call,
in the test process and in all the processes that it starts.
"""

import os

if os.environ.get("TIERJIT_FORCE"):
    import tierjit

    tierjit.configure(tier1_threshold=1)
    tierjit.enable()
