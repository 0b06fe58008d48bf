"""The same random programs in processes of the interpreter and of the optimising tier."""

import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
EARLY = {"TIERJIT": "1", "TIERJIT_TIER2": "1", "TIERJIT_TIER2_EVERY_LOOP": "1", "TIERJIT_TIER1_THRESHOLD": "1", "TIERJIT_TIER2_THRESHOLD": "1",
         "TIERJIT_OSR_THRESHOLD": "3", "TIERJIT_PROFILED_TURNS": "4", "TIERJIT_BACKGROUND": "0"}
# Compiled by the worker thread, which is slow to begin, and installed some turns after the types were looked at.
LATE = {"TIERJIT_BACKGROUND": "1", "TIERJIT_COMPILE_DELAY_US": "100", "TIERJIT_INSTALL_DELAY": "2"}
TIER1 = {"TIERJIT_TIER2": "0"}
SECONDS = 600
# When the collector comes depends on how many objects are made, and what is in cycles can tell.
START = """
import gc, sys; sys.path.insert(0, {folder!r})
gc.disable()
import programs
if {compiled}:
    import tierjit
    for watching in (programs.run, programs.call, programs.main, programs.text_of): tierjit.never(watching)
programs.main({first}, {count})
"""


def lines(first, count, python=sys.executable, **variables):
    """What the programs print, and how the process ended: "" if well."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")} | variables
    code = START.format(folder=FOLDER, compiled="TIERJIT" in variables, first=first, count=count)
    command = [python, "-X", "faulthandler", "-c", code]
    try:
        done = subprocess.run(command, env=env | {"PYTHONHASHSEED": "0"}, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return [], f"longer than {SECONDS} s"
    return done.stdout.splitlines(), "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr[-2000:]}"


def difference(first, count, seed=0, python=sys.executable, background=False, tier1=False):
    """None, or (number of the program, what is wrong). `seed`: optimised code leaves at random places; `background`: it comes late; `tier1`:
    there is none."""
    reference, problem = lines(first, count, python)
    assert not problem, problem
    changes = (LATE if background else {}) | (TIER1 if tier1 else {})
    found, problem = lines(first, count, python, **EARLY | changes, TIERJIT_FAIL_GUARDS=str(seed))
    for wanted, line in zip(reference, found):
        if wanted != line:
            return int(wanted.split()[0]), f"{wanted}\n{line}"
    if problem or len(found) != len(reference):
        return int((found or reference)[-1].split()[0]) if found else first, problem or "lines are missing"
    return None
