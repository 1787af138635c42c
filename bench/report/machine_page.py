"""python3 -m bench.report.machine_page [--check] RESULTS.json...: writes RESULTS.md, a page of its figures, beside each
RESULTS.json.  It also removes from RESULTS.json what is not published: the single samples, and the name of the machine.
--check: writes nothing, and ends with exit code 1 if a page does not match its results."""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence

from bench.report.columns import NOTHING, command_of, line
from bench.report.results import (Case, Interval, Report, Variant, as_count, cases_of, figures_of, in_order, inner,
                                  objects, peak_of, peer_name, rate_of, ratios_of, read_report, rounded, scaled,
                                  shape_of, short_cpu, texts_of, variants_of)
from cli.program import Problem, read_file, run

LEVELS = ('L1', 'L2', 'L3', 'memory')
PASSES = {'training': 'forward, training', 'inference': 'forward, inference'}
NAMES = {'relu': 'ReLU', 'leaky-relu': 'leaky ReLU', 'elu': 'ELU', 'selu': 'SELU', 'bn': 'BN +'}


def table(head: Sequence[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """The lines of a table; an empty list without rows."""
    texts = [[str(cell) for cell in row] for row in rows]
    return [line(map(str, head)), '|---' * len(head) + '|', *map(line, texts), ''] if texts else []


def with_ends(of: Interval) -> str:
    """"1.05 (1.02 to 1.07)"."""
    return '%.3g (%.3g to %.3g)' % of


def times(variants: Iterable[Variant], factor: float) -> str:
    """The median of each variant, or a dash."""
    return ', '.join(rounded(scaled(variant.time, factor)) for variant in variants) or NOTHING


def fastest(variants: Iterable[Variant]) -> Variant | None:
    found = list(variants)
    return min(found, key=lambda variant: variant.time.value) if found else None


def peer_cell(variant: Variant | None, factor: float) -> str:
    return '%s %s' % (rounded(scaled(variant.time, factor)), peer_name(variant.peer)) if variant else NOTHING


def by_isa(report: Report, cases: Iterable[Case]) -> list[str]:
    return in_order([case.isa for case in cases], texts_of(report, 'isas'))


# -------------------------------------------------------------------------------------------------------------- parts

def peers_of(report: Report) -> str:
    """The peers, each with its version and the instruction sets on which it was measured."""
    found: dict[tuple[str, str], set[str]] = {}
    for process in objects(report, 'processes'):
        for peer in objects(process, 'peers'):
            found.setdefault((peer['name'], peer.get('version', '')), set()).add(process['isa'])
    return '; '.join('%s %s (%s)' % (peer_name(name), version, ', '.join(sorted(isas)))
                     for (name, version), isas in found.items()) or 'none'


def origin(report: Report, cases: list[Case]) -> list[str]:
    environment, trust = inner(report, 'environment'), inner(report, 'trust')
    sizes = inner(environment, 'caches')
    caches = ', '.join('%s %d KB' % (name, size // 1024) for name, size in sizes.items() if as_count(size))
    discarded, noisy = as_count(trust.get('discarded')), as_count(trust.get('noisy'))
    samples = as_count(trust.get('samples')) + discarded
    facts = [('CPU', environment.get('cpu', '')), ('CPUs', as_count(environment.get('cpus'))), ('caches', caches),
             ('system', '%s, %s' % (environment.get('kernel', ''), environment.get('libc', ''))),
             ('compiler', environment.get('compiler', '')),
             ('Lanefold', '%s, revision %s' % (environment.get('lanefold', ''), environment.get('revision', ''))),
             ('command', '`%s`' % command_of(report)), ('date', report['date'])]
    converged = sum(case.converged for case in cases)
    warnings = ['The run warned: %s.' % warning for warning in texts_of(report, 'warnings')]
    warnings += ['%d of %d cases converged: their intervals are at most 2%% wide.' % (converged, len(cases)),
                 '%d of %d samples were noisy: %d are discarded, %d had to be kept.' % (discarded + noisy, samples,
                                                                                      discarded, noisy)]
    if report.get('interrupted') or objects(report, 'failures'):
        warnings.append('The run is not complete.')
    return [*table(('', ''), facts + [('peers', peers_of(report))]), '**How far to trust this run.**', '',
            *('- ' + text for text in warnings), '']


def limits(report: Report, cases: list[Case]) -> list[str]:
    variants = variants_of(cases)
    isas = by_isa(report, cases)

    def best(isa: str, what: str, level: str) -> str:
        found = [rate_of(variant.bytes, variant.time).value for variant in variants
                 if variant.isa == isa and variant.threads == 1 and variant.operation == 'limit/' + what
                 and variant.keys.get('level') == level]
        return '%.0f' % (max(found) / 1e9) if found else NOTHING
    rows = [['peak of fused multiply-adds, GFLOP/s'] + ['%.0f' % (peak_of(cases, isa) / 1e9) for isa in isas]]
    rows += [['%s, %s, GB/s' % (what, level)] + [best(isa, what, level) for isa in isas]
             for level in LEVELS for what in ('read', 'copy')]
    return table(['one thread'] + isas, rows)


def costs(report: Report, _: list[Case]) -> list[str]:
    """Ratios such as cost/training/fused/bn_elu/200x300x784."""
    rows: dict[tuple[str, str, str, str, int], dict[str, str]] = {}
    for one in ratios_of(report):
        words = one.operation.split('/')
        if words[0] == 'cost' and len(words) == 5:
            mode, way, extra, shape = words[1:]
            key = (mode, extra, shape.replace('x', '\u00d7'), one.isa, one.threads)
            rows.setdefault(key, {})[way] = with_ends(one.interval)
    return table(('pass', 'with', 'm\u00d7n\u00d7k', 'plugin', 'threads', 'separate calls', 'fused', 'folded'),
                 ((PASSES.get(mode, mode), named(extra), *rest,
                   *(ways.get(way, NOTHING) for way in ('unfused', 'fused', 'folded')))
                  for (mode, extra, *rest), ways in rows.items()))


def named(extra: str) -> str:
    """"bn_elu" as "BN + ELU"."""
    return ' '.join(NAMES.get(word, word) for word in extra.split('_')).removesuffix(' +')


def products(report: Report, cases: list[Case]) -> list[str]:
    shares = {(one.operation, one.isa, one.threads): one.interval for one in ratios_of(report)}
    rows = []
    for case in cases:
        if not case.operation.startswith('gemm/'):
            continue
        plain = [variant for variant in case.variants if variant.operation == case.operation]
        own = fastest(variant for variant in plain if not variant.peer)
        packed = [variant for variant in case.variants
                  if variant.operation.startswith('gemm/packed') and not variant.peer]
        peer = fastest(variant for variant in plain if variant.peer)
        if own is None:
            continue
        transposes, shape = case.operation.split('/')[1], shape_of(own.keys)
        share = shares.get(('gemm/peak/%s/%s' % (transposes, shape.replace('\u00d7', 'x')), case.isa, case.threads))
        rows.append((transposes, shape, case.isa, case.threads, times([own], 1e6), times(packed, 1e6),
                     peer_cell(peer, 1e6), '%.0f' % (rate_of(own.flops, own.time).value / 1e9),
                     with_ends(share) if share else NOTHING))
    return table(('transposes', 'm\u00d7n\u00d7k', 'plugin', 'threads', '\u00b5s', 'B packed before, \u00b5s',
                  'best peer, \u00b5s', 'GFLOP/s', 'share of the peak'), rows)


def passes(_: Report, cases: list[Case]) -> list[str]:
    """Activations and batch normalization alone, for each element."""
    rows = []
    for case in cases:
        family = case.operation.split('/')[0]
        if family not in ('activation', 'norm'):
            continue
        own = fastest(variant for variant in case.variants if variant.operation == case.operation and not variant.peer)
        peer = fastest(variant for variant in case.variants if variant.operation == case.operation and variant.peer)
        if own is None or not own.elements > 0:
            continue
        size = shape_of(own.keys) + (' in ' + own.keys['level'] if 'level' in own.keys else '')
        rows.append((case.operation, size, case.isa, case.threads, times([own], 1e9 / own.elements),
                     peer_cell(peer, 1e9 / own.elements)))
    return table(('operation', 'elements', 'plugin', 'threads', 'ns each', 'best peer, ns'), rows)


def networks(_: Report, cases: list[Case]) -> list[str]:
    rows = []
    for case in cases:
        if case.operation.split('/')[0] not in ('step', 'network', 'epoch', 'trainer'):
            continue
        for operation in dict.fromkeys(variant.operation for variant in case.variants):
            variants = [variant for variant in case.variants if variant.operation == operation]
            own = fastest(variant for variant in variants if not variant.peer)
            if own is None or operation.startswith('limit/'):
                continue
            rows.append((operation, own.keys.get('m', ''), case.isa, case.threads, times([own], 1e6),
                         peer_cell(fastest(variant for variant in variants if variant.peer), 1e6)))
    return table(('operation', 'samples', 'plugin', 'threads', '\u00b5s', 'best peer, \u00b5s'), rows)


def gates(report: Report, _: list[Case]) -> list[str]:
    return table(('gate', 'value', 'target', 'verdict'),
                 (('`%s`' % one.name, with_ends(one.interval), '%s %s' % (one.sense, one.target), one.verdict)
                  for one in ratios_of(report) if one.verdict))


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
            'Times and ratios are medians. A time has no more digits than its 95% interval supports; a ratio has the '
            'interval in brackets. [benchmarks.md](../guide/benchmarks.md) explains the words and the method.', '']
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
