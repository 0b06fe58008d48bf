"""Looks at every frame of the stack wherever a case's function or loop body begins, and writes down what it sees.

`load()` gives a case file calls of `look()` there; the process without tierjit runs the same text.
"""

import _thread
import ast
import builtins
import os
import sys
import types
import zlib

HARNESS_FOLDER = os.path.dirname(os.path.abspath(__file__))
TESTS_FOLDER = os.path.dirname(HARNESS_FOLDER)
KEPT = 300              # records of a call that are kept as text; a checksum tells about the others
ALL = 100               # looks of a call that see everything, then one of SOME
SOME = 13
WRITES = 5              # one look of so many writes a local variable, too
DEPTH = 10              # frames
LOOKS = "__look__"      # what the case files call


kept, checksum, looks = [], 0, 0
main_thread = _thread.get_ident()
len, type = builtins.len, builtins.type     # cases change those of everybody
PLAIN = frozenset({int, float, bool, str, bytes, complex, type(None)})


def brief(value):
    """Text of a value that runs no code of the program's."""
    kind = type(value)
    if kind not in PLAIN:
        size = f" of {len(value)}" if kind in (list, tuple, dict, set) else ""
        return f"<{kind.__name__}{size}>"
    if kind is int and value.bit_length() > 200:
        return f"<int of {value.bit_length()} bits>"
    return f"{kind.__name__} {value!r:.80}"


def write_one(frame):
    """Stores a variable's value where it is: optimised code has to go on with what the frame says."""
    if not frame.f_code.co_flags & 1:   # CO_OPTIMIZED
        return
    variables = frame.f_locals
    for name in variables:
        if type(variables[name]) in PLAIN:
            variables[name] = variables[name]
            return


def describe(frame):
    where = f"{frame.f_code.co_qualname} line {frame.f_lineno} at {frame.f_lasti}"
    if not frame.f_code.co_filename.startswith(TESTS_FOLDER):
        return where
    return f"{where}: { {name: brief(value) for name, value in frame.f_locals.items() if not name.startswith("__")} }"


def look():
    """Called by the case files."""
    global checksum, looks
    if _thread.get_ident() != main_thread:
        return
    looks += 1
    if looks > ALL and looks % SOME:
        return
    frame = sys._getframe(1)
    if looks % WRITES == 0:
        write_one(frame)
    lines = []
    while frame is not None and len(lines) < DEPTH:
        if not frame.f_code.co_filename.startswith(HARNESS_FOLDER):
            lines.append(describe(frame))
        frame = frame.f_back
    if len(kept) < KEPT:
        kept.append(lines)
    checksum = zlib.crc32("\n".join(lines).encode("utf-8", "replace"), checksum)


def take():
    """What has been seen since the last take()."""
    global kept, checksum, looks
    seen = {"frames": kept, "checksum": checksum, "looks": looks}
    kept, checksum, looks = [], 0, 0
    return seen


class Looks(ast.NodeTransformer):
    """Inserts the calls, on lines that are there already."""

    def insert(self, node, at):
        call = ast.Expr(ast.Call(ast.Name(LOOKS, ast.Load()), [], []))
        where = node.body[min(at, len(node.body) - 1)]
        for part in ast.walk(call):
            part.lineno = part.end_lineno = where.lineno
            part.col_offset = part.end_col_offset = where.col_offset
        node.body.insert(at, call)

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        self.insert(node, 1 if ast.get_docstring(node, clean=False) is not None else 0)
        return node

    def visit_For(self, node):
        self.generic_visit(node)
        self.insert(node, 0)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_While = visit_AsyncFor = visit_For


def load(path, name):
    """The module of the case file at `path`, with its looks."""
    with open(path, encoding="utf-8") as source:
        tree = Looks().visit(ast.parse(source.read(), path))
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    setattr(builtins, LOOKS, look)
    exec(compile(tree, path, "exec"), vars(module))
    return module
