"""The cost of batch normalization (BN) and activations, relative to the matrix product of their layer."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from html import escape
from typing import NamedTuple

from matplotlib.figure import Figure

from bench.report.dots import OURS, Look, Scale, Series, details_of, dot_chart, key_of, keyed, missing
from bench.report.results import Interval, Ratio, Results, on_threads, unique
from cli.drawing import Inliner, minus, paragraphs

# ------------------------------------------------------------------------------------------------------------ words

EXTRAS = {'relu': 'ReLU', 'leaky-relu': 'leaky ReLU', 'elu': 'ELU', 'selu': 'SELU', 'tanh': 'tanh',
          'logistic': 'logistic', 'bn': 'BN', 'bn_relu': 'BN + ReLU', 'bn_elu': 'BN + ELU'}
MODES = {'training': 'Training, forward', 'inference': 'Inference', 'backward': 'Training, backward'}
WAYS = {'unfused': Look('red', 'dot', '^'), 'fused': OURS, 'folded': Look('green', 'dash', 's')}
WAY_NAMES = {'unfused': 'separate calls', 'fused': 'fused with the product', 'folded': 'folded into packed weights'}

REFERENCE = '200\u00d7300\u00d7784'  # the first layer of 784-300-100-10 at batch 200


class Cost(NamedTuple):
    mode: str
    way: str
    extra: str
    shape: str
    threads: int
    isa: str
    interval: Interval


def costs_of(ratios: Iterable[Ratio]) -> list[Cost]:
    """The costs, which have names such as cost/training/fused/bn_elu/200x300x784."""
    found = []
    for one in ratios:
        words = one.operation.split('/')
        if words[0] == 'cost' and len(words) == 5 and math.isfinite(one.interval.value):
            found.append(Cost(words[1], words[2], words[3], words[4].replace('x', '\u00d7'), one.threads, one.isa,
                              one.interval))
    return found


def excess(of: Interval) -> tuple[str, str]:
    """A ratio as the percentage above 1."""
    return '%+.1f%%' % (100 * (of.value - 1)), '%+.1f to %+.1f%%' % (100 * (of.low - 1), 100 * (of.high - 1))


def in_words(of: Interval) -> str:
    value, ends = map(minus, excess(of))
    return '<strong>%s</strong> (%s)' % (value, ends)


# ----------------------------------------------------------------------------------------------------------- figures

def cost_charts(costs: list[Cost], row_of: Callable[[Cost], str],
                rows: list[str]) -> tuple[list[tuple[Figure, str]], list[list[Series]]]:
    """A panel for each mode, and the series of each panel."""
    charts, keys = [], []
    for mode, heading in MODES.items():
        series = [Series(WAY_NAMES[way], look, {row_of(cost): cost.interval for cost in costs
                                                if cost.mode == mode and cost.way == way})
                  for way, look in WAYS.items()]
        chart = dot_chart(heading, rows, series, Scale('time relative to the product alone', marks=((1, 'alone'),)),
                          [cost.interval for cost in costs])
        if chart:
            charts.append((chart, heading))
            keys.append(series)
    return charts, keys


def cost_figure(costs: list[Cost], heading: str, row_of: Callable[[Cost], str], rows: list[str], caption: str,
                inline: Inliner) -> str:
    charts, keys = cost_charts(costs, row_of, rows)
    drawn = [inline(chart, heading + ': ' + name) for chart, name in charts]
    return keyed(heading, key_of(keys), drawn, caption, 2) if drawn else ''


CAPTION = ('Medians of the ratios with 95% intervals. A triangle at the edge means that the interval continues. '
           'Separate and fused calls are relative to the plain product, folded ones to the product with packed '
           'weights.')


def by_extra(costs: list[Cost], inline: Inliner) -> list[str]:
    """A figure for each layer that was measured with several extras."""
    groups: dict[tuple[str, int, str], list[Cost]] = {}
    for cost in costs:
        groups.setdefault((cost.isa, cost.threads, cost.shape), []).append(cost)
    full = {group: own for group, own in groups.items() if len({cost.extra for cost in own}) > 2}
    figures = []
    for group, own in full.items():
        heading = 'Layer of %s, %s, %s' % (group[2], on_threads(group[1]), group[0])
        figures.append((group, cost_figure(own, heading, lambda cost: EXTRAS.get(cost.extra, cost.extra),
                                           list(EXTRAS.values()), CAPTION, inline)))
    figures.sort(key=lambda figure: figure[0][2] != REFERENCE)  # the reference first, the others in their order
    return [text for _, text in figures]


def by_shape(costs: list[Cost], inline: Inliner) -> list[str]:
    """Figures for BN + ELU on all shapes and numbers of threads."""
    texts = []
    for isa in unique(cost.isa for cost in costs):
        own = [cost for cost in costs if cost.isa == isa and cost.extra == 'bn_elu']

        def row_of(cost: Cost) -> str:
            return '%s, %s' % (cost.shape, on_threads(cost.threads))
        rows = unique(row_of(cost) for cost in sorted(own, key=lambda cost: (samples_of(cost.shape), cost.threads)))
        if len(rows) > 1:
            texts.append(cost_figure(own, 'BN + ELU by shape and threads, ' + isa, row_of, rows,
                                     'Rows show samples \u00d7 outputs \u00d7 inputs. ' + CAPTION, inline))
    return texts


def samples_of(shape: str) -> int:
    first = shape.split('\u00d7')[0]
    return int(first) if first.isdecimal() else 0


# ------------------------------------------------------------------------------------------------------- the section

def costs_text(costs: list[Cost]) -> str:
    """The cost of BN + ELU in the reference layer."""
    own = {(cost.mode, cost.way): cost.interval for cost in reversed(costs)
           if cost.extra == 'bn_elu' and cost.shape == REFERENCE}
    wanted = ((('training', 'fused'), 'fused, %s in training forward'),
              (('backward', 'fused'), '%s in training backward'), (('inference', 'fused'), '%s in inference'),
              (('inference', 'folded'), 'folded into the weights, %s in inference'))
    texts = [text % in_words(own[way]) for way, text in wanted if way in own]
    return 'The time of BN + ELU relative to the product alone: %s.' % '; '.join(texts) if texts else ''


def steps_text(ratios: Iterable[Ratio], isa: str) -> str:
    own = [one for one in ratios if one.operation == 'step/bn_elu_sgd-over-relu_sgd' and one.isa == isa
           and math.isfinite(one.interval.value)]
    texts = ['%s on %s' % (in_words(one.interval), on_threads(one.threads)) for one in own]
    return ('A training step of 784-300-100-10 with BN + ELU, relative to one with ReLU and without BN: %s.' %
            ', '.join(texts) if texts else '')


def costs_section(results: Results, inline: Inliner) -> str:
    costs = costs_of(results.ratios)
    isa = results.isas[0] if results.isas else ''
    threads = min([cost.threads for cost in costs if cost.isa == isa], default=1)
    text = costs_text([cost for cost in costs if cost.isa == isa and cost.threads == threads])
    if text:
        text = 'Layer of %s, %s, %s. %s' % (REFERENCE, on_threads(threads), escape(isa), text)
    first = paragraphs(*filter(None, [text, steps_text(results.ratios, isa)]))
    figures, others = by_extra(costs, inline), by_shape(costs, inline)
    if not figures and not others:
        return first + missing('No layer was measured together with its product alone.')
    rest = figures[1:]
    return first + ''.join(figures[:1] + others) + (details_of('Other layers, threads and instruction sets', rest)
                                                    if rest else '')
