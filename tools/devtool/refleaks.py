"""`tools/dev refleaks`: hunts reference leaks in compiled code with CPython's own test files: what leaks under tierjit, and not without it.

Each file runs six times in a process; the last three times must not leave more references, memory blocks or open files than before.
Caches that fill may look like that once, so a file that does leave more runs again, nine times after those three.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass

from . import common, regrtest, setup
from .common import ROOT, VENV_PYTHON, say

HUNTER = ROOT / "tests" / "regrtest" / "leak_hunt.py"
SECONDS = 1200  # for a file's six runs

# Files about the language and its builtin types, and about library code that is mostly Python; what takes minutes is not among them.
CHOSEN = """test_abc test_argparse test_array test_augassign test_base64 test_binop test_bisect test_bool test_builtin test_bytes test_call
test_class test_cmath test_code test_collections test_compare test_complex test_comprehensions test_contains test_context test_contextlib
test_contextlib_async test_copy test_coroutines test_csv test_dataclasses test_decimal test_decorators test_defaultdict test_deque
test_descr test_descrtut test_dict test_dictcomps test_dictviews test_difflib test_dynamic test_dynamicclassattribute test_enum
test_enumerate test_exception_group test_exception_hierarchy test_exception_variations test_exceptions test_extcall test_float
test_fnmatch test_fractions test_frame test_frozen test_fstring test_funcattrs test_functools test_gc test_generator_stop test_generators
test_genericalias test_genexps test_global test_grammar test_heapq test_index test_inspect test_int test_isinstance test_iter
test_iterlen test_itertools test_json test_keywordonlyarg test_list test_listcomps test_long test_math test_memoryview test_metaclass
test_module test_named_expressions test_numeric_tower test_opcodes test_operator test_patma test_pow test_property test_raise
test_random test_range test_re test_reprlib test_scope test_set test_setcomps test_slice test_sort test_statistics test_string test_struct
test_subclassinit test_super test_sys_setprofile test_sys_settrace test_textwrap test_tuple test_types test_unary test_unpack
test_unpack_ex test_userdict test_userlist test_weakref test_weakset test_with test_yield_from""".split()

# "test_x leaked [2, 2, 2] references, sum=6"; what is not a leak has " (this is fine)" behind it
LEAK = re.compile(r"^\S+ leaked (\[[-\d, ]+\] [a-z ]+), sum=-?\d+$", re.MULTILINE)


@dataclass(frozen=True)
class Hunt:
    """What one file left behind (`leaks`: texts such as "[2, 2, 2] references"), and whether it came to its end."""

    file: str
    leaks: tuple[str, ...]
    finished: bool

    def kinds(self) -> set[str]:
        return {leak.partition("] ")[2] for leak in self.leaks}


def hunt(file: str, compiled: bool, tier: str, turns: int = 3) -> Hunt:
    """Runs one test file 3 + `turns` times in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="refleaks-") as folder:
        command = [str(VENV_PYTHON), str(HUNTER), "-R", f"3:{turns}:leaks", file]
        try:
            done = subprocess.run(command, cwd=folder, env=regrtest.environment(compiled, tier), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return Hunt(file, (), False)
    return Hunt(file, tuple(LEAK.findall(done.stdout)), "== Tests result: " in done.stdout and done.returncode >= 0)


def own_leaks(file: str, tier: str) -> list[str]:
    """The kinds of things that this file leaks twice under tierjit and never in the interpreter; texts for a person."""
    first = hunt(file, True, tier)
    if not first.finished:
        return ["did not come to its end"] if hunt(file, False, tier).finished else []
    if not first.leaks:
        return []
    again, alone = hunt(file, True, tier, 9), hunt(file, False, tier)
    kinds = (first.kinds() & again.kinds()) - alone.kinds()
    return [leak for leak in again.leaks if leak.partition("] ")[2] in kinds]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev refleaks", description=__doc__)
    parser.add_argument("--tier", default="1", choices=["1", "2", "2r"], help="the tier that compiles every function")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="test files at a time")
    parser.add_argument("tests", nargs="*", help="test files (default: a chosen set)")
    options = parser.parse_args(arguments)
    setup.prepare()
    if (code := common.in_venv("refleaks", arguments)) != 0:
        return code
    regrtest.check_interpreter(options.tier)
    files = options.tests or CHOSEN
    return report(files, options)


def report(files: list[str], options: argparse.Namespace) -> int:
    from rich.progress import track

    say(f"{len(files)} files, six times each, tier {options.tier}")
    leaking = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda file: own_leaks(file, options.tier), files)
        for file, leaks in track(zip(files, found), "files", total=len(files)):
            leaking += bool(leaks)
            for leak in leaks:
                print(f"LEAKS: {file}: {leak}", flush=True)
    print(f"{len(files)} files, {leaking} leak under tierjit and not in the interpreter")
    return 1 if leaking or not files else 0
