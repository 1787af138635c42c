"""python3 -m bench.cost.cycles COSTS.json...: adds the cycles that llvm-mca simulates to what calls cost.

Each file is what `lanefold bench cost --json --code` or `./dev bench cost-neon` printed, and the libraries that it names
must still be the same.  Prints one JSON object with all costs, without their code.

The cycles of a call are the sum over its blocks: instructions in a row, up to a branch, that ran equally often.  Each
block is simulated as if it repeated, and counts as often as it ran.  llvm-mca knows neither caches nor the addresses of
memory, and each branch is predicted.  A call or a return is simulated as a jump, and
an atomic exchange, which models of CPUs lack, as a load."""
from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import Any

from cli.program import Problem, read_file, run

CPUS = {'avx512': ('znver4', 'icelake-server'), 'avx2': ('znver4', 'icelake-server'),
        'neon': ('neoverse-n1', 'neoverse-v1')}
TRIPLES = {'avx512': 'x86_64', 'avx2': 'x86_64', 'neon': 'aarch64'}
OBJDUMP = {'x86_64': 'objdump', 'aarch64': 'aarch64-linux-gnu-objdump'}
ENDS = re.compile(r'j\w+|call|ret|b|b\.\w+|blr?|br|cbn?z|tbn?z|notrack')  # a block
ITERATIONS = 100

Block = str  # its instructions, a line each


def simulator() -> str:
    """LLVM 17 is the first to know all these CPUs."""
    for name in ['llvm-mca'] + ['llvm-mca-%d' % version for version in range(30, 16, -1)]:
        if shutil.which(name):
            text = subprocess.run([name, '--version'], stdout=subprocess.PIPE, text=True).stdout
            found = re.search(r'version (\d+)', text)
            if found and int(found[1]) >= 17:
                return name
    raise Problem('llvm-mca of LLVM 17 or newer is missing')


def plain(name: str, operands: str, triple: str) -> str:
    """An instruction as llvm-mca reads it: without the names of addresses, calls and returns as jumps."""
    comment = '#' if triple == 'x86_64' else '//'
    operands = re.sub(r'\b[0-9a-f]+ <.*', '0', operands.split(comment)[0]).rstrip()
    if triple == 'x86_64':
        if name in ('call', 'ret', 'jmp', 'notrack', 'bnd'):
            return 'jmp 0'
        prefixed = re.match(r'(?:data16|cs|rex\.W|ds|repz)$', name)
        return operands if prefixed else '%s %s' % (name, operands)
    if re.match('swp|cas|ld(add|clr|eor|set)', name):
        return 'ldar w0, [x1]'
    return 'b 0' if name in ('bl', 'blr', 'br', 'ret') else '%s %s' % (name, operands)


class Library:
    """The instructions of one file, in the order of memory."""

    def __init__(self, path: str, triple: str) -> None:
        text = subprocess.run([OBJDUMP[triple], '-d', '--no-show-raw-insn', path], check=True, stdout=subprocess.PIPE,
                              text=True).stdout
        found = re.finditer(r'^ *([0-9a-f]+):\t(\S+)[ \t]*([^\n]*)$', text, re.MULTILINE)
        self.code = [(int(one[1], 16), one[2], one[3]) for one in found]
        self.place = {address: place for place, (address, _, _) in enumerate(self.code)}
        self.triple = triple

    def blocks(self, runs: list[list[int]]) -> list[tuple[Block, int]]:
        """The blocks of [address, runs] in the order of memory, and how often each one ran."""
        found: list[tuple[list[str], int]] = []
        last, ended = -1, True
        for address, times in runs:
            place = self.place[address]
            _, name, operands = self.code[place]
            if ended or place != last + 1 or times != found[-1][1]:
                found.append(([], times))
            found[-1][0].append(plain(name, operands, self.triple))
            last, ended = place, ENDS.fullmatch(name) is not None
        return [('\n'.join(lines), times) for lines, times in found]


def simulate(mca: str, triple: str, cpu: str, blocks: list[Block]) -> list[float]:
    """Cycles of one pass through each block."""
    if not blocks:
        return []
    text = ''.join('# LLVM-MCA-BEGIN\n%s\n# LLVM-MCA-END\n' % block for block in blocks)
    answer = subprocess.run([mca, '-mtriple=' + triple, '-mcpu=' + cpu, '-iterations=%d' % ITERATIONS, '-all-views=false',
                             '-summary-view'], input=text, capture_output=True, text=True)
    cycles = [int(found) / ITERATIONS for found in re.findall(r'Total Cycles:\s+(\d+)', answer.stdout)]
    if len(cycles) != len(blocks):
        raise Problem('%s: %s' % (mca, answer.stderr[:500]))
    return cycles


class Simulation:
    """Remembers what it simulated, because calls share most of their code."""

    def __init__(self) -> None:
        self.mca = simulator()
        self.libraries: dict[str, Library] = {}
        self.known: dict[tuple[str, Block], float] = {}

    def cycles(self, cost: dict[str, Any]) -> dict[str, int]:
        triple = TRIPLES[cost['isa']]
        blocks: list[tuple[Block, int]] = []
        for path, runs in cost['code'].items():
            if path not in self.libraries:
                self.libraries[path] = Library(path, triple)
            blocks += self.libraries[path].blocks(runs)
        result = {}
        for cpu in CPUS[cost['isa']]:
            new = sorted({block for block, _ in blocks if (cpu, block) not in self.known})
            self.known.update(zip(((cpu, block) for block in new), simulate(self.mca, triple, cpu, new)))
            result[cpu] = round(sum(self.known[cpu, block] * times for block, times in blocks))
        return result


def main(arguments: list[str]) -> None:
    if not arguments:
        raise Problem(__doc__ or '')
    simulation = Simulation()
    costs, programs = [], []
    for path in arguments:
        found = json.loads(read_file(path))
        program = {key: found['program'][key] for key in ('compiler', 'flags')}  # on which the counts depend
        if program not in programs:
            programs.append(program)
        for cost in found['costs']:
            cost['cycles'] = simulation.cycles(cost)
            del cost['code']
            costs.append(cost)
    costs.sort(key=lambda cost: str(cost['name']))  # so that a difference is readable
    version = subprocess.run([simulation.mca, '--version'], stdout=subprocess.PIPE, text=True).stdout
    number = re.search(r'version ([\d.]+)', version)
    whole = {'format': 'lanefold-exact-costs-1', 'llvm': number[1] if number else '', 'programs': programs, 'costs': costs}
    text = json.dumps(whole).replace(' {"name"', '\n{"name"').replace('[{"name"', '[\n{"name"')
    sys.stdout.write(text + '\n')


if __name__ == '__main__':
    run('bench.cost.cycles', main)
