"""Runs Python programs in processes of their own."""

import os
import subprocess
import sys
import textwrap


def environment(**variables):
    """The test's environment without TIERJIT*, plus `variables`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")}
    return clean | variables


def run(*arguments, env=None, cwd=None, stdin=""):
    """Result of `python <arguments>`."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, input=stdin, cwd=cwd,
                          timeout=120, env=environment(**(env or {})))


def check(source, **env):
    """Runs `source`, which asserts what it has to say; returns its result."""
    result = run("-c", textwrap.dedent(source), env=env)
    assert result.returncode == 0, result.stderr
    return result
