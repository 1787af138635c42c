#!/usr/bin/env python3
"""Shows by disassembly that the C++ interface costs nothing over C: the functions of calls.c and calls.cpp have the same
instructions at -O2. The C++ functions are compiled three times: with errors returned, the same without exceptions and
RTTI, and with errors thrown.

Compilers choose how to clear the fields of a struct that C leaves out, and GCC 14 clears them twice. So C++ may also have
fewer instructions than C, if its calls and branches are those of C.

What is compared: every instruction with its registers, immediates and stack offsets, and the symbol of every relocation.
What is not: padding, addresses of targets (their distance from the function's start is compared), the labels of constants
in read-only memory, the name of the cold function that receives an error, and the cold part that calls it.

usage: same_code.py INCLUDE C_COMPILER -- C++_COMPILER"""

import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VARIANTS = (('returned', [], []),
            ('returned, without exceptions', [], ['-fno-exceptions', '-fno-rtti']),
            ('thrown', ['-DFAILS'], []))
FUNCTION = re.compile(r'^[0-9a-f]+ <(.+)>:$')
RELOCATION = re.compile(r'^R_X86_64_\w+\s+(\S+)$')
PADDING = re.compile(r'^(nop|data16|cs nop|xchg +%ax,%ax)')
TARGET = re.compile(r'^(\w+)\s+[0-9a-f]+ <[^+>]*(\+0x[0-9a-f]+)?>$')
NAMES = ((re.compile(r'^\.L(C|CPI)[\d_]+|^\.rodata\S*'), 'a constant'),
         (re.compile(r'^\.text\.unlikely\S*|^\w+\.cold\S*'), 'the cold part'),
         (re.compile(r'^(fail|_ZN8lanefold\d+v[\d_]+_throwing11ThrowErrors4fail\w+)(-0x4)?$'), 'the function that fails'))


def functions(object_file):
    """The instructions of each function, without what is not compared."""
    text = subprocess.run(['objdump', '-dr', '--no-show-raw-insn', object_file], capture_output=True, text=True,
                          check=True).stdout
    found, current = {}, None
    for line in text.splitlines():
        begin = FUNCTION.match(line)
        if begin:
            current = found.setdefault(begin[1], [])
            continue
        line = re.sub(r'\s+# [0-9a-f]+ <.*', '', re.sub(r'^\s*[0-9a-f]+:\s*', '', line)).strip()
        if current is None or not line or line.startswith('Disassembly') or PADDING.match(line):
            continue
        relocation = RELOCATION.match(line)
        if relocation:
            name = relocation[1]
            for pattern, instead in NAMES:
                name = pattern.sub(instead, name)
            # The linker overwrites the target, so only the symbol counts.
            current[-1] = re.sub(r'^(\w+) \+0x\w+$', r'\1', current[-1]) + ' -> ' + name
            continue
        current.append(TARGET.sub(lambda m: '%s %s' % (m[1], m[2] or '+0x0'), line))
    return {name: code for name, code in found.items() if '.cold' not in name and not name.startswith('_Z')}


def compiled(compiler, source, standard, include, folder, flags):
    result = str(Path(folder) / 'calls.o')
    # Flags of the build or of the environment do not matter here: the claim is about -O2.
    command = compiler + ['-std=' + standard, '-O2', '-g0', '-I', include, '-c', str(source), '-o', result] + flags
    subprocess.run(command, check=True)
    return functions(result)


def control_flow(code):
    """The calls, branches and returns of a function, in their order."""
    return [re.sub(r' \+0x\w+$', '', line) for line in code if re.match(r'(call|j\w+|ret)\b', line)]


def costs(one, other):
    """The functions that cost more in the second set, as text."""
    found = []
    for name in sorted(set(one) | set(other)):
        a, b = one.get(name, []), other.get(name, [])
        if a != b and not (control_flow(a) == control_flow(b) and len(b) < len(a)):
            found.append('\n'.join(difflib.unified_diff(a, b, '%s in C' % name, '%s in C++' % name, lineterm='')))
    return found


def main():
    split = sys.argv.index('--')
    include, c, cpp = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
    here = Path(__file__).parent
    machine = subprocess.run(c + ['-dumpmachine'], capture_output=True, text=True, check=True).stdout
    if not machine.startswith('x86_64') or not shutil.which('objdump'):
        print('SKIPPED: this test reads the disassembly of x86-64, and needs objdump')
        sys.exit(77)
    problems, compared, same = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for title, macros, flags in VARIANTS:
            in_c = compiled(c, here / 'calls.c', 'c11', include, folder, macros)
            in_cpp = compiled(cpp, here / 'calls.cpp', 'c++17', include, folder, macros + flags)
            compared += len(in_c)
            same += sum(code == in_cpp.get(name) for name, code in in_c.items())
            problems += ['errors are %s: %s' % (title, text) for text in costs(in_c, in_cpp)]
            # The comparison notices a string that is built before a call, and one more argument that is set.
            for cost in ('STRING', 'FIELD'):
                costly = compiled(cpp, here / 'calls.cpp', 'c++17', include, folder, macros + flags + ['-D' + cost])
                if len(costs(in_c, costly)) != 1:
                    problems.append('errors are %s: the cost of -D%s is not noticed' % (title, cost))
    if compared < 3 * 15 or same < compared * 2 // 3:
        problems.append('only %d functions were compared, and only %d are the same' % (compared, same))
    if problems:
        sys.exit('\n\n'.join(problems))
    print('%d of %d functions have the same instructions in C and in C++, and the others have fewer in C++' % (
        same, compared))


if __name__ == '__main__':
    main()
