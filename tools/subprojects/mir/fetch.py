"""Brings the crate that Cargo.lock pins to vendor/ and checks it; without network where cargo or vendor/ has it."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

CRATE = "mir-sys"
HERE = Path(__file__).resolve().parent
VENDOR = HERE / "vendor"


def locked_checksum() -> str:
    lines = (HERE / "Cargo.lock").read_text().splitlines()
    after_name = lines[lines.index(f'name = "{CRATE}"'):]
    return next(line.split('"')[1] for line in after_name if line.startswith("checksum = "))


def is_current() -> bool:
    """Whether vendor/ holds the locked crate with every file as its author published it."""
    folder = VENDOR / CRATE
    try:
        recorded = json.loads((folder / ".cargo-checksum.json").read_text())
        return recorded["package"] == locked_checksum() and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
            for name, digest in recorded["files"].items())
    except (OSError, ValueError, KeyError):
        return False


def vendor(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run(["cargo", "vendor", "--locked", "--quiet", *options, str(VENDOR)], cwd=HERE,
                          capture_output=True, text=True)


def main() -> int:
    if is_current():
        return 0
    if not shutil.which("cargo"):
        print("cargo 1.85 or newer is needed to fetch MIR's source", file=sys.stderr)
        return 1
    shutil.rmtree(VENDOR, ignore_errors=True)
    done = vendor("--offline")
    if done.returncode != 0:
        done = vendor()
    if done.returncode != 0 or not is_current():
        print(f"cargo could not fetch {CRATE}: {done.stderr.strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
