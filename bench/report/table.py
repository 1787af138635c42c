"""python3 -m bench.report.table [--check] RESULTS.json... README.md: writes two tables of these results into README.md.
Between the lines `<!-- results -->` and `<!-- /results -->` is one with a column for each file and instruction set.
Between `<!-- peers -->` and `<!-- /peers -->`, Lanefold stands beside other libraries.
--check: changes nothing, and exits with code 1 if README.md has other tables."""
from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from bench.report.columns import NOTHING, Column, columns_of, head, line, measured_by
from bench.report.fields import Where
from bench.report.peers_table import peers_tables
from bench.report.reference import (BACKWARD, ELU, FOLDED_BATCH, FOLDED_ONE, INFERENCE_FOLDED, PRODUCT, SMALL_PRODUCT,
                                    STEP, STEP_WITHOUT_BN, TRAINING)
from bench.report.results import Report, figures_of, read_report, rounded, scaled
from bench.report.words import peer_name
from cli.program import Problem, run

Cell = Callable[[Column], str]


# -------------------------------------------------------------------------------------------------------------- rows

def ours(where: Where, factor: float = 1e6) -> Cell:
    """Time of Lanefold, in microseconds by default."""
    def cell(column: Column) -> str:
        variants = {variant.fields.threads: variant for variant in column.found(peer='', **where)}
        return column.by_threads(
            lambda threads: rounded(scaled(variants[threads].time, factor)) if threads in variants else '')
    return cell


def best_peer(where: Where, factor: float = 1e6) -> Cell:
    """Time and name of the fastest other library, for each number of threads."""
    def cell(column: Column) -> str:
        def one(threads: int) -> str:
            variants = [variant for variant in column.found(threads=threads, **where) if variant.fields.peer]
            if not variants:
                return ''
            best = min(variants, key=lambda variant: variant.time.value)
            return '%s %s' % (rounded(scaled(best.time, factor)), peer_name(best.fields.peer))
        return column.by_threads(one)
    return cell


def cost(where: Where) -> Cell:
    def cell(column: Column) -> str:
        own = column.ratios_by_threads('over-alone', where)
        return column.by_threads(lambda threads: rounded(own[threads].interval) if threads in own else '')
    return cell


ROWS = (('Training step, batch 200, BN + ELU, \u00b5s', ours(STEP)),
        ('\u2026 fastest peer', best_peer(STEP)),
        ('Training step, batch 200, ReLU without BN, \u00b5s', ours(STEP_WITHOUT_BN)),
        ('Folded network, 1 sample, \u00b5s', ours(FOLDED_ONE)),
        ('Folded network, 200 samples, \u00b5s', ours(FOLDED_BATCH)),
        ('Matrix product 200\u00d7300\u00d7784, \u00b5s', ours(PRODUCT)),
        ('\u2026 fastest peer', best_peer(PRODUCT)),
        ('Matrix product 16\u00d716\u00d716, ns', ours(SMALL_PRODUCT, 1e9)),
        ('\u2026 fastest peer', best_peer(SMALL_PRODUCT, 1e9)),
        ('ELU of 4096 floats, ns per element', ours(ELU, 1e9 / 4096)),
        ('BN + ELU, time relative to the product alone, forward', cost(TRAINING)),
        ('\u2026 backward', cost(BACKWARD)),
        ('\u2026 inference, folded', cost(INFERENCE_FOLDED)))


# ------------------------------------------------------------------------------------------------------------- table

def table(reports: Sequence[Report]) -> str:
    columns = [column for report in reports for column in columns_of(report)]
    if not columns:
        raise Problem('these results have no case')
    rows = [(name, [cell(column) for column in columns]) for name, cell in ROWS]
    rows = [(name, cells) for name, cells in rows if any(cell != NOTHING for cell in cells)]
    text = [line([''] + [head(column) for column in columns]), '|---' * (len(columns) + 1) + '|']
    text += [line([name] + cells) for name, cells in rows]
    return '\n'.join(text + ['', 'No figure has more digits than its interval supports. Measured by %s.' %
                             ', and '.join(measured_by(report) for report in reports)])


def with_block(readme: str, name: str, text: str) -> str:
    """README.md with this text between the lines of this name."""
    begin, end = '<!-- %s -->' % name, '<!-- /%s -->' % name
    lines = readme.split('\n')
    if lines.count(begin) != 1 or lines.count(end) != 1 or lines.index(end) < lines.index(begin):
        raise Problem('the file must have the lines %s and %s once each' % (begin, end))
    return '\n'.join(lines[:lines.index(begin) + 1] + text.split('\n') + lines[lines.index(end):])


def main(arguments: list[str]) -> None:
    check = '--check' in arguments
    *sources, target = [argument for argument in arguments if argument != '--check'] or ['']
    if not sources:
        raise Problem(__doc__ or '')
    reports = [read_report(source) for source in sources]
    with figures_of(', '.join(sources)):
        blocks = {'results': table(reports), 'peers': peers_tables(reports)}
    with open(target, encoding='utf-8') as file:
        before = file.read()
    after = before
    for name, text in blocks.items():
        after = with_block(after, name, text)
    if check:
        if before != after:
            sys.exit('%s: the tables do not match these results; run it without --check' % target)
        return
    with open(target, 'w', encoding='utf-8') as file:
        file.write(after)


if __name__ == '__main__':
    run('bench.report.table', main)
