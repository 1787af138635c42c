"""Activations and batch normalization alone: passes over memory."""
import math
from collections.abc import Iterable, Sequence

from bench.report.dots import (COPY, INTERVALS, OURS, PACKED, PEERS, Look, Scale, Series, details_of, dot_chart, key_of,
                               keyed, missing, packed_look)
from bench.report.fields import Fields
from bench.report.limits import ROOFS
from bench.report.products import rank_of, series_of
from bench.report.results import (UNKNOWN_INTERVAL, Case, Interval, Report, Results, Variant, as_number, in_order,
                                  inner, scaled, unique)
from bench.report.words import EXTRAS, extra_name, on_threads, peer_name
from cli.drawing import UNKNOWN, Inliner

# ------------------------------------------------------------------------------------------------------- activations

FORWARD, BACKWARD = OURS, PACKED  # backward is hollow for all libraries


def per_element(variant: Variant) -> Interval:
    return scaled(variant.time, 1e9 / variant.elements) if variant.elements > 0 else UNKNOWN_INTERVAL


def is_copy(variant: Variant) -> bool:
    return variant.fields.op in ('copy', 'stream')


def activation_series(cases: Iterable[Case]) -> list[Series]:
    """Our activations forward and backward, a copy of the same size, and other libraries."""
    found: dict[tuple[str, Look], dict[str, Interval]] = {}
    for case in cases:
        for variant in case.variants:
            pass_, peer = variant.fields.pass_, variant.fields.peer
            if is_copy(variant):
                name, look = 'copy', COPY
            elif variant.fields.activation != case.fields.activation:
                continue  # ReLU, which the case of another activation measures for comparison
            elif peer:
                look = PEERS.get(peer, Look(*UNKNOWN))
                name, look = '%s, %s' % (peer_name(peer), pass_), packed_look(look) if pass_ == 'backward' else look
            else:
                name, look = ('Lanefold, ' + pass_, BACKWARD if pass_ == 'backward' else FORWARD)
            keep_faster(found.setdefault((name, look), {}), extra_name(case.fields), per_element(variant))
    return [Series(name, look, found[name, look]) for name, look in sorted(found, key=lambda named: rank_of(
        (named[0].replace(', forward', '').replace(', backward', ''), named[1])))]


def keep_faster(values: dict[str, Interval], row: str, value: Interval) -> None:
    if row not in values or value.value < values[row].value:
        values[row] = value


def activation_panels(results: Results, isa: str, threads: int,
                      inline: Inliner) -> tuple[list[str], list[list[Series]]]:
    drawn, keys = [], []
    cases = [case for case in results.cases if case.fields.has(family='activation', isa=isa, threads=threads)]
    for level in in_order([case.fields.level for case in cases], [level for level, _ in ROOFS]):
        series = activation_series(case for case in cases if case.fields.level == level)
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

def norm_row(fields: Fields) -> str:
    return '%s %s' % (fields.pass_, fields.shape)


def norm_series(cases: Sequence[Case]) -> list[Series]:
    variants = [variant for case in cases for variant in case.variants if variant.fields.family == 'norm']
    copies: dict[str, Interval] = {}
    for case in cases:
        for variant in filter(is_copy, case.variants):
            keep_faster(copies, norm_row(case.fields), per_element(variant))
    return series_of(variants, lambda variant: norm_row(variant.fields), per_element) + [Series('copy', COPY, copies)]


def norm_figure(results: Results, inline: Inliner) -> str:
    drawn, keys = [], []
    for isa in results.isas:
        for threads in results.threads:
            cases = [case for case in results.cases if case.fields.has(family='norm', isa=isa, threads=threads)]
            series = norm_series(cases)
            rows = unique(norm_row(case.fields) for case in cases)
            chart = dot_chart('%s, %s' % (isa, on_threads(threads)), rows, series, Scale('ns per element', True))
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
