"""A just-in-time compiler for ordinary CPython programs.

    import tierjit
    tierjit.enable()

makes functions that are called often run as machine code, without a change to them: same results, same tracebacks, same
tools. What cannot be compiled runs in the interpreter; ``info(f).why_not`` says why.

``TIERJIT=1`` in the environment makes the import enable it, ``TIERJIT=0`` keeps it off whatever the program says, and
``TIERJIT_<OPTION>`` sets an option. ``python -m tierjit script.py`` runs a program with it.
"""

try:
    from . import _tierjit
except ImportError as error:
    if "subinterpreters" in str(error):
        raise  # 3.13.0 crashes at the end of a sub-interpreter that goes on after such an import
    from . import _absent as _tierjit
    _tierjit.explain(error)

__all__ = [
    "ExitInfo", "FunctionInfo", "Tier2Info", "compile", "configure", "disable", "disassemble", "enable", "get_config", "info", "is_available",
    "is_compiled", "is_enabled", "jit", "never", "pause", "slow_sites", "stats", "why_unavailable",
]
__version__ = _tierjit.version


def is_available():
    """Whether tierjit can work in this process."""
    return _tierjit.why_unavailable() is None


def why_unavailable():
    """Why it cannot work here, as text; None if it can."""
    return _tierjit.why_unavailable()


def enable():
    """Count calls of all functions, existing and new, and compile those that are called often.

    Returns whether it is on now. Where tierjit cannot work, everything stays interpreted and a RuntimeWarning says why
    (none if the user switched it off by TIERJIT=0). Enabling twice does nothing.
    """
    try:
        _tierjit.set_mode(None, _tierjit.TJ_ON, False)
    except RuntimeError as error:
        reason = why_unavailable() or str(error)
        if "TIERJIT=0" not in reason:
            import warnings
            warnings.warn(f"tierjit stays off: {reason}", RuntimeWarning, stacklevel=2)
        return False
    return True


def disable():
    """Give all functions their interpreted entry back.

    Calls that are running finish as compiled code. ``enable()`` takes what was compiled into use again at once.
    """
    if is_available():
        _tierjit.set_mode(None, _tierjit.TJ_OFF, False)


def is_enabled():
    """Whether ``enable()`` is in effect."""
    return _tierjit.is_enabled()


class pause:
    """``with tierjit.pause():`` nothing new is compiled inside; what is compiled goes on running. May be nested."""

    __slots__ = ()

    def __enter__(self):
        _tierjit.pause(1)
        return self

    def __exit__(self, *exception):
        _tierjit.pause(-1)


def configure(**options):
    """Set options; returns the old values of those given. ``get_config(described=True)`` describes them all.

    TypeError for an unknown option or a value of the wrong type, ValueError for a value out of range; then nothing is
    changed.
    """
    before = get_config()
    done = []
    try:
        for key, value in options.items():
            _tierjit.set_option(key, value)
            done.append(key)
    except BaseException:
        for key in done:
            _tierjit.set_option(key, before[key])
        raise
    return {key: before.get(key) for key in options}


def get_config(described=False):
    """All options as {name: value}; described: {name: {value, default, type, min, max, env, doc}}."""
    return _parse(_tierjit.get_config(described))


def compile(func, *, tier=None):
    """Compile a function now, also while tierjit is off. True if it is compiled; else ``info(func).why_not`` says why.

    tier: 1, or None for the best there is (1 in this version).
    """
    return _tierjit.compile(_function_of(func), 0 if tier is None else tier)


def is_compiled(func):
    """The tier in which the next call of the function (or method, or code object) will run: 0 (interpreted) or 1."""
    return _tierjit.is_compiled(_function_of(func))


def jit(func=None, /, *, tier=None):
    """Decorator: compile the function when it is defined. Returns the same function object, compiled or not."""
    if func is None:
        return lambda func: jit(func, tier=tier)
    compile(func, tier=tier)
    return func


def never(func):
    """Decorator: never compile the function. Returns the same function object.

    It concerns the code of the function: all functions that one ``def`` makes share it.
    """
    target = _function_of(func)
    _tierjit.is_compiled(target)  # a TypeError also where tierjit is not available
    if is_available():
        _tierjit.set_mode(target, _tierjit.TJ_OFF, False)
    return func


def info(func):
    """What tierjit knows about a function, as a FunctionInfo."""
    from ._info import function_info
    return function_info(_function_of(func))


def stats(reset=False):
    """Counters since the start, or since the last reset, as a dict. Times are in ns, sizes in bytes."""
    return _parse(_tierjit.stats_json(reset))


def slow_sites(limit=20):
    """Where compiled code leaves its fast paths most often, as text: one line a place, "visits function:line opcode oparg"."""
    return _tierjit.slow_sites(limit)


def disassemble(func, what=None, *, tier=1):
    """The code of a compiled function as text; ValueError if there is none.

    tier 1, what: "stencils" (default), one line for each piece that the compiler laid down, or "asm", assembly (needs
    the package capstone).

    tier 2, of the function and its loops, what: "ir" (default), the intermediate representation behind the last pass; "passes", behind each
    pass; the name of a pass ("lift", "simplify", "gvn", ...); "feedback", the types it began with; "mir", the code
    generator's input; "asm". All but "asm" are kept of what was optimised while the option ``tier2_texts`` was on.
    """
    target = _function_of(func)
    if tier == 2:
        from ._info import tier2_text
        return tier2_text(target, what or "ir")
    if tier != 1:
        raise ValueError(f"there is no tier {tier!r}")
    what = what or "stencils"
    if what not in ("stencils", "asm"):
        raise ValueError(f"what must be 'stencils' or 'asm', not {what!r}")
    text = _tierjit.dump(target)
    if text is None:
        _tierjit.is_compiled(target)  # a TypeError if it is no function at all
        raise ValueError(f"not compiled: {_tierjit.why_not(target)}")
    if what == "stencils":
        return text
    from ._info import assembly
    return assembly(*_tierjit.machine_code(target))


def _function_of(func):
    if isinstance(func, (staticmethod, classmethod)):
        return func.__func__
    return func


def _parse(text):
    import json  # not at the top: importing tierjit stays cheap
    return json.loads(text)


def __getattr__(name):
    if name in ("ExitInfo", "FunctionInfo", "Tier2Info"):
        from . import _info
        return getattr(_info, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_tierjit.attach()
