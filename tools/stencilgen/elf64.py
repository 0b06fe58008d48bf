"""Reader for the part of ELF64 that a compiler's x86-64 objects use: sections, symbols, RELA relocations.

Layouts are those of the System V ABI (gABI chapter 4, x86-64 psABI section 4.4).
"""

import struct
from typing import NamedTuple

SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 1, 2, 4, 8, 9
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
SHN_UNDEF, SHN_LORESERVE, SHN_COMMON = 0, 0xFF00, 0xFFF2
STB_LOCAL = 0
STT_FUNC, STT_SECTION = 2, 3

R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32, R_X86_64_32S = 1, 2, 4, 10, 11

# Names for messages, also of relocations that are refused.
RELOCATION_NAMES = {
    1: '64', 2: 'PC32', 3: 'GOT32', 4: 'PLT32', 9: 'GOTPCREL', 10: '32', 11: '32S', 12: '16', 13: 'PC16', 14: '8',
    15: 'PC8', 18: 'TPOFF64', 19: 'TLSGD', 20: 'TLSLD', 21: 'DTPOFF32', 22: 'GOTTPOFF', 23: 'TPOFF32', 24: 'PC64',
    25: 'GOTOFF64', 26: 'GOTPC32', 41: 'GOTPCRELX', 42: 'REX_GOTPCRELX',
}

_ET_REL, _EM_X86_64 = 1, 62
_HEADER = struct.Struct('<16sHHIQQQIHHHHHH')
_SECTION = struct.Struct('<IIQQQQIIQQ')
_SYMBOL = struct.Struct('<IBBHQQ')
_RELA = struct.Struct('<QQq')


class ElfError(Exception):
    """The file is not an object that this reader understands."""


class Section(NamedTuple):
    index: int
    name: str
    type: int
    flags: int
    size: int
    align: int
    link: int
    info: int
    data: bytes  # empty for SHT_NOBITS

    def has(self, flags):
        return self.flags & flags == flags


class Symbol(NamedTuple):
    name: str  # a section symbol carries its section's name
    value: int
    size: int
    bind: int
    type: int
    section: int  # index, or one of SHN_*


class Relocation(NamedTuple):
    offset: int
    type: int
    symbol: Symbol
    addend: int


def relocation_name(kind):
    return 'R_X86_64_' + RELOCATION_NAMES[kind] if kind in RELOCATION_NAMES else f'relocation type {kind}'


class ElfObject:
    """A relocatable x86-64 object: `sections`, `symbols`, and `relocations(index of the section patched)`."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, 'rb') as file:
                self._image = file.read()
            self.sections = self._read_sections()
            self.symbols = self._read_symbols()
            self._relocations = self._read_relocations()
        except (struct.error, IndexError, ValueError) as error:
            raise ElfError(f'{path}: damaged ELF object ({error})') from error

    def relocations(self, section):
        return self._relocations.get(section, [])

    def _read_sections(self):
        if self._image[:4] != b'\x7fELF':
            raise ElfError(f'{self.path}: not an ELF file')
        header = _HEADER.unpack_from(self._image)
        identity, kind, machine, table, count, names = (header[i] for i in (0, 1, 2, 6, 12, 13))
        if identity[4:6] != b'\2\1' or kind != _ET_REL or machine != _EM_X86_64:
            raise ElfError(f'{self.path}: not an x86-64 relocatable object')
        if count == 0 or names >= SHN_LORESERVE:
            raise ElfError(f'{self.path}: no sections, or more than {SHN_LORESERVE - 1}: split the source file')
        raw = [_SECTION.unpack_from(self._image, table + i * _SECTION.size) for i in range(count)]
        strings = self._contents(raw[names])
        return [self._section(i, fields, strings) for i, fields in enumerate(raw)]

    def _section(self, index, fields, strings):
        name, kind, flags, _, _, size, link, info, align, _ = fields
        return Section(index, _string(strings, name), kind, flags, size, max(align, 1), link, info,
                       self._contents(fields))

    def _contents(self, fields):
        kind, offset, size = fields[1], fields[4], fields[5]
        if kind in (0, SHT_NOBITS):
            return b''
        if offset + size > len(self._image):
            raise ValueError('a section lies outside the file')
        return self._image[offset:offset + size]

    def _read_symbols(self):
        tables = [s for s in self.sections if s.type == SHT_SYMTAB]
        if not tables:
            return []
        strings = self.sections[tables[0].link].data
        return [self._symbol(fields, strings) for fields in _SYMBOL.iter_unpack(tables[0].data)]

    def _symbol(self, fields, strings):
        name, info, _, section, value, size = fields
        kind = info & 15
        text = self.sections[section].name if kind == STT_SECTION else _string(strings, name)
        return Symbol(text, value, size, info >> 4, kind, section)

    def _read_relocations(self):
        found = {}
        for section in self.sections:
            if section.type == SHT_REL:
                raise ElfError(f'{self.path}: section {section.name}: REL relocations, x86-64 objects have RELA')
            if section.type == SHT_RELA:
                found.setdefault(section.info, []).extend(self._relocation(f) for f in _RELA.iter_unpack(section.data))
        for entries in found.values():
            entries.sort(key=lambda relocation: relocation.offset)
        return found

    def _relocation(self, fields):
        offset, info, addend = fields
        return Relocation(offset, info & 0xFFFFFFFF, self.symbols[info >> 32], addend)


def _string(table, offset):
    return table[offset:table.index(b'\0', offset)].decode()
