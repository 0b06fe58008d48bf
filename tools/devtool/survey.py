"""`tools/dev survey [--no-code] [--every N] [FILES]`: what the optimising tier makes of code that nobody has run.

Every function and loop that Tier 1 compiles is lifted with made-up feedback, goes through all passes with the verifier behind each, and is
lowered to machine code that is thrown away. Without FILES: the standard library and the programs of perf/. The table tells how many were
made and why others were not; the command fails when the verifier has something to say.
"""

import argparse
import os
import subprocess
import sysconfig
from pathlib import Path

from . import common, setup
from .common import ROOT

BUILT = Path(os.environ.get("TJ_BUILD", ROOT / "build")) / "tests" / "unit" / "lift_survey"
LEFT_OUT = {"test", "site-packages", "idlelib", "__pycache__"}


def default_files() -> list[str]:
    library = Path(sysconfig.get_path("stdlib"))
    files = [path for path in library.rglob("*.py") if not LEFT_OUT & set(path.relative_to(library).parts)]
    return [str(path) for path in sorted(files) + sorted((ROOT / "perf").rglob("*.py"))]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/dev survey", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-code", action="store_true", help="without machine code: twenty times as fast")
    parser.add_argument("--every", type=int, default=1, help="each N-th file only")
    parser.add_argument("files", nargs="*", help="Python sources")
    options = parser.parse_args(arguments)
    if not BUILT.exists():
        setup.prepare()
    if not BUILT.exists():
        raise common.ToolError(f"{BUILT} is not there: it is built with the unit tests, which need doctest")
    files = (options.files or default_files())[:: options.every]
    flags = ["--no-code"] if options.no_code else []
    environment = {**os.environ, "PYTHONHOME": sysconfig.get_config_var("installed_base")}
    return subprocess.run([BUILT, *flags, *files], env=environment, check=False).returncode
