"""The parts of the package that look inside; loaded on demand."""

import re
from dataclasses import dataclass

from . import _tierjit


@dataclass(frozen=True, slots=True)
class ExitInfo:
    """Where code of Tier 2 is left.

    function    that it is in: the one asked for, or one that is inlined there
    line        where it was when it could not go on
    reason      "speculation": what had been seen before did not hold; "unlifted": that way had never been gone before;
                "death": an object died there, and the program might notice;
                "interruption": somebody wanted to be heard (a signal, another thread, a tool)
    resumes_in  line where Tier 1 goes on
    count       how often
    """

    function: str
    line: int
    reason: str
    resumes_in: int
    count: int


@dataclass(frozen=True, slots=True)
class Tier2Info:
    """A loop, or a function as a whole, as Tier 2 sees it.

    kind        "loop", "function"
    line        where it begins: the header of a loop
    offset      of that in the bytecode
    phase       "cold"; "profiled": its types are being noted; "compiling": by the other thread; "known": may be inlined into
                callers; "optimised"; "given up": it stays in Tier 1
    why_not     why it is not optimised, or ""
    compiles    how often it was optimised; each time after the first, what had been expected did not hold
    compile_ns  time that took, together
    code_bytes  machine code in use
    entries     how often that was entered, of a loop
    exits       tuple of ExitInfo, by line
    """

    kind: str
    line: int
    offset: int
    phase: str
    why_not: str
    compiles: int
    compile_ns: int
    code_bytes: int
    entries: int
    exits: tuple


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """A function as tierjit sees it.

    name          qualified name
    tier          in which the next call runs: 0 interpreted, 1 compiled
    state         "cold", "compiled", "refused" or "off" (by ``never``)
    why_not       why it is not compiled; "" when it is. Refusals start with a stable code "TJ-nnn: "
    calls         counted before it was compiled
    instructions  bytecode instructions compiled; this and the following are 0 as long as there is no compiled code
    code_bytes    machine code, hot_bytes of it on the fast path
    data_bytes    inline caches and other data
    compile_ns    time that compiling took, in ns
    settled       times that Tier 1 has compiled it anew by the types that its loops were seen to work on
    entries       calls of the compiled code
    back_edges    turns of its loops
    slow_calls    slow paths taken
    tier2         tuple of Tier2Info: what was hot enough for Tier 2, with the option ``tier2``
    """

    name: str
    tier: int
    state: str
    why_not: str
    calls: int
    instructions: int
    code_bytes: int
    hot_bytes: int
    data_bytes: int
    compile_ns: int
    settled: int
    entries: int
    back_edges: int
    slow_calls: int
    tier2: tuple


def function_info(target):
    known = _info(target)
    for unit in known["tier2"]:
        del unit["symbols"]
        unit["exits"] = tuple(ExitInfo(**leaving) for leaving in unit["exits"])
    known["tier2"] = tuple(Tier2Info(**unit) for unit in known["tier2"])
    return FunctionInfo(**known)


def tier2_text(target, what):
    """What Tier 2 made of a function: see tierjit.disassemble()."""
    known = _info(target)
    if not any(unit["compiles"] for unit in known["tier2"]):
        raise ValueError(f"nothing of {known['name']} was optimised by Tier 2")
    if what == "asm":
        return "\n".join(_unit_assembly(target, index, unit, known["name"])
                         for index, unit in enumerate(known["tier2"]) if unit["code_bytes"])
    text = _tierjit.dump_tier2(target, what)
    if text is None:
        raise ValueError(f"there is no text {what!r}: there are those of passes by name, 'ir', 'passes', 'feedback' and 'mir', of what was "
                         "optimised while the option tier2_texts was on")
    return text


def _info(target):
    import json
    return json.loads(_tierjit.info_json(target))


def _unit_assembly(target, index, unit, name):
    symbols = {int(address): text for address, text in unit["symbols"].items()}
    return f"=== {name}, {unit['kind']} in line {unit['line']}\n{assembly(*_tierjit.tier2_code(target, index), symbols)}"


def assembly(address, code, symbols=None):
    """Machine code as assembly, one instruction a line, with labels where it jumps to and what `symbols` tells of
    calls, by the addresses behind them. ImportError without capstone."""
    try:
        import capstone
    except ImportError:
        message = "disassemble(what='asm') needs the package capstone: pip install capstone"
        raise ImportError(message, name="capstone") from None
    import platform
    if platform.machine() not in ("x86_64", "AMD64"):
        raise NotImplementedError("assembly is shown for x86-64 only")
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.skipdata = True
    lines = list(decoder.disasm_lite(code, address))
    labels = _labels(lines, address, address + len(code))
    text = []
    for at, size, mnemonic, operands in lines:
        if at in labels:
            text.append(f"{labels[at]}:")
        text.append(f"  {at:#x}  {mnemonic:8} {operands}{_remark(at + size, mnemonic, operands, labels, symbols or {})}".rstrip())
    return "\n".join(text)


def _numbers(operands):
    return [int(number, 16) for number in re.findall(r"0x[0-9a-f]+", operands)]


def _labels(lines, begin, end):
    """Names of the places that are jumped to, by address."""
    targets = {target for _, _, mnemonic, operands in lines if mnemonic.startswith("j")
               for target in _numbers(operands) if begin <= target < end}
    return {target: f"L{number}" for number, target in enumerate(sorted(targets), 1)}


def _remark(behind, mnemonic, operands, labels, symbols):
    if behind in symbols:
        return f"  ; {symbols[behind]}"
    for number in _numbers(operands):
        if mnemonic.startswith("j") and number in labels:
            return f"  ; {labels[number]}"
    return ""
