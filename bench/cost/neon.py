"""python3 -m bench.cost.neon BUILD-FOLDER FILTER [MxNxK...]: what calls cost with NEON, counted by qemu.

The folder is a cross build for AArch64 with the tests, as `./dev bench cost-neon` makes it.  Prints the JSON object that
`lanefold bench cost --json --code` prints on x86."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.program import Problem, run

KINDS = ('multiply_adds', 'loads', 'stores', 'shuffles', 'divisions', 'branches', 'rest')
LIBRARIES = '/usr/aarch64-linux-gnu'  # of Debian's cross compiler
NO_PLUGINS = 'qemu-aarch64 is missing or has no plugins; qemu-user of Debian 12 has them, and that of Debian 13 does not'
Listing = dict[int, tuple[str, str]]  # by address: mnemonic and operands

BRANCH = re.compile(r'b|b\.\w+|bl|blr|br|ret|cbn?z|tbn?z')
SHUFFLE = re.compile(r'dup|ins|umov|smov|zip[12]|uzp[12]|trn[12]|ext|tbl|tbx|rev(16|32|64)')
# An addition, subtraction, multiplication, division, square root, minimum or maximum of floats.
ONE_FLOP = re.compile(r'f(add|sub|mul|nmul|div|sqrt|min|max|minnm|maxnm|addp|maxp|minp|maxnmp|minnmp)')
MULTIPLY_ADD = re.compile(r'fn?m(add|sub)|fml[as]')


def kind(name: str, operands: str) -> str:
    """What an instruction computes, as bench/cost/counts.hpp defines the kinds."""
    if MULTIPLY_ADD.fullmatch(name):
        return 'multiply_adds'
    if name in ('fdiv', 'fsqrt', 'sdiv', 'udiv'):
        return 'divisions'
    if BRANCH.fullmatch(name):
        return 'branches'
    if re.fullmatch(r'ld([1-4]r?|n?p|u?r|x?a?r|a?x?r)\w*', name) and '[' in operands:
        return 'loads'
    if re.fullmatch(r'st([1-4]|n?p|u?r|l?r)\w*', name) and '[' in operands:
        return 'stores'
    if SHUFFLE.fullmatch(name) or name == 'mov' and re.search(r'v\d+\.\w+\[\d+\]', operands):
        return 'shuffles'
    return 'rest'


def flops(name: str, operands: str) -> int:
    """Of one run.  NEON has no masks, so every lane of the result is active."""
    each = 2 if MULTIPLY_ADD.fullmatch(name) else 1 if ONE_FLOP.fullmatch(name) else 0
    lanes = re.match(r'v\d+\.(\d+)[sd]\b', operands)
    return each * (int(lanes[1]) if lanes else 1)


def listing(file: Path) -> Listing:
    text = subprocess.run(['aarch64-linux-gnu-objdump', '-d', '--no-show-raw-insn', file], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    found = re.finditer(r'^ *([0-9a-f]+):\t(\S+)(?:\t([^\n]*))?$', text, re.MULTILINE)
    return {int(one[1], 16): (one[2], one[3] or '') for one in found}


def distance(file: Path) -> int:
    """Between an address and the place of its instruction in the file."""
    text = subprocess.run(['aarch64-linux-gnu-readelf', '-lW', file], check=True, stdout=subprocess.PIPE, text=True).stdout
    segment = re.search(r'LOAD +(0x\w+) (0x\w+) .* R E ', text)
    if segment is None:
        raise Problem('%s: has no code' % file)
    return int(segment[2], 16) - int(segment[1], 16)


def executed(line: str) -> tuple[str, int, int, int, int]:
    """File and place of an instruction, its runs, and the bytes that it read and wrote."""
    file, place, runs, read, written = line.split()
    return file, int(place, 16), int(runs), int(read), int(written)


def calls(text: str) -> Iterator[tuple[int, int, list[tuple[str, int, int, int, int]]]]:
    """Calls of other libraries, cache lines, and each instruction."""
    for part in text.split('call ')[1:]:
        first, *rest = part.splitlines()
        others, lines = first.split()
        yield int(others), int(lines), [executed(line) for line in rest]


def has_plugins() -> bool:
    qemu = shutil.which('qemu-aarch64')
    return qemu is not None and '-plugin ' in subprocess.run([qemu, '-h'], stdout=subprocess.PIPE, text=True).stdout


def main(arguments: list[str]) -> None:
    if len(arguments) < 2:
        raise Problem(__doc__ or '')
    if not has_plugins():
        raise Problem(NO_PLUGINS)
    folder, words, shapes = Path(arguments[0]).resolve(), arguments[1], arguments[2:]
    files = {file.resolve().name: file for file in [*folder.glob('runtime/liblanefold.so'),
                                                    *folder.glob('plugins/lanefold-neon.so')]}
    listings = {name: listing(file) for name, file in files.items()}
    distances = {name: distance(file) for name, file in files.items()}
    with tempfile.NamedTemporaryFile('r') as out:
        printed = subprocess.run(
            ['qemu-aarch64', '-L', LIBRARIES, '-d', 'plugin', '-D', os.devnull,
             '-plugin', '%s,out=%s' % (folder / 'tests/arm/count-neon.so', out.name),
             folder / 'tests/bench/counted-calls', 'neon', words, *' '.join(shapes).replace('x', ' ').split()],
            check=True, stdout=subprocess.PIPE, text=True,
            env={**os.environ, 'LANEFOLD_PLUGIN_PATH': str(folder / 'plugins')}).stdout.splitlines()
        counted = list(calls(out.read()))
    if not printed or len(printed) != len(counted):
        raise Problem('qemu counted %d of %d calls' % (len(counted), len(printed)))
    costs = []
    for line, (others, lines, instructions) in zip(printed, counted):
        cost: dict[str, Any] = {**json.loads(line), 'instructions': 0, **dict.fromkeys(KINDS, 0), 'calls': others,
                                'flops': 0, 'bytes_read': 0, 'bytes_written': 0, 'lines': lines, 'code': {}}
        for file, place, runs, read, written in sorted(instructions):
            address = place + distances[file]
            name, operands = listings[file][address]
            cost['instructions'] += runs
            cost[kind(name, operands)] += runs
            cost['flops'] += runs * flops(name, operands)
            cost['bytes_read'] += read
            cost['bytes_written'] += written
            cost['code'].setdefault(str(files[file].resolve()), []).append([address, runs])
        if cost['instructions'] > 0:  # the limits of the machine do not call Lanefold
            costs.append(cost)
    version = subprocess.run(['aarch64-linux-gnu-g++', '-dumpfullversion'], check=True, stdout=subprocess.PIPE, text=True)
    program = {'compiler': 'gcc %s' % version.stdout.strip(), 'flags': 'the cross build for AArch64'}
    print(json.dumps({'program': program, 'costs': costs}, indent=1))


if __name__ == '__main__':
    run('bench.cost.neon', main)
