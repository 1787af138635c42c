"""Tests `lanefold bench cost`.  Arguments: the part to test, the command, the program that makes calls for callgrind, the
library that pretends another machine, and docs/results/exact-costs.json.  Exit code 77: skipped.
"""
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction

part, command = sys.argv[1], str(pathlib.Path(sys.argv[2]).resolve())


def skip(reason):
    print('skipped:', reason)
    sys.exit(77)


def usable():
    info = json.loads(subprocess.run([command, 'info', '--json'], check=True, capture_output=True).stdout)
    return [plugin['name'] for plugin in info['plugins'] if plugin['usable']]


def counted(words, **options):
    """What the command prints."""
    run = subprocess.run([command, 'bench', 'cost', '--json', *words], capture_output=True, text=True, **options)
    if 'cannot count instructions' in run.stderr:
        skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def by_name(report):
    return {cost['name']: cost for cost in report['costs']}


def costs(words, **options):
    return by_name(counted(words, **options))


def check_exact():
    """The counts of products are known: a multiply-add for each vector of columns, row and step of k."""
    lanes = {'avx2': 8, 'avx512': 16}
    if not lanes.keys() & set(usable()):
        skip('this CPU has neither AVX2 nor AVX-512')
    for isa in lanes.keys() & set(usable()):
        of = costs(['--isa', isa, '^gemm/'])
        for cost in of.values():
            m, n, k = (cost[size] for size in 'mnk')
            vectors = -(-n // lanes[isa])
            if m == 33:
                assert cost['multiply_adds'] >= m * k * n / lanes[isa], cost
            else:
                assert cost['multiply_adds'] == m * k * vectors, cost
            assert cost['flops'] >= 2 * m * n * k, cost
            assert cost['bytes_written'] >= 4 * m * n, cost
            assert cost['lines'] >= (m * n + m * k + n * k) * 4 // 64, cost
            kinds = ('multiply_adds', 'loads', 'stores', 'shuffles', 'divisions', 'branches', 'rest')
            assert cost['instructions'] == sum(cost[kind] for kind in kinds), cost
        assert of[f'gemm/nn/isa:{isa}/m:64/n:64/k:64/threads:1']['multiply_adds'] == 64 * 64 * 64 // lanes[isa]


def check_same():
    """Two runs print the same numbers, whatever the environment, the folder, what was counted before, and the machine:
    its caches, its cores, and the instructions that its C library uses."""
    for isa in usable():
        words = ['--isa', isa, '^gemm/nn/.*m:16/' if isa == 'portable' else '^gemm/.*m:(16|1)/|fused/bn_elu|norm|loss']
        more = [word for other in usable()[:1] for word in ('--isa', other)]
        other_machine = dict(os.environ, LANEFOLD_TEST='x' * 1237, LC_ALL='C', LD_PRELOAD=sys.argv[4],
                             GLIBC_TUNABLES='glibc.cpu.hwcaps=-AVX512VL,-AVX2,-ERMS,-FSRM,-BMI2')
        names = subprocess.run([command, 'bench', '--list', '--isa', isa], env=other_machine, check=True,
                               capture_output=True, text=True).stdout
        assert f'limit/read/isa:{isa}/n:3072/level:L1/' in names, 'the program does not see the other machine'
        first = costs(words)
        with tempfile.TemporaryDirectory() as folder:
            second = costs([*more, *words], cwd=folder, env=other_machine)
        assert first, isa
        for name, cost in first.items():
            assert second[name] == cost, (cost, second[name])
    # What was counted before does not matter, either.
    best = ['--isa', usable()[0]]
    alone, after = costs([*best, 'dense/inference/.*bn_elu']), costs([*best, 'dense'])
    for name, cost in alone.items():
        assert after[name] == cost, (cost, after[name])


def self_costs(path):
    """Sums the instructions of Lanefold and its plugins in a file of callgrind."""
    names, total, is_ours, is_call = {}, 0, False, False
    for line in path.read_text().splitlines():
        if match := re.match(r'ob=\((\d+)\)(?: (.*))?', line):
            names.setdefault(match[1], match[2])
            is_ours = re.search(r'/(lib)?lanefold[^/]*\.so', names[match[1]]) is not None
        elif match := re.match(r'cob=\((\d+)\) (.*)', line):
            names.setdefault(match[1], match[2])
        elif line.startswith('calls='):
            is_call = True  # the next line has the costs of the callee
        elif re.match(r'[+*\d-]', line):
            if is_ours and not is_call:
                total += int(line.split()[1])
            is_call = False
    return total


def of_callgrind(isa, words, shape):
    """What callgrind counts for these calls."""
    with tempfile.TemporaryDirectory() as folder:
        calls = subprocess.run(
            ['valgrind', '--tool=callgrind', '--toggle-collect=counted_call', '--dump-after=counted_call',
             f'--callgrind-out-file={folder}/out', sys.argv[3], isa, words, *shape],
            check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        return {json.loads(call)['name']: self_costs(pathlib.Path(folder, f'out.{number}'))
                for number, call in enumerate(calls, 1)}


def check_with_callgrind(ours, isa, words, shape):
    theirs = of_callgrind(isa, words, shape)
    assert ours and ours.keys() <= theirs.keys()
    for name, cost in ours.items():
        assert cost['instructions'] == theirs[name], (name, cost['instructions'], theirs[name])
    print(f'{len(ours)} calls of {isa} have the counts of callgrind')


def check_callgrind():
    """callgrind counts as many instructions, for what valgrind can run."""
    if shutil.which('valgrind') is None:
        skip('valgrind is missing')
    for isa, words, *shape in (('avx2', r'm:16/|m:33/|n:48/|n:4096/|loss|n:100/'), ('portable', 'm:16/n:16|norm'),
                               ('portable', '^gemm/nn', '64', '48', '64'),
                               ('avx2', '^gemm/nn|backward/fused/bn_elu', '200', '300', '784')):
        if isa not in usable():
            print(f'skipped: this CPU lacks {isa}')
            continue
        ours = costs(['--isa', isa, *(['--shape', 'x'.join(shape)] if shape else []), words])
        check_with_callgrind(ours, isa, words, shape)


def check_layer():
    """The first layer of the reference network, which README shows: its counts with BN and ELU are those that are
    published."""
    most_change = 0.005
    published = json.loads(pathlib.Path(sys.argv[5]).read_text())
    known = by_name(published)
    for isa in [name for name in ('avx512', 'avx2') if name in usable()]:
        report = counted(['--isa', isa, '--shape', '200x300x784', '^dense.*bn_elu'])
        compilers = {program['compiler'].split('.')[0] for program in published['programs']}
        if report['program']['compiler'].split('.')[0] not in compilers:
            skip(f"the published counts are of {compilers}, but this build is of {report['program']['compiler']}")
        ours = by_name(report)
        assert len(ours) > 5, ours.keys()
        for name, cost in ours.items():
            for key, count in cost.items():
                assert not isinstance(count, int) or abs(count - known[name][key]) <= most_change * known[name][key], (
                    name, key, count, known[name][key], './dev bench exact-costs counts again')
        print(f'{len(ours)} calls of {isa} have the published counts')


def predicted(counts, ends, size):
    """The value at this size of the polynomial of degree 1 in each of m, n and k that has these counts where each of m, n
    and k is one of its two ends."""
    total = Fraction(0)
    for corner, count in counts.items():
        weight = Fraction(1)
        for at, end, (low, high) in zip(size, corner, ends):
            part = Fraction(at - low, high - low)
            weight *= part if end == high else 1 - part
        total += weight * count
    return total


def check_law():
    """The counts obey an exact law in m, n and k, which docs/guide/benchmarks.md states.  8 sizes determine its 8 unknowns,
    and 5 more prove it.  They include the first layer of the reference network, which is beyond those 8 in n and k."""
    ends = ((200, 248), (172, 236), (656, 720))
    more = [(200, 300, 784), (200, 300, 656), (200, 236, 848), (248, 172, 784), (248, 236, 848)]
    sizes = [*itertools.product(*ends), *more]
    shapes = [word for size in sizes for word in ('--shape', 'x'.join(map(str, size)))]
    for isa in {'avx2', 'avx512'} & set(usable()):
        of = costs(['--isa', isa, *shapes, '^gemm/nn|training/fused/bn_elu'])
        quantities = [key for key, value in next(iter(of.values())).items() if isinstance(value, int) and key not in 'mnk']
        found = {}
        for cost in of.values():
            found.setdefault((cost['op'], cost['form'], cost.get('pass')) if 'form' in cost else cost['op'], {})[
                cost['m'], cost['n'], cost['k']] = cost
        assert len(found) == 5, found.keys()
        for call, by_size in found.items():
            for quantity in quantities:
                if quantity == 'flops' and isa == 'avx512' and 'dense' in call:
                    continue  # masks of lanes that depend on values
                counts = {size: by_size[size][quantity] for size in itertools.product(*ends)}
                for size in more:
                    law, count = predicted(counts, ends, size), by_size[size][quantity]
                    assert law == count, (isa, call, quantity, size, law, count)
        print(f'{len(found)} calls of {isa} obey the law at {len(more)} sizes beyond the 8 that determine it')


{'exact': check_exact, 'same': check_same, 'callgrind': check_callgrind, 'law': check_law,
 'layer': check_layer}[part]()
