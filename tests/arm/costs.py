"""costs.py SOURCES BUILD-FOLDER: qemu counts what calls cost with NEON.  Two runs count the same, the multiply-adds of
products are known, and the costs are those of the list in tests/bench/costs/."""
import json
import os
import subprocess
import sys
import tempfile

sources, folder = sys.argv[1:]
KINDS = ('multiply_adds', 'loads', 'stores', 'shuffles', 'divisions', 'branches', 'rest')


sys.path.insert(0, sources)
from bench.cost import neon  # noqa: E402

if not neon.has_plugins():
    print('SKIPPED:', neon.NO_PLUGINS)
    sys.exit(77)


def counted(words, **environment):
    return subprocess.run([sys.executable, '-m', 'bench.cost.neon', folder, words], cwd=sources, check=True,
                          stdout=subprocess.PIPE, env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1', **environment}).stdout


def by_name(text):
    return {cost['name']: cost for cost in json.loads(text)['costs']}


everything = counted('.')
first, second = by_name(everything), by_name(counted('gemm|bn_elu', LANEFOLD_TEST='x' * 1237, LC_ALL='C'))
assert second
for name, cost in second.items():
    assert first[name] == cost, (first[name], cost)
products = [cost for cost in first.values() if cost['op'] == 'gemm' and cost.get('pass') != 'backward']
assert len(products) > 12
for cost in first.values():
    assert cost['instructions'] == sum(cost[kind] for kind in KINDS), cost
    assert cost['instructions'] == sum(runs for code in cost['code'].values() for _, runs in code), cost
for cost in products:
    m, n, k = cost['m'], cost['n'], cost['k']
    assert cost['multiply_adds'] == m * k * -(-n // 4), cost  # a vector has 4 columns
    assert cost['flops'] >= 2 * m * n * k, cost
    assert cost['bytes_written'] >= 4 * m * n, cost
    assert cost['lines'] >= (m * n + m * k + n * k) * 4 // 64, cost
print(f'{len(second)} calls counted twice')
with tempfile.NamedTemporaryFile(suffix='.json') as file:
    file.write(everything)
    file.flush()
    sys.exit(subprocess.run([sys.executable, f'{sources}/tests/bench/cost_list.py', file.name]).returncode)
