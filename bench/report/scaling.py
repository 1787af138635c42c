"""Scaling with threads and batch size, as measured, and simulated for more cores than this machine has."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from bench.report.dots import BREADTH, INTERVALS, Chart, Look, Scale, Series, dot_chart, keyed, missing, plain, swatch
from bench.report.fields import Fields
from bench.report.networks import batch_row, figure_of, folded_networks
from bench.report.results import Interval, Report, Results, as_number, inner, objects, scaled, texts_of, unique
from bench.report.words import of_samples, on_threads, sized
from cli.drawing import DASHES, Inliner, colour, name_x, new_axes, new_figure, short, ticks

# ------------------------------------------------------------------------------------------------------- as measured

THREAD_LOOKS = (Look('blue', 'solid', 'o'), Look('red', 'dot', '^'), Look('green', 'dashdot', 'D'),
                Look('pink', 'long', 'v'))


def look_of(results: Results, threads: int) -> Look:
    return THREAD_LOOKS[results.threads.index(threads) % len(THREAD_LOOKS)]


def scaled_row(fields: Fields) -> tuple[int, str] | None:
    """The rank and text of the row that shows the speed-up of this variant, or None if there is none."""
    elu = fields.extra == 'bn_elu'
    if fields.has(family='gemm', form='', cold=False, set=''):
        return 0, 'product ' + sized(fields)
    if fields.has(family='dense', op='dense') and elu and fields.form in ('fused', 'folded'):
        return 1, 'BN + ELU %s %s' % ('folded' if fields.form == 'folded' else fields.pass_, fields.shape)
    if fields.has(family='norm', pass_='training'):
        return 2, 'BN training ' + fields.shape
    if fields.has(op='step') and elu:
        return 3, 'training step, ' + of_samples(fields.m)
    if fields.has(family='network', form='folded', cold=False):
        return 4, 'folded network, ' + of_samples(fields.m)
    return None


def speedups(results: Results, isa: str) -> dict[int, dict[str, Interval]]:
    """The speed-up over one thread, by number of threads and row."""
    own: dict[tuple[int, str], dict[int, Interval]] = {}
    for variant in results.variants:
        ranked = scaled_row(variant.fields) if variant.fields.has(isa=isa, peer='') else None
        if ranked:
            own.setdefault(ranked, {}).setdefault(variant.fields.threads, variant.time)
    found: dict[int, dict[str, Interval]] = {}
    for (_, row), times in sorted(own.items(), key=lambda item: item[0][0]):
        for threads, time in times.items():
            if threads > 1 and 1 in times and min(time.low, time.value) > 0:
                one = times[1]
                found.setdefault(threads, {})[row] = Interval(
                    one.value / time.value, one.low / time.high, one.high / time.low)
    return found


def threads_figure(results: Results, inline: Inliner) -> str:
    charts = []
    for isa in results.isas:
        found = speedups(results, isa)
        series = [Series(on_threads(threads), look_of(results, threads), found[threads]) for threads in sorted(found)]
        rows = unique(row for values in found.values() for row in values)
        marks = [(1, '1')] + [(threads, str(threads)) for threads in sorted(found)]
        charts.append((dot_chart(isa, rows, series, Scale('speed-up over one thread', marks=marks)), series))
    return figure_of('Speed-up with threads, measured', charts,
                     'The speed-up is the time on one thread divided by that on several. Its interval is the widest '
                     'that both intervals allow, because the two were measured minutes apart. The lines mark no '
                     'speed-up and the number of threads.', inline,
                     'No operation was measured on one thread and on several.')


def batch_chart(results: Results, isa: str) -> Chart:
    series = []
    for threads in results.threads:
        variants = [variant for variant in folded_networks(results, isa=isa, threads=threads, peer='', cold=False)
                    if variant.fields.m > 0]
        series.append(Series(on_threads(threads), look_of(results, threads),
                             {batch_row(variant): scaled(variant.time, 1e6 / variant.fields.m)
                              for variant in variants}))
    rows = unique(map(batch_row, sorted(folded_networks(results, cold=False), key=lambda variant: variant.fields.m)))
    return dot_chart(isa, rows, series, Scale('\u00b5s per sample', True)), series


# --------------------------------------------------------------------------------------------------------- simulated

# The parts of a simulated time: name, colour, hatching, and text for the key.
PARTS = (('work', 'sky', '', 'work, evenly shared'), ('imbalance', 'explode3', '///', 'waiting for the last task'),
         ('overhead', 'pale', 'xxx', 'waking threads'), ('transfer', 'mint', '...', 'data from other cores'),
         ('serial', 'vanish3', '\\\\\\', 'serial code'), ('bandwidth', 'explode1', '|||', 'memory bandwidth'))
SIMULATED, MEASURED, IDEAL = Look('blue', 'solid', 'o'), Look('red', 'dot', 'D'), Look('muted', 'dot', '*')


def core_ticks(axes: Axes, cores: Sequence[int]) -> None:
    ticks(axes.xaxis, list(range(len(cores))), [str(core) for core in cores])
    axes.set_xlim(-0.5, len(cores) - 0.5)


def speedup_axes(axes: Axes, points: list[Report], measured: list[Report]) -> None:
    cores = [point['cores'] for point in points]
    values = [point['speedup'] for point in points]
    one = points[0]['seconds']
    reached = {entry['threads']: one / entry['seconds'] for entry in measured if entry['threads'] in cores}
    axes.set_yscale('log', base=2)
    axes.set_ylim(min([*values, *reached.values(), 0.9]) / 1.15, 1.5 * max([*values, *reached.values(), 2]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    core_ticks(axes, cores)
    axes.plot(range(len(cores)), cores, color=colour('axis'), linestyle=DASHES['dot'], linewidth=1.2)
    axes.plot(range(len(cores)), values, color=colour('blue'), marker='o', markersize=5, linewidth=1.6,
              markeredgecolor=colour('paper'), markeredgewidth=0.6)
    axes.plot([cores.index(threads) for threads in reached], list(reached.values()), marker='D', markersize=6,
              color=colour('red'), clip_on=False, markerfacecolor='none', markeredgewidth=1.4, linestyle='none',
              zorder=5)
    for x, value in enumerate(values):
        if x in (len(values) - 1, len(values) - 3):
            lower = value < math.prod(axes.get_ylim()) ** 0.5
            axes.annotate('\u00d7' + short(value), (x, value), (0, 7 if lower else -13),
                          textcoords='offset points', ha='center', fontsize=8.5, color=colour('blue'))


def parts_axes(axes: Axes, points: list[Report]) -> None:
    core_ticks(axes, [point['cores'] for point in points])
    axes.set_ylim(0, 100)
    for x, point in enumerate(points):
        bottom, seconds = 0.0, point['seconds']
        for name, ink, hatch, _ in PARTS:
            share = 100 * as_number(point.get(name)) / seconds
            if share > 0:
                axes.bar([x], [share], width=0.78, bottom=bottom, color=colour(ink), hatch=hatch, linewidth=0.6,
                         edgecolor=colour('axis'))
                bottom += share
    name_x(axes, 'cores')


def simulated_chart(operation: Report) -> Figure | None:
    points = objects(operation, 'points')
    if not points:
        return None
    figure = new_figure(BREADTH, 330)
    upper = new_axes(figure, 40, 178, 10, 44)
    lower = new_axes(figure, 40, 38, 10, 194)
    speedup_axes(upper, points, objects(operation, 'measured'))
    parts_axes(lower, points)
    figure.text(2 / BREADTH, 1 - 11 / 330, operation['name'], color=colour('ink'), fontsize=11,
                fontweight='bold')
    for axes, text in ((upper, 'speed-up over one core'), (lower, '% of the time')):
        axes.annotate(text, (0, 1), (0, 6), xycoords='axes fraction', textcoords='offset points', fontsize=9,
                      color=colour('muted'))
    return figure


def hatch_swatch(ink: str, hatch: str) -> str:
    """A small square, hatched as the bars are."""
    lines = {'///': 'M0 16L16 0M-4 8L8-4M8 20L20 8', '\\\\\\': 'M0 0L16 16M8-4L20 8M-4 8L8 20',
             '|||': 'M4 0v16M8 0v16M12 0v16', 'xxx': 'M0 16L16 0M0 0L16 16M8 0L16 8M0 8L8 16M8 16L16 8M0 8L8 0',
             '...': 'M4 4h.1M12 4h.1M8 8h.1M4 12h.1M12 12h.1'}
    return ('<svg class="square" viewBox="0 0 16 16" aria-hidden="true">'
            '<rect width="16" height="16" style="fill: var(--%s)"/><path d="%s" fill="none" stroke-linecap="round" '
            'stroke-width="%s" style="stroke: var(--axis)"/></svg>' % (
                ink, lines.get(hatch, ''), '2' if hatch == '...' else '1'))


def simulated_key(operations: Iterable[Report]) -> str:
    there = {name for operation in operations for point in objects(operation, 'points') for name, *_ in PARTS
             if as_number(point.get(name)) > 0}
    lines = ''.join('<li>%s%s</li>' % (swatch(look), name) for name, look in (
        ('simulated', SIMULATED), ('measured', MEASURED._replace(hollow=True)), ('number of cores', IDEAL)))
    return '<ul class="key">%s%s</ul>' % (lines, ''.join('<li>%s%s</li>' % (hatch_swatch(ink, hatch), text)
                                                         for name, ink, hatch, text in PARTS if name in there))


def simulated_figure(scaling: Report, inline: Inliner) -> str:
    operations = objects(scaling, 'operations')
    charts = [(simulated_chart(operation), operation['name']) for operation in operations]
    drawn = [inline(chart, 'Simulated scaling: ' + name) for chart, name in charts if chart]
    if not drawn:
        return missing('Scaling was not simulated.')
    heading = 'Simulated: the tasks of the library on more cores, %s' % scaling.get('isa', '')
    caption = ('The upper part shows the speed-up over one core, the lower part the shares of the time. The tasks were '
               'timed one after the other on one core. The simulation distributes them under the assumptions below. On '
               'one core the library does not split all of its work into tasks; the rest counts as serial code.')
    assumptions = ''.join('<li>%s</li>' % escape(line) for line in texts_of(scaling, 'assumptions'))
    return keyed(heading, simulated_key(operations), drawn, caption) + (
        '<h4>Assumptions</h4><ul class="assumptions">%s</ul>' % assumptions if assumptions else '')


def scaling_section(results: Results, inline: Inliner) -> str:
    by_batch = figure_of('Time per sample by batch size, measured: the folded network',
                         [batch_chart(results, isa) for isa in results.isas],
                         'A sample takes less time in a larger batch, until the matrix products reach their full '
                         'speed. ' + INTERVALS, inline, 'The whole network was not measured.')
    return threads_figure(results, inline) + by_batch + simulated_figure(inner(results.report, 'scaling'), inline)
