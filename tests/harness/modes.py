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
    inspects: bool = False   # an inspector looks at all frames wherever a function or a loop body begins


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
    Mode("inspected", True, {"tier1_threshold": 1, "tier2": True, "tier2_every_loop": True, "tier2_threshold": 1, "osr_threshold": 1,
                             "profiled_turns": 2, "background": False}, {}, 5, False,
         "as tier2, and all frames have the lines, instructions and variables of the interpreter's, which may be written", inspects=True),
    Mode("inspected_tier1", True, {"tier1_threshold": 1, "tier2": False}, {}, 3, False, "the same in Tier 1", frozenset(), inspects=True),
)}

# Cases that the inspecting modes leave out: file, case, and why what is seen there is not the same twice, or not by design.
CHANCE = "how many turns pass until a signal or another thread is heard is chance"
DEPTH = "the interpreter's specialised constructor takes two levels of the recursion limit for each __init__, compiled code one"
NOT_INSPECTED = {
    ("test_python_calls", "interrupted"): CHANCE,
    ("test_python_calls", "threads"): CHANCE,
    ("test_generators_in_c", "threads"): CHANCE,
    ("test_generators_in_c", "shared_by_threads"): CHANCE,
    ("test_mutation_classes", "changed_by_another_thread"): CHANCE,
    ("test_threads", "attribute_changes_in_other_thread"): CHANCE,
    ("test_threads", "daemon_and_timers"): CHANCE,
    ("test_threads", "handler_changes_locals"): CHANCE,
    ("test_threads", "handler_sees_frame"): CHANCE,
    ("test_threads", "signal_ends_endless_loops"): CHANCE,
    ("test_threads", "signal_in_the_middle_of_large_numbers"): CHANCE,
    ("test_threads", "several_threads"): CHANCE,
    ("test_threads", "shared_counter_with_lock"): CHANCE,
    ("test_threads", "threads_switch_in_loops"): CHANCE,
    ("test_call_class", "construction_under_recursion"): DEPTH,
    ("test_constructed_instances", "instances_of_their_own_class"): DEPTH,
    ("test_first_run", "recursion_has_its_limit"): DEPTH,
    ("test_recursion", "runaway_recursion"): DEPTH,
    ("test_special_methods", "recursion"): DEPTH,
    ("test_finalizer", "gc_callbacks_and_automatic_collection"): "when the collector runs by itself depends on the blocks in use",
    ("test_gc", "memory_stays_flat"): "a variable holds the number of blocks in use",
}

OBSERVER_MODES = ("tier1", "tier2", "tier2_random")     # those that the files of tests/observers run in

REFERENCE = Mode("reference", False, {}, {}, 30, False, "the truth: a process that never imports tierjit")
INSPECTED_REFERENCE = Mode("inspected_reference", False, {}, {}, 5, False, "the same, with the inspector", inspects=True)
REFERENCES = {mode.name: mode for mode in (REFERENCE, INSPECTED_REFERENCE)}


def reference_of(mode):
    return INSPECTED_REFERENCE if mode.inspects else REFERENCE
NATIVE_SHARE = 0.95
