"""What objdump says about stencils: a listing for the generated file, and the shape of each stencil."""

import os
import re
import subprocess
from typing import NamedTuple, Optional

_SECTION_LINE = re.compile(r'Disassembly of section (\S+):')
_INSTRUCTION_LINE = re.compile(r'\s*([0-9a-f]+):\s+(\S.*)')
_STACK_ADJUST = re.compile(r'(sub|add)\s+rsp,0x([0-9a-f]+)')
_STACK_LEA = re.compile(r'lea\s+rsp,\[rsp([+-])0x([0-9a-f]+)\]')
_STACK_OTHER = re.compile(r'(?:leave|enter)\b|(?!cmp|test|push)\w+\s+rsp\b')


class Instruction(NamedTuple):
    offset: int
    text: str  # Intel syntax


class Shape(NamedTuple):
    """Static facts of one stencil. None where no disassembler was there to tell."""
    name: str
    size: int                         # bytes
    ending: str                       # member of tier1::Ending
    calls: Optional[int]              # direct and indirect call instructions; tail jumps do not count
    pushes: Optional[int]             # push instructions
    stack: Optional[int]              # deepest stack use in bytes on any path; None also when rsp is computed
    misaligned_calls: Optional[int]   # calls where rsp is not a multiple of 16, as the C ABI wants it
    externals: tuple                  # sorted names


def disassemble(path, objdump='objdump'):
    """{section name: [Instruction]} of an object file, or None when there is no objdump to run."""
    command = [objdump, '-d', '-z', '-w', '-Mintel', '--no-show-raw-insn', path]
    try:
        output = subprocess.run(command, env={**os.environ, 'LC_ALL': 'C'}, check=True, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return _parse(output)


def _parse(output):
    sections, current = {}, []
    for line in output.splitlines():
        if match := _INSTRUCTION_LINE.match(line):
            current.append(Instruction(int(match[1], 16), ' '.join(match[2].split())))
        elif match := _SECTION_LINE.match(line):
            current = sections.setdefault(match[1], [])
    return sections


def listing(stencil):
    """Lines of assembly with the holes' symbols in place of objdump's zeros; empty without a disassembly."""
    return [_listing_line(instruction, hole) for instruction, hole in _with_holes(stencil)]


def _with_holes(stencil):
    """Pairs of instruction and the holes inside it."""
    instructions = stencil.instructions or []
    ends = [i.offset for i in instructions[1:]] + [len(stencil.code)]
    holes, position = stencil.holes, 0
    for instruction, end in zip(instructions, ends):
        first = position
        while position < len(holes) and holes[position].offset < end:
            position += 1
        yield instruction, holes[first:position]


def _listing_line(instruction, holes):
    text = re.sub(r'\s*(<.*>|#.*)', '', instruction.text)
    names = ' '.join(hole.label for hole in holes)
    if names and holes[0].is_branch:
        return f'{instruction.offset:4x}: {text.split()[0]} {names}'
    return f'{instruction.offset:4x}: {text}' + (f'  ; {names}' if names else '')


def shape_of(stencil):
    """The Shape of an extract.Stencil."""
    externals = tuple(sorted({hole.symbol for hole in stencil.holes if hole.value == 'kExternal'}))
    if stencil.instructions is None:
        return Shape(stencil.name, len(stencil.code), stencil.ending, None, None, None, None, externals)
    mnemonics = [i.text.split()[0] for i in stencil.instructions]
    depths = _stack_depths(stencil)
    return Shape(stencil.name, len(stencil.code), stencil.ending, mnemonics.count('call'), mnemonics.count('push'),
                 None if depths is None else max(depths.values(), default=0), _misaligned_calls(stencil, depths),
                 externals)


def _misaligned_calls(stencil, depths):
    # A stencil is jumped to with rsp a multiple of 16; a function that returns was called, so 8 bytes are on the stack.
    if depths is None:
        return None
    entry = 8 if stencil.returns else 0
    return sum(1 for i in stencil.instructions
               if i.text.startswith('call') and i.offset in depths and (entry + depths[i.offset]) % 16)


def _stack_depths(stencil):
    """{instruction offset: bytes pushed before it} over all paths from the start; None when rsp is computed."""
    flow = _control_flow(stencil)
    depths, pending = {}, [(0, 0)]
    while pending:
        offset, depth = pending.pop()
        if offset in depths or offset not in flow:
            continue
        depths[offset] = depth
        change, successors = flow[offset]
        if change is None:
            return None
        pending.extend((successor, depth + change) for successor in successors)
    return depths


def _control_flow(stencil):
    """{offset: (bytes that the instruction pushes, offsets that may follow)}."""
    pairs = list(_with_holes(stencil))
    following = [instruction.offset for instruction, _ in pairs[1:]] + [len(stencil.code)]
    return {instruction.offset: (_stack_change(instruction.text), _successors(instruction.text, holes, after))
            for (instruction, holes), after in zip(pairs, following)}


def _stack_change(text):
    if text.startswith('push'):
        return 8
    if text.startswith('pop') and not text.startswith('popcnt'):
        return -8
    if 'rsp' not in text and not text.startswith(('leave', 'enter')):
        return 0
    if match := _STACK_ADJUST.match(text):
        amount = int(match[2], 16)
        amount -= (amount >> 63) << 64
        return amount if match[1] == 'sub' else -amount
    if match := _STACK_LEA.match(text):
        return int(match[2], 16) * (1 if match[1] == '-' else -1)
    return None if _STACK_OTHER.match(text) else 0


def _successors(text, holes, after):
    mnemonic, _, operand = text.partition(' ')
    if mnemonic.endswith('ret') or mnemonic.startswith('ud2'):
        return []
    targets = []
    if mnemonic.startswith('j') and not holes and (match := re.match(r'[0-9a-f]+\b', operand)):
        targets.append(int(match[0], 16))
    return targets if mnemonic == 'jmp' else targets + [after]


def format_report(shapes):
    """A table of shapes as text, one line a stencil."""
    def cell(value):
        return '-' if value is None else str(value)
    width = max([len(s.name) for s in shapes] + [7])
    lines = [f'# {len(shapes)} stencils, {sum(s.size for s in shapes)} bytes, '
             f'{sum(1 for s in shapes if s.misaligned_calls)} with a call on a misaligned stack',
             f'# {"stencil":<{width}}  size  ending   calls  pushes  stack  misaligned  externals']
    for s in shapes:
        lines.append(f'  {s.name:<{width}} {s.size:>5}  {s.ending:<8} {cell(s.calls):>5} {cell(s.pushes):>7} '
                     f'{cell(s.stack):>6} {cell(s.misaligned_calls):>11}  {",".join(s.externals)}'.rstrip())
    return '\n'.join(lines) + '\n'
