"""Takes stencils out of objects and checks every rule that patching relies on.

A hole's field receives S + addend (absolute kinds) or S + addend - P (kPcRel32), where S is the address of what the
hole refers to and P the address of the field itself. The addend is the object file's own, so an ordinary rip-relative
operand or branch has -4.
"""

import os
import re
from typing import NamedTuple, Optional

from stencilgen import disassembly, elf64
from stencilgen.elf64 import R_X86_64_32, R_X86_64_32S, R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32

# Relocation type -> tier1::HoleKind and the bytes of its field.
KINDS = {
    R_X86_64_32S: ('kAbs32S', 4), R_X86_64_32: ('kAbs32S', 4), R_X86_64_64: ('kAbs64', 8),
    R_X86_64_PC32: ('kPcRel32', 4), R_X86_64_PLT32: ('kPcRel32', 4),
}

_SMALL = frozenset({R_X86_64_32S, R_X86_64_32})
_WIDE = frozenset({R_X86_64_64})
_NEAR_DATA = frozenset({R_X86_64_PC32, R_X86_64_64})
_NEAR_CODE = frozenset({R_X86_64_PC32, R_X86_64_PLT32})

# Hole symbol -> tier1::HoleValue and the relocations it may have.
HOLES = {
    'H_A': ('kA', _SMALL), 'H_B': ('kB', _SMALL), 'H_C': ('kC', _SMALL), 'H_D': ('kD', _SMALL),
    'H_P': ('kP', _WIDE), 'H_Q': ('kQ', _WIDE),
    'H_CELL': ('kCell', _NEAR_DATA), 'H_SITE': ('kSite', _NEAR_DATA), 'H_UNIT': ('kUnit', _NEAR_DATA),
    'TJ_NEXT': ('kNext', _NEAR_CODE), 'TJ_TARGET': ('kTarget', _NEAR_CODE), 'TJ_COLD': ('kCold', _NEAR_CODE),
    'TJ_DISPOSE': ('kDispose', _NEAR_CODE),
    # The compiler rewrites these jumps as a whole, their fields are never patched.
    'TJ_RETURN': ('kReturn', _NEAR_CODE), 'TJ_CALLEE': ('kNext', _NEAR_CODE),
}
ENDINGS = {'TJ_NEXT': 'kNext', 'TJ_RETURN': 'kReturn', 'TJ_CALLEE': 'kCallee'}
_THUNK_PREFIX = 'TJ_THUNK_'
_CALL_PREFIX = 'TJ_CALL_'  # the same thunks, entered by a call: the stencil's trailing jump becomes one
_RESERVED = re.compile(r'H_[A-Z]+$|TJ_')

# Last instructions after which a stencil without a droppable jump cannot run on into the next emission.
ACCEPTED_LAST = frozenset({'jump to a hole', 'local jump', 'indirect jump', 'ret'})

_STENCIL_PREFIX = 's_'
_IDENTIFIER = re.compile(r'[A-Za-z_]\w*$', re.ASCII)
_SPLIT_SECTION = re.compile(r'\.text\.(unlikely|split|cold|eh)\b')
_MAX_ALIGN = 64
_UINT16_MAX = 0xFFFF


class Rodata(NamedTuple):
    """A constant section of an object, and the symbol's offset in it."""
    contents: bytes
    align: int
    offset: int


class Hole(NamedTuple):
    offset: int
    kind: str               # member of tier1::HoleKind
    value: str              # member of tier1::HoleValue
    symbol: str             # name of the thunk (without prefix) or external, otherwise of the hole itself
    addend: int
    is_branch: bool         # field of a call, jmp or jcc
    rodata: Optional[Rodata]

    @property
    def label(self):
        name = _THUNK_PREFIX + self.symbol if self.value == 'kThunk' else self.symbol
        shown = self.addend + 4 if self.is_branch else self.addend
        return name + (f'{"-" if shown < 0 else "+"}{abs(shown):#x}' if shown else '')


class Stencil(NamedTuple):
    name: str               # without s_
    object: str             # base name of the object file
    code: bytes
    holes: list             # by offset
    ending: str             # member of tier1::Ending
    returns: bool           # the last instruction is ret
    instructions: Optional[list]  # of disassembly.Instruction; None without objdump


class StencilError(Exception):
    """Problems found, one line each in `problems`."""

    def __init__(self, problems):
        super().__init__('\n'.join(problems))
        self.problems = problems


