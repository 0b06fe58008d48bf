"""The build backend of pyproject.toml: meson-python's, which also asks for the wheel `ziglang` where the machine has no clang >= 19.

The stencils need a clang that knows `preserve_none`; the wheel brings one. See tier1/meson.build and tools/zig_clangxx.
"""

import re
import shutil
import subprocess

from mesonpy import *  # noqa: F403  the hooks of PEP 517 and PEP 660
import mesonpy

NAMES = ("clang++-19", "clang++-20", "clang++-21", "clang++")  # as in tier1/meson.build


def has_clang():
    for name in filter(shutil.which, NAMES):
        banner = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
        found = re.search(r"version (\d+)", banner)
        if found and int(found[1]) >= 19:
            return True
    return False


def asked_for(config_settings):
    """Whether the caller names the compiler: `-Csetup-args=-Dclangxx=...`."""
    values = (config_settings or {}).get("setup-args", [])
    return any("-Dclangxx=" in value for value in ([values] if isinstance(values, str) else values))


def compiler_requirements(config_settings):
    return [] if asked_for(config_settings) or has_clang() else ["ziglang>=0.15"]


def get_requires_for_build_wheel(config_settings=None):
    return mesonpy.get_requires_for_build_wheel(config_settings) + compiler_requirements(config_settings)


def get_requires_for_build_editable(config_settings=None):
    return mesonpy.get_requires_for_build_editable(config_settings) + compiler_requirements(config_settings)
