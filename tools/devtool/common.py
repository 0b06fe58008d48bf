"""Paths, errors and process helpers that the commands share. Standard library only: it runs before .venv exists."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
BUILD = ROOT / "build"
RESULTS = ROOT / "perf" / "results"


class ToolError(Exception):
    """Ends a command with one line for the person who ran it."""


def say(text: str) -> None:
    print(f"-- {text}", flush=True)


def environment() -> dict[str, str]:
    """The environment of build tools: .venv's programs (meson, ninja) come first."""
    env = dict(os.environ)
    env["PATH"] = f"{VENV / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    env["VIRTUAL_ENV"] = str(VENV)
    env.pop("PYTHONHOME", None)
    return env


def run(command: list[str | Path], what: str, quiet: bool = False, env: dict[str, str] | None = None) -> None:
    """Runs `command` in the repository; a failure ends the tool and shows the output that `quiet` held back."""
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if quiet else {}
    try:
        done = subprocess.run([str(part) for part in command], cwd=ROOT, env=env or environment(), **kept)
    except FileNotFoundError:
        raise ToolError(f"{what} failed: {command[0]} not found") from None
    if done.returncode != 0:
        if quiet:
            sys.stderr.write(done.stdout)
        raise ToolError(f"{what} failed (exit code {done.returncode})")


def in_venv(module: str, arguments: list[str]) -> int:
    """Goes on in .venv's interpreter, where rich, matplotlib and the rest are; returns only under that interpreter.

    `module` is the devtool command to start there. Returns 0 when the caller already runs in .venv.
    """
    if Path(sys.prefix) == VENV:
        return 0
    env = dict(os.environ, PYTHONPATH=str(ROOT / "tools"), PYTHONDONTWRITEBYTECODE="1", TIERJIT_DEV_READY="1")
    sys.stdout.flush()
    os.execve(VENV_PYTHON, [str(VENV_PYTHON), "-m", "devtool", module, *arguments], env)


def already_set_up() -> bool:
    """True in the process that in_venv() started: its predecessor has just built everything."""
    return os.environ.pop("TIERJIT_DEV_READY", "") == "1"
