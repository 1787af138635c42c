"""exact_costs.py SOURCES: the tables of exact costs, and the blocks whose cycles llvm-mca simulates."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sources = sys.argv[1]
sys.path.insert(0, sources)
from bench.cost import cycles, neon  # noqa: E402

# Blocks end at a branch, at a gap, and where the runs change.
library = object.__new__(cycles.Library)
library.triple = 'x86_64'
library.code = [(0, 'vmulps', '%ymm0,%ymm1,%ymm2'), (4, 'dec', '%rcx'), (7, 'jne', '0 <f>'),
                (9, 'call', '1234 <g>'), (14, 'mov', '0x10(%rip),%rax        # 60 <h>'), (21, 'ret', '')]
library.place = {address: place for place, (address, _, _) in enumerate(library.code)}
assert library.blocks([[0, 9], [4, 9], [7, 9], [9, 1], [14, 1]]) == [
    ('vmulps %ymm0,%ymm1,%ymm2\ndec %rcx\njne 0', 9), ('jmp 0', 1), ('mov 0x10(%rip),%rax', 1)]
assert library.blocks([[0, 9], [4, 8], [21, 8]]) == [('vmulps %ymm0,%ymm1,%ymm2', 9), ('dec %rcx', 8), ('jmp 0', 8)]

# What NEON's instructions are.
for text, kind, flops in (('fmla v0.4s, v1.4s, v2.s[0]', 'multiply_adds', 8), ('fmadd s0, s1, s2, s3', 'multiply_adds', 2),
                          ('ldp q0, q1, [x0], #32', 'loads', 0), ('ld1r {v0.4s}, [x1]', 'loads', 0),
                          ('stp x29, x30, [sp, #-16]!', 'stores', 0), ('str q0, [x1, x2]', 'stores', 0),
                          ('fadd v0.4s, v1.4s, v2.4s', 'rest', 4), ('fdiv v0.4s, v1.4s, v2.4s', 'divisions', 4),
                          ('mov v0.s[1], v1.s[0]', 'shuffles', 0), ('mov v0.16b, v1.16b', 'rest', 0),
                          ('dup v0.4s, w1', 'shuffles', 0), ('b.ne 40 <f>', 'branches', 0), ('cbz x0, 4', 'branches', 0),
                          ('prfm pldl1keep, [x0]', 'rest', 0), ('bic v0.16b, v1.16b, v2.16b', 'rest', 0),
                          ('ldaxrb w0, [x1]', 'loads', 0), ('stlrb wzr, [x0]', 'stores', 0), ('sub x0, x1, x2', 'rest', 0)):
    name, operands = text.split(' ', 1)
    assert (neon.kind(name, operands), neon.flops(name, operands)) == (kind, flops), text


def cost(op, pass_, form, instructions, **more):
    return {'name': 'x', 'family': 'dense', 'op': op, 'pass': pass_, 'form': form, 'isa': 'avx512', 'm': 200, 'n': 300,
            'k': 784, 'threads': 1, 'instructions': instructions, 'flops': 100, 'bytes_read': 60, 'bytes_written': 40,
            'cycles': {'znver4': 1000, 'icelake-server': 2000}, **more}


def run(folder, *arguments):
    return subprocess.run([sys.executable, '-m', 'bench.report.exact_costs', *arguments, folder / 'costs.json',
                           folder / 'README.md'], cwd=sources, capture_output=True, text=True,
                          env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'})


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / 'README.md').write_text('a\n<!-- exact costs -->\n<!-- /exact costs -->\nb\n')
    whole = {'format': 'lanefold-exact-costs-1', 'llvm': '19', 'programs': [{'compiler': 'gcc 12'}], 'costs': [
        cost('gemm', 'training', 'alone', 600000), cost('dense', 'training', 'fused', 690000, bn=True, activation='elu'),
        cost('gemm', 'inference', 'packed', 300000), cost('dense', 'inference', 'folded', 294000, activation='elu')]}
    (folder / 'costs.json').write_text(json.dumps(whole))
    assert run(folder).returncode == 0
    readme = (folder / 'README.md').read_text()
    assert '| BN + ELU | \u2013 | 1.50 (15.0%) |' in readme, readme  # 90,000 more for 60,000 elements
    assert '\u22120.10 (\u22122.0%)' in readme, readme  # 6,000 fewer than with packed weights
    assert run(folder, '--check').returncode == 0
    whole['costs'][1]['instructions'] += 6000
    (folder / 'costs.json').write_text(json.dumps(whole))
    assert run(folder, '--check').returncode == 1
    for bad in ('[]', '{', '{"format": "lanefold-exact-costs-1", "costs": [{}]}', '{"format": "other"}'):
        (folder / 'costs.json').write_text(bad)
        answer = run(folder)
        assert answer.returncode == 2 and 'costs.json' in answer.stderr and answer.stderr.count('\n') == 1, answer
