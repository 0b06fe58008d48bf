"""How much of the standard library's code the first tier takes, none of which is run, and functions of code that is not a function's."""

import pytest

from program import check

pytest.importorskip("tierjit")


def test_share_of_the_standard_library():
    check("""
import collections, pathlib, sysconfig, types, warnings
import tierjit

warnings.simplefilter("ignore")
library = pathlib.Path(sysconfig.get_path("stdlib"))
FUNCTION = 2  # CO_NEWLOCALS, which bodies of modules and of classes lack

def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)

functions, compiled, refused = 0, 0, collections.Counter()
for path in library.rglob("*.py"):
    if {"site-packages", "__pycache__"} & set(path.relative_to(library).parts):
        continue
    try:
        top = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        continue
    for code in codes(top):
        if not code.co_flags & FUNCTION:
            continue
        function = types.FunctionType(code, {}, closure=tuple(types.CellType() for _ in code.co_freevars))
        functions += 1
        tierjit.jit(function)
        if tierjit.is_compiled(function):
            compiled += 1
        else:
            refused[tierjit.info(function).why_not] += 1
print(functions, compiled, refused)
assert functions > 10000, functions
assert compiled / functions >= 0.995, refused
""")


def test_functions_without_fast_locals():
    """Their code is that of a body: compiled loops only, so that calls must not enter it."""
    check("""
import types, tierjit

def count(turns, step):
    total = 0
    for _ in range(turns):
        total += step
    return total

def call(function):
    return sum(function(50, 2) for _ in range(300))

tierjit.configure(tier1_threshold=1, osr_threshold=1, tier2_threshold=1)
tierjit.enable()
for flags in (0, 2):
    body = types.FunctionType(count.__code__.replace(co_flags=flags), globals())
    tierjit.jit(body)
    assert not tierjit.is_compiled(body)
    assert "not the code of a function" in tierjit.info(body).why_not, tierjit.info(body).why_not
    for _ in range(5):
        assert call(body) == 30000
    assert body(20000, 1) == 20000
    assert body(5, 2) == 10
""")
