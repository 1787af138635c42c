"""The table that shows Lanefold beside other libraries: how long the folded network takes for one sample and for 200,
and how many samples that is in a second."""
from __future__ import annotations

from collections.abc import Iterable

from bench.report.columns import NOTHING, Column, columns_of, head, line
from bench.report.reference import FOLDED
from bench.report.results import Report, Variant, inner, objects, rate_of, rounded, scaled
from bench.report.words import peer_name

BESIDE = ('onnxruntime', 'pytorch', 'numpy')
FROM_PYTHON = ('pytorch', 'numpy')
BATCHES = (1, 200)
HEAD = ('784-300-100-10 with folded BN, ELU', '1 sample, \u00b5s', 'thousand samples/s', '200 samples, \u00b5s',
        'thousand samples/s')


def processes_of(column: Column) -> list[Report]:
    return [process for process in objects(column.report, 'processes') if process['isa'] == column.isa]


def variants_by_threads(column: Column, peer: str, batch: int) -> dict[int, Variant]:
    """peer: "" for Lanefold."""
    return {variant.fields.threads: variant
            for variant in column.found(**{**FOLDED, 'm': batch, 'peer': peer})}


def figures(column: Column, peer: str) -> list[str] | None:
    """Latency and throughput for each batch, or None if the library was not measured."""
    cells = []
    for batch in BATCHES:
        variants = variants_by_threads(column, peer, batch)
        cells.append(column.by_threads(
            lambda threads: rounded(scaled(variants[threads].time, 1e6)) if threads in variants else ''))
        cells.append(column.by_threads(
            lambda threads: rounded(scaled(rate_of(batch, variants[threads].time), 1e-3))
            if threads in variants else ''))
    return None if all(cell == NOTHING for cell in cells) else cells


def version(column: Column, peer: str) -> str:
    versions = [entry.get('version', '') for process in processes_of(column)
                for entry in objects(process, 'peers') if entry['name'] == peer]
    return ' or '.join(dict.fromkeys(versions))


def reason(column: Column, peer: str) -> str:
    """Why a library was not measured."""
    reasons = [str(entry.get('reason', '')) for process in processes_of(column)
               for entry in objects(process, 'missing') if entry['name'] == peer]
    return reasons[0] if reasons else 'this run did not include it'


def peers_table(column: Column) -> str:
    ours = figures(column, '')
    if not ours:
        return 'On %s, the folded network was not measured.' % head(column)
    lanefold = 'Lanefold %s' % inner(column.report, 'environment').get('lanefold', '')
    rows, absent = [(lanefold.strip(), *ours)], []
    measured = {peer: figures(column, peer) for peer in BESIDE}
    for peer, cells in measured.items():
        if cells:
            rows.append((' '.join((peer_name(peer), version(column, peer))).strip(), *cells))
        else:
            absent.append('%s was not measured: %s.' % (peer_name(peer), reason(column, peer)))
    python = ' and '.join(peer_name(peer) for peer in FROM_PYTHON if measured[peer])
    text = ['Times of the same run, on %s.' % head(column)]
    if python:
        text.append('The times of %s include those of the Python interpreter.' % python)
    return '\n'.join([line(HEAD), '|---' * len(HEAD) + '|', *map(line, rows), '', ' '.join(text + absent)])


def peers_tables(reports: Iterable[Report]) -> str:
    """A table for each file, with its first instruction set."""
    return '\n\n'.join(peers_table(column) for report in reports for column in columns_of(report)[:1])
