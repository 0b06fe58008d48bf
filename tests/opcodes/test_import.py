"""import statements inside functions."""

import builtins
import sys
import types

from harness import case


def make_package(log):
    package = types.ModuleType("tj_pkg")
    package.__path__ = []
    child = types.ModuleType("tj_pkg.child")
    package.child = child
    package.value = 1
    package.__all__ = ["value"]
    child.leaf = "leaf"
    sys.modules["tj_pkg"], sys.modules["tj_pkg.child"] = package, child
    return package, child


def drop_package():
    for name in [name for name in sys.modules if name.startswith("tj_pkg")]:
        del sys.modules[name]


@case
def forms(log):
    def f():
        import os
        import os.path
        import os.path as p
        from os import path, sep as s
        from os.path import (
            join,
            basename as b,
        )
        import collections.abc
        return os.path is p, path is p, s, join("a", "b"), b("x/y"), collections.abc.__name__

    log.call(f)


@case
def missing(log):
    def module():
        import no_such_module

    def submodule():
        import os.no_such

    def name():
        from os import no_such_name

    def deep():
        from no_such.sub import x

    def guarded():
        try:
            import no_such_module as m
        except ImportError as error:
            m = None
            return m, error.name, type(error).__name__
        return m

    def guarded_name():
        try:
            from os import no_such_name
        except ImportError as error:
            return error.name, error.name_from, str(error).split("(")[0]

    for function in (module, submodule, deep, guarded, guarded_name):
        log.call(function)
    try:
        name()
    except ImportError as error:
        log(str(error).split("(")[0], error.__traceback__.tb_next.tb_lineno - name.__code__.co_firstlineno)


@case
def fake_package(log):
    package, child = make_package(log)

    def f():
        import tj_pkg.child
        import tj_pkg.child as c
        from tj_pkg import child, value
        from tj_pkg.child import leaf
        return tj_pkg.value, c is child, value, leaf

    def from_sys_modules():
        from tj_pkg import child
        return child.leaf

    try:
        log.call(f)
        package.value = 2
        child.leaf = "changed"
        log.call(f)
        del package.child
        log.call(from_sys_modules)
        del child.leaf
        log.call(f)
        sys.modules["tj_pkg.child"] = None
        log.call(f)
        sys.modules["tj_pkg"] = None
        log.call(f)
    finally:
        drop_package()
    log.call(f)


@case
def module_getattr(log):
    package, child = make_package(log)
    package.__getattr__ = lambda name: log("getattr", name) or f"made {name}"

    def f():
        from tj_pkg import anything, value
        return anything, value

    try:
        log.call(f)
    finally:
        drop_package()


@case
def replaced_import(log):
    real = builtins.__import__

    def fake(name, globals=None, locals=None, fromlist=(), level=0):
        log("import", name, locals is None, fromlist, level)
        return real(name, globals, locals, fromlist, level)

    def f():
        import os.path
        from os import sep
        import os.path as p
        return p is os.path

    builtins.__import__ = fake
    try:
        log.call(f)
    finally:
        builtins.__import__ = real
    log.call(f)

    def none(*args):
        return None

    def g():
        import anything
        return anything

    def h():
        from anything import something
        return something

    builtins.__import__ = none
    try:
        results = []
        for function in (g, h):
            try:
                results.append(function())
            except ImportError as error:
                results.append(str(error))
    finally:
        builtins.__import__ = real
    log(results)


@case
def relative(log):
    package, child = make_package(log)
    space = {"__name__": "tj_pkg.other", "__package__": "tj_pkg"}
    exec("def f():\n from . import child\n from .child import leaf\n return child.leaf, leaf\n"
         "def g():\n from .. import x\n", space)
    try:
        log.call(space["f"])
        log.call(space["g"])
        space["__package__"] = None
        space["__name__"] = "toplevel"
    finally:
        drop_package()

    def h():
        from . import nothing

    log.call(h)


@case
def odd_modules(log):
    class Module:
        __name__ = "tj_odd"
        x = 1

        @property
        def y(self):
            raise ValueError("property of module")

    sys.modules["tj_odd"] = Module()

    def f():
        from tj_odd import x
        return x

    def g():
        from tj_odd import y

    def h():
        from tj_odd import missing

    try:
        for function in (f, g, h):
            log.call(function)
    finally:
        del sys.modules["tj_odd"]


@case
def in_loop_and_class(log):
    def f(n):
        total = 0
        for i in range(n):
            import math
            from math import floor
            total += floor(math.sqrt(i))

        class C:
            import math
            from math import pi as number
        return total, C.number, C.math is math

    log.call(f, 10)


@case
def star_import(log):
    package, child = make_package(log)
    package._hidden = 5
    space = {}
    try:
        exec("from tj_pkg import *", space)
        log(sorted(k for k in space if k != "__builtins__"))
        del package.__all__
        exec("from tj_pkg import *", space)
        log(sorted(k for k in space if k != "__builtins__"))
    finally:
        drop_package()


@case
def dynamic(log):
    import importlib
    log.call(lambda: importlib.import_module("json").dumps({"a": 1}))
    log.call(lambda: __import__("os.path").sep)
    log.call(lambda: __import__("os.path", fromlist=["sep"]).sep)
