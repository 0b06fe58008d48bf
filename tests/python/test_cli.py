"""`python -m tierjit` against plain `python`: same output, same exit status."""

import functools
import py_compile
import re
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from program import environment, run

pytest.importorskip("tierjit")

PROGRAMS = {
    "namespace": "import sys\nprint([(k, v) for k, v in globals().items() if k not in ('__loader__', 'sys')])\n"
                 "print(type(__loader__).__name__, sys.argv, sys.path[0], "
                 "sys.modules['__main__'].__dict__ is globals())\n",
    "frames": "import sys\nprint(sys._getframe().f_back)\nimport traceback\ntraceback.print_stack()\n",
    "depth": "import sys\ndef f(n=0):\n    try:\n        return f(n + 1)\n    except RecursionError:\n"
             "        return n\nprint(f())\nsys.setrecursionlimit(500)\nprint(f())\n",
    "warning": "import warnings\nwarnings.warn('here')\nwarnings.warn('above', stacklevel=2)\n",
    "error": "def f(x):\n    if x:\n        raise ValueError(x)\nfor i in range(9):\n    f(i == 8)\n",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e\n",
    "group": "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])\n",
    "syntax": "x = (1,\n",
    "exit_int": "import sys\nsys.exit(3)\n",
    "exit_none": "raise SystemExit\n",
    "exit_text": "import sys\nsys.exit('a message')\n",
    "exit_atexit": "import atexit, sys\natexit.register(print, 'bye')\nsys.exit(4)\n",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n1 / 0\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "loop": "t = 0\nfor i in range(1000):\n    t += i\nprint(t)\nfor i in range(5):\n    [].x if i == 4 else None\n",
    "thread": "import threading\ndef f():\n    raise ValueError\n"
              "t = threading.Thread(target=f, name='T')\nt.start()\nt.join()\n",
}


def outcome(result):
    hide = functools.partial(re.sub, "0x[0-9a-f]+", "0x")
    return hide(result.stdout), hide(result.stderr), result.returncode


def both(*arguments, options=(), **keywords):
    """Runs `python OPTIONS ARGUMENTS` with and without tierjit."""
    plain = run(*options, *arguments, **keywords)
    ours = run(*options, "-m", "tierjit", *arguments, **keywords)
    assert outcome(ours) == outcome(plain)
    return ours


