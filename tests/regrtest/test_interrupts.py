"""Test runs that a shell has started in the background, where SIGINT is ignored, still have programs that heed it."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_tools_children_heed_interrupts():
    source = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip())
from devtool.__main__ import heed_interrupts
heed_interrupts()
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip())
"""
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT / "tools", capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN     # in CI, which `tools/dev test` runs
