"""Ways to run a program's file: as it is, under a JIT, as an extension module, or with Numba.

Each variant imports what it needs when it is switched on, and nothing else.
"""

from __future__ import annotations

import os
import sys
import types


def from_source(name: str, path: str) -> types.ModuleType:
    """A module of the file's text. Scripts of pyperformance find themselves in sys.modules, as an import would do."""
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    return module


class Variant:
    """What the driver needs of a variant: import_file(module name, path), and report() after the calls."""

    def __init__(self, import_file=from_source, report=dict):
        self.import_file, self.report = import_file, report


def tierjit() -> Variant:
    import tierjit

    tierjit.enable()
    return Variant(report=lambda: {"stats": tierjit.stats()})


def cinderx() -> Variant:
    import cinderx.jit

    cinderx.jit.auto()
    return Variant(report=lambda: {"compiled": len(cinderx.jit.get_compiled_functions())})


def extension(folder: str) -> Variant:
    """Takes extension modules from `folder`, which somebody compiled from the programs' files."""

    def import_file(name: str, path: str) -> types.ModuleType:
        import importlib.machinery
        import importlib.util

        places = (os.path.join(folder, name + suffix) for suffix in importlib.machinery.EXTENSION_SUFFIXES)
        spec = importlib.util.spec_from_file_location(name, next(place for place in places if os.path.exists(place)))
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return Variant(import_file)


def numba() -> Variant:
    from . import numba_functions

    return Variant(numba_functions.import_file, numba_functions.report)


def switch_on(name: str) -> Variant:
    """name: plain, tierjit, cinderx, numba, or extension=FOLDER."""
    kind, _, argument = name.partition("=")
    if kind == "extension":
        return extension(argument)
    return {"plain": Variant, "tierjit": tierjit, "cinderx": cinderx, "numba": numba}[kind]()
