"""The commands of this program:
check: only checks that matplotlib is installed.
bench RESULTS.json REPORT.html: writes the report of `lanefold bench`, one HTML file without scripts."""
from cli.drawing import settings  # first, because it knows what to do where matplotlib is missing

from bench.report.page import page
from bench.report.results import figures_of, read_report
from cli.program import Problem, replace, run


def bench(source: str, target: str) -> None:
    report = read_report(source)
    with figures_of(source):
        text = page(report)
    replace(target, text.encode('utf-8', 'replace'))


def main(arguments: list[str]) -> None:
    if arguments == ['check']:
        return
    if len(arguments) != 3 or arguments[0] != 'bench':
        raise Problem('usage: check | bench RESULTS.json REPORT.html')
    settings()
    bench(*arguments[1:])


run('lanefold bench', main)
