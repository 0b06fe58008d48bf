"""Stands in for the extension module where it cannot be loaded: in another Python than the one it was built for, in a sub-interpreter.

Everything stays interpreted, and questions are answered accordingly.
"""

import json
import sys
import sysconfig

version = "0"
TJ_OFF, TJ_ON, TJ_FLUSH = 0, 1, 2
_reason = ""
_options = {}


def explain(error):
    """Takes the reason from the ImportError of the extension module."""
    global _reason, version
    here = f"{sys.implementation.name} {sys.version.partition(' ')[0]}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        here += " (free-threaded)"
    elif hasattr(sys, "gettotalrefcount"):
        here += " (debug build)"
    if here == f"cpython {sys.version.partition(' ')[0]}" and sys.version_info[:2] == (3, 13):
        _reason = f"its extension module cannot be loaded here: {error}"
    else:
        _reason = f"it was built for CPython 3.13, this is {here}"
    import importlib.metadata
    try:
        version = importlib.metadata.version("tierjit")
    except importlib.metadata.PackageNotFoundError:
        pass


def attach():
    return False


def detach():
    pass


def why_unavailable():
    return _reason


def set_option(key, value):
    _options[key] = value


def get_config(described):
    return json.dumps({} if described else _options)


def set_mode(func, mode, recurse):
    raise RuntimeError(f"tierjit is not available: {_reason}")


def is_enabled():
    return False


def pause(delta):
    return 0


def _name(func):
    code = getattr(func, "__code__", func)
    if not hasattr(code, "co_code"):
        raise TypeError(f"needs a Python function, method or code object, not {type(func).__name__}")
    return getattr(code, "co_qualname", code.co_name)


def compile(func, tier):
    _name(func)
    return False


def is_compiled(func):
    _name(func)
    return 0


def why_not(func):
    _name(func)
    return f"tierjit is not available: {_reason}"


def info_json(func):
    counters = ("calls", "instructions", "code_bytes", "hot_bytes", "data_bytes", "compile_ns", "settled", "entries",
                "back_edges", "slow_calls")
    return json.dumps({"name": _name(func), "tier": 0, "state": "cold", "why_not": why_not(func), "tier2": []}
                      | dict.fromkeys(counters, 0))


def dump(func):
    return None


def dump_tier2(func, what):
    return None


def stats_json(reset):
    return json.dumps({"native_share": None, "refusals": {}, "refusal_texts": {}, "loop_door": "off"})


def slow_sites(limit):
    return ""


def _run(function, *arguments, **keywords):
    import runpy
    getattr(runpy, function)(*arguments, **keywords)
    return 0


def run_file(filename):
    return _run("run_path", filename, run_name="__main__")


def run_string(source):
    exec(source, sys.modules["__main__"].__dict__)
    return 0


def run_module(name, set_argv0):
    return _run("_run_module_as_main", name, set_argv0)
