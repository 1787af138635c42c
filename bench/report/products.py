"""Matrix products compared with other libraries."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from html import escape

from matplotlib.figure import Figure

from bench.report.dots import (DOTS, OURS, PACKED, PEERS, Look, Scale, Series, details_of, dot_chart, key_of,
                               keyed, missing, packed_look)
from bench.report.results import Case, Interval, Results, Variant, peak_of, rate_of, scaled, unique
from bench.report.words import PEERS as PEER_NAMES
from bench.report.words import on_threads, peer_name, sized
from cli.drawing import UNKNOWN, Inliner, paragraphs, short

MAX_ROWS = 12  # of a panel; further rows go into a collapsed section


def library_of(variant: Variant) -> tuple[str, Look]:
    """The name and look of the library that computes."""
    packed, peer = variant.fields.form == 'packed', variant.fields.peer
    if peer:
        look = PEERS.get(peer, Look(*UNKNOWN))
        return peer_name(peer) + (', packed' if packed else ''), packed_look(look) if packed else look
    return ('Lanefold, packed', PACKED) if packed else ('Lanefold', OURS)


def product_row(variant: Variant) -> str:
    return sized(variant.fields)


def series_of(variants: Iterable[Variant], row_of: Callable[[Variant], str],
              value_of: Callable[[Variant], Interval]) -> list[Series]:
    """A series for each library: ours first, then the others in their order."""
    found: dict[tuple[str, Look], dict[str, Interval]] = {}
    for variant in variants:
        name, look = library_of(variant)
        found.setdefault((name, look), {}).setdefault(row_of(variant), value_of(variant))
    return [Series(name, look, found[name, look]) for name, look in sorted(found, key=rank_of)]


def rank_of(named: tuple[str, Look]) -> int:
    order = [name + tail for name in ('Lanefold', *PEER_NAMES.values()) for tail in ('', ', packed')]
    return order.index(named[0]) if named[0] in order else len(order)


def gigaflops(variant: Variant) -> Interval:
    return scaled(rate_of(variant.flops, variant.time), 1e-9)


def product_cases(results: Results, isa: str, threads: int) -> list[Case]:
    """The cases of matrix products, without those of random shapes and of cold caches."""
    return [case for case in results.cases
            if case.fields.has(family='gemm', isa=isa, threads=threads, cold=False, set='')]


def product_variants(results: Results, isa: str, threads: int) -> list[Variant]:
    return [variant for case in product_cases(results, isa, threads) for variant in case.variants
            if variant.fields.family == 'gemm']


def product_chart(results: Results, isa: str, threads: int, rows: list[str], variants: list[Variant]) -> Figure | None:
    peak = peak_of(results.cases, isa) * threads * 1e-9
    axis = Scale('GFLOP/s')
    if math.isfinite(peak):
        axis = Scale('GFLOP/s; above: share of the peak of %s' % short(peak, 3), whole=peak)
    return dot_chart('%s, %s' % (isa, on_threads(threads)), rows, series_of(variants, product_row, gigaflops), axis)


def product_panels(results: Results, inline: Inliner,
                   choose: Callable[[list[str]], list[str]]) -> tuple[list[str], list[list[Series]]]:
    """choose: selects the rows to draw."""
    drawn, keys = [], []
    for isa in results.isas:
        for threads in results.threads:
            variants = product_variants(results, isa, threads)
            rows = choose(unique(product_row(variant) for variant in variants))
            drawn_variants = [variant for variant in variants if product_row(variant) in rows]
            chart = product_chart(results, isa, threads, rows, drawn_variants)
            if chart:
                drawn.append(inline(chart, 'Matrix products, %s, %s' % (isa, on_threads(threads))))
                keys.append(series_of(variants, product_row, gigaflops))
    return drawn, keys


PRODUCTS_CAPTION = ('Rows show m\u00d7n\u00d7k. tn, nt and tt mean that the first, the second or both operands are '
                    'transposed. Packed means that one operand was packed before the timed call. The repetitions of '
                    'all libraries ran interleaved, in random order. ' + DOTS)


def count_wins(results: Results, isa: str, threads: int) -> tuple[int, int]:
    """In how many cases our plain product is at least as fast as all peers, and the number of cases."""
    wins, compared = 0, 0
    for case in product_cases(results, isa, threads):
        plain_ones = [variant for variant in case.variants if variant.fields.has(family='gemm', form='')]
        others = [variant.time.value for variant in plain_ones if variant.fields.peer]
        ours = [variant.time.value for variant in plain_ones if not variant.fields.peer]
        if others and ours:
            compared += 1
            wins += ours[0] <= min(others)
    return wins, compared


def wins_text(results: Results) -> str:
    texts = []
    for isa in results.isas:
        for threads in results.threads:
            wins, compared = count_wins(results, isa, threads)
            if compared:
                texts.append('on %s and %s in %d of %d shapes' % (escape(isa), on_threads(threads), wins, compared))
    if not texts:
        return 'No other library was measured with these products.'
    return 'Lanefold is at least as fast as every other library: %s.' % '; '.join(texts)


def products_section(results: Results, inline: Inliner) -> str:
    drawn, keys = product_panels(results, inline, lambda rows: rows[:MAX_ROWS])
    if not drawn:
        return missing('No matrix product was measured.')
    text = paragraphs(wins_text(results)) + keyed('Matrix products by shape', key_of(keys), drawn, PRODUCTS_CAPTION)
    rest, keys = product_panels(results, inline, lambda rows: rows[MAX_ROWS:])
    if rest:
        text += details_of('Further shapes', [keyed('Further shapes', key_of(keys), rest, PRODUCTS_CAPTION)])
    return text
