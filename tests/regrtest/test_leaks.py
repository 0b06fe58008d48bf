"""CPython's hunt for reference leaks (-R 3:3) over a few of its files; `tools/dev refleaks` takes many more."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from devtool import refleaks  # noqa: E402


@pytest.mark.parametrize("tier", ["1", "2"])
@pytest.mark.parametrize("file", "test_call test_class test_contextlib test_coroutines test_generators test_unpack test_with".split())
def test_no_leaks_of_our_own(file, tier):
    assert refleaks.own_leaks(file, tier) == []


@pytest.mark.parametrize("file", "test_class test_with".split())
def test_no_leaks_where_code_is_left_at_random(file):
    assert refleaks.own_leaks(file, "2r") == []


def test_a_leak_is_read():
    text = "test_x leaked [2, 2, 2] references, sum=6\ntest_x leaked [0, 1, 0] memory blocks, sum=1 (this is fine)\n"
    assert refleaks.LEAK.findall(text) == ["[2, 2, 2] references"]
    assert refleaks.Hunt("test_x", ("[2, 2, 2] memory blocks",), True).kinds() == {"memory blocks"}


def test_the_hunter_sees_a_leak():
    source = f"""
import runpy
count = runpy.run_path({str(refleaks.HUNTER)!r}, run_name="hunter")["total_references"]
kept = []
before = min(count() for _ in range(3))
kept += [object() for _ in range(1000)]
print(count() - before)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 1000
