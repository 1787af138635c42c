"""python3 -m bench.report.machine_page [--check] RESULTS.json...: writes RESULTS.md, a page of its figures, beside each
RESULTS.json.  It also removes from RESULTS.json what is not published: the single samples, and the name of the machine.
--check: writes nothing, and ends with exit code 1 if a page does not match its results."""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence

from bench.report.columns import NOTHING, command_of, line
from bench.report.results import (Case, Interval, Report, Variant, as_count, cases_of, confidence_text, figures_of,
                                  in_order, inner, missing_of, objects, peak_of, peers_of, rate_of, ratios_of,
                                  read_report, results_of, rounded, scaled, short_cpu, texts_of, variants_of)
from bench.report.trust import answer, reasons
from bench.report.verdicts import by_family, counted_text, gates_of, target_text
from bench.report.words import extra_name, family_name, peer_name, quantity_name, subject_of, where_of
from cli.program import Problem, read_file, run

LEVELS = ('L1', 'L2', 'L3', 'memory')
PASSES = {'training': 'forward, training', 'inference': 'forward, inference'}


def table(head: Sequence[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """The lines of a table; an empty list without rows."""
    texts = [[str(cell) for cell in row] for row in rows]
    return [line(map(str, head)), '|---' * len(head) + '|', *map(line, texts), ''] if texts else []


def with_ends(of: Interval) -> str:
    """"1.05 (1.02 to 1.07)"."""
    return '%.3g (%.3g to %.3g)' % of


def times(variants: Iterable[Variant], factor: float) -> str:
    """The time of each variant, or a dash."""
    return ', '.join(rounded(scaled(variant.time, factor)) for variant in variants) or NOTHING


def fastest(variants: Iterable[Variant]) -> Variant | None:
    found = list(variants)
    return min(found, key=lambda variant: variant.time.value) if found else None


def peer_cell(variant: Variant | None, factor: float) -> str:
    return '%s %s' % (rounded(scaled(variant.time, factor)), peer_name(variant.fields.peer)) if variant else NOTHING


def by_isa(report: Report, cases: Iterable[Case]) -> list[str]:
    return in_order([case.fields.isa for case in cases], texts_of(report, 'isas'))


# -------------------------------------------------------------------------------------------------------------- parts

def origin(report: Report, _: list[Case]) -> list[str]:
    environment = inner(report, 'environment')
    sizes = inner(environment, 'caches')
    caches = ', '.join('%s %d KB' % (name, size // 1024) for name, size in sizes.items() if as_count(size))
    facts = [('CPU', environment.get('cpu', '')), ('CPUs', as_count(environment.get('cpus'))), ('caches', caches),
             ('system', '%s, %s' % (environment.get('kernel', ''), environment.get('libc', ''))),
             ('compiler', environment.get('compiler', '')),
             ('Lanefold', '%s, revision %s' % (environment.get('lanefold', ''), environment.get('revision', ''))),
             ('command', '`%s`' % command_of(report)), ('date', report['date'])]
    results = results_of(report)
    return [*table(('', ''), facts), '**Can this run be trusted?** ' + answer(results), '',
            *('- ' + text for text in reasons(results)), '']


def limits(report: Report, cases: list[Case]) -> list[str]:
    variants = variants_of(cases)
    isas = by_isa(report, cases)

    def best(isa: str, op: str, level: str) -> str:
        found = [rate_of(variant.bytes, variant.time).value for variant in variants
                 if variant.fields.has(isa=isa, threads=1, op=op, level=level)]
        return '%.0f' % (max(found) / 1e9) if found else NOTHING
    rows = [['peak of fused multiply-adds, GFLOP/s'] + ['%.0f' % (peak_of(cases, isa) / 1e9) for isa in isas]]
    rows += [['%s, %s, GB/s' % (what, level)] + [best(isa, what, level) for isa in isas]
             for level in LEVELS for what in ('read', 'copy')]
    return table(['one thread'] + isas, rows)


def costs(report: Report, _: list[Case]) -> list[str]:
    rows: dict[tuple[object, ...], dict[str, str]] = {}
    for one in ratios_of(report):
        of = one.fields
        if one.quantity == 'over-alone':
            key = (PASSES.get(of.pass_, of.pass_), extra_name(of), of.shape, of.isa, of.threads)
            rows.setdefault(key, {})[of.form] = with_ends(one.interval)
    return table(('pass', 'with', 'm\u00d7n\u00d7k', 'plugin', 'threads', 'separate calls', 'fused', 'folded'),
                 ((*key, *(forms.get(form, NOTHING) for form in ('unfused', 'fused', 'folded')))
                  for key, forms in rows.items()))


def split(case: Case, **fields: object) -> tuple[Variant | None, Variant | None]:
    """Our fastest variant with these fields, and that of the other libraries."""
    found = [variant for variant in case.variants if variant.fields.has(**fields)]
    return (fastest(variant for variant in found if not variant.fields.peer),
            fastest(variant for variant in found if variant.fields.peer))


def products(report: Report, cases: list[Case]) -> list[str]:
    shares = {one.fields: one.interval for one in ratios_of(report) if one.quantity == 'of-peak'}
    rows = []
    for case in cases:
        if case.fields.family != 'gemm':
            continue
        own, peer = split(case, family='gemm', form='')
        packed = [variant for variant in case.variants if variant.fields.has(family='gemm', form='packed', peer='')]
        if own is None:
            continue
        share = shares.get(own.fields)
        rows.append((own.fields.transpose, own.fields.shape, own.fields.isa, own.fields.threads, times([own], 1e6),
                     times(packed, 1e6), peer_cell(peer, 1e6), '%.0f' % (rate_of(own.flops, own.time).value / 1e9),
                     with_ends(share) if share else NOTHING))
    return table(('transposes', 'm\u00d7n\u00d7k', 'plugin', 'threads', '\u00b5s', 'B packed before, \u00b5s',
                  'best peer, \u00b5s', 'GFLOP/s', 'share of the peak'), rows)


def passes(_: Report, cases: list[Case]) -> list[str]:
    """Activations and batch normalization alone, for each element."""
    rows = []
    for case in cases:
        of = case.fields
        if of.family not in ('activation', 'norm'):
            continue
        own, peer = split(case, family=of.family, activation=of.activation)
        if own is None or not own.elements > 0:
            continue
        rows.append(('%s, %s' % (extra_name(of) or 'BN', of.pass_), of.shape + (' in ' + of.level if of.level else ''),
                     of.isa, of.threads, times([own], 1e9 / own.elements), peer_cell(peer, 1e9 / own.elements)))
    return table(('operation', 'elements', 'plugin', 'threads', 'ns each', 'best peer, ns'), rows)


def networks(_: Report, cases: list[Case]) -> list[str]:
    rows = []
    for case in cases:
        if case.fields.family not in ('trainer', 'network'):
            continue
        for own in case.variants:
            if own.fields.peer or own.fields.family == 'limit':
                continue
            peer = fastest(variant for variant in case.variants
                           if variant.fields.peer and variant.fields._replace(peer='') == own.fields)
            of = own.fields
            rows.append(('%s, %s' % (of.family, subject_of(of._replace(m=0))), of.m or NOTHING, of.isa, of.threads,
                         times([own], 1e6), peer_cell(peer, 1e6)))
    return table(('operation', 'samples', 'plugin', 'threads', '\u00b5s', 'best peer, \u00b5s'), rows)


def peers(report: Report, _: list[Case]) -> list[str]:
    rows = [(peer_name(peer.name), peer.version, ', '.join(peer.isas), peer.how or NOTHING)
            for peer in peers_of(report)]
    rows += [(peer_name(peer.name), 'not measured', ', '.join(peer.isas), peer.version) for peer in missing_of(report)]
    return table(('library', 'version', 'plugins', 'how it was called'), rows)


def gates(report: Report, _: list[Case]) -> list[str]:
    own = gates_of(ratios_of(report))
    rows = [(family_name(family), subject_of(one.fields), quantity_name(one.quantity), where_of(one.fields),
             with_ends(one.interval), target_text(one), one.verdict)
            for family, found in by_family(own).items() for one in found]
    text = 'Of %d gates, %s. An undecided one has its target within its interval.' % (len(own), counted_text(own))
    return [text, '', *table(('family', 'gate', 'ratio', 'with', 'value', 'target', 'verdict'), rows)] if rows else []


def scaling(report: Report, _: list[Case]) -> list[str]:
    found = inner(report, 'scaling')
    operations = objects(found, 'operations')
    cores = sorted({point['cores'] for one in operations for point in objects(one, 'points')})
    rows = []
    for one in operations:
        known = {point['cores']: point['speedup'] for point in objects(one, 'points')}
        rows.append([one['name']] + ['%.1f' % known[count] if count in known else NOTHING for count in cores])
    text = table(['speed-up on cores', *cores], rows)
    return text + ['Assumptions:', '', *('- ' + one for one in texts_of(found, 'assumptions')), ''] if text else []


SECTIONS = (('The run', origin), ('Limits of the machine', limits),
            ('The other libraries', peers),
            ('What BN and activations cost: time over that of the bare product', costs), ('Products', products),
            ('The whole network', networks), ('Activations and batch normalization alone', passes),
            ('Scaling, predicted from the time of each task', scaling), ('Gates', gates))


# --------------------------------------------------------------------------------------------------------------- page

def page(source: str) -> str:
    report = read_report(source)
    cases = cases_of(report)
    if not cases:
        raise Problem('%s: these results have no case' % source)
    text = ['# Results: %s' % short_cpu(report), '',
            '<!-- Made by bench/report/machine_page.py from %s. Do not edit. -->' % os.path.basename(source), '',
            'A time has no more digits than its interval supports; a ratio has the interval in brackets. These are %s. '
            '[benchmarks.md](../guide/benchmarks.md) explains the words and the method.' % confidence_text(report), '']
    for heading, section in SECTIONS:
        body = section(report, cases)
        text += ['## ' + heading, *body] if body else []
    return '\n'.join(text)


def shorten(source: str) -> None:
    results = json.loads(read_file(source))
    results['benchmarks'] = []
    inner(results, 'context').pop('host_name', None)
    with open(source, 'w', encoding='utf-8') as file:
        json.dump(results, file, separators=(',', ':'))
        file.write('\n')


def main(arguments: list[str]) -> None:
    check = '--check' in arguments
    sources = [argument for argument in arguments if argument != '--check']
    if not sources or not all(source.endswith('.json') for source in sources):
        raise Problem(__doc__ or '')
    for source in sources:
        with figures_of(source):
            target, text = source[:-len('.json')] + '.md', page(source)
        if not check:
            shorten(source)
            with open(target, 'w', encoding='utf-8') as file:
                file.write(text)
            continue
        with open(target, encoding='utf-8') as file:
            if file.read() != text:
                sys.exit('%s: the page does not match its results; run it without --check' % target)


if __name__ == '__main__':
    run('bench.report.machine_page', main)
