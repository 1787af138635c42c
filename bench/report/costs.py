"""The cost of batch normalization (BN) and activations, relative to the matrix product of their layer."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from matplotlib.figure import Figure

from bench.report.dots import DOTS, OURS, Look, Scale, Series, details_of, dot_chart, key_of, keyed, missing
from bench.report.reference import BACKWARD, INFERENCE, INFERENCE_FOLDED, LAYER_NAME, TRAINING
from bench.report.results import Interval, Ratio, Results, unique
from bench.report.words import EXTRAS, FORMS, PASSES, extra_name, on_threads
from cli.drawing import Inliner, paragraphs
from cli.signs import minus

LOOKS = {'unfused': Look('red', 'dot', '^'), 'fused': OURS, 'folded': Look('green', 'dash', 's')}


def costs_of_layers(ratios: Iterable[Ratio]) -> list[Ratio]:
    return [one for one in ratios if one.quantity == 'over-alone' and one.fields.has(family='dense', op='dense')]


def excess(of: Interval) -> tuple[str, str]:
    """A ratio as the percentage above 1."""
    return '%+.1f%%' % (100 * (of.value - 1)), '%+.1f to %+.1f%%' % (100 * (of.low - 1), 100 * (of.high - 1))


def in_words(of: Interval) -> str:
    value, ends = map(minus, excess(of))
    return '<strong>%s</strong> (%s)' % (value, ends)


# ----------------------------------------------------------------------------------------------------------- figures

def cost_charts(costs: list[Ratio], row_of: Callable[[Ratio], str],
                rows: list[str]) -> tuple[list[tuple[Figure, str]], list[list[Series]]]:
    """A panel for each pass, and the series of each panel."""
    charts, keys = [], []
    for pass_, heading in PASSES.items():
        series = [Series(FORMS[form], look, {row_of(cost): cost.interval for cost in costs
                                             if cost.fields.has(pass_=pass_, form=form)})
                  for form, look in LOOKS.items()]
        chart = dot_chart(heading, rows, series, Scale('time relative to the product alone', marks=((1, 'alone'),)),
                          [cost.interval for cost in costs])
        if chart:
            charts.append((chart, heading))
            keys.append(series)
    return charts, keys


def cost_figure(costs: list[Ratio], heading: str, row_of: Callable[[Ratio], str], rows: list[str], caption: str,
                inline: Inliner) -> str:
    charts, keys = cost_charts(costs, row_of, rows)
    drawn = [inline(chart, heading + ': ' + name) for chart, name in charts]
    return keyed(heading, key_of(keys), drawn, caption) if drawn else ''


CAPTION = (DOTS + ' Separate and fused calls are relative to the plain product, folded ones to the product with packed '
           'weights.')


def by_extra(costs: list[Ratio], inline: Inliner) -> list[str]:
    """A figure for each layer that was measured with several extras."""
    groups: dict[tuple[str, int, str], list[Ratio]] = {}
    for cost in costs:
        groups.setdefault((cost.fields.isa, cost.fields.threads, cost.fields.shape), []).append(cost)
    full = {group: own for group, own in groups.items() if len({cost.fields.extra for cost in own}) > 2}
    figures = []
    for group, own in full.items():
        heading = 'Layer of %s, %s, %s' % (group[2], on_threads(group[1]), group[0])
        figures.append((group, cost_figure(own, heading, lambda cost: extra_name(cost.fields), list(EXTRAS.values()),
                                           CAPTION, inline)))
    figures.sort(key=lambda figure: figure[0][2] != LAYER_NAME)  # the reference first, the others in their order
    return [text for _, text in figures]


def by_shape(costs: list[Ratio], inline: Inliner) -> list[str]:
    """Figures for BN + ELU on all shapes and numbers of threads."""
    texts = []
    for isa in unique(cost.fields.isa for cost in costs):
        own = [cost for cost in costs if cost.fields.isa == isa and cost.fields.extra == 'bn_elu']

        def row_of(cost: Ratio) -> str:
            return '%s, %s' % (cost.fields.shape, on_threads(cost.fields.threads))
        own.sort(key=lambda cost: (cost.fields.m, cost.fields.threads))
        rows = unique(row_of(cost) for cost in own)
        if len(rows) > 1:
            texts.append(cost_figure(own, 'BN + ELU by shape and threads, ' + isa, row_of, rows,
                                     'Rows show samples \u00d7 outputs \u00d7 inputs.', inline))
    return texts


# ------------------------------------------------------------------------------------------------------- the section

def costs_text(costs: list[Ratio]) -> str:
    """The cost of BN + ELU in the reference layer."""
    texts = []
    for where, text in ((TRAINING, 'fused, %s in training forward'), (BACKWARD, '%s in training backward'),
                        (INFERENCE, '%s in inference'), (INFERENCE_FOLDED, 'folded into the weights, %s in inference')):
        texts += [text % in_words(cost.interval) for cost in costs if cost.fields.has(**where)][:1]
    return 'The time of BN + ELU relative to the product alone: %s.' % '; '.join(texts) if texts else ''


def steps_text(ratios: Iterable[Ratio], isa: str) -> str:
    own = [one for one in ratios if one.quantity == 'over-relu' and one.fields.has(op='step', isa=isa)]
    texts = ['%s on %s' % (in_words(one.interval), on_threads(one.fields.threads)) for one in own]
    return ('A training step of 784-300-100-10 with BN + ELU, relative to one with ReLU and without BN: %s.' %
            ', '.join(texts) if texts else '')


def costs_section(results: Results, inline: Inliner) -> str:
    costs = costs_of_layers(results.ratios)
    isa = results.isas[0] if results.isas else ''
    own = [cost for cost in costs if cost.fields.isa == isa]
    threads = min([cost.fields.threads for cost in own], default=1)
    text = costs_text([cost for cost in own if cost.fields.threads == threads])
    if text:
        text = 'Layer of %s, %s, %s. %s' % (LAYER_NAME, on_threads(threads), escape(isa), text)
    first = paragraphs(*filter(None, [text, steps_text(results.ratios, isa)]))
    figures, others = by_extra(costs, inline), by_shape(costs, inline)
    if not figures and not others:
        return first + missing('No layer was measured together with its product alone.')
    shown, rest = figures[:1] + others[:1], figures[1:] + others[1:]
    return first + ''.join(shown) + (details_of('Other layers, threads and instruction sets', rest) if rest else '')
