"""Tells how long a program waits for the optimising tier; prints one line of JSON.

usage: pauses.py PROGRAM SECONDS

The program is called with its usual size until SECONDS have passed; two calls at least, so that code which is hot in the first one is
there in the second.
"""

import json
import sys
import time

from adapters import load


def main(name, seconds):
    import tierjit

    program = load(name)
    tierjit.configure(tier2=True)
    tierjit.enable()
    end, calls = time.monotonic() + float(seconds), 0
    while calls < 2 or time.monotonic() < end:
        program.run(program.size)
        calls += 1
    print(json.dumps({"program": name, "calls": calls} | {k: v for k, v in tierjit.stats().items() if k.startswith("tier2")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
