"""`python -m tierjit` against plain `python`: same output, same exit status."""

import functools
import re
import signal
import subprocess
import sys
import time

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


def both(*arguments, **keywords):
    plain = run(*arguments, **keywords)
    ours = run("-m", "tierjit", *arguments, **keywords)
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


def test_stdin():
    assert run("-m", "tierjit", "-", stdin="print('read', __name__)").stdout == "read __main__\n"


def test_ctrl_c(tmp_path):
    (tmp_path / "prog.py").write_text("import sys\nprint('up', flush=True)\ni = 0\nwhile True:\n    i += 1\n")
    process = subprocess.Popen([sys.executable, "-m", "tierjit", "prog.py"], cwd=tmp_path, env=environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "up\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT and errors.endswith("KeyboardInterrupt\n") and "tierjit" not in errors


def test_multiprocessing_spawn(tmp_path):
    (tmp_path / "prog.py").write_text(
        "import multiprocessing as mp\ndef f(x):\n    return x * x\n"
        "if __name__ == '__main__':\n    with mp.get_context('spawn').Pool(1) as p:\n"
        "        print(p.map(f, range(5)))\n")
    both("prog.py", cwd=tmp_path)


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
