#!/usr/bin/env python3
"""Makes the C++ tables of tier1/stencil_table.h out of compiled stencils.

    stencilgen.py OBJ... -o OUT.cc [--report OUT.txt]

A stencil is an extern "C" function s_<name> in a section of its own; OBJ are x86-64 ELF objects compiled by
clang >= 19 with
    -std=c++20 -O2 -fno-pic -mcmodel=small -mstack-alignment=8 -fno-asynchronous-unwind-tables -fno-exceptions
    -fno-rtti -fno-stack-protector -fcf-protection=none -ffunction-sections -fno-jump-tables -fno-math-errno
Whatever a stencil may not do (see extract.py) is reported on standard error, a line each, with exit status 1; nothing
is written then. Without objdump the output has no listings and the report no instruction counts.

From meson:
    custom_target('stencils', input: stencil_objects, output: ['stencils.cc', 'stencils.txt'],
      command: [py, files('.../stencilgen.py'), '@INPUT@', '-o', '@OUTPUT0@', '--report', '@OUTPUT1@'],
      depend_files: files of this folder)
"""

import argparse
import os
import sys

if not __package__:  # run as a script: the package is the folder that this file is in
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from stencilgen import disassembly, emit, extract  # noqa: E402 (needs the path above)


def shapes(paths, objdump='objdump'):
    """The disassembly.Shape of every stencil in the objects, by name. Raises extract.StencilError."""
    return [disassembly.shape_of(stencil) for stencil in extract.extract(paths, objdump)]


def main(arguments=None):
    options = _parse(arguments)
    try:
        stencils = extract.extract(options.objects, options.objdump)
        source = emit.generate(stencils)
    except extract.StencilError as error:
        return _fail(error.problems)
    except emit.EmitError as error:
        return _fail([str(error)])
    _write(options.output, source)
    if options.report:
        _write(options.report, disassembly.format_report([disassembly.shape_of(stencil) for stencil in stencils]))
    return 0


def _parse(arguments):
    parser = argparse.ArgumentParser(prog='stencilgen', description='Makes C++ tables out of compiled stencils.')
    parser.add_argument('objects', nargs='+', metavar='OBJ', help='ELF object with stencils')
    parser.add_argument('-o', '--output', required=True, metavar='OUT.cc', help='C++ file to write')
    parser.add_argument('--report', metavar='OUT.txt', help='table of sizes, calls, stack use to write')
    parser.add_argument('--objdump', default='objdump', help='GNU objdump to run (default: %(default)s)')
    return parser.parse_args(arguments)


def _fail(problems):
    for problem in problems:
        print(f'stencilgen: error: {problem}', file=sys.stderr)
    return 1


def _write(path, text):
    with open(path, 'w', encoding='utf-8', newline='\n') as file:
        file.write(text)


if __name__ == '__main__':
    sys.exit(main())
