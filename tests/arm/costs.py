"""costs.py SOURCES BUILD-FOLDER: qemu counts what products cost with NEON, and two runs count the same."""
import json
import os
import subprocess
import sys

sources, folder = sys.argv[1:]
KINDS = ('multiply_adds', 'loads', 'stores', 'shuffles', 'divisions', 'branches', 'rest')


def costs(**environment):
    run = subprocess.run([sys.executable, '-m', 'bench.cost.neon', folder, 'gemm|bn_elu'], cwd=sources, check=True,
                         stdout=subprocess.PIPE, env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1', **environment})
    return {cost['name']: cost for cost in json.loads(run.stdout)['costs']}


first, second = costs(), costs(LANEFOLD_TEST='x' * 1237, LC_ALL='C')
assert first == second
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
print(f'{len(first)} calls counted twice')
