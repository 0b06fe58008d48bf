"""The ways in which a case file is run."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mode:
    name: str
    jit: bool               # import and enable tierjit
    options: dict           # for tierjit.configure() before enable()
    late_options: dict      # and after it, when the harness's own functions have their interpreted entry back
    repeats: int            # calls of each case
    checks_share: bool      # the share of natively run bytecodes must reach the file's floor
    why: str
    files: frozenset = None  # the only ones that it is run on unless it is asked for by name; None: all


MODES = {mode.name: mode for mode in (
    Mode("interp", False, {}, {}, 30, False, "once more without tierjit: the cases are deterministic"),
    Mode("tier1", True, {"tier1_threshold": 1, "tier2": False}, {"count_refused": True}, 4, True,
         "Tier 1 from the first call on, then with filled caches"),
    Mode("settled", True, {"tier1_threshold": 1, "tier2": False, "osr_threshold": 1, "profiled_turns": 2}, {}, 6, False,
         "Tier 1 alone, and all loops are compiled anew after some turns, by what they have seen"),
    Mode("tier2", True, {"tier1_threshold": 1, "tier2": True, "tier2_every_loop": True, "tier2_threshold": 1, "osr_threshold": 1,
                         "profiled_turns": 2, "background": False}, {}, 8, False,
         "the optimising tier as early as possible: loops are profiled at their first turn, then compiled"),
    Mode("tier2_random", True, {"tier1_threshold": 1, "tier2": True, "tier2_every_loop": True, "tier2_threshold": 1,
                                "osr_threshold": 1, "profiled_turns": 2, "background": False, "fail_guards": 1}, {}, 20, False,
         "the same, and optimised code leaves at every exit that it has, although nothing is wrong"),
    Mode("tier2_background", True, {"tier1_threshold": 1, "tier2": True, "tier2_every_loop": True, "tier2_threshold": 1,
                                    "osr_threshold": 1, "profiled_turns": 2, "compile_delay_us": 100, "install_delay": 2}, {}, 8, False,
         "as tier2, but compiled on the other thread and installed some turns after the types were looked at",
         frozenset({"test_binary_op", "test_branch", "test_frames", "test_generators", "test_global", "test_iter", "test_threads",
                    "test_tracing"})),
    Mode("tierup", True, {}, {}, 30, False, "default thresholds: the tier changes between and inside the calls"),
)}

OBSERVER_MODES = ("tier1", "tier2", "tier2_random")     # those that the files of tests/observers run in

REFERENCE = Mode("reference", False, {}, {}, 30, False, "the truth: a process that never imports tierjit")
NATIVE_SHARE = 0.95
