"""``python -m tierjit``: run a program compiled, exactly as the interpreter would run it otherwise.

The program gets the module ``__main__``, ``sys.argv`` and ``sys.path`` that it would get from the plain interpreter,
and no frame of this module is visible to it.
"""

import builtins
import os
import sys

import tierjit

from . import _tierjit

_USAGE = """\
usage: python -m tierjit [option]... script.py [argument]...
       python -m tierjit [option]... -m module [argument]...
       python -m tierjit [option]... -c code [argument]...
       python -m tierjit [option]... - [argument]...
       python -m tierjit --sysinfo

Runs the program as `python script.py`, `python -m module`, `python -c code` or `python -` (code from the standard input) would, compiled.

options:
  --stats      print what was compiled, and what was not, on stderr at the end
  --sysinfo    print what a bug report should contain, and exit
  --includes   print the directory of tierjit.h, and exit
  --libs       print the directory of libtierjit.so, and exit
  --version    print the version, and exit
  --help       print this text, and exit

TIERJIT=0 runs the program interpreted. TIERJIT_<OPTION>=value sets an option:
"""


def _usage():
    lines = [_USAGE.rstrip()]
    for option in tierjit.get_config(described=True).values():
        lines.append(f"  {option['env']:32} {option['doc']} [{option['default']}]")
    return "\n".join(lines)


def _fail(message):
    print(f"python -m tierjit: {message}; try --help", file=sys.stderr)
    sys.exit(2)


def _print_and_exit(text):
    print(text)
    sys.exit(0)


def _package_directory(*parts):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), *parts)


def _sysinfo():
    from ._sysinfo import report
    return report()


_ANSWERS = {
    "--help": _usage,
    "-h": _usage,
    "--version": lambda: f"tierjit {tierjit.__version__}",
    "--sysinfo": _sysinfo,
    "--includes": lambda: _package_directory("include"),
    "--libs": lambda: _package_directory(),
}


def _parse(arguments):
    """Splits the command line: (show stats, kind of program, program, its arguments)."""
    show_stats = False
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--stats":
            show_stats = True
        elif word in _ANSWERS:
            _print_and_exit(_ANSWERS[word]())
        elif word[:2] in ("-m", "-c"):
            if len(word) == 2 and not rest:
                _fail(f"{word} needs an argument")
            return show_stats, word[:2], word[2:] or rest.pop(0), rest
        elif word.startswith("-") and word != "-":
            _fail(f"unknown option {word}")
        else:
            return show_stats, "file", word, rest
    _fail("nothing to run")


def _clean_main_module(own):
    """Makes `__main__` what it is before a program starts. `own`: the namespace that runs this module; where a tool runs it in one of its own,
    `__main__` is the tool's, which goes on with it afterwards."""
    main = sys.modules["__main__"].__dict__
    if main is not own:
        sys.modules["__main__"] = type(sys)("__main__")
        main = sys.modules["__main__"].__dict__
    loader = sys.modules["_frozen_importlib"].BuiltinImporter
    main.clear()
    main.update(
        __name__="__main__", __doc__=None, __package__=None, __loader__=loader, __spec__=None, __annotations__={},
        __builtins__=builtins)


def _is_importable(path):
    """Whether the path is a directory or an archive, whose `__main__` is to be run."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _set_first_path(entry):
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = entry


def _absolute(path):
    """As the interpreter makes it absolute: nothing is normalised."""
    try:
        return os.path.join(os.getcwd(), path)
    except OSError:
        return path


def _run_path(path):
    path = _absolute(path)
    if _is_importable(path):
        if getattr(sys.flags, "safe_path", False):
            sys.path.insert(0, path)
        else:
            sys.path[0] = path
        return _tierjit.run_module("__main__", False)
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    return _tierjit.run_file(path)


def _run(kind, program, arguments):
    if kind == "-m":
        sys.argv[:] = ["-m", *arguments]
        return _tierjit.run_module(program, True)
    if kind == "-c":
        sys.argv[:] = ["-c", *arguments]
        _set_first_path("")
        return _tierjit.run_string(program)
    sys.argv[:] = [program, *arguments]
    if program == "-":
        _set_first_path("")
        return _tierjit.run_stdin()
    return _run_path(program)


def _table(stats):
    """The counters as a plain text table."""
    rows = [(name, value) for name, value in stats.items() if not isinstance(value, (dict, str))]
    share = stats["native_share"]
    rows = [(name, "-" if value is None else f"{value:,}") for name, value in rows if name != "native_share"]
    rows.append(("native_share", "-" if share is None else f"{share:.1%}"))
    width = max(len(value) for _, value in rows)
    lines = ["tierjit " + tierjit.__version__]
    lines += [f"  {name:24}{value:>{width}}" for name, value in rows]
    lines.append(f"  {'loop_door':24}{stats['loop_door']:>{width}}")
    if stats["refusals"]:
        lines.append("  refused, by reason")
        ordered = sorted(stats["refusals"].items(), key=lambda item: -item[1])
        lines += [f"  {count:>8,}  {code}  {stats['refusal_texts'].get(code, '')}".rstrip() for code, count in ordered]
    return "\n".join(lines)


def _print_stats():
    reason = tierjit.why_unavailable()
    text = _table(tierjit.stats()) if reason is None else f"tierjit was not in use: {reason}"
    print(text, file=sys.stderr)


def main(own):
    """Runs what the command line says. `own`: the namespace of the module that calls, usually that of `__main__`."""
    show_stats, kind, program, arguments = _parse(sys.argv[1:])
    if show_stats:
        import atexit
        atexit.register(_print_stats)
    tierjit.enable()
    _clean_main_module(own)
    status = _run(kind, program, arguments)
    # After a KeyboardInterrupt the interpreter, on return, ends the process by SIGINT. With -i it goes on with the prompt.
    interrupted = isinstance(getattr(sys, "last_exc", None), KeyboardInterrupt)
    if status and not interrupted and not sys.flags.inspect and not os.environ.get("PYTHONINSPECT"):
        sys.exit(status)
