"""stencilgen on small stencils compiled here: what it cuts out, what it refuses, and whether the result runs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tools' / 'stencilgen' / 'stencilgen.py'
sys.path.insert(0, str(ROOT / 'tools'))

from stencilgen import elf64, emit, extract, stencilgen  # noqa: E402

CLANG = os.environ.get('TIERJIT_CLANGXX') or shutil.which('clang++-19') or shutil.which('clang++')
pytestmark = pytest.mark.skipif(CLANG is None, reason='needs clang++ >= 19')

FLAGS = ('-std=c++20 -O2 -fno-pic -mcmodel=small -mstack-alignment=8 -fno-asynchronous-unwind-tables -fno-exceptions '
         '-fno-rtti -fno-stack-protector -fcf-protection=none -ffunction-sections -fno-jump-tables '
         '-fno-math-errno').split()

PRELUDE = '''
#include <cstdint>
#define PN __attribute__((preserve_none))
#define ARGS char *lp, char *rt, char *acc, char *ts
#define GO(where) [[clang::musttail]] return where(lp, rt, acc, ts)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
extern "C" {
extern char H_A, H_B, H_C, H_D, H_P, H_Q, H_CELL, H_SITE, H_UNIT, H_BAD;
PN void TJ_NEXT(ARGS); PN void TJ_TARGET(ARGS); PN void TJ_COLD(ARGS); PN void TJ_RETURN(ARGS); PN void TJ_CALLEE(ARGS);
PN void TJ_THUNK_box(ARGS); PN void TJ_THUNK_free(ARGS); PN void TJ_DISPOSE(ARGS);
PN void TJ_CALL_box(ARGS);
PN void TJ_WRONG(ARGS);
void helper(long); void other_helper(long); extern long PyLong_Type[50];
'''

GOOD = '''
PN void s_load(ARGS) { acc = *(char**)(lp + (uintptr_t)&H_A); GO(TJ_NEXT); }
PN void s_constant(ARGS) { char* p; asm("movabsq $H_P,%0" : "=r"(p)); acc = p; GO(TJ_NEXT); }
PN void s_scale(ARGS) { *(double*)acc = -*(double*)acc * 1.5; GO(TJ_CALLEE); }
PN void s_leave(ARGS) { GO(TJ_RETURN); }
PN void s_cell(ARGS) { ++*(int*)&H_CELL; if (((long*)&H_SITE)[1] == 3) acc = 0; GO(TJ_NEXT); }
PN void s_branch(ARGS) { if (*acc) { GO(TJ_THUNK_free); } *acc = 1; GO(TJ_TARGET); }
PN void s_box(ARGS) { if (UNLIKELY(*acc)) { GO(TJ_COLD); } GO(TJ_THUNK_box); }
PN void s_enter(ARGS) { ++*acc; GO(TJ_CALL_box); }
PN void s_dead(ARGS) { if (UNLIKELY(--*(int*)acc == 0)) { GO(TJ_DISPOSE); } GO(TJ_NEXT); }
PN void s_call(ARGS) { helper((long)acc); acc = rt; GO(TJ_NEXT); }
PN void s_dispatch(ARGS) { using F = PN void (*)(ARGS); [[clang::musttail]] return (*(F*)(rt + 8))(lp, rt, acc, ts); }
long s_entry_plain(long x) { return x + 1; }
}
'''


def compile_stencils(folder, body, name='stencils', extra=()):
    source, target = folder / f'{name}.cc', folder / f'{name}.o'
    source.write_text(PRELUDE + body)
    subprocess.run([CLANG, *FLAGS, *extra, '-I', str(ROOT), '-c', str(source), '-o', str(target)], check=True)
    return str(target)


def run_script(*arguments):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], text=True, capture_output=True)


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    return compile_stencils(tmp_path_factory.mktemp('good'), GOOD)


@pytest.fixture(scope='module')
def stencils(good):
    return {stencil.name: stencil for stencil in extract.extract([good])}


def holes_of(stencil):
    return [(hole.value, hole.kind, hole.symbol, hole.addend) for hole in stencil.holes]


def test_names_are_sorted_without_prefix(good):
    names = [stencil.name for stencil in extract.extract([good])]
    assert names == sorted(names) and 'load' in names and 'entry_plain' in names


@pytest.mark.parametrize('name, ending', [
    ('load', 'kNext'), ('leave', 'kReturn'), ('scale', 'kCallee'), ('enter', 'kCall'), ('branch', 'kNone'), ('box', 'kNone'),
    ('dispatch', 'kNone'), ('entry_plain', 'kNone')])
def test_endings(stencils, name, ending):
    assert stencils[name].ending == ending


def test_return_in_the_middle(tmp_path):
    path = compile_stencils(tmp_path, 'PN void s_x(ARGS) { if (*acc) { GO(TJ_RETURN); } *acc = 1; GO(TJ_COLD); } }')
    stencil, = extract.extract([path])
    place = next(hole.offset for hole in stencil.holes if hole.value == 'kReturn')
    assert stencil.ending == 'kNone' and stencil.code[place - 1] == 0xE9
    table = emit.generate([stencil])
    code = re.sub(r'\s', '', table[table.index('kCode_x[]'):table.index('kHoles_x[]')])
    assert '0x5d,0xc3,0xcc,0xcc,0xcc' in code and 'HoleValue::kReturn' not in table  # the code of the return took its place


def test_droppable_jump_is_last_hole(stencils):
    for stencil in stencils.values():
        if stencil.ending != 'kNone':
            assert stencil.code[-5:] == b'\xe9\0\0\0\0'
            assert stencil.holes[-1].offset == len(stencil.code) - 4


def test_small_operand(stencils):
    assert holes_of(stencils['load']) == [('kA', 'kAbs32S', 'H_A', 0), ('kNext', 'kPcRel32', 'TJ_NEXT', -4)]


def test_wide_operand(stencils):
    assert holes_of(stencils['constant'])[0] == ('kP', 'kAbs64', 'H_P', 0)


def test_addends_are_kept(stencils):
    cell, site = holes_of(stencils['cell'])[:2]
    assert cell == ('kCell', 'kPcRel32', 'H_CELL', -4)
    assert site == ('kSite', 'kPcRel32', 'H_SITE', 8 - 5)  # an immediate byte follows the field


def test_dispose(stencils):
    assert ('kDispose', 'kPcRel32', 'TJ_DISPOSE', -4) in holes_of(stencils['dead'])


def test_externals_and_thunks(stencils):
    assert ('kExternal', 'kPcRel32', 'helper', -4) in holes_of(stencils['call'])
    tables = emit.build_tables(list(stencils.values()))
    assert tables.externals == ['helper']
    assert tables.thunks == ['box', 'free']  # first use, stencils by name: box before branch


def test_constants_of_objects_are_shared_and_aligned(tmp_path):
    one = compile_stencils(tmp_path, 'PN void s_a(ARGS) { *(double*)acc *= 1.5; GO(TJ_NEXT); } }', 'one')
    two = compile_stencils(tmp_path, 'PN void s_b(ARGS) { *(double*)acc *= 1.5; GO(TJ_NEXT); } }', 'two')
    wide = compile_stencils(tmp_path, '''PN void s_c(ARGS) {
        typedef double V __attribute__((vector_size(32), aligned(8)));
        *(V*)acc = *(V*)acc * V{1, 2, 3, 4}; GO(TJ_NEXT); } }''', 'wide', ['-mavx2'])
    tables = emit.build_tables(extract.extract([one, two, wide]))
    assert sorted(tables.rodata_offsets.values()) == [0, 32]  # the pool of 32-byte constants is padded to its place
    assert tables.rodata_align == 32 and len(tables.rodata) == 64


def test_reader_agrees_with_pyelftools(good):
    elffile = pytest.importorskip('elftools.elf.elffile')
    ours = elf64.ElfObject(good)
    with open(good, 'rb') as file:
        theirs = elffile.ELFFile(file)
        for mine, section in zip(ours.sections, theirs.iter_sections(), strict=True):
            assert (mine.name, mine.size, mine.flags) == (section.name, section['sh_size'], section['sh_flags'])
            assert mine.data == (b'' if section['sh_type'] in ('SHT_NULL', 'SHT_NOBITS') else section.data())
            if section['sh_type'] == 'SHT_RELA':
                compare_relocations(ours, theirs, section)


def compare_relocations(ours, theirs, section):
    symbols = theirs.get_section(section['sh_link'])
    expected = sorted((r['r_offset'], r['r_info_type'], symbols.get_symbol(r['r_info_sym']).name, r['r_addend'])
                      for r in section.iter_relocations())
    found = [(r.offset, r.type, r.symbol.name, r.addend) for r in ours.relocations(section['sh_info'])]
    assert found == expected


REFUSED = {
    'data by absolute address': ('PN void s_x(ARGS) { *(void**)acc = PyLong_Type; GO(TJ_NEXT); }',
                                 r's_x\+0x\w+: R_X86_64_32S? PyLong_Type: absolute address of an external'),
    'data rip-relative': ('PN void s_x(ARGS) { *(long*)acc = PyLong_Type[1]; GO(TJ_NEXT); }',
                          r's_x\+0x\w+: R_X86_64_PC32 PyLong_Type\+0x4: data reference to an external'),
    'address of a function': ('PN void s_x(ARGS) { *(void**)acc = (void*)&helper; GO(TJ_NEXT); }',
                              r's_x\+0x\w+: R_X86_64_32S? helper: absolute address of an external'),
    'wide address of an external': ('PN void s_x(ARGS) { asm("movabsq $PyLong_Type,%0" : "=r"(acc)); GO(TJ_NEXT); }',
                                    r's_x\+0x\w+: R_X86_64_64 PyLong_Type: absolute address'),
    'string literal': ('PN void s_x(ARGS) { *(const char**)acc = "text"; GO(TJ_NEXT); }',
                       r's_x\+0x\w+: R_X86_64_32S? \.\S+: constants in \.rodata\S* are reached rip-relative only'),
    'small hole in 64 bits': ('PN void s_x(ARGS) { asm("movabsq $H_A,%0" : "=r"(acc)); GO(TJ_NEXT); }',
                              r's_x\+0x\w+: R_X86_64_64 H_A: this hole takes R_X86_64_32 or R_X86_64_32S only'),
    'wide hole in 32 bits': ('PN void s_x(ARGS) { acc += (uintptr_t)&H_P; GO(TJ_NEXT); }',
                             r's_x\+0x\w+: R_X86_64_32S? H_P: this hole takes R_X86_64_64 only'),
    'cell by 32-bit address': ('PN void s_x(ARGS) { acc = &H_CELL; GO(TJ_NEXT); }',
                               r'R_X86_64_32S? H_CELL: this hole takes R_X86_64_64 or R_X86_64_PC32 only'),
    'unknown hole': ('PN void s_x(ARGS) { acc = lp + (uintptr_t)&H_BAD; GO(TJ_NEXT); }', r'H_BAD: no such hole'),
    'unknown continuation': ('PN void s_x(ARGS) { GO(TJ_WRONG); }', r'TJ_WRONG-0x4: no such hole'),
    'callee in the middle': ('PN void s_x(ARGS) { if (*acc) { GO(TJ_CALLEE); } *acc = 1; GO(TJ_COLD); }',
                             r's_x\+0x\w+: R_X86_64_PLT32 TJ_CALLEE-0x4: only the trailing jmp'),
    'call in the middle': ('PN void s_x(ARGS) { if (*acc) { GO(TJ_CALL_box); } *acc = 1; GO(TJ_COLD); }',
                           r's_x\+0x\w+: R_X86_64_PLT32 TJ_CALL_box-0x4: only the trailing jmp'),
    'conditional return': ('PN void s_x(ARGS) { asm volatile("je TJ_RETURN"); GO(TJ_NEXT); }',
                           r's_x\+0x\w+: R_X86_64_PLT32 TJ_RETURN-0x4: only a jmp may go there'),
    'relocation type': ('PN void s_x(ARGS) { asm("movq H_A@GOTPCREL(%%rip),%0" : "=r"(acc)); GO(TJ_NEXT); }',
                        r's_x\+0x\w+: R_X86_64_REX_GOTPCRELX H_A-0x4: relocation type that stencils cannot have'),
    'cold stencil': ('[[gnu::cold]] PN void s_x(ARGS) { GO(TJ_NEXT); }',
                     r'section \.text\.unlikely\.s_x \(s_x, 5 bytes\): cold or split part'),
    'static function': ('[[gnu::noinline]] static long twice(long x) { helper(x); return x * 2; }\n'
                        'PN void s_x(ARGS) { *(long*)acc = twice(*(long*)acc); GO(TJ_NEXT); }',
                        r's_x\+0x\w+: R_X86_64_P\w+ \S+: refers to a function of this object in \.text\.\w*twice'),
    'other stencil': ('PN void s_y(ARGS); PN void s_x(ARGS) { GO(s_y); }\n'
                      '[[gnu::noinline]] PN void s_y(ARGS) { GO(TJ_NEXT); }',
                      r's_x\+0x1: .* refers to another stencil'),
    'writable data': ('long counter = 5; PN void s_x(ARGS) { ++counter; GO(TJ_NEXT); }',
                      r'section \.data \(counter, 8 bytes\): writable data'),
    'bss': ('long counter; PN void s_x(ARGS) { ++counter; GO(TJ_NEXT); }',
            r'section \.bss \(counter, 8 bytes\): zero-initialised data'),
    'no return': ('PN void s_x(ARGS) { helper(1); __builtin_unreachable(); }', r's_x\+0x\w+: ends in "call'),
    'entry without ret': ('PN void s_entry_x(ARGS) { GO(TJ_NEXT); }', r's_entry_x\+0x0: an entry stencil ends in ret'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_refused(tmp_path, case):
    body, message = REFUSED[case]
    target = tmp_path / 'out.cc'
    result = run_script(compile_stencils(tmp_path, body + '\n}'), '-o', target)
    assert result.returncode == 1 and not target.exists()
    lines = result.stderr.splitlines()
    assert any(re.search('^stencilgen: error: stencils\\.o: .*' + message, line) for line in lines), result.stderr


def test_data_that_the_stencil_writes_is_named_with_its_offset(tmp_path):
    path = compile_stencils(tmp_path, 'long counter = 5; PN void s_x(ARGS) { ++counter; GO(TJ_NEXT); } }')
    with pytest.raises(extract.StencilError) as caught:
        extract.extract([path])
    assert any(re.match(r'stencils\.o: s_x\+0x3: R_X86_64_PC32 counter-0x4: refers to \.data', line)
               for line in caught.value.problems)


def test_stencils_outside_their_sections(tmp_path):
    path = compile_stencils(tmp_path, 'PN void s_x(ARGS) { GO(TJ_NEXT); } }', extra=['-fno-function-sections'])
    with pytest.raises(extract.StencilError, match=r's_x: lies in \.text, not in \.text\.s_x'):
        extract.extract([path])


def test_split_stencils(tmp_path):
    body = 'PN void s_x(ARGS) { if (UNLIKELY(*acc)) { helper(1); *acc = 2; } GO(TJ_NEXT); } }'
    path = compile_stencils(tmp_path, body, extra=['-fbasic-block-sections=all'])
    with pytest.raises(extract.StencilError, match='split part'):
        extract.extract([path])


def test_names_are_unique_over_objects(tmp_path):
    body = 'PN void s_x(ARGS) { GO(TJ_NEXT); } }'
    paths = [compile_stencils(tmp_path, body, name) for name in ('one', 'two')]
    with pytest.raises(extract.StencilError, match=r'two\.o: s_x: defined in one\.o too'):
        extract.extract(paths)


def test_jump_to_stencil_of_another_object(tmp_path):
    one = compile_stencils(tmp_path, 'PN void s_y(ARGS); PN void s_x(ARGS) { GO(s_y); } }', 'one')
    two = compile_stencils(tmp_path, 'PN void s_y(ARGS) { GO(TJ_NEXT); } }', 'two')
    with pytest.raises(extract.StencilError, match=r'one\.o: s_x\+0x1: .* s_y: refers to another stencil'):
        extract.extract([one, two])


@pytest.mark.parametrize('content', [b'', b'int x;', b'\x7fELF' + bytes(10), b'\x7fELF\2\1\1' + bytes(57)])
def test_not_an_object(tmp_path, content):
    path = tmp_path / 'bad.o'
    path.write_bytes(content)
    result = run_script(path, '-o', tmp_path / 'out.cc')
    assert result.returncode == 1 and result.stderr.startswith('stencilgen: error: ') and str(path) in result.stderr


def test_missing_object(tmp_path):
    result = run_script(tmp_path / 'none.o', '-o', tmp_path / 'out.cc')
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1 and 'none.o' in result.stderr


SHAPES = '''
PN void s_flat(ARGS) { helper(1); other_helper(2); helper(3); GO(TJ_NEXT); }
PN void s_indirect(ARGS) { (*(void (**)(long))(rt + 16))(5); GO(TJ_NEXT); }
struct Many { long values[9]; };
PN void s_frame(ARGS) { Many many; asm volatile("" : : "r"(&many) : "memory"); helper(1); GO(TJ_NEXT); }
PN void s_computed(ARGS) { long array[8]; asm volatile("" : : "r"(array) : "memory"); helper(1); GO(TJ_NEXT); }
PN void s_saves(ARGS) { asm volatile("push %%rax; pop %%rax" ::: "memory"); GO(TJ_NEXT); }
PN void s_odd(ARGS) { asm volatile("push %rax; call helper; pop %rax"); GO(TJ_NEXT); }
long s_entry_called(long x) { other_helper(x); return x; }
}
'''


def test_shapes(tmp_path):
    if shutil.which('objdump') is None:
        pytest.skip('needs objdump')
    shapes = {s.name: s for s in stencilgen.shapes([compile_stencils(tmp_path, SHAPES)])}
    flat, odd = shapes['flat'], shapes['odd']
    assert (flat.calls, flat.pushes, flat.stack, flat.externals) == (3, 0, 0, ('helper', 'other_helper'))
    assert shapes['indirect'].calls == 1
    assert shapes['frame'].stack >= 72
    assert shapes['computed'].stack is None  # `and rsp,-16` for the array
    assert (shapes['saves'].pushes, shapes['saves'].stack) == (1, 8)
    assert (odd.misaligned_calls, flat.misaligned_calls) == (1, 0)
    assert shapes['entry_called'].misaligned_calls == 0  # one push on top of the return address


def test_report_and_listing(good, tmp_path):
    result = run_script(good, '-o', tmp_path / 'a.cc', '--report', tmp_path / 'a.txt')
    assert result.returncode == 0, result.stderr
    text = (tmp_path / 'a.cc').read_text()
    assert text.splitlines()[0].startswith('// Generated by stencilgen')
    assert re.search(r'^  call +\d+  kNext .* helper$', (tmp_path / 'a.txt').read_text(), re.M)
    if shutil.which('objdump'):
        assert '0: jmp TJ_RETURN' in text and 'call helper' in text


def test_deterministic_and_independent_of_place(good, tmp_path):
    moved = tmp_path / 'elsewhere'
    moved.mkdir()
    shutil.copy(good, moved / 'stencils.o')
    other = compile_stencils(tmp_path, 'PN void s_zz(ARGS) { other_helper(1); GO(TJ_NEXT); } }', 'other')
    assert run_script(good, other, '-o', tmp_path / 'a.cc').returncode == 0
    assert run_script(other, moved / 'stencils.o', '-o', tmp_path / 'b.cc').returncode == 0
    assert (tmp_path / 'a.cc').read_bytes() == (tmp_path / 'b.cc').read_bytes()


def test_without_objdump(good, tmp_path):
    result = run_script(good, '-o', tmp_path / 'a.cc', '--report', tmp_path / 'a.txt', '--objdump', '/none/objdump')
    assert result.returncode == 0, result.stderr
    assert 'kCode_load' in (tmp_path / 'a.cc').read_text() and '//    0:' not in (tmp_path / 'a.cc').read_text()
    assert re.search(r'^  call .* - .* helper$', (tmp_path / 'a.txt').read_text(), re.M)


@pytest.mark.parametrize('code, found', [
    ('c3', 'ret'), ('ffe0', 'indirect jump'), ('41ffe3', 'indirect jump'), ('ff6008', 'indirect jump'),
    ('41ff642408', 'indirect jump'), ('ff24c500000000', 'indirect jump'), ('ffd0', None), ('ebc3', 'local jump'),
    ('ff6008c3', None), ('0f0b', None)])
def test_terminators(code, found):
    assert extract._terminator(bytes.fromhex(code)) == found


RUNNABLE = '''
static inline char* wide() { char* p; asm("movabsq $H_P,%0" : "=r"(p)); return p; }
long callee(long);
double s_entry_run(long* values, double x) {
  ++*(long*)&H_CELL;
  long sum = *(long*)((char*)values + (uintptr_t)&H_A) + (long)wide();
  return -x * 2.5 + callee(sum);
}
}
'''

DRIVER = '''
#include <sys/mman.h>
#include <cstdio>
#include <cstring>
#include "tier1/stencil_table.h"
using namespace tierjit::tier1;

extern "C" long callee(long x) { return x * 10; }

static uint8_t* memory;  // code, then constants, then the cell; a jump thunk to each external at 1024

static int64_t Address(const Hole& hole) {
  if (hole.value == HoleValue::kA) return 16;
  if (hole.value == HoleValue::kP) return 1000;
  if (hole.value == HoleValue::kCell) return (int64_t)(memory + 3072);
  if (hole.value == HoleValue::kRodata) return (int64_t)(memory + 2048);
  size_t external = hole.source - kFirstThunk - kThunkCount;
  uint8_t* thunk = memory + 1024 + 16 * external;  // mov r11, imm64; jmp r11
  memcpy(thunk, "\\x49\\xbb", 2);
  memcpy(thunk + 2, &kExternals[external], 8);
  memcpy(thunk + 10, "\\x41\\xff\\xe3", 3);
  return (int64_t)thunk;
}

int main() {
  memory = (uint8_t*)mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const Stencil& stencil = kStencils[0];
  memcpy(memory, stencil.bytes, stencil.size);
  memcpy(memory + 2048, kRodata, kRodataSize);
  for (int i = 0; i < stencil.hole_count; ++i) {
    const Hole& hole = stencil.holes[i];
    int64_t place = (int64_t)(memory + hole.offset), value = Address(hole) + hole.addend;
    if (hole.kind == HoleKind::kPcRel32) value -= place;
    memcpy(memory + hole.offset, &value, hole.kind == HoleKind::kAbs64 ? 8 : 4);
  }
  long values[3] = {1, 2, 3};
  double result = ((double (*)(long*, double))memory)(values, 4.0);
  printf("%s %zu %.1f %ld %s\\n", stencil.name, kStencilCount, result, *(long*)(memory + 3072), kExternalNames[0]);
}
'''


def test_patched_stencil_runs(tmp_path):
    compiler = shutil.which('g++') or CLANG
    assert run_script(compile_stencils(tmp_path, RUNNABLE), '-o', tmp_path / 'table.cc').returncode == 0
    (tmp_path / 'driver.cc').write_text(DRIVER)
    subprocess.run([compiler, '-std=c++20', '-Wall', '-Werror', '-fPIC', '-I', str(ROOT), str(tmp_path / 'table.cc'),
                    str(tmp_path / 'driver.cc'), '-o', str(tmp_path / 'driver')], check=True)
    output = subprocess.run([str(tmp_path / 'driver')], check=True, text=True, stdout=subprocess.PIPE).stdout
    assert output == 'entry_run 1 10020.0 1 callee\n'  # -4 * 2.5 + 10 * (3 + 1000)


@pytest.mark.parametrize('body', ['}', 'void memcpy(long); PN void s_x(ARGS) { memcpy(1); GO(TJ_NEXT); } }', GOOD])
def test_generated_file_compiles(tmp_path, body):
    assert run_script(compile_stencils(tmp_path, body), '-o', tmp_path / 'table.cc').returncode == 0
    for compiler in filter(None, (shutil.which('g++'), CLANG)):
        subprocess.run([compiler, '-std=c++20', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-I', str(ROOT),
                        str(tmp_path / 'table.cc')], check=True)