def extract(paths, objdump='objdump'):
    """All stencils of the objects, sorted by name. Raises StencilError with everything that is wrong."""
    stencils, problems = [], []
    for path in paths:
        try:
            reader = _ObjectExtractor(elf64.ElfObject(path), disassembly.disassemble(path, objdump))
        except (elf64.ElfError, OSError) as error:
            problems.append(str(error))
            continue
        stencils += reader.stencils()
        problems += reader.problems
    stencils.sort(key=lambda stencil: (stencil.name, stencil.object))
    problems += _duplicates(stencils) + _calls_between(stencils)
    if problems:
        raise StencilError(problems)
    return stencils


def _duplicates(stencils):
    return [f'{b.object}: {_STENCIL_PREFIX}{b.name}: defined in {a.object} too'
            for a, b in zip(stencils, stencils[1:]) if a.name == b.name]


def _calls_between(stencils):
    # Inside one object the symbol is defined, which _reject_defined sees.
    names = {_STENCIL_PREFIX + stencil.name for stencil in stencils}
    return [f'{s.object}: {_STENCIL_PREFIX}{s.name}+{h.offset:#x}: {h.kind} {h.symbol}: refers to another stencil'
            for s in stencils for h in s.holes if h.value == 'kExternal' and h.symbol in names]


class _Refused(Exception):
    """The relocation at hand breaks a rule."""


