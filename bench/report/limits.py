"""The roofline: measured rates, compared with the limits of this machine (Williams et al. 2009)."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from bench.report.dots import BREADTH, OURS, Look, edge_of, key, keyed, missing, plain
from bench.report.results import Results, Variant, peak_of
from bench.report.words import extra_name, on_threads
from cli.drawing import DASHES, Inliner, colour, listed, name_x, new_axes, new_figure, paragraphs, short, spread, title

# ---------------------------------------------------------------------------------------------------------- the roofs

ROOFS = (('L1', 'solid'), ('L2', 'dash'), ('L3', 'dashdot'), ('memory', 'dot'))
# Operations per element, for cases whose results have no FLOP count.  They do not affect the distance of a point to a
# memory roof, because both axes scale alike.
ELEMENT_OPERATIONS = {'training': 6, 'inference': 2, 'backward': 9}  # of BN alone

Box = tuple[float, float, float, float]  # left, bottom, right, top


class Point(NamedTuple):
    x: float
    y: float
    kind: str
    text: str


KINDS = {'product': ('product', OURS), 'layer': ('layer with BN + ELU', Look('pink', 'solid', 'D')),
         'activation': ('activation', Look('green', 'solid', '^')), 'norm': ('BN alone', Look('gold', 'solid', 's')),
         'network': ('network, folded', Look('red', 'solid', 'v')),
         'step': ('training step', Look('last', 'solid', 'P')),
         'peer': ('other libraries', Look('muted', 'solid', 'x', True))}


def bandwidths(variants: Iterable[Variant], isa: str) -> dict[str, float]:
    """Bytes/s that one thread reads, by level of memory."""
    return {variant.fields.level: variant.bytes / variant.time.value for variant in variants
            if variant.fields.has(isa=isa, op='read') and variant.fields.level and variant.bytes > 0}


# --------------------------------------------------------------------------------------------------------- the points

def point_of(variant: Variant) -> Point | None:
    """The point of a variant, or None if it does not belong on the chart."""
    of = variant.fields
    if of.cold:
        return None
    if of.family == 'gemm':
        return counted(variant, variant.flops, 'product', of.shape)
    if of.has(family='dense', op='dense') and of.extra == 'bn_elu' and of.form in ('fused', 'folded'):
        return counted(variant, variant.flops, 'layer', 'layer, %d' % of.m)
    if of.family == 'activation' and of.activation in ('relu', 'elu'):  # the other activations lie near these
        return counted(variant, variant.elements, 'activation', extra_name(of) + ' ' + of.level)
    if of.family == 'norm':
        return counted(variant, ELEMENT_OPERATIONS.get(of.pass_, 2) * variant.elements, 'norm', 'BN ' + of.pass_)
    if of.family == 'network':
        return counted(variant, variant.flops, 'network', 'network, %d' % of.m)
    if of.op == 'step':
        return counted(variant, variant.flops, 'step', 'step')
    return None


def counted(variant: Variant, operations: float, kind: str, text: str) -> Point | None:
    if not (operations > 0 and variant.bytes > 0):
        return None
    if variant.fields.peer:
        kind, text = 'peer', ''
    return Point(operations / variant.bytes, operations / variant.time.value, kind, text)


def points_of(variants: Iterable[Variant], isa: str, threads: int) -> list[Point]:
    """Sorted so that our points are drawn last, and the fastest of each kind at the end."""
    own = [point_of(variant) for variant in variants if variant.fields.has(isa=isa, threads=threads)]
    return sorted(filter(None, own), key=lambda point: (point.kind != 'peer', point.y))


# ---------------------------------------------------------------------------------------------------------- the chart

# Offsets of a label from its point, the best first.
PLACES = ((7, 0, 'left'), (-7, 0, 'right'), (7, -8, 'left'), (-7, 8, 'right'), (7, 8, 'left'), (-7, -8, 'right'),
          (0, -11, 'center'), (0, 11, 'center'))


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place_labels(axes: Axes, points: Iterable[Point], taken: list[Box], size: float = 8.5, most: int = 12) -> None:
    """Places labels where there is room, in order of the points.  taken: boxes in typographic points."""
    inside = axes.bbox
    placed = []
    for point in points:
        x, y = axes.transData.transform((point.x, point.y))
        wide, high = 0.58 * size * len(point.text), size + 1
        for dx, dy, align in PLACES:
            left = x + dx - {'left': 0, 'right': wide, 'center': wide / 2}[align]
            box = (left, y + dy - high / 2, left + wide, y + dy + high / 2)
            if box[0] < inside.x0 or box[2] > inside.x1 + 12 or box[1] < inside.y0 or box[3] > inside.y1:
                continue
            if any(overlap(box, other) for other in taken) or point.text in placed:
                continue
            axes.annotate(point.text, (point.x, point.y), (dx, dy), textcoords='offset points', ha=align,
                          va='center_baseline', fontsize=size, color=colour(KINDS[point.kind][1].ink),
                          bbox={'boxstyle': 'square,pad=0.05', 'facecolor': colour('paper'), 'linewidth': 0})
            taken.append(box)
            placed.append(point.text)
            break
        if len(placed) == most:
            return


def draw_roofs(axes: Axes, peak: float, known: dict[str, float], low: float, ceiling: float) -> None:
    """Draws the diagonals up to the peak, and their names where they meet it."""
    right = axes.get_xlim()[1]
    ridges = sorted((peak / known[level], level, dash) for level, dash in ROOFS if level in known)
    start = ridges[0][0] if ridges else axes.get_xlim()[0]
    axes.plot([start, right], [peak, peak], color=colour('axis'), linewidth=1.4)
    wanted = [axes.transData.transform((ridge, peak))[0] for ridge, _, _ in ridges]
    at = spread(wanted, 19, axes.bbox.x0 + 6, axes.bbox.x1 - 60)
    for (ridge, level, dash), x, place in zip(ridges, wanted, at):
        foot = max(axes.get_xlim()[0], low / known[level])
        axes.plot([foot, ridge], [foot * known[level], peak], color=colour('axis'), linestyle=DASHES[dash],
                  linewidth=1.2)
        axes.annotate(level, (ridge, peak), (place - x, 5), textcoords='offset points', ha='center', fontsize=8.5,
                      color=colour('muted'))
    axes.annotate('peak', (right, peak), (0, 5), textcoords='offset points', ha='right', fontsize=8.5,
                  color=colour('muted'))
    axes.set_ylim(low, ceiling)


def roofline(heading: str, results: Results, isa: str, threads: int) -> Figure | None:
    peak, known = peak_of(results.cases, isa) * threads, bandwidths(results.variants, isa)
    points = points_of(results.variants, isa, threads)
    if not points or not math.isfinite(peak):
        return None
    figure = new_figure(BREADTH, 330)
    axes = new_axes(figure, 44, 38, 12, 40)
    axes.set_xscale('log')
    axes.set_yscale('log')
    # All panels have the same scales.
    every = [point for count in results.threads for point in points_of(results.variants, isa, count)]
    ridges = [peak / rate for rate in known.values()]
    axes.set_xlim(min([point.x for point in every] + ridges) / 1.5, 1.6 * max([point.x for point in every] + ridges))
    bottom = max(min(point.y for point in every) / 1.6, peak / 1e5)
    axes.set_ylim(bottom, 2.2 * peak)
    draw_roofs(axes, peak, known, bottom, 2.2 * peak)
    taken = [(axes.bbox.x0, axes.transData.transform((1, peak))[1] - 1, axes.bbox.x1, axes.bbox.y1)]
    for point in points:
        look = KINDS[point.kind][1]
        edge = dict(edge_of(look), markeredgewidth=0.8 if look.hollow else 0.5)
        axes.plot([point.x], [point.y], marker=look.marker, linestyle='none', **edge,
                  markersize=4.2 if look.hollow else 5.2)
        x, y = axes.transData.transform((point.x, point.y))
        taken.append((x - 3, y - 3, x + 3, y + 3))
    place_labels(axes, interleaved([point for point in reversed(points) if point.text]), taken)
    finish_roofline(axes, heading)
    return figure


def interleaved(points: Sequence[Point]) -> list[Point]:
    """The first of each kind, then the second of each, and so on."""
    kinds = [[point for point in points if point.kind == kind] for kind in KINDS]
    kinds[0].reverse()  # most products crowd at the peak, but slow ones have room for labels
    return [own[rank] for rank in range(max(map(len, kinds), default=0)) for own in kinds if rank < len(own)]


def finish_roofline(axes: Axes, heading: str) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value * 1e-9)))
    axes.grid(axis='x', color=colour('grid'), linewidth=0.8)
    name_x(axes, 'FLOP per byte')
    title(axes, heading + ': GFLOP/s', offset=16)


ROOFLINE_CAPTION = (
    'Both scales are logarithmic. The lines are the measured peak and the measured bandwidth of each level of memory. '
    'With several threads, the chart multiplies the peak by their number, but not the bandwidth. The bytes '
    'are those of operands and results. For a network they are its weights. For a training step they are all '
    'parameters, activations and gradients, read and written once. Among activations the chart has ReLU and ELU. Each '
    'element counts as one operation in an activation, as 2 in BN for inference, 6 in BN for training and 9 in BN '
    'backward. The distance of a point to a memory line does not depend on these counts. Labels appear where there is '
    'room; those of layers and networks give the number of samples. The last section has all results.')


def roofs_text(results: Results, isa: str) -> str:
    known = bandwidths(results.variants, isa)
    text = '%s: one thread reaches a peak of %.0f\u00a0GFLOP/s with fused multiply-adds' % (escape(isa),
                                                                                 peak_of(results.cases, isa) * 1e-9)
    reads = ['%s\u00a0GB/s from %s' % (short(known[level] * 1e-9, 3), level) for level, _ in ROOFS if level in known]
    return text + ('; it reads %s' % listed(reads) if reads else '') + '.'


def limits_section(results: Results, inline: Inliner) -> str:
    isas = [isa for isa in results.isas if math.isfinite(peak_of(results.cases, isa))]
    charts = [(roofline('%s, %s' % (isa, on_threads(threads)), results, isa, threads), isa)
              for isa in isas for threads in results.threads]
    drawn = [inline(chart, 'Roofline, ' + isa) for chart, isa in charts if chart]
    if not drawn:
        return missing('The peak was not measured, or nothing else was.')
    kinds = {point.kind for isa in isas for threads in results.threads
             for point in points_of(results.variants, isa, threads)}
    return paragraphs(*(roofs_text(results, isa) for isa in isas)) + keyed(
        'Roofline', key(KINDS[kind] for kind in KINDS if kind in kinds), drawn, ROOFLINE_CAPTION)
