"""Activations and batch normalization alone: passes over memory."""
import math
from collections.abc import Iterable, Sequence

from bench.report.costs import EXTRAS
from bench.report.dots import (COPY, INTERVALS, OURS, PACKED, PEERS, Look, Scale, Series, details_of, dot_chart, key_of,
                               keyed, missing, packed_look)
from bench.report.limits import ROOFS
from bench.report.products import rank_of, series_of
from bench.report.results import (UNKNOWN_INTERVAL, Case, Interval, Report, Results, Variant, as_number, in_order,
                                  inner, on_threads, peer_name, scaled, shape_of, split_name, unique)
from cli.drawing import UNKNOWN, Inliner

# ------------------------------------------------------------------------------------------------------- activations

FORWARD, BACKWARD = OURS, PACKED  # backward is hollow for all libraries


def per_element(variant: Variant) -> Interval:
    return scaled(variant.time, 1e9 / variant.elements) if variant.elements > 0 else UNKNOWN_INTERVAL


def activation_series(variants: Iterable[Variant]) -> list[Series]:
    """Our activations forward and backward, a copy of the same size, and other libraries."""
    found: dict[tuple[str, Look], dict[str, Interval]] = {}
    for variant in variants:
        what = variant.case.split('/')[1]
        row, way = EXTRAS.get(what.rsplit('_', 1)[0], what), what.rsplit('_', 1)[-1]
        if variant.operation.startswith('limit/copy'):
            name, look = 'copy', COPY
        elif variant.peer:
            look = PEERS.get(variant.peer, Look(*UNKNOWN))
            name, look = '%s, %s' % (peer_name(variant.peer), way), packed_look(look) if way == 'backward' else look
        elif variant.label == 'lanefold':
            name, look = ('Lanefold, forward', FORWARD) if way == 'forward' else ('Lanefold, backward', BACKWARD)
        else:
            continue  # ReLU, which the case of another activation measures for comparison
        keep_faster(found.setdefault((name, look), {}), row, per_element(variant))
    return [Series(name, look, found[name, look]) for name, look in sorted(found, key=lambda named: rank_of(
        (named[0].replace(', forward', '').replace(', backward', ''), named[1])))]


def keep_faster(values: dict[str, Interval], row: str, value: Interval) -> None:
    if row not in values or value.value < values[row].value:
        values[row] = value


def level_key(case: Case) -> str:
    return next((variant.keys['level'] for variant in case.variants if 'level' in variant.keys), '')


def activation_panels(results: Results, isa: str, threads: int,
                      inline: Inliner) -> tuple[list[str], list[list[Series]]]:
    drawn, keys = [], []
    cases = [case for case in results.cases if case.operation.startswith('activation/') and case.isa == isa
             and case.threads == threads]
    for level in in_order([level_key(case) for case in cases], [level for level, _ in ROOFS]):
        series = activation_series([variant for case in cases if level_key(case) == level for variant in case.variants])
        chart = dot_chart(where(level, results.report), list(EXTRAS.values()), series,
                          Scale('ns per element', True))
        if chart:
            drawn.append(inline(chart, 'Activations in %s' % level))
            keys.append(series)
    return drawn, keys


def where(level: str, report: Report) -> str:
    size = as_number(inner(inner(report, 'environment'), 'level_bytes').get(level))
    if not math.isfinite(size):
        return level or 'Any level'
    return '%s, %s' % (level, '%.3g MB' % (size / 2**20) if size >= 2**20 else '%.0f KB' % (size / 1024))


def activation_figure(results: Results, isa: str, threads: int, inline: Inliner) -> str:
    drawn, keys = activation_panels(results, isa, threads, inline)
    if not drawn:
        return ''
    return keyed('Activations, %s, %s' % (isa, on_threads(threads)), key_of(keys), drawn,
                 'There is a panel for each level of memory that holds the data. Copy is the faster of plain and '
                 'streaming stores; it reads and writes as many floats as a forward pass. ' + INTERVALS)


# ------------------------------------------------------------------------------------------------------------- norms

NORM_WAYS = {'forward_training': 'training', 'forward_inference': 'inference', 'backward': 'backward'}


def norm_row(variant: Variant) -> str:
    what, keys = split_name(variant.case)
    return '%s %s' % (NORM_WAYS.get(what.split('/')[-1], what), shape_of(keys))


def norm_series(variants: Sequence[Variant]) -> list[Series]:
    ours = series_of([variant for variant in variants if variant.operation.startswith('norm/')], norm_row, per_element)
    copies: dict[str, Interval] = {}
    for variant in variants:
        if variant.operation.startswith('limit/copy'):
            keep_faster(copies, norm_row(variant), per_element(variant))
    return ours + [Series('copy', COPY, copies)]


def norm_figure(results: Results, inline: Inliner) -> str:
    drawn, keys = [], []
    for isa in results.isas:
        for threads in results.threads:
            variants = [variant for case in results.cases if case.operation.startswith('norm/') and case.isa == isa
                     and case.threads == threads for variant in case.variants]
            series = norm_series(variants)
            rows = unique(norm_row(variant) for variant in variants)
            chart = dot_chart('%s, %s' % (isa, on_threads(threads)), rows, series,
                              Scale('ns per element', True))
            if chart:
                drawn.append(inline(chart, 'Batch normalization, ' + isa))
                keys.append(series)
    if not drawn:
        return missing('Batch normalization alone was not measured.')
    return keyed('Batch normalization alone', key_of(keys), drawn,
                 'Rows show samples \u00d7 features. ' + INTERVALS)


# ------------------------------------------------------------------------------------------------------- the section

def passes_section(results: Results, inline: Inliner) -> str:
    figures = [figure for isa in results.isas for threads in results.threads
               for figure in [activation_figure(results, isa, threads, inline)] if figure]
    text = figures[0] if figures else missing('No activation alone was measured.')
    text += norm_figure(results, inline)
    if figures[1:]:
        text += details_of('Activations with other threads and instruction sets', figures[1:])
    return text