class _ObjectExtractor:
    """Stencils and problems of one object."""

    def __init__(self, elf, instructions):
        self._elf = elf
        self._instructions = instructions
        self._base = os.path.basename(elf.path)
        self.problems = []

    def stencils(self):
        self._check_sections()
        found = []
        for symbol in self._elf.symbols:
            if self._is_stencil(symbol):
                stencil = self._stencil(symbol, self._elf.sections[symbol.section])
                if stencil:
                    found.append(stencil)
        return found

    def _is_stencil(self, symbol):
        return (symbol.type == elf64.STT_FUNC and symbol.bind != elf64.STB_LOCAL and _IDENTIFIER.match(symbol.name)
                and symbol.name.startswith(_STENCIL_PREFIX) and 0 < symbol.section < elf64.SHN_LORESERVE)

    def _problem(self, place, message):
        self.problems.append(f'{self._base}: {place}: {message}')

    # Rules about whole sections.

    def _check_sections(self):
        homes = {symbol.section for symbol in self._elf.symbols if self._is_stencil(symbol)}
        for section in self._elf.sections:
            message = _section_fault(section, homes)
            if message:
                owners = [s.name for s in self._elf.symbols if s.section == section.index and s.name != section.name]
                place = f'section {section.name} ({", ".join(owners[:3]) or "no symbol"}, {section.size} bytes)'
                self._problem(place, message)
        for symbol in self._elf.symbols:
            if symbol.section == elf64.SHN_COMMON:
                self._problem(f'symbol {symbol.name}', 'common (zero-initialised) data; stencils have none')

    # One stencil.

    def _stencil(self, symbol, section):
        if section.name != '.text.' + symbol.name:
            if not _SPLIT_SECTION.match(section.name):  # reported with its section otherwise
                self._problem(symbol.name, f'lies in {section.name}, not in .text.{symbol.name}: '
                                           'compile with -ffunction-sections, without hot attribute or alias')
            return None
        if symbol.value != 0 or symbol.size != section.size or not 0 < section.size <= _UINT16_MAX:
            self._problem(symbol.name, f'must fill its section and have 1 to {_UINT16_MAX} bytes, '
                                       f'but has {symbol.size} of {section.size} at {symbol.value:#x}')
            return None
        return self._checked(symbol, section)

    def _checked(self, symbol, section):
        before = len(self.problems)
        code = section.data
        instructions = None if self._instructions is None else self._instructions.get(section.name, [])
        holes = []
        calls = False
        for relocation in self._elf.relocations(section.index):
            calls = calls or relocation.symbol.name.startswith(_CALL_PREFIX)
            try:
                holes.append(self._hole(code, section, relocation))
            except _Refused as refused:
                self._problem(f'{symbol.name}+{relocation.offset:#x}', f'{_show(relocation)}: {refused}')
        if len(self.problems) > before:
            return None
        ending = 'kCall' if calls else _ending(code, holes)
        last = _last_instruction(code, holes, instructions)
        self._check_ending(symbol.name, code, ending, last, instructions)
        return Stencil(symbol.name[len(_STENCIL_PREFIX):], self._base, code, holes, ending, last == 'ret', instructions)

    def _check_ending(self, name, code, ending, last, instructions):
        start = instructions[-1].offset if instructions else len(code)
        if name.startswith('s_entry_'):
            if last != 'ret':
                self._problem(f'{name}+{start:#x}', f'an entry stencil ends in ret, not in {last}')
        elif ending == 'kNone' and last not in ACCEPTED_LAST:
            self._problem(f'{name}+{start:#x}', f'ends in {last}; a stencil ends in jmp TJ_NEXT, TJ_RETURN, TJ_CALLEE '
                                                'or another hole, an indirect jmp, or ret')

    # Rules about one relocation.

    def _hole(self, code, section, relocation):
        if relocation.type not in KINDS:
            raise _Refused('relocation type that stencils cannot have')
        kind, width = KINDS[relocation.type]
        if relocation.offset + width > len(code):
            raise _Refused('field lies outside the stencil')
        if not -2**31 <= relocation.addend < 2**31:
            raise _Refused('addend does not fit 32 bits')
        is_branch = relocation.type in _NEAR_CODE and _follows_branch_opcode(code, relocation.offset)
        if is_branch and relocation.addend != -4:
            raise _Refused('branch into the middle of its target (addend is not -4)')
        value, name, rodata = self._meaning(code, section, relocation, is_branch)
        return Hole(relocation.offset, kind, value, name, relocation.addend, is_branch, rodata)

    def _meaning(self, code, section, relocation, is_branch):
        """(HoleValue, name, Rodata or None) of what the relocation refers to."""
        symbol = relocation.symbol
        if symbol.section != elf64.SHN_UNDEF:
            return 'kRodata', symbol.name, self._rodata(section, relocation)
        if symbol.name in HOLES:
            return _named_hole(code, relocation), symbol.name, None
        if symbol.name.startswith(_CALL_PREFIX) and len(symbol.name) > len(_CALL_PREFIX):
            _require_type(relocation, _NEAR_CODE)
            _require_trailing(code, relocation)
            return 'kThunk', symbol.name[len(_CALL_PREFIX):], None
        if symbol.name.startswith(_THUNK_PREFIX) and len(symbol.name) > len(_THUNK_PREFIX):
            _require_type(relocation, _NEAR_CODE)
            return 'kThunk', symbol.name[len(_THUNK_PREFIX):], None
        _check_external(relocation, is_branch)
        return 'kExternal', symbol.name, None

    def _rodata(self, section, relocation):
        symbol = relocation.symbol
        if symbol.section >= elf64.SHN_LORESERVE:
            raise _Refused('absolute or common symbol')
        target = self._elf.sections[symbol.section]
        _reject_defined(section, symbol, target)
        if relocation.type != R_X86_64_PC32:
            raise _Refused(f'constants in {target.name} are reached rip-relative only (R_X86_64_PC32)')
        if self._elf.relocations(target.index):
            raise _Refused(f'constants in {target.name} hold addresses themselves')
        if target.align > _MAX_ALIGN:
            raise _Refused(f'{target.name} wants alignment {target.align}, at most {_MAX_ALIGN} is kept')
        return Rodata(target.data, target.align, symbol.value)


def _section_fault(section, homes):
    """What is wrong with having this section in a stencil object, or None. homes: indices of the stencils' sections."""
    if section.size == 0 or not section.has(elf64.SHF_ALLOC):
        return None
    if section.type == elf64.SHT_NOBITS:
        return 'zero-initialised data; stencils have none'
    if section.has(elf64.SHF_WRITE):
        return 'writable data; stencils have none'
    if not section.has(elf64.SHF_EXECINSTR):
        return None
    if _SPLIT_SECTION.match(section.name):
        return 'cold or split part of a function; a stencil is one piece (no cold attribute, no function splitting)'
    if section.name.startswith('.text.' + _STENCIL_PREFIX) and section.index not in homes:
        return 'named like a stencil but holds no extern "C" function of that name (split part or static function)'
    return None


def _reject_defined(section, symbol, target):
    if target.index == section.index:
        raise _Refused('refers to the stencil itself')
    if target.has(elf64.SHF_EXECINSTR):
        raise _Refused('refers to another stencil' if symbol.name.startswith(_STENCIL_PREFIX) else
                       f'refers to a function of this object in {target.name}: make it inline (always_inline)')
    if target.has(elf64.SHF_WRITE) or not target.has(elf64.SHF_ALLOC) or target.type != elf64.SHT_PROGBITS:
        raise _Refused(f'refers to {target.name}: only constants in .rodata may be used')


