"""Runs one program in this process and prints one line of JSON: times, digest of the results, tierjit's counters.

usage: driver.py PROGRAM [--n N | --small] [--calls K] [--tierjit | --variant NAME] [--list]

Times are CPU seconds of this process over a whole call, `first` for the first call and `later` for the others.
The digest covers what all calls returned and printed, so two runs with equal arguments must agree in it.
"""

import argparse
import contextlib
import gc
import hashlib
import io
import json
import os
import resource
import sys
import time

sys.path[0] = os.path.dirname(os.path.abspath(__file__))
import clock  # noqa: E402


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?")
    parser.add_argument("--n", type=int, help="size, instead of the program's own")
    parser.add_argument("--small", action="store_true", help="the program's small size (for callgrind)")
    parser.add_argument("--calls", type=int, default=4, help="calls in this process (default: 4)")
    parser.add_argument("--tierjit", dest="variant", action="store_const", const="tierjit", default="plain",
                        help="import tierjit and enable it first")
    parser.add_argument("--variant", help="another way to run it: see perf/adapters/variants.py")
    parser.add_argument("--list", action="store_true", help="print the names of all programs")
    return parser.parse_args(argv)


def timed_calls(program, n, calls):
    """Returns ([CPU seconds of each call], digest)."""
    times, digest, printed = [], hashlib.sha256(), io.StringIO()
    with contextlib.redirect_stdout(printed):
        for _ in range(calls):
            gc.collect()
            began = clock.cpu_seconds()
            result = program.run(n)
            times.append(clock.cpu_seconds() - began)
            digest.update(repr(result).encode())
    digest.update(printed.getvalue().encode())
    return times, digest.hexdigest()


def main(argv):
    options = parse(argv)
    import adapters
    from adapters import variants

    began = time.perf_counter()
    variant = variants.switch_on(options.variant)
    milliseconds = (time.perf_counter() - began) * 1e3

    if options.list or not options.program:
        print("\n".join(adapters.names()))
        return 0
    program = adapters.load(options.program, variant.import_file)
    n = options.n if options.n is not None else program.small if options.small else program.size
    times, digest = timed_calls(program, n, options.calls)
    report = {"program": program.name, "n": n, "first": times[0], "later": times[1:], "digest": digest,
              "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "enable_ms": milliseconds}
    report |= variant.report()
    print(json.dumps(report, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
