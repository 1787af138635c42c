"""python3 -m bench.report.exact_costs [--check] COSTS.json README.md: what BN and activations add to a layer, counted.

Writes tables into README.md, between `<!-- exact costs -->` and `<!-- /exact costs -->`, and all of them into COSTS.md.
`./dev bench exact-costs` makes COSTS.json.  --check: changes nothing, and exits with code 1 if the tables differ."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from bench.report.columns import NOTHING, line
from bench.report.fields import Fields, fields_of
from bench.report.reference import LAYER_NAME
from bench.report.table import with_block
from bench.report.words import EXTRAS, PASSES
from cli.signs import minus
from cli.program import Problem, read_file, run

FORMAT = 'lanefold-exact-costs-1'
BOTH = '%s, %s'
COLUMNS = (('training', 'unfused'), ('training', 'fused'), ('backward', 'unfused'), ('backward', 'fused'),
           ('inference', 'unfused'), ('inference', 'fused'), ('inference', 'folded'))
CPUS = {'znver4': 'Zen 4', 'icelake-server': 'Ice Lake server', 'neoverse-n1': 'Neoverse N1',
        'neoverse-v1': 'Neoverse V1'}
ISAS = {'avx512': 'AVX-512', 'avx2': 'AVX2', 'neon': 'NEON'}


class Cost(NamedTuple):
    fields: Fields
    values: dict[str, int]  # by measure


Measure = tuple[str, str]  # its key in Cost.values, and its name


def measures(isa: str) -> list[Measure]:
    cpus = ('neoverse-n1', 'neoverse-v1') if isa == 'neon' else ('znver4', 'icelake-server')
    return [('instructions', 'instructions'), ('flops', 'FLOP'), ('bytes', 'bytes read and written'),
            *((cpu, 'cycles, ' + CPUS[cpu]) for cpu in cpus)]


def costs_in(whole: Any, source: str) -> list[Cost]:
    if not isinstance(whole, dict) or whole.get('format') != FORMAT:
        raise Problem('%s: its format is not "%s"' % (source, FORMAT))
    try:
        return [Cost(fields_of(one), {'instructions': int(one['instructions']), 'flops': int(one['flops']),
                                      'bytes': int(one['bytes_read']) + int(one['bytes_written']), **one['cycles']})
                for one in whole['costs']]
    except (KeyError, TypeError, ValueError) as error:
        raise Problem('%s: a cost is not complete: %s' % (source, error)) from error


class Layer:
    """All costs of one layer with one instruction set."""

    def __init__(self, costs: list[Cost], isa: str, shape: str) -> None:
        self.isa, self.shape = isa, shape
        self.costs = {(cost.fields.op, cost.fields.pass_, cost.fields.form, cost.fields.extra): cost for cost in costs
                      if cost.fields.isa == isa and cost.fields.shape == shape}

    def product(self, pass_: str, form: str) -> Optional[Cost]:
        """The product alone: with packed weights if BN is folded into them."""
        return self.costs.get(('gemm', pass_, 'packed' if form == 'folded' else 'alone', ''))

    def cell(self, pass_: str, form: str, extra: str, measure: str) -> str:
        """What is added for each element of the output, and in per cent of the product."""
        cost, product = self.costs.get(('dense', pass_, form, extra)), self.product(pass_, form)
        if cost is None or product is None:
            return NOTHING
        more, elements = cost.values[measure] - product.values[measure], cost.fields.m * cost.fields.n
        # Adding 0 makes 0 of -0.
        return minus('%.2f (%.1f%%)' % (round(more / elements, 2) + 0, round(100 * more / product.values[measure], 1) + 0))

    def product_cell(self, pass_: str, form: str, measure: str) -> str:
        product = self.product(pass_, form)
        return '%.1f' % (product.values[measure] / (product.fields.m * product.fields.n)) if product else NOTHING


def table(corner: str, rows: list[tuple[str, Callable[[str, str], str]]]) -> list[str]:
    heads = [BOTH % ({'training': 'forward', 'backward': 'backward', 'inference': 'inference'}[pass_], form)
             for pass_, form in COLUMNS]
    return [line([corner, *heads]), '|---' * (len(COLUMNS) + 1) + '|',
            *(line([name, *(cell(pass_, form) for pass_, form in COLUMNS)]) for name, cell in rows)]


def by_extra(layer: Layer, measure: Measure) -> list[str]:
    """A row for each extra."""
    key, name = measure
    rows: list[tuple[str, Callable[[str, str], str]]] = [
        ('the product alone', lambda pass_, form: layer.product_cell(pass_, form, key))]
    for extra, title in EXTRAS.items():
        rows.append((title, lambda pass_, form, extra=extra: layer.cell(pass_, form, extra, key)))  # type: ignore[misc]
    return table(name, rows)


def by_measure(layers: list[Layer], extra: str) -> list[str]:
    """A row for each instruction set and measure."""
    rows: list[tuple[str, Callable[[str, str], str]]] = []
    for layer in layers:
        for key, name in measures(layer.isa):
            rows.append((BOTH % (ISAS[layer.isa], name),
                         lambda pass_, form, layer=layer, key=key: layer.cell(pass_, form, extra, key)))  # type: ignore
    return table(EXTRAS[extra], rows)


def made_by(whole: Any) -> str:
    compilers = sorted({program.get('compiler', '') for program in whole.get('programs', [])})
    return 'The library was compiled by %s; llvm-mca is that of LLVM %s.' % (', '.join(compilers), whole.get('llvm'))


EXPLANATION = ('Each cell is what a layer costs beyond its matrix product alone: for each element of the output, and '
               'in percent of the product. Backward has two products. Folded weights are packed, and are compared with '
               'the product with packed weights.')
COUNTED = ('Instructions, FLOP and bytes are counted, so every run gives these numbers. Cycles are simulated: llvm-mca '
           'knows no caches and no wrong predictions of branches.')


def readme_block(layers: list[Layer], whole: Any) -> str:
    own = [layer for layer in layers if layer.shape == LAYER_NAME]
    if not own:
        raise Problem('the layer of %s is missing' % LAYER_NAME)
    first = next((layer for layer in own if layer.isa == 'avx512'), own[0])
    return '\n'.join([*by_extra(first, ('instructions', '%s, instructions' % ISAS[first.isa])), '', EXPLANATION, '',
                      *by_measure(own, 'bn_elu'), '', COUNTED + ' ' + made_by(whole)])


def page(layers: list[Layer], whole: Any, source: str) -> str:
    text = ['# What BN and activations cost, counted', '',
            '<!-- Made by bench/report/exact_costs.py from %s. Do not edit. -->' % Path(source).name, '',
            EXPLANATION + ' ' + COUNTED, '', made_by(whole) + ' [benchmarks.md](../guide/benchmarks.md) explains how '
            'they are counted. %s is with batch statistics, and so is its backward pass.' % PASSES['training']]
    for layer in layers:
        text += ['', '## %s, %s' % (layer.shape, ISAS[layer.isa])]
        for measure in measures(layer.isa):
            text += ['', *by_extra(layer, measure)]
    return '\n'.join(text) + '\n'


def layers_of(costs: list[Cost]) -> Iterator[Layer]:
    """The largest layer first."""
    shapes = sorted({(cost.fields.m * cost.fields.n * cost.fields.k, cost.fields.shape) for cost in costs}, reverse=True)
    for _, shape in shapes:
        for isa in ISAS:
            layer = Layer(costs, isa, shape)
            if layer.costs:
                yield layer


def main(arguments: list[str]) -> None:
    check = '--check' in arguments
    files = [argument for argument in arguments if argument != '--check']
    if len(files) != 2 or not files[0].endswith('.json'):
        raise Problem(__doc__ or '')
    source, readme = files
    try:
        whole = json.loads(read_file(source))
    except ValueError as error:
        raise Problem('%s: is not JSON: %s' % (source, error)) from error
    layers = list(layers_of(costs_in(whole, source)))
    target = source[:-len('.json')] + '.md'
    before = Path(readme).read_text('utf-8')
    texts = {readme: with_block(before, 'exact costs', readme_block(layers, whole)), target: page(layers, whole, source)}
    for path, text in texts.items():
        if not check:
            Path(path).write_text(text, 'utf-8')
        elif Path(path).read_text('utf-8') != text:
            sys.exit('%s: the tables do not match %s; run it without --check' % (path, source))


if __name__ == '__main__':
    run('bench.report.exact_costs', main)
