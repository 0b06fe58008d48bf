"""Who runs a workload in `tools/dev peers`: the interpreter, tierjit, and the other systems where they can be had.

A peer is looked for, then installed by its package's name into build/peers/ (PyPy: Debian's package); what cannot be
had keeps the reason in `missing`.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from . import common, macro, setup
from .common import BUILD, ROOT, VENV_PYTHON, ToolError, say

PLACE = BUILD / "peers"
sys.path.append(str(ROOT / "perf"))

import adapters  # noqa: E402


@dataclass
class Contender:
    key: str
    label: str
    python: str = str(VENV_PYTHON)
    variant: str = "plain"  # of perf/adapters/variants.py
    env: dict[str, str] = field(default_factory=dict)
    missing: str = ""  # why it cannot take part
    version: str = ""
    builder: str = ""  # Cython or mypyc: makes an extension module of each program's file first


OWN = ("tierjit", "tiers")  # keys of tierjit's columns


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["?"])[-1]


def ask(python: str, code: str) -> str | None:
    """What `python` prints, None when that fails."""
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=macro.environment(), timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def version_of(python: str) -> str:
    code = ("import sys; n = sys.implementation; print('PyPy %d.%d.%d for ' % n.version[:3] if n.name == 'pypy'"
            " else 'CPython ', '%d.%d.%d' % sys.version_info[:3], sep='')")
    return ask(python, code) or "?"


def interpreters() -> list[Contender]:
    """The interpreter and tierjit; one column a tier as soon as there is an option for the second."""
    version = version_of(str(VENV_PYTHON))
    base = Contender("interpreter", "interpreter", version=version)
    tier1 = Contender("tierjit", "tierjit", variant="tierjit", version=version)
    if ask(str(VENV_PYTHON), "import tierjit; tierjit.get_config()['tier2']") is None:
        return [base, tier1]
    tier1.label, tier1.env = "tierjit, Tier 1", {"TIERJIT_TIER2": "0"}
    both = Contender("tiers", "tierjit, both tiers", variant="tierjit", env={"TIERJIT_TIER2": "1"}, version=version)
    return [base, tier1, both]


def pypy(python: str | None, install: bool) -> list[Contender]:
    names = ("pypy3", "pypy3.11", "pypy")
    found = python or next(filter(None, map(shutil.which, names)), None)
    if not found and install and setup.apt_install(["pypy3"]):
        found = shutil.which("pypy3")
    if not found:
        return [Contender("pypy", "PyPy", missing="no pypy3 on the search path (Debian package pypy3)")]
    if ask(found, "import sys; sys.exit(sys.version_info < (3, 9))") is None:
        return [Contender("pypy", "PyPy", missing=f"{found} is no PyPy for 3.9 or newer")]
    return [Contender("pypy", "PyPy", found, version=version_of(found))]


def venv_with(base: str, folder: Path, packages: list[str], install: bool) -> str:
    """Python of a venv in `folder` that has the packages; ToolError tells why there is none."""
    python = folder / "bin" / "python"
    if ask(str(python), f"import {packages[0].lower()}") is not None:
        return str(python)
    if not install:
        raise ToolError(f"not installed (Python package {packages[0]})")
    say(f"installing {' '.join(packages)} into {folder.relative_to(ROOT)}")
    for command in ([base, "-m", "venv", "--clear", folder],
                    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=common.environment())
        if done.returncode != 0:
            raise ToolError(f"cannot be installed (Python package {packages[0]}): {last_line(done.stderr)}")
    return str(python)


def package_version(python: str, package: str) -> str:
    return ask(python, f"import importlib.metadata as m; print(m.version({package!r}))") or "?"


def numba(_, install: bool) -> list[Contender]:
    try:
        python = venv_with(setup.base_python(), PLACE / "numba", ["numba"], install)
    except ToolError as error:
        return [Contender("numba", "Numba", missing=str(error))]
    return [Contender("numba", "Numba", python, "numba", version=package_version(python, "numba"))]


def compiled_ahead(key: str, package: str, label: str, install: bool) -> list[Contender]:
    try:
        python = venv_with(setup.base_python(), PLACE / key, [package, "setuptools"], install)
    except ToolError as error:
        return [Contender(key, label, missing=str(error))]
    return [Contender(key, label, python, f"extension={PLACE / key / 'modules'}",
                      version=package_version(python, package), builder=key)]


def cython(_, install: bool) -> list[Contender]:
    return compiled_ahead("cython", "Cython", "Cython", install)


def mypyc(_, install: bool) -> list[Contender]:
    return compiled_ahead("mypyc", "mypy", "mypyc", install)


def cinderx(python: str | None, install: bool) -> list[Contender]:
    """CinderX, and the CPython it lives in as a column of its own, so that both ratios can be read."""
    names = ("python3.14", "python3.15")
    base = python or next(filter(None, map(shutil.which, names)), None)
    if not base:
        return [Contender("cinderx", "CinderX", missing="no python3.14 or python3.15 on the search path")]
    if ask(base, "import sys; sys.exit(sys.version_info < (3, 14))") is None:
        return [Contender("cinderx", "CinderX", missing=f"{base} is no CPython 3.14 or newer")]
    try:
        has_it = ask(base, "import cinderx") is not None
        own = base if has_it else venv_with(base, PLACE / "cinderx", ["cinderx"], install)
    except ToolError as error:
        return [Contender("cinderx", "CinderX", missing=str(error))]
    version = version_of(own)
    return [Contender("cinderx-host", version, own, version=version),
            Contender("cinderx", "CinderX", own, "cinderx", version=f"{package_version(own, 'cinderx')} on {version}")]


PEERS = {"pypy": pypy, "numba": numba, "cython": cython, "mypyc": mypyc, "cinderx": cinderx}


def find(wanted: list[str], pythons: dict[str, str], install: bool) -> list[Contender]:
    """The interpreter, tierjit, and the wanted peers (all when none is named)."""
    found = interpreters()
    for key, look in PEERS.items():
        if not wanted or key in wanted:
            found += look(pythons.get(key), install)
    return found


def environment(contender: Contender) -> dict[str, str]:
    """perf/driver.py's: the scripts of pyperformance are those of .venv for every Python."""
    folder = adapters.pyperformance.benchmarks_folder()
    scripts = {adapters.pyperformance.FOLDER_VARIABLE: str(folder)} if folder else {}
    return macro.environment() | scripts | contender.env


ERROR = re.compile(r"\berror: |Error: |^error\b|^\S+\.pyx?:\d+")


def telling(output: str) -> str:
    """The first line of a compiler's output that names an error."""
    lines = [line.strip() for line in output.splitlines()]
    return next((line for line in lines if ERROR.search(line)), last_line(output))[-160:]


def build(contender: Contender, program: str) -> str:
    """Compiles the program's file, unchanged, to an extension module; returns why that failed, or nothing."""
    name, source = adapters.source(program)
    folder = Path(contender.variant.partition("=")[2])
    copy = folder / f"{name}.py"
    if copy.is_file() and copy.read_bytes() == Path(source).read_bytes() and list(folder.glob(f"{name}.*.so")):
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, copy)
    tool = Path(contender.python).parent / {"cython": "cythonize", "mypyc": "mypyc"}[contender.builder]
    options = {"cython": ["-3", "-i"], "mypyc": ["--ignore-missing-imports"]}[contender.builder]
    env = common.environment() | {"PATH": f"{tool.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([str(tool), *options, copy.name], cwd=folder, capture_output=True, text=True, env=env)
    return "" if done.returncode == 0 else f"{tool.name}: {telling(done.stdout + done.stderr)}"