@pytest.mark.parametrize("name", PROGRAMS)
def test_script(name, tmp_path):
    (tmp_path / "prog.py").write_text(PROGRAMS[name])
    both("prog.py", "a", "--stats", "-c", cwd=tmp_path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_module(name, tmp_path):
    (tmp_path / "prog.py").write_text(PROGRAMS[name])
    both("-m", "prog", "a", cwd=tmp_path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_code(name, tmp_path):
    both("-c", PROGRAMS[name], "a", "b", cwd=tmp_path)


def test_directory_and_missing_files(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("import sys, helper\nprint(__name__, sys.argv, helper.x)\n1 / 0\n")
    (tmp_path / "app" / "helper.py").write_text("x = 1\n")
    both("app", "1", cwd=tmp_path)
    assert both("nothing.py", cwd=tmp_path).returncode == 2
    both("-m", "nothing_here", cwd=tmp_path)


def test_script_elsewhere(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "friend.py").write_text("name = 'friend'\n")
    (tmp_path / "sub" / "prog.py").write_text(
        "import sys, friend\nprint(friend.name, sys.argv, sys.path[0], __file__)\n")
    (tmp_path / "link.py").symlink_to("sub/prog.py")
    both("sub/prog.py", cwd=tmp_path)
    both("link.py", cwd=tmp_path)
    both(str(tmp_path / "sub" / "prog.py"))


SELF = """\
import sys, traceback
print(__name__, __package__, sys.argv, sys.path[:1], globals().get("__file__"), globals().get("__cached__"))
print(type(__spec__), getattr(__spec__, "name", 0), getattr(__spec__, "origin", 0), getattr(__spec__, "parent", 0), __builtins__)
print(type(__loader__), getattr(__loader__, "path", 0), getattr(__loader__, "name", 0), sorted(globals()))
print(sys.flags, sys.warnoptions, sys._xoptions, len(sys.path), sys._getframe().f_back)
traceback.print_stack()
"""
PLACES = [["prog.py", "-x", "1"], ["./pkg/sub.py"], ["../here/prog.py"], ["pkg/../prog.py"], ["prog.pyc"], ["pkg"], ["app.zip", "1"],
          ["pkg/"], ["-m", "prog"], ["-mpkg", "-c"], ["-m", "pkg.sub", "-m", "x"], ["-m", "pkg.__main__"], ["-"], ["-", "a"], ["-c", SELF, "-"]]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with the same program as a script, compiled, in a package and in an archive."""
    folder = tmp_path_factory.mktemp("places") / "here"
    (folder / "pkg").mkdir(parents=True)
    for name in ("prog.py", "pkg/__main__.py", "pkg/sub.py"):
        (folder / name).write_text(SELF)
    (folder / "pkg" / "__init__.py").write_text("for i in range(100): i\n")
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "__init__.py").write_text("import no_such_module\n")
    (folder / "broken" / "__main__.py").write_text("for i in range(5):\n    1 // (3 - i)\n")
    py_compile.compile(folder / "prog.py", folder / "prog.pyc")
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        archive.write(folder / "prog.py", "__main__.py")
    run("-c", "import pkg.sub, prog", cwd=folder)  # writes the .pyc files
    return folder


@pytest.mark.parametrize("arguments", PLACES, ids=lambda arguments: " ".join(arguments)[:20])
def test_what_a_program_sees_of_itself(places, arguments):
    for options in ([], ["-I"] if "-m" not in arguments[0] else ["-P", "-B"]):
        both(*arguments, cwd=places, options=options, stdin=SELF)


@pytest.mark.parametrize("options", [["-X", "dev"], ["-W", "error", "-OO"], ["-s", "-E", "-u"], ["-bb", "-X", "utf8=0"],
                                     ["-W", "ignore", "-X", "made=up"]], ids=" ".join)
def test_options_of_the_interpreter(places, options):
    program = SELF + "import warnings\nwarnings.warn('one')\nassert not 1, __doc__\n"
    both("-c", program, options=options)
    both("prog.py", options=options, cwd=places)
    both("-m", "pkg", options=options, cwd=places)


@pytest.mark.parametrize("arguments", [["nothing.py"], ["./nothing"], ["empty"], ["broken"], ["-m", "broken"], ["-m", "empty"], ["-m", "no.such"],
                                       ["-m", "prog.sub"], ["-m", "pkg.nothing"], ["/dev/null"], ["-m", "sys"]], ids=" ".join)
def test_programs_that_are_not_there(places, arguments):
    both(*arguments, cwd=places)


@pytest.mark.parametrize("program", ["for i in range(9):\n    1 // (8 - i)\n", "raise SystemExit(7)\n", "x = (\n",
                                     "print(input())\nread by input\nprint('end')\n", "def f():\n    raise KeyError\nf()\n"])
def test_stdin(program):
    both("-", "a", stdin=program)


@pytest.mark.parametrize("arguments", [["prog.py"], ["-c", "y = 6; raise ValueError(y)"]], ids=" ".join)
def test_the_prompt_afterwards(tmp_path, arguments):
    (tmp_path / "prog.py").write_text("y = 5\nimport sys\nsys.exit(3)\n")
    both(*arguments, cwd=tmp_path, options=["-i"], stdin="y\ny + missing\n")


@pytest.mark.parametrize("module", [["-m", "cProfile", "-h"], ["-m", "timeit", "-h"], ["-m", "unittest", "-v", "tests_here"], ["-m", "runpy", "prog"],
                                    ["-m", "dis", "prog.py"]], ids=" ".join)
def test_modules_that_run_others(tmp_path, module):
    (tmp_path / "prog.py").write_text("import sys\nfor i in range(3): print(i, sys.argv[1:], __name__)\n")
    (tmp_path / "tests_here.py").write_text(
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(__name__, 'tests_here')\n")
    hide = functools.partial(re.sub, r"in \d\.\d+s", "in s")
    plain, ours = run(*module, cwd=tmp_path), run("-m", "tierjit", *module, cwd=tmp_path)
    assert (hide(ours.stdout), hide(ours.stderr), ours.returncode) == (hide(plain.stdout), hide(plain.stderr), plain.returncode)


def test_top_level_loops_are_compiled(tmp_path):
    """Of scripts, modules, imported modules and -c alike."""
    (tmp_path / "prog.py").write_text("n = 0\nfor i in range(20000):\n    n += len('ab')\n")
    for arguments in (["prog.py"], ["-m", "prog"], ["-c", "import prog"], ["-c", (tmp_path / "prog.py").read_text()]):
        result = run("-m", "tierjit", "--stats", *arguments, cwd=tmp_path)
        counters = dict(line.split()[:2] for line in result.stderr.splitlines() if len(line.split()) == 2)
        assert int(counters["loop_entries"]) >= 1 and int(counters["native_bytecodes"].replace(",", "")) > 100_000, (arguments, result.stderr)


def test_ctrl_c(tmp_path):
    (tmp_path / "prog.py").write_text("import sys\nprint('up', flush=True)\ni = 0\nwhile True:\n    i += 1\n")
    process = subprocess.Popen([sys.executable, "-m", "tierjit", "prog.py"], cwd=tmp_path, env=environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "up\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT and errors.endswith("KeyboardInterrupt\n") and "tierjit" not in errors


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(tmp_path, method):
    """Classes of __main__ are pickled, and found again by the other process."""
    (tmp_path / "prog.py").write_text(
        "import multiprocessing as mp\nimport pickle\ntable = []\nfor i in range(300): table.append(i)\n"
        "class Point:\n    def __init__(self, x): self.x = x + len(table)\n"
        "def f(point):\n    return Point(point.x * 2)\n"
        "if __name__ == '__main__':\n    print(pickle.loads(pickle.dumps(Point(1))).x, pickle.dumps(Point))\n"
        f"    with mp.get_context('{method}').Pool(1) as p:\n"
        "        print([(type(q) is Point, q.x) for q in p.map(f, [Point(i) for i in range(5)])])\n")
    both("prog.py", cwd=tmp_path)
    both("-m", "prog", cwd=tmp_path)


def test_stats_table():
    program = "def f(x): return x\nfor i in range(100): f(i)\nimport sys; sys.exit(7)"
    result = run("-m", "tierjit", "--stats", "-c", program)
    assert result.returncode == 7 and result.stdout == ""
    lines = {line.split()[0]: line.split()[-1] for line in result.stderr.splitlines() if line.split()}
    assert int(lines["compiles"].replace(",", "")) >= 1 and lines["loop_door"] == "on", result.stderr


def test_stats_when_switched_off():
    result = run("-m", "tierjit", "--stats", "-c", "print(1)", env={"TIERJIT": "0"})
    assert result.stdout == "1\n" and "TIERJIT=0" in result.stderr


def test_program_is_compiled():
    program = "import tierjit\ndef f(x): return x\nfor i in range(9): f(i)\nprint(tierjit.is_compiled(f))"
    result = run("-m", "tierjit", "-c", program)
    assert result.stdout == "1\n"


@pytest.mark.parametrize("option, expected", [("--version", "tierjit "), ("--help", "TIERJIT_TIER1_THRESHOLD"),
                                              ("--sysinfo", "executable memory")])
def test_answers(option, expected):
    result = run("-m", "tierjit", option)
    assert result.returncode == 0 and expected in result.stdout and result.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["--nonsense", "x.py"], ["-m"], ["-c"]])
def test_wrong_usage(arguments):
    result = run("-m", "tierjit", *arguments)
    assert result.returncode == 2 and "--help" in result.stderr and "Traceback" not in result.stderr
