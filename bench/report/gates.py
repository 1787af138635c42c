"""Gates, which are ratios with a target; and the tables of all results."""
from __future__ import annotations

import math
from html import escape

from bench.report.dots import missing
from bench.report.results import Ratio, Results, Variant, unique
from bench.report.verdicts import by_family, counted, counted_text, gates_of, target_text
from bench.report.words import VERDICTS, family_name, quantity_name, subject_of, where_of
from cli.drawing import Inliner, details, fixed, paragraphs, short, table
from cli.style import verdict_cell, verdict_text

KINDS = {'holds': 'holds', 'undecided': 'part', 'fails': 'not'}  # of the pictures


def number_text(value: float) -> str:
    return fixed(value) if abs(value) < 100 or not math.isfinite(value) else '%.0f' % value


# ---------------------------------------------------------------------------------------------------- the first screen

def verdicts_text(results: Results) -> str:
    """The verdicts of each family, as HTML."""
    gates = gates_of(results.ratios)
    if not gates:
        return paragraphs('No gate was measured.')
    heads = ''.join('<th scope="col"><span class="verdict %s">%s</span></th>' % (
        KINDS[verdict], verdict_text(KINDS[verdict], verdict)) for verdict in reversed(VERDICTS))
    rows = []
    for family, own in by_family(gates).items():
        counts = counted(own)
        cells = ''.join('<td>%s</td>' % (counts[verdict] or '') for verdict in reversed(VERDICTS))
        rows.append('<tr><th scope="row"><a href="#gates-%s">%s</a></th>%s</tr>' % (
            escape(family), escape(family_name(family)), cells))
    return ('<p>A gate is a ratio with a target. Of %d gates, %s.</p><table class="counts"><thead><tr><td></td>%s</tr>'
            '</thead><tbody>%s</tbody></table>' % (len(gates), counted_text(gates), heads, ''.join(rows)))


# --------------------------------------------------------------------------------------------------------- the section

REACH = 1.12  # the picture of an interval goes from the target / REACH to the target * REACH
LEFT, MIDDLE, RIGHT, WIDTH = 8, 60, 112, 120


def picture(gate: Ratio) -> str:
    """The interval beside its target, on a logarithmic scale.  An arrow points to what lies beyond its ends."""
    def x(value: float) -> float:
        if value <= 0 or gate.target <= 0:
            return MIDDLE + math.copysign(WIDTH, value - gate.target)
        return MIDDLE + (RIGHT - MIDDLE) * math.log(value / gate.target) / math.log(REACH)
    value, low, high = map(x, gate.interval)
    parts = ['<path d="M%.1f 8H%.1f" stroke="currentColor" stroke-width="3"/>' % tuple(
        min(max(end, LEFT), RIGHT) for end in (low, high))]
    if LEFT <= value <= RIGHT:
        parts.append('<circle cx="%.1f" cy="8" r="3.6"/>' % value)
    if low < LEFT:
        parts.append('<path d="M%d 8l6-4v8z"/>' % (LEFT - 7))
    if high > RIGHT:
        parts.append('<path d="M%d 8l-6-4v8z"/>' % (RIGHT + 7))
    return ('<svg class="interval" viewBox="0 0 %d 16" aria-hidden="true"><path d="M%d 8H%d" class="line"/>'
            '<path d="M%d 1v14" class="target"/><g fill="currentColor">%s</g></svg>' % (
                WIDTH, LEFT, RIGHT, MIDDLE, ''.join(parts)))


def gate_row(gate: Ratio) -> str:
    kind = KINDS[gate.verdict]
    return ('<tr role="row"><th role="rowheader" scope="row">%s <span class="ends where">%s</span></th>%s'
            '<td role="cell" class="verdict %s">%s</td><td role="cell" class="number">%s</td>'
            '<td role="cell" class="ends">%s to %s</td><td role="cell" class="target">%s</td></tr>' % (
                escape(subject_of(gate.fields)), escape(where_of(gate.fields)), verdict_cell(kind, gate.verdict), kind,
                picture(gate), number_text(gate.interval.value), number_text(gate.interval.low),
                number_text(gate.interval.high), escape(target_text(gate))))


def gates_table(gates: list[Ratio], label: str) -> str:
    """A part for each quantity, with the worst verdicts first."""
    heads = ''.join('<th role="columnheader" scope="col">%s</th>' % head for head in (
        'Gate', 'Verdict', 'Interval and target', 'Value', 'Interval', 'Target'))
    bodies = []
    for quantity in unique(gate.quantity for gate in gates):
        own = sorted((gate for gate in gates if gate.quantity == quantity),
                     key=lambda gate: VERDICTS.index(gate.verdict))
        bodies.append('<tbody role="rowgroup"><tr role="row" class="quantity"><th role="rowheader" colspan="6">%s</th>'
                      '</tr>\n%s\n</tbody>' % (escape(quantity_name(quantity)), '\n'.join(map(gate_row, own))))
    return ('<table class="claims gates" role="table" aria-label="%s"><thead role="rowgroup"><tr role="row">%s</tr>'
            '</thead>%s</table>' % (escape(label), heads, ''.join(bodies)))


def family_part(family: str, gates: list[Ratio]) -> str:
    name = family_name(family)
    open_ones = [gate for gate in gates if gate.verdict != 'holds']
    kept = [gate for gate in gates if gate.verdict == 'holds']
    text = '<h3 id="gates-%s">%s <span class="ends">%s</span></h3>' % (escape(family), escape(name),
                                                                     counted_text(gates))
    if open_ones:
        text += gates_table(open_ones, name)
    if kept:
        text += '<details><summary>%s</summary>%s</details>' % (
            'The gate that holds' if len(kept) == 1 else 'The %d gates that hold' % len(kept),
            gates_table(kept, name + ': those that hold'))
    return '<div class="family">%s</div>' % text


def gates_section(results: Results, _: Inliner) -> str:
    gates = gates_of(results.ratios)
    if not gates:
        return missing('No gate was measured.')
    return paragraphs('A gate holds if its whole interval meets the target, and fails if none of it does. It is '
                      'undecided if the interval contains the target, because another run may then lie on the other '
                      'side.') + ''.join(family_part(family, own) for family, own in by_family(gates).items())


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
    return (one.name, *map(number_text, one.interval), target_text(one) if one.verdict else '', one.verdict)


def results_section(results: Results, _: Inliner) -> str:
    if not results.variants and not results.ratios:
        return missing('Nothing was measured.')
    times = table(('Name', 'Time, \u00b5s', 'Low', 'High', 'GFLOP/s', 'GB/s', 'ns per element'),
                  map(variant_row, results.variants), 'Each variant once, from the first case that has it')
    ratios = table(('Name', 'Value', 'Low', 'High', 'Target', 'Verdict'), map(ratio_row, results.ratios),
                   'Ratios of the variants of one case')
    return (paragraphs('These are all times and ratios of results.json.') +
            details('Times: %d' % len(results.variants), times) +
            details('Ratios: %d' % len(results.ratios), ratios))