def _named_hole(code, relocation):
    value, allowed = HOLES[relocation.symbol.name]
    _require_type(relocation, allowed)
    if relocation.symbol.name == 'TJ_CALLEE':
        _require_trailing(code, relocation)
    if relocation.symbol.name == 'TJ_RETURN' and code[relocation.offset - 1:relocation.offset] != b'\xe9':
        raise _Refused('only a jmp may go there')
    return value


def _require_trailing(code, relocation):
    if not _is_trailing_jump(code, relocation.offset):
        raise _Refused('only the trailing jmp of a stencil may go there')


def _require_type(relocation, allowed):
    if relocation.type not in allowed:
        names = ' or '.join(elf64.relocation_name(kind) for kind in sorted(allowed))
        raise _Refused(f'this hole takes {names} only')


def _check_external(relocation, is_branch):
    name = relocation.symbol.name
    if _RESERVED.match(name):
        raise _Refused('no such hole')
    if not _IDENTIFIER.match(name):
        raise _Refused('the name of this external is no C identifier')
    if relocation.type not in _NEAR_CODE:
        raise _Refused('absolute address of an external, which need not fit (go through the runtime table)')
    if not is_branch:
        raise _Refused('data reference to an external, which may be out of reach (go through the runtime table)')


def _follows_branch_opcode(code, offset):
    # Unambiguous for a pc-relative field: a rip-relative operand has its ModRM byte (00 reg 101, at most 3D) before it.
    if offset >= 1 and code[offset - 1] in (0xE8, 0xE9):
        return True
    return offset >= 2 and code[offset - 2] == 0x0F and code[offset - 1] & 0xF0 == 0x80


def _is_trailing_jump(code, offset):
    return offset == len(code) - 4 and offset >= 1 and code[offset - 1] == 0xE9


def _ending(code, holes):
    if _has_trailing_hole(code, holes) and holes[-1].symbol in ENDINGS:
        return ENDINGS[holes[-1].symbol]
    return 'kNone'


def _has_trailing_hole(code, holes):
    return bool(holes) and holes[-1].is_branch and _is_trailing_jump(code, holes[-1].offset)


def _last_instruction(code, holes, instructions):
    """What the last instruction is: a member of ACCEPTED_LAST, or a name for messages.

    Without a disassembly its start is unknown, so every suffix that can be one of the accepted forms counts as it.
    """
    if _has_trailing_hole(code, holes):
        return 'jump to a hole'
    if instructions:
        last = instructions[-1]
        return _terminator(code[last.offset:]) or f'"{last.text.split(" <")[0]}"'
    suffixes = (_terminator(code[-length:]) for length in range(1, min(9, len(code)) + 1))
    return next((found for found in suffixes if found), 'no jump or ret')


def _terminator(instruction):
    """'ret' or 'indirect jump' when the bytes are exactly one such instruction, otherwise None."""
    if instruction in (b'\xc3', b'\xf3\xc3'):
        return 'ret'
    if len(instruction) == 2 and instruction[0] == 0xEB or len(instruction) == 5 and instruction[0] == 0xE9:
        return 'local jump'
    if 0x40 <= instruction[0] <= 0x4F:  # REX
        instruction = instruction[1:]
    is_jump = len(instruction) >= 2 and instruction[0] == 0xFF and instruction[1] >> 3 & 7 == 4
    return 'indirect jump' if is_jump and len(instruction) == 1 + _operand_length(instruction[1:]) else None


def _operand_length(operand):
    """Bytes of ModRM, SIB and displacement; `operand` starts with ModRM."""
    mode, base = operand[0] >> 6, operand[0] & 7
    if mode == 3:
        return 1
    sib = 1 if base == 4 else 0
    if sib and len(operand) > 1:
        base = operand[1] & 7
    displacement = {0: 4 if base == 5 else 0, 1: 1, 2: 4}[mode]
    return 1 + sib + displacement


def _show(relocation):
    sign = '-' if relocation.addend < 0 else '+'
    addend = f'{sign}{abs(relocation.addend):#x}' if relocation.addend else ''
    return f'{elf64.relocation_name(relocation.type)} {relocation.symbol.name}{addend}'
