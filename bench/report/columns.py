"""What the tables of README.md and the pages of results share: the figures of one file and instruction set, lines of
Markdown, and where figures come from."""
from collections.abc import Callable, Iterable

from bench.report.fields import Where
from bench.report.results import (Ratio, Report, Variant, cases_of, in_order, inner, objects, ratios_of, short_cpu,
                                  texts_of, variants_of)

NOTHING = '\u2013'


class Column:
    """The column for one file and instruction set."""

    def __init__(self, report: Report, isa: str) -> None:
        cases = [case for case in cases_of(report) if case.fields.isa == isa]
        self.report, self.isa = report, isa
        self.threads = sorted({case.fields.threads for case in cases})
        self.variants = variants_of(cases)
        self.ratios = [one for one in ratios_of(report) if one.fields.isa == isa]

    def by_threads(self, cell: Callable[[int], str]) -> str:
        cells = [cell(threads) or NOTHING for threads in self.threads]
        return NOTHING if all(text == NOTHING for text in cells) else ' / '.join(cells)

    def found(self, **where: object) -> list[Variant]:
        return [variant for variant in self.variants if variant.fields.has(**where)]

    def ratios_by_threads(self, quantity: str, where: Where) -> dict[int, Ratio]:
        return {one.fields.threads: one for one in self.ratios if one.quantity == quantity and one.fields.has(**where)}


def columns_of(report: Report) -> list[Column]:
    isas = in_order([case.fields.isa for case in cases_of(report)], texts_of(report, 'isas'))
    return [Column(report, isa) for isa in isas]


def head(column: Column) -> str:
    threads = ' / '.join(map(str, column.threads))
    return '%s, %s, %s thread%s' % (short_cpu(column.report), column.isa, threads, '' if threads == '1' else 's')


def line(cells: Iterable[str]) -> str:
    return '| %s |' % ' | '.join(cell.replace('|', '\\|') for cell in cells)


def command_of(report: Report) -> str:
    """The command with its instruction sets, because a quick run measures only one by default."""
    isas = texts_of(report, 'isas')
    return str(report.get('command', '')) + ''.join(' --isa ' + isa for isa in isas)


def measured_by(report: Report) -> str:
    environment = inner(report, 'environment')
    warnings = texts_of(report, 'warnings')
    if report.get('interrupted') or objects(report, 'failures'):
        warnings.append('incomplete')
    return '`%s` on %s, revision %s, %s%s' % (command_of(report), short_cpu(report),
                                              environment.get('revision', 'unknown'), report['date'][:10],
                                              ' (' + '; '.join(warnings) + ')' if warnings else '')
