"""The parts of the package that look inside; loaded on demand."""

from dataclasses import dataclass


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
    compile_ns    time that compiling took
    entries       calls of the compiled code
    back_edges    turns of its loops
    slow_calls    slow paths taken
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
    entries: int
    back_edges: int
    slow_calls: int


def assembly(address, code):
    """Machine code as assembly, one instruction a line. ImportError without capstone."""
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
    return "\n".join(f"{at:#x}  {mnemonic:8} {operands}".rstrip()
                     for at, _, mnemonic, operands in decoder.disasm_lite(code, address))
