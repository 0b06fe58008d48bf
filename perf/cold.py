"""Tells how long after its start a process has done 1, 2, 3... calls of a program; prints one line of JSON.

usage: cold.py SPAWNED VARIANT PROGRAM CALLS CLOCK SECONDS

SPAWNED is time.monotonic() of the process that started this one. The calls are of the program's small size; they end
after CALLS of them, or after the one in which CLOCK (`wall` or `cpu`) passes SECONDS. `passed` lists what that clock
shows after each call, from the start of the process. Nothing is imported up front that a plain program would not want.
"""

import sys
import time

import clock
from adapters import load, variants


def cumulated(program, now, calls, seconds):
    passed, result = [], None
    while len(passed) < calls and (not passed or passed[-1] < seconds):
        result = program.run(program.small)
        passed.append(now())
    return passed, result


def main(spawned, variant, name, calls, kind, seconds):
    now = {"cpu": clock.cpu_seconds, "wall": lambda: time.monotonic() - float(spawned)}[kind]
    way = variants.switch_on(variant)
    program = load(name, way.import_file)
    passed, result = cumulated(program, now, int(calls), float(seconds))
    import hashlib
    import json

    digest = hashlib.sha256(repr(result).encode()).hexdigest()
    print(json.dumps({"program": name, "passed": passed, "digest": digest, **way.report()}, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
