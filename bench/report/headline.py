"""The first screen: the five figures that matter, each with its interval.  The terminal shows the same five."""
from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import NamedTuple

from bench.report.costs import excess
from bench.report.fields import Where
from bench.report.gates import KINDS
from bench.report.reference import FOLDED_ONE, LAYER_NAME, PRODUCT, STEP, TRAINING
from bench.report.results import Interval, Ratio, Results, Variant, confidence_text, scaled
from bench.report.verdicts import bound
from bench.report.words import on_threads, peer_name
from cli.signs import minus
from cli.style import verdict_text

Shown = Callable[[Interval], tuple[str, str]]  # the value and the ends of its interval


def microseconds(time: Interval) -> tuple[str, str]:
    digits = '%.0f' if time.value >= 1e-4 else '%.1f'
    value, low, high = (digits % end for end in scaled(time, 1e6))
    return value + '\u00a0\u00b5s', '%s to %s\u00a0\u00b5s' % (low, high)


def share(of: Interval) -> tuple[str, str]:
    value, low, high = ('%.1f' % end for end in scaled(of, 100))
    return value + '%', '%s to %s%%' % (low, high)


class Wanted(NamedTuple):
    text: str
    after: str  # the value, in words
    quantity: str  # of a ratio; empty for the time of a variant
    where: Where
    shown: Shown


WANTED = (Wanted('Training step', '200 samples, BN + ELU', '', STEP, microseconds),
          Wanted('BN + ELU in this step', 'more time than ReLU without BN', 'over-relu', STEP, excess),
          Wanted('BN + ELU in a layer', 'more time than its product, training forward', 'over-alone', TRAINING, excess),
          Wanted('Folded network', '1 sample', '', FOLDED_ONE, microseconds),
          Wanted('Matrix product', 'of the peak', 'of-peak', PRODUCT, share))


def figure(wanted: Wanted, interval: Interval, more: str) -> str:
    """more: HTML."""
    value, ends = map(minus, wanted.shown(interval))
    return ('<li><span class="what">%s</span><strong>%s</strong><span class="ends">%s</span>'
            '<span class="after">%s</span>%s</li>' % (wanted.text, value, ends, wanted.after, more))


def beside_peers(results: Results, own: Variant) -> str:
    """"1.16 times as fast as oneDNN (1.14 to 1.18)", or an empty text."""
    for ratio in results.ratios:
        if ratio.quantity == 'against-peers' and ratio.fields == own.fields:
            peers = [variant.fields.peer for variant in results.variants if variant.name == ratio.numerator]
            return '<span class="after">%.2f times as fast as %s (%.2f to %.2f)</span>' % (
                ratio.interval.value, escape(peer_name(peers[0])) if peers else 'the fastest other library',
                ratio.interval.low, ratio.interval.high)
    return ''


def verdict_of(wanted: Wanted, gate: Ratio) -> str:
    if not gate.verdict:
        return ''
    kind, target = KINDS[gate.verdict], wanted.shown(Interval(gate.target, gate.target, gate.target))[0]
    return '<span class="verdict %s">%s</span><span class="after">target: %s %s</span>' % (
        kind, verdict_text(kind, gate.verdict), bound(gate), minus(target))


def found(results: Results, wanted: Wanted, isa: str, threads: int) -> list[str]:
    where = {'isa': isa, 'threads': threads, **wanted.where}
    if wanted.quantity:
        return [figure(wanted, ratio.interval, verdict_of(wanted, ratio)) for ratio in results.ratios
                if ratio.quantity == wanted.quantity and ratio.fields.has(**where)]
    return [figure(wanted, variant.time, beside_peers(results, variant)) for variant in results.variants
            if variant.fields.has(peer='', **where)]


def figures_text(results: Results) -> str:
    """The figures as HTML; empty if none was measured."""
    isa = results.isas[0] if results.isas else ''
    threads = results.threads[0] if results.threads else 1
    items = [item for wanted in WANTED for item in found(results, wanted, isa, threads)[:1]]
    if not items:
        return ''
    return ('<ul class="figures">%s</ul><p class="note">These figures are for %s and %s, with %s. The network is '
            '784-300-100-10. The layer and the product are those of its first layer, %s.</p>' % (
                ''.join(items), escape(isa), on_threads(threads), confidence_text(results.report), LAYER_NAME))
