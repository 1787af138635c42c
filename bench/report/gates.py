"""Gates, which are ratios with a target; and the tables of all results."""
import math
from collections.abc import Iterable
from html import escape

from bench.report.dots import missing, plain
from bench.report.results import Ratio, Results, Variant
from cli.drawing import Inliner, details, fixed, paragraphs, short, table
from cli.style import verdict_cell

# ------------------------------------------------------------------------------------------------------------- gates

VERDICT_KINDS = {'ok': 'holds', 'short': 'not'}


def undecided(gate: Ratio) -> bool:
    """Whether the interval includes the target, so that another run may have another verdict."""
    return gate.interval.low <= gate.target <= gate.interval.high


def number_text(value: float) -> str:
    return fixed(value) if abs(value) < 100 or not math.isfinite(value) else '%.0f' % value


def sign(gate: Ratio) -> str:
    return {'>=': 'at least', '<=': 'at most'}.get(gate.sense, gate.sense)


def gate_row(gate: Ratio) -> str:
    doubtful = undecided(gate)
    words = gate.verdict + (', undecided' if doubtful else '')
    kind = 'part' if doubtful else VERDICT_KINDS.get(gate.verdict, '')
    return ('<tr role="row"><th role="rowheader" scope="row">%s</th>%s<td role="cell" class="number">%s</td>'
            '<td role="cell" class="ends">%s to %s</td><td role="cell" class="target">%s %s</td></tr>' % (
                escape(gate.name).replace('/', '/<wbr>'), verdict_cell(kind, words), number_text(gate.interval.value),
                number_text(gate.interval.low), number_text(gate.interval.high), escape(sign(gate)),
                plain(gate.target)))


def gates_of(ratios: Iterable[Ratio]) -> list[Ratio]:
    """The gates, first those that fall short; within these, the certain ones first."""
    own = [one for one in ratios if one.verdict]
    return sorted(own, key=lambda gate: (gate.verdict == 'ok', undecided(gate) != (gate.verdict == 'ok')))


def counted_text(gates: list[Ratio]) -> str:
    ok = [gate for gate in gates if gate.verdict == 'ok']
    short_ones = [gate for gate in gates if gate.verdict != 'ok']
    return ('%d of %d gates are ok, and %d fall short. %d are undecided, because the interval includes the target and '
            'another run may have another verdict: %d of those that are ok, and %d of those that fall short.' % (
                len(ok), len(gates), len(short_ones), sum(map(undecided, gates)), sum(map(undecided, ok)),
                sum(map(undecided, short_ones))))


def gates_section(results: Results, _: Inliner) -> str:
    gates = gates_of(results.ratios)
    if not gates:
        return missing('No gate was measured.')
    heads = ''.join('<th role="columnheader" scope="col">%s</th>' % head
                    for head in ('Gate', 'Verdict', 'Value', '95% interval', 'Target'))
    rows = '\n'.join(map(gate_row, gates))
    return paragraphs(counted_text(gates)) + (
        '<table class="claims gates" role="table" aria-label="Gates">'
        '<thead role="rowgroup"><tr role="row">%s</tr></thead><tbody role="rowgroup">\n%s\n</tbody></table>' % (
            heads, rows))


# ----------------------------------------------------------------------------------------------------------- results

def time_cell(seconds: float) -> str:
    """The time in microseconds, or in seconds if it is long."""
    return short(seconds * 1e6, 4) if seconds < 1 else '%.3f s' % seconds


def rate(amount: float, seconds: float) -> str:
    return '' if not amount > 0 else short(amount / seconds * 1e-9, 3)


def variant_row(variant: Variant) -> tuple[str, ...]:
    elements = '' if not variant.elements > 0 else short(1e9 * variant.time.value / variant.elements, 3)
    return (variant.name, time_cell(variant.time.value), time_cell(variant.time.low), time_cell(variant.time.high),
            rate(variant.flops, variant.time.value), rate(variant.bytes, variant.time.value), elements)


def ratio_row(one: Ratio) -> tuple[str, ...]:
    target = '%s %s' % (sign(one), plain(one.target)) if one.verdict else ''
    return (one.name, *map(number_text, one.interval), target, one.verdict)


def results_section(results: Results, _: Inliner) -> str:
    if not results.variants and not results.ratios:
        return missing('Nothing was measured.')
    times = table(('Name', 'Median, \u00b5s', 'Low', 'High', 'GFLOP/s', 'GB/s', 'ns per element'),
                  map(variant_row, results.variants), 'Each variant once, from the first case that has it')
    ratios = table(('Name', 'Value', 'Low', 'High', 'Target', 'Verdict'), map(ratio_row, results.ratios),
                   'Ratios of the variants of one case')
    return (paragraphs('These are all times and ratios of results.json.') +
            details('Times: %d' % len(results.variants), times) +
            details('Ratios: %d' % len(results.ratios), ratios))
