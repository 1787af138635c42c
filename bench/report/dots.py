"""Charts with rows of dots and their intervals, and the key to the dots.  Most sections of the report use them."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple, Optional

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from bench.report.results import Interval
from cli.drawing import DASHES, colour, evenly, name_x, new_axes, new_figure, short, ticks
from cli.signs import minus

# -------------------------------------------------------------------------------------------------------- the looks

BREADTH = 356  # of a chart, so that two fit side by side


# Colour and marker each suffice to tell a look from the others.
class Look(NamedTuple):
    ink: str
    dash: str
    marker: str
    hollow: bool = False


OURS = Look('blue', 'solid', 'o')
PACKED = Look('blue', 'dash', 'o', True)
PEERS = {'openblas': Look('red', 'dot', '^'), 'blis': Look('gold', 'dash', 's'),
         'onednn': Look('green', 'dashdot', 'D'), 'eigen': Look('pink', 'long', 'v'),
         'libxsmm': Look('ink', 'dashdot', '^', True),
         'numpy': Look('brown', 'dash', 'x', True), 'pytorch': Look('grey', 'long', 'X'),
         'onnxruntime': Look('last', 'dot', 'P')}
COPY = Look('muted', 'dot', '*')
DOTS = 'Dots are values, and lines are their intervals. A triangle at the edge means that the interval continues.'
INTERVALS = 'The scale is logarithmic. ' + DOTS

# The markers of matplotlib as paths in a box of 16.
MARKER_PATHS = {
    'o': 'M8 4a4 4 0 1 0 .01 0z', 's': 'M4.5 4.5h7v7h-7z', '^': 'M8 3.5l4.5 8.5h-9z', 'v': 'M8 12.5l4.5-8.5h-9z',
    'D': 'M8 3.2l4.8 4.8-4.8 4.8-4.8-4.8z', 'X': 'M4 6l2-2 2 2 2-2 2 2-2 2 2 2-2 2-2-2-2 2-2-2 2-2z',
    'x': 'M5 5l6 6m0-6l-6 6', 'P': 'M6.6 3.8h2.8v2.8h2.8v2.8h-2.8v2.8h-2.8v-2.8h-2.8v-2.8h2.8z',
    '*': 'M8 2.6l1.3 3.7 3.9.1-3.1 2.4 1.1 3.8-3.2-2.2-3.2 2.2 1.1-3.8-3.1-2.4 3.9-.1z'}
STROKES = {'solid': '', 'dash': '5 2', 'dot': '1.5 2', 'dashdot': '6 2 1.5 2', 'long': '9 2'}


class Series(NamedTuple):
    name: str
    look: Look
    values: dict[str, Interval]  # by row


class Scale(NamedTuple):
    name: str
    logarithmic: bool = False
    marks: Sequence[tuple[float, str]] = ()  # vertical lines and their texts
    whole: Optional[float] = None  # the value that is 100% on a second scale above


Chart = tuple[Optional[Figure], list[Series]]  # None if there is nothing to draw


def packed_look(look: Look) -> Look:
    return look._replace(hollow=True)


def swatch(look: Look) -> str:
    fill = 'var(--paper)' if look.hollow else 'var(--%s)' % look.ink
    return ('<svg viewBox="0 0 34 16" aria-hidden="true" style="stroke: var(--%s)">'
            '<path d="M0 8h34" stroke-width="1.6" stroke-dasharray="%s"/>'
            '<path transform="translate(9 0)" d="%s" stroke-width="%s" style="fill: %s"/></svg>' % (
                look.ink, STROKES[look.dash], MARKER_PATHS[look.marker], '1.4' if look.hollow else '0.4', fill))


def key(entries: Iterable[tuple[str, Look]]) -> str:
    """The key as HTML.  entries: pairs of name and look."""
    return '<ul class="key">%s</ul>' % ''.join('<li>%s%s</li>' % (swatch(look), escape(name)) for name, look in entries)


def key_of(charts: Iterable[list[Series]]) -> str:
    """The key for several lists of series.  Each name appears once, in the order of the longest list."""
    named: dict[str, Look] = {}
    for series in sorted(charts, key=len, reverse=True):
        for one in series:
            if one.values:
                named.setdefault(one.name, one.look)
    return key(named.items())


def keyed(heading: str, key_text: str, charts: Iterable[str], caption: str) -> str:
    """A figure with its key above the charts, which differ in height.  caption is HTML."""
    grid = '<div class="grid flow">%s</div>' % ''.join('<div>%s</div>' % chart for chart in charts)
    return '<figure><h3>%s</h3>%s%s<figcaption>%s</figcaption></figure>' % (escape(heading), key_text, grid, caption)


def missing(sentence: str) -> str:
    return '<p class="missing">%s</p>' % escape(sentence)


def details_of(summary: str, figures: Iterable[str]) -> str:
    return '<details><summary>%s</summary>%s</details>' % (escape(summary), ''.join(figures))


# --------------------------------------------------------------------------------------------------------- the scale

def bounds(intervals: Sequence[Interval], marks: Iterable[float], logarithmic: bool) -> tuple[float, float]:
    """Limits that include all values.  Intervals much wider than the range of the values are cut off."""
    values = [one.value for one in intervals] + list(marks)
    low, high = min(values), max(values)
    if logarithmic:
        low, high = (max(min([one.low for one in intervals if one.low > 0] + [low]), low / 1.7),
                     min(max([one.high for one in intervals] + [high]), high * 1.7))
        room = max((high / low) ** 0.04, 1.05)
        return low / room, high * room
    reach = max(0.6 * (high - low), 0.03 * abs(high))
    low, high = (max(min([one.low for one in intervals] + [low]), low - reach),
                 min(max([one.high for one in intervals] + [high]), high + reach))
    room = 0.04 * max(high - low, 1e-12)
    return low - room, high + room


def plain(value: float) -> str:
    """The text of a tick."""
    if value == 0 or 1e-4 < abs(value) < 1e6:
        return minus('%.12g' % value)
    return short(value, 1)


def logarithmic_places(low: float, high: float, most: int = 6) -> list[float]:
    """Ticks at 1, 2, 5 of each decade, or fewer; finer ones if the scale covers less than a decade."""
    for steps in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        places = [step * 10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
                  for step in steps if low <= step * 10.0 ** e <= high]
        if len(places) <= most:
            return places
    return evenly(places, most)


def set_scale(axes: Axes, axis: Scale, low: float, high: float) -> None:
    axes.set_xlim(low, high)
    axes.grid(axis='y', visible=False)
    axes.grid(axis='x', color=colour('grid'), linewidth=0.8)
    if axis.logarithmic:
        axes.set_xscale('log')
        axes.set_xlim(low, high)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(FixedLocator(logarithmic_places(low, high)))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    name_x(axes, axis.name)
    if axis.whole:
        set_shares(axes, axis.whole, low, high)


def set_shares(axes: Axes, whole: float, low: float, high: float) -> None:
    """A second scale above, in percent of the peak."""
    for percent in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(100 * low / whole, 100 * high / whole):
        share = percent / 100
        if not low <= share * whole <= high:
            continue
        axes.annotate('%g%%' % (100 * share), (share * whole, 1), (0, 3), xycoords=('data', 'axes fraction'),
                      textcoords='offset points', ha='center', fontsize=8.5, color=colour('muted'))


# --------------------------------------------------------------------------------------------------------- the chart

def row_heights(rows: Iterable[str], series: Sequence[Series]) -> list[float]:
    return [max(17, 6.2 * sum(row in one.values for one in series) + 8) for row in rows]


def edge_of(look: Look) -> dict[str, Any]:
    """Draws hollow markers by their edge.  The edge of a full marker separates it from what lies below."""
    face, edge = (colour('paper'), colour(look.ink)) if look.hollow else (colour(look.ink), colour('paper'))
    return {'markerfacecolor': face, 'markeredgecolor': edge, 'markeredgewidth': 1.2 if look.hollow else 0.5}


def dot(axes: Axes, y: float, one: Series, value: Interval, low: float, high: float) -> None:
    """Draws a value and its interval.  Where the scale cuts the interval off, a triangle marks the edge."""
    ends = max(value.low, low), min(value.high, high)
    ink = colour(one.look.ink)
    axes.plot(ends, (y, y), color=ink, linestyle=DASHES[one.look.dash], linewidth=1.3, solid_capstyle='butt')
    for cut, sign, edge in ((value.low < low, '<', low), (value.high > high, '>', high)):
        if cut:
            axes.plot([edge], [y], marker=sign, markersize=3.6, color=ink, clip_on=False, linestyle='none')
    axes.plot([value.value], [y], marker=one.look.marker, linestyle='none', clip_on=False,
              markersize=6.4 if one.look.marker == '*' else 4.8, **edge_of(one.look))


def draw_rows(axes: Axes, rows: Sequence[str], series: Sequence[Series], heights: Sequence[float], low: float,
              high: float) -> list[float]:
    """Draws the rows from the top, each with its series in order.  Returns the middles of the rows."""
    middles, top = [], 0.0
    for at, (row, height) in enumerate(zip(rows, heights)):
        if at % 2 == 0:
            axes.axhspan(top, top + height, color=colour('band'), linewidth=0, zorder=0)
        there = [one for one in series if row in one.values]
        for place, one in enumerate(there):
            y = top + height / 2 + 6.2 * (place - (len(there) - 1) / 2)
            dot(axes, y, one, one.values[row], low, high)
        middles.append(top + height / 2)
        top += height
    return middles


def dot_chart(heading: str, rows: Sequence[str], series: Sequence[Series], axis: Scale,
              within: Iterable[Interval] = ()) -> Figure | None:
    """The chart, or None if there is nothing to draw.  rows: labels of the rows; within: further Intervals that the
    scale includes."""
    series = [one._replace(values={row: value for row, value in one.values.items() if math.isfinite(value.value)
                                   and (value.value > 0 or not axis.logarithmic)}) for one in series]
    rows = [row for row in rows if any(row in one.values for one in series)]
    if not rows:
        return None
    marks = [mark for mark in axis.marks if math.isfinite(mark[0])]
    heights = row_heights(rows, series)
    left = min(10 + 5.8 * max(len(row) for row in rows), 190)
    above = 40 if axis.whole or marks else 26
    figure = new_figure(BREADTH, sum(heights) + above + 38)
    axes = new_axes(figure, left, 38, 10, above)
    intervals = [value for one in series for value in one.values.values()] + list(within)
    low, high = bounds(intervals, [mark[0] for mark in marks], axis.logarithmic)
    set_scale(axes, axis, low, high)
    axes.set_ylim(sum(heights), 0)
    ticks(axes.yaxis, draw_rows(axes, rows, series, heights, low, high), rows)
    axes.tick_params(axis='y', length=0, labelcolor=colour('ink'))
    for value, text in marks:
        axes.axvline(value, color=colour('axis'), linewidth=1.1, zorder=1)
        axes.annotate(text, (value, 1), (0, 3), xycoords=('data', 'axes fraction'), textcoords='offset points',
                      ha='right' if value > low + 0.8 * (high - low) else 'center', fontsize=8.5, color=colour('muted'))
    height = figure.get_size_inches()[1] * 72
    figure.text(2 / BREADTH, 1 - 11 / height, heading, color=colour('ink'), fontsize=11, fontweight='bold')
    return figure
