"""Runs a program in a process of its own, long enough for the optimising tier to have tried all that it tries, and asks it what it did."""

import json
import os
import subprocess
import sys

COMPILES_OF_ONE = 5     # of one loop or function, at most
TURNS = 20_000
CALLS = 30

SCRIPT = """
import json, tierjit
{source}
reference = run({turns})
tierjit.configure(tier2=True, background={background}, sample_ms=0, {options})
tierjit.enable()
{more}
def state():
    stats = tierjit.stats()
    return {{"compiles": stats["tier2_compiles"], "exits": stats["tier2_exits"], "entries": stats["tier2_entries"]}}
tierjit.never(state)
def calls(n):
    for _ in range(n):
        result = run({turns})
        assert result == reference, (result, reference)
tierjit.never(calls)
states = [state()]
# A worker that gets no core takes longer to be done with all that is tried.
while len(states) < 7 or (states[-1]["compiles"] != states[-2]["compiles"] and len(states) < 40):
    calls({calls})
    states.append(state())
import types
found = [unit for f in list(globals().values()) if isinstance(f, types.FunctionType) for unit in tierjit.info(f).tier2]
print(json.dumps([states[-2], states[-1], [dict(kind=u.kind, line=u.line, phase=u.phase, compiles=u.compiles, why_not=u.why_not) for u in found]]))
"""


def measured(source, background, more="", calls=CALLS, **options):
    """Counters before the last calls and behind them, and what has become of each unit of the program's functions."""
    options = {"osr_threshold": 500, "tier2_threshold": 300} | options
    text = SCRIPT.format(source=source, turns=TURNS if not more else 10, background=background, more=more, calls=calls if not more else 1,
                         options=", ".join(f"{name}={value}" for name, value in options.items()))
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")}
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", text], capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    early, late, units = json.loads(done.stdout.splitlines()[-1])
    return early, late, [unit for unit in units if not more]
