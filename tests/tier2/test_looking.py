"""Looking inside the optimising tier: info(), stats(), disassemble(tier=2), the log."""

import os
import subprocess
import sys
import textwrap

SETUP = """
import tierjit
tierjit.configure(tier2=True, osr_threshold=100, profiled_turns=8, tier2_texts=True)
tierjit.enable()

def total(n, xs):
    s = 0
    for i in range(n):
        if i > 2000:
            s = s + len(xs[i % 3])
        else:
            s += i % 7
    return s

XS = ["a", "b", (1,)]
total(1500, XS)
"""


def run(program, setup=SETUP, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIERJIT")}
    done = subprocess.run([sys.executable, "-c", setup + textwrap.dedent(program)], capture_output=True, text=True, timeout=120,
                          env=clean | environment)
    assert done.returncode == 0, done.stderr
    return done


def test_info():
    run("""
        loop, = [unit for unit in tierjit.info(total).tier2 if unit.kind == "loop"]
        assert loop.line == 8 and loop.phase == "optimised" and not loop.why_not, loop
        assert loop.compiles == 1 and loop.entries >= 1 and loop.code_bytes > 0 and loop.compile_ns > 0, loop
        assert isinstance(loop, tierjit.Tier2Info)
    """)


def test_exits_by_line_and_reason():
    run("""
        total(2002, XS)
        loop, = [unit for unit in tierjit.info(total).tier2 if unit.kind == "loop"]
        left = [leaving for leaving in loop.exits if leaving.line == 10]
        assert left and left[0].reason == "unlifted" and left[0].function == "total" and left[0].count >= 1, loop
        assert isinstance(left[0], tierjit.ExitInfo) and left[0].resumes_in in (9, 10), left
    """)


def test_why_not():
    run("""
        def names(n):
            for i in range(n):
                x = str(i).join(XS[:2]).upper().split("A")[0] + repr(XS)
            return x
        names(3000)
        loop, = [unit for unit in tierjit.info(names).tier2 if unit.kind == "loop"]
        assert loop.phase == "given up" and "handlers" in loop.why_not and not loop.code_bytes, loop
        assert tierjit.stats()["tier2_refusals"][loop.why_not] >= 1
    """)


def test_nothing_before_it_is_hot():
    run("""
        def cold(n): return n
        tierjit.compile(cold)
        assert tierjit.info(cold).tier2 == ()
        for what in ("ir", "asm"):
            try: tierjit.disassemble(cold, what, tier=2)
            except ValueError as e: assert "cold" in str(e), e
            else: raise AssertionError
        for tier in (0, 3):
            try: tierjit.disassemble(cold, tier=tier)
            except ValueError as e: assert "tier" in str(e), e
            else: raise AssertionError
    """)


def test_stats():
    run("""
        total(2002, XS)
        stats = tierjit.stats()
        assert stats["tier2_compiles"] >= 1 and stats["tier2_compile_ns_total"] > 0 and stats["tier2_code_bytes"] > 0, stats
        assert stats["tier2_entries"] >= 1 and stats["tier2_exits"] >= 1, stats
        tierjit.stats(reset=True)
        stats = tierjit.stats()
        assert stats["tier2_compiles"] == stats["tier2_entries"] == stats["tier2_exits"] == 0 < stats["tier2_code_bytes"], stats
    """)


def test_texts():
    run("""
        ir = tierjit.disassemble(total, tier=2)
        assert ir == tierjit.disassemble(total, "ir", tier=2)
        assert ir.startswith("=== total, loop in line 8\\ngraph locals=") and "header of a loop at depth 1, line 8" in ir, ir
        passes = tierjit.disassemble(total, "passes", tier=2)
        names = [line[4:] for line in passes.splitlines() if line.startswith("--- ")]
        assert names[:2] == ["feedback", "lift"] and names[-1] == "ownership" and "INVALID" not in passes, passes
        for name in names:
            assert tierjit.disassemble(total, name, tier=2) in passes.replace(f"--- {name}\\n", "=== total, loop in line 8\\n")
        assert "int_mod" in tierjit.disassemble(total, "lift", tier=2)
        assert "endfunc" in tierjit.disassemble(total, "mir", tier=2)
        try: tierjit.disassemble(total, "sideways", tier=2)
        except ValueError as e: assert "sideways" in str(e)
        else: raise AssertionError
    """)


def test_no_text_is_kept_by_default():
    run("""
        try: tierjit.disassemble(total, tier=2)
        except ValueError as e: assert "tier2_texts" in str(e), e
        else: raise AssertionError
    """, SETUP.replace(", tier2_texts=True", ""))


def test_assembly():
    run("""
        try: import capstone
        except ImportError: raise SystemExit
        asm = tierjit.disassemble(total, "asm", tier=2)
        assert asm.startswith("=== total, loop in line 8") and "ret" in asm and "L1:" in asm, asm
        assert "; exit: " in asm and " of total, goes on in line " in asm, asm
    """)


def test_log():
    error = run("", TIERJIT_LOG="tier2:licm,promote").stderr
    assert "tierjit: promote: total @" in error and "tierjit: tier2:licm: total" in error and "graph locals=" in error, error
    assert "tier2:gvn" not in error
    error = run("", TIERJIT_LOG="tier2").stderr
    assert "--- licm" in error and "--- ownership" in error and "endfunc" in error
