"""What batch normalization (BN) and activations cost, counted: the instructions of one warm call, beside the times."""
from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Optional

from bench.report.costs import costs_of_layers, excess
from bench.report.dots import details_of
from bench.report.fields import Fields
from bench.report.reference import LAYER_NAME
from bench.report.results import Cost, Interval, Results
from bench.report.words import EXTRAS, FORMS, PASSES, on_threads
from cli.drawing import Inliner, paragraphs
from cli.signs import minus

Layer = tuple[str, str, int]  # instruction set, shape and threads
Cells = list[str]


def layer_of(fields: Fields) -> Layer:
    return fields.isa, fields.shape, fields.threads


def layers_of(costs: Iterable[Cost]) -> list[Layer]:
    """The reference layer first, and then the largest."""
    found = {layer_of(cost.fields): cost.fields for cost in costs if cost.fields.has(family='dense', op='dense')}
    return sorted(found, key=lambda layer: (layer[1] != LAYER_NAME, -found[layer].m * found[layer].n * found[layer].k))


def product_alone(costs: Iterable[Cost], fields: Fields) -> Optional[Cost]:
    """The product of this layer: with packed weights if BN is folded into them."""
    form = 'packed' if fields.form == 'folded' else 'alone'
    alone = [cost for cost in costs if cost.fields.has(op='gemm', form=form, pass_=fields.pass_)
             and layer_of(cost.fields) == layer_of(fields)]
    return alone[0] if alone else None


def timed(results: Results, layer: Layer) -> dict[tuple[str, str, str], Interval]:
    """The timed ratios of this layer, by pass, form and extra."""
    return {(cost.fields.pass_, cost.fields.form, cost.fields.extra): cost.interval
            for cost in costs_of_layers(results.ratios) if layer_of(cost.fields) == layer}


def cells_of(cost: Cost, alone: Cost, time: Optional[Interval]) -> Cells:
    """Instructions per element of the output, their share of those of the product, and the timed share."""
    more = cost.instructions - alone.instructions
    elements = max(1, cost.fields.m * cost.fields.n)
    return [minus('%.2f' % (more / elements)), minus('%+.1f%%' % (100 * more / alone.instructions)),
            minus(excess(time)[1]) if time else '']


def pass_table(results: Results, layer: Layer, pass_: str) -> str:
    """A row for each extra, and for each form two columns, or three if the layer was also timed."""
    own = [cost for cost in results.costs if cost.fields.pass_ == pass_ and cost.fields.op == 'dense'
           and layer_of(cost.fields) == layer]
    forms = [form for form in FORMS if any(cost.fields.form == form for cost in own)]
    times = timed(results, layer)
    columns = ['per element', 'of product', 'timed'][:3 if times else 2]
    found: dict[str, dict[str, Cells]] = {}
    for cost in own:
        of, alone = cost.fields, product_alone(results.costs, cost.fields)
        if alone:
            found.setdefault(of.extra, {})[of.form] = cells_of(cost, alone, times.get((pass_, of.form, of.extra)))
    if not found:
        return ''
    above = ''.join('<th colspan="%d" scope="colgroup">%s</th>' % (len(columns), FORMS[form]) for form in forms)
    heads = ''.join('<th scope="col">%s</th>' % column for column in columns) * len(forms)
    rows = []
    for extra in sorted(found, key=lambda one: list(EXTRAS).index(one) if one in EXTRAS else len(EXTRAS)):
        cells = ''.join('<td>%s</td>' % cell for form in forms
                        for cell in found[extra].get(form, ['', '', ''])[:len(columns)])
        rows.append('<tr><th scope="row">%s</th>%s</tr>' % (escape(EXTRAS.get(extra, extra)), cells))
    return ('<div class="scroll whole" tabindex="0" role="region" aria-label="%s"><table class="counted">'
            '<caption>%s</caption><thead><tr><td></td>%s</tr><tr><td></td>%s</tr></thead><tbody>%s</tbody></table></div>' % (
                PASSES[pass_], PASSES[pass_], above, heads, '\n'.join(rows)))


def layer_figure(results: Results, layer: Layer) -> str:
    isa, shape, threads = layer
    tables = ''.join(pass_table(results, layer, pass_) for pass_ in PASSES)
    caption = ('In each group of columns, the first one shows the instructions beyond those of the product alone, for '
               'each element of the output. The second one shows them in percent of those of the product.')
    if timed(results, layer):
        caption += (' The third one shows the interval of the time beyond that of the product, in percent of that '
                    'time.')
    return '<figure><h3>Layer of %s, %s, %s</h3>%s<figcaption>%s</figcaption></figure>' % (
        shape, on_threads(threads), escape(isa), tables, caption)


def counted_section(results: Results, _: Inliner) -> str:
    figures = [layer_figure(results, layer) for layer in layers_of(results.costs)]
    if not figures:
        return ''
    return paragraphs('On a shared machine, two timings of the same call often differ by 3%, but every run executes '
                      'the same instructions. Instructions are not time: a division takes longer than an '
                      'addition.') + figures[0] + (
        details_of('Other layers and instruction sets', figures[1:]) if figures[1:] else '')
