"""Tells how long after its start a process has done 1, 2, 3... calls of a program; prints one line of JSON.

usage: cold.py SPAWNED VARIANT PROGRAM CALLS SECONDS

SPAWNED is time.monotonic() of the process that started this one. The calls are of the program's small size; they end
after CALLS of them, or after the one in which SECONDS of wall-clock time have passed. `wall` and `cpu` list seconds
since the start of the process. Nothing is imported up front that a plain program would not want.
"""

import sys
import time

import clock
from adapters import load, variants


def cumulated(program, spawned, calls, seconds):
    wall, cpu, result = [], [], None
    while len(wall) < calls and (not wall or wall[-1] < seconds):
        result = program.run(program.small)
        cpu.append(clock.cpu_seconds())
        wall.append(time.monotonic() - spawned)
    return wall, cpu, result


def main(spawned, variant, name, calls, seconds):
    way = variants.switch_on(variant)
    program = load(name, way.import_file)
    wall, cpu, result = cumulated(program, float(spawned), int(calls), float(seconds))
    import hashlib
    import json

    digest = hashlib.sha256(repr(result).encode()).hexdigest()
    print(json.dumps({"program": name, "wall": wall, "cpu": cpu, "digest": digest, **way.report()}, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
