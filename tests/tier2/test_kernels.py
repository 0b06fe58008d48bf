"""What the innermost loops of known kernels may not contain once they are optimised: boxes, handlers, counts of references."""

import collections
import contextlib
import io
import json
import os
import subprocess
import sys
import types

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ir_reader  # noqa: E402

PERF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "perf")
COSTS = ("generic", "store_local", "box_int", "box_float", "incref", "decref", "call_typed")

# By program and function: for each innermost loop that is optimised, at most these operations. Where something is allowed, the comment says
# why it is there. A loop that is given up has nothing to say.
KERNELS = {
    "int_loop": {"run": {}},
    "float_oscillator": {"run": {}},
    "mandelbrot": {"iterations": {}},
    "sieve": {"run": {"incref": 1}},                     # the list gets another reference to True or False
    "matmul": {"product": {}},
    # Items become list items again: new floats. Sequences that are taken apart are held meanwhile.
    "nbody": {"advance": {"box_float": 6, "incref": 9, "decref": 7, "store_local": 1}},
    # Their arrays are classes with `__getitem__` and `__setitem__`, which take tuples.
    "scimark_sor": {"SOR_execute": {}},
    "scimark_lu": {"LU_factor": {}},
    # Attributes become other ints.
    "method_loop": {"run": {"box_int": 2}},
    # Items of the lists that count become items again; what is popped is inserted elsewhere. Slices are not made.
    "fannkuch": {"fannkuch": {"box_int": 1, "decref": 1}},
    # `eval_A` is called by handlers where it is not inlined; `sum` of a list comprehension.
    "spectral_norm": {"part_At_times_u": {"generic": 2, "box_float": 1, "box_int": 1, "incref": 2, "decref": 3}},
}
# The outer loop of these makes lists of lists; what matters is the loop inside.
INNER_DEPTH = {"matmul": 3}
# Loops of few turns, which tierjit leaves to Tier 1 on its own.
SHORT = {"mandelbrot"}


def child(name):
    """Prints, as JSON, [function, depth, {operation: count}] of each innermost loop that is optimised."""
    import gc
    import tierjit
    sys.path.insert(0, PERF)
    tierjit.enable()
    import adapters
    program = adapters.load(name)
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(3):
            program.run(program.small)
    found = []
    for function in [o for o in gc.get_objects() if isinstance(o, types.FunctionType)]:
        if not any(unit.phase == "optimised" for unit in tierjit.info(function).tier2):
            continue
        for graph in ir_reader.graphs(tierjit.disassemble(function, tier=2)):
            for loop in ir_reader.loops(graph).values():
                counts = collections.Counter(loop.operations)
                if loop.innermost:
                    found.append([function.__qualname__, loop.depth, {name: counts[name] for name in COSTS if counts[name]}])
    print(json.dumps(found))


@pytest.mark.parametrize("name", KERNELS)
def test_innermost_loops(name):
    sys.path.insert(0, PERF)
    import adapters
    if name not in adapters.names():
        pytest.skip("pyperformance is not installed")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TIERJIT")}
    done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, timeout=300,
                          env=clean | {"TIERJIT_TIER2": "1", "TIERJIT_TIER2_TEXTS": "1", "TIERJIT_OSR_THRESHOLD": "500",
                                       "TIERJIT_TIER2_THRESHOLD": "200",
                                       "TIERJIT_TIER2_EVERY_LOOP": "1" if name in SHORT else "0"})
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    for function, allowed in KERNELS[name].items():
        loops = [counts for qualname, depth, counts in found if qualname == function and depth >= INNER_DEPTH.get(name, 1)]
        assert loops or allowed, f"no innermost loop of {function} is optimised: {found}"
        for counts in loops:
            more = {operation: count for operation, count in counts.items() if count > allowed.get(operation, 0)}
            assert not more, (function, counts, allowed)


if __name__ == "__main__":
    child(sys.argv[1])
