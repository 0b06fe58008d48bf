"""How much of the standard library's code the first tier takes, none of which is run."""

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
