"""The C++ unit tests, one pytest case for each test that meson knows in build/."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
MESON = Path(sys.executable).parent / "meson"


def meson_tests() -> list[str]:
    done = subprocess.run([MESON, "introspect", "--tests", BUILD], capture_output=True, text=True)
    return [test["name"] for test in json.loads(done.stdout)] if done.returncode == 0 else []


@pytest.mark.parametrize("name", meson_tests() or ["build/ is missing"])
def test_meson(name):
    command = [MESON, "test", "-C", BUILD, "--no-rebuild", "--print-errorlogs", "--logbase", f"unit-{name}", name]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
