"""Draws the charts of lanefold with matplotlib.  Exit code 3: matplotlib is missing."""
from __future__ import annotations

import io
import logging
import math
import os
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeVar, Union

from cli.signs import minus

NO_MATPLOTLIB = 3

warnings.simplefilter('ignore')
logging.getLogger('matplotlib').setLevel(logging.CRITICAL)
os.environ['MPLBACKEND'] = 'Agg'
try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
except ImportError:
    sys.exit(NO_MATPLOTLIB)

Item = TypeVar('Item')
Style = tuple[str, str, str]  # colour, dash pattern and marker
Every = Union[int, tuple[int, int]]  # which points have a marker: each n-th one, or (first, n)
LineEnd = tuple[str, str, float, float, bool]  # text, name of the colour, x, y, whether bold
Placed = tuple[float, float, str, str, bool]  # y and x in points of the page, text, name of the colour, whether bold
INFINITE = float('inf')
NAN = float('nan')


# ---------------------------------------------------------------------------------------------------------- colours

# Colours on light and on dark paper.  Those of series are Okabe and Ito's and a brown, made darker or lighter so that
# text in them is readable.
COLOURS = {
    'paper': ('#fffefb', '#15171a'),
    'ink': ('#1d1f22', '#e9e7e2'),
    'muted': ('#5d6066', '#a6a9ae'),
    'axis': ('#8d9096', '#71757b'),
    'grid': ('#e9e7e1', '#2b2e32'),
    'band': ('#f3f1ea', '#1f2226'),
    'blue': ('#00639c', '#5db7ec'),
    'pink': ('#a03f80', '#e79fc9'),
    'gold': ('#806200', '#e8c04a'),
    'red': ('#bb4700', '#ff8f52'),
    'green': ('#00745a', '#35c99d'),
    'grey': ('#55585d', '#c4c6c9'),
    'brown': ('#7a4b2a', '#cda283'),
    'early': ('#4d7091', '#7d97ae'),
    'soon': ('#38699a', '#82b2da'),
    'later': ('#174d85', '#a5d0f4'),
    'last': ('#06284d', '#e4f2ff'),
    'vanish3': ('#a9cfe9', '#0f4a72'),
    'vanish2': ('#c8e0f1', '#143c58'),
    'vanish1': ('#e1eef7', '#17303f'),
    'stay': ('#f6f4ee', '#202327'),
    'explode1': ('#fce9d9', '#43291a'),
    'explode2': ('#f9d4b6', '#5c3219'),
    'explode3': ('#f5ba8c', '#7a3d17'),
    'pale': ('#dfe3e8', '#34383e'),
    'sky': ('#b5d5ea', '#1e4f70'),
    'mint': ('#b4dccd', '#1c5644'),
}
PLACEHOLDERS = {name: '#fe01%02x' % number for number, name in enumerate(COLOURS)}
palette = dict(PLACEHOLDERS)  # the page's own colours take their places; a picture has those of light paper

DASHES = {'solid': '-', 'dash': (0, (5, 2)), 'dot': (0, (1, 1.6)), 'dashdot': (0, (6, 1.8, 1.2, 1.8)),
          'long': (0, (9, 2))}
# Each of the three parts of a style tells lines apart by itself.
ACTIVATIONS = {'elu': ('blue', 'solid', 'o'), 'selu': ('pink', 'long', 'D'), 'leaky-relu': ('gold', 'dash', 's'),
               'relu': ('red', 'dot', '^'), 'tanh': ('green', 'dashdot', 'v'), 'logistic': ('grey', 'long', 'X')}
FAMILIES = {'he': ('blue', 'dash', 's'), 'xavier': ('green', 'dashdot', 'D'), 'xavier-tanh': ('red', 'dot', '^'),
            'lecun': ('pink', 'long', 'v')}
STEPS = (('early', 'dot', '^'), ('soon', 'dashdot', 'D'), ('later', 'dash', 's'), ('last', 'solid', 'o'))
UNKNOWN = ('ink', 'solid', 'o')


def colour(name: str) -> str:
    return palette[name]


# ---------------------------------------------------------------------------------------------------------- numbers

SUPERSCRIPTS = str.maketrans('-0123456789', '\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079')


def ten_to(exponent: int) -> str:
    return '1' if exponent == 0 else '10' + str(exponent).translate(SUPERSCRIPTS)


def short(value: float | None, digits: int = 2) -> str:
    """A few digits, with a power of ten if the value is far from 1."""
    if value is None or not math.isfinite(value):
        return 'not finite'
    if value == 0 or 0.001 <= abs(value) < 1000:
        return minus('%.*g' % (digits, value)) if abs(value) < 100 else minus('%.0f' % value)
    mantissa, exponent = ('%.*e' % (digits - 1, value)).split('e')
    return minus(mantissa) + '\u00b7' + ten_to(int(exponent))


def magnitude(value: float | None) -> str:
    """A factor in as few characters as possible."""
    if value is None or not math.isfinite(value):
        return '\u221e'
    if value <= 0 or 0.01 <= value < 1000:
        return '\u00d7' + short(value)
    return '\u00d7' + ten_to(round(math.log10(value)))


def percent(share: float | None, digits: int = 1) -> str:
    return '\u2013' if share is None else '%.*f%%' % (digits, 100 * share)


def fixed(value: float | None, digits: int = 3) -> str:
    if value is None or not math.isfinite(value):
        return 'not finite'
    return minus('%.*f' % (digits, value)) if abs(value) < 1000 else short(value)


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return '%d min %d s' % (minutes, rest) if minutes else '%d s' % rest


def base_name(path: str) -> str:
    return os.path.basename(path.rstrip('/')) or path


def listed(words: Iterable[str]) -> str:
    words = list(words)
    return ' and '.join(filter(None, [', '.join(words[:-1]), words[-1]])) if words else 'none'


def plain_powers(text: str) -> str:
    """The factor 'x 1e-24' in mathematical notation."""
    def replaced(match: re.Match[str]) -> str:
        mantissa, exponent = match.groups()
        if -4 < int(exponent) < 3:
            return '\u00d7\u00a0%g' % float(mantissa + 'e' + exponent)
        return '\u00d7\u00a0' + ('' if mantissa == '1' else mantissa + '\u00b7') + ten_to(int(exponent))
    return re.sub(r'\bx (\d)e([+-]\d+)', replaced, text)


def brief_shape(network: str) -> str:
    """Shortens '784-100-100-100-10' by counting equal layers."""
    def replaced(match: re.Match[str]) -> str:
        return '-%d\u00d7%s' % (match.group(0).count('-'), match.group(1))
    return re.sub(r'-(\d+)(?:-\1){2,}(?!\d)', replaced, network)


def log(value: float | None) -> float:
    """log10 of a value that may be 0, or None if it is not finite."""
    if value is None or math.isnan(value) or value == INFINITE:
        return INFINITE
    return math.log10(value) if value > 0 else -INFINITE


def ratio(value: float | None, to: float | None) -> float:
    if value is None or to is None:
        return INFINITE
    if value == 0 or to == 0:
        return 0.0 if value == 0 else INFINITE
    return value / to


def stretched(accuracy: float | None) -> float:
    """The scale of accuracies.  Halving the errors takes the same height everywhere."""
    return NAN if accuracy is None else -math.log10(max(1 - accuracy, 1e-4))


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Selects at most this many of them, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


# -------------------------------------------------------------------------------------------------- parts of charts

def settings() -> None:
    matplotlib.rcdefaults()  # not what a matplotlibrc of this computer says
    matplotlib.rcParams.update({
        'backend': 'Agg', 'svg.fonttype': 'none', 'svg.hashsalt': 'lanefold', 'pdf.fonttype': 42,
        'font.family': ['DejaVu Sans'], 'font.size': 10, 'axes.unicode_minus': True, 'path.simplify': False,
        'hatch.linewidth': 0.8, 'lines.dash_capstyle': 'butt', 'lines.scale_dashes': False})


def new_figure(width: float, height: float) -> Figure:
    """Sizes are points, and so are the pixels of its coordinates."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    figure.patch.set_visible(False)
    return figure


def new_axes(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """Distances from the edges in points."""
    width, height = figure.get_size_inches() * 72
    axes = figure.add_axes([left / width, bottom / height, (width - left - right) / width,
                            (height - bottom - top) / height])
    axes.patch.set_visible(False)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    for side in ('left', 'bottom'):
        axes.spines[side].set_color(colour('axis'))
        axes.spines[side].set_linewidth(0.8)
    axes.tick_params(color=colour('axis'), labelcolor=colour('muted'), labelsize=9.5, length=3, width=0.8)
    axes.grid(axis='y', color=colour('grid'), linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def title(axes: Axes, text: str, size: float = 11, offset: float = 9) -> None:
    axes.annotate(text, (0, 1), (0, offset), xycoords='axes fraction', textcoords='offset points', color=colour('ink'),
                  fontsize=size, fontweight='bold')


def name_x(axes: Axes, text: str) -> None:
    axes.set_xlabel(text, color=colour('muted'), fontsize=9.5, labelpad=4)


def ticks(axis: Axis, values: Sequence[float], labels: Sequence[str]) -> None:
    axis.set_ticks(values)
    axis.set_ticklabels(labels)


def power_ticks(axes: Axes, low: float, high: float, most: int = 6) -> None:
    """low and high are the exponents of a logarithmic y axis."""
    axes.set_ylim(low, high)
    step = max(1, math.ceil((high - low) / most))
    step = step if step < 4 else 5 * math.ceil(step / 5)
    values = range(math.ceil(low / step) * step, math.floor(high) + 1, step)
    ticks(axes.yaxis, list(values), [ten_to(value) for value in values])


def accuracy_ticks(axes: Axes, best: float, lowest: float = 0) -> None:
    top = stretched(min(max(best, 0.9) + 0.3 * (1 - best), 0.9999))
    shares = [s for s in (lowest, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999) if stretched(s) <= top]
    axes.set_ylim(-0.06, top)
    ticks(axes.yaxis, [stretched(s) for s in shares], [('%.4g%%' % (100 * s)) for s in shares])


def epoch_ticks(axes: Axes, last: int) -> None:
    axes.set_xlim(1 - 0.03 * max(last - 1, 1), last + 0.01 * max(last - 1, 1))
    step = next(m * 10 ** e for e in range(9) for m in (1, 2, 5) if m * 10 ** e * 8 >= last)
    values = [1] + [e for e in range(step, last + 1, step) if e > 1]
    ticks(axes.xaxis, values, [str(value) for value in values])


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Finds places near the wanted ones (ascending) that are at least `gap` apart."""
    groups: list[tuple[float, int]] = []  # the sum of some places, as if all were the first one, and their number
    for rank, place in enumerate(wanted):
        groups.append((place - rank * gap, 1))
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            groups[-1] = (groups[-1][0] + total, groups[-1][1] + count)
    bases = [total / count for total, count in groups for _ in range(count)]
    highest = high - (len(wanted) - 1) * gap
    return [max(low, min(base, highest)) + rank * gap for rank, base in enumerate(bases)]


def label_ends(axes: Axes, ends: Iterable[LineEnd], size: float = 9.5, reach: float = 13) -> None:
    """Writes names at the ends of lines.  ends: text, name of the colour, x, y, whether bold."""
    box = axes.bbox
    points: list[Placed] = []
    for text, ink, x, y, bold in ends:
        px, py = axes.transData.transform((x, min(max(y, -1e6), 1e6)))
        points.append((min(max(py, box.y0), box.y1), px, text, ink, bold))
    behind = max([box.x1] + [point[1] for point in points]) + reach
    columns: dict[float, list[Placed]] = {}
    for point in sorted(points, key=lambda point: point[0]):
        columns.setdefault(point[1] if point[1] < box.x1 - 30 else behind, []).append(point)
    for x, column in columns.items():
        for point, y in zip(column, spread([point[0] for point in column], size + 2, box.y0, box.y1)):
            label_end(axes.figure, point, x, y, size)


def label_end(figure: Figure, point: Placed, x: float, y: float, size: float) -> None:
    """Writes beside the point, or further right with a line that leads there."""
    py, px, text, ink, bold = point
    width, height = figure.get_size_inches() * 72
    if x > px:
        figure.add_artist(Line2D([(px + 4) / width, (x - 2) / width], [py / height, y / height], color=colour(ink),
                                 linewidth=0.7))
    figure.text((x if x > px else px + 7) / width, y / height, text, color=colour(ink), fontsize=size,
                va='center_baseline', fontweight='bold' if bold else 'normal')


def draw_line(axes: Axes, xs: Sequence[float], ys: Sequence[float], style: Style, bold: bool = False,
              every: Every = 1) -> tuple[float, float] | None:
    """Draws a triangle at the edge for each infinite y.  Returns the last point, or None."""
    ink, dash, marker = style
    low, high = axes.get_ylim()
    finite = [y if math.isfinite(y) else NAN for y in ys]
    axes.plot(xs, finite, color=colour(ink), linestyle=DASHES[dash], marker=marker, markevery=every,
              linewidth=2.2 if bold else 1.5, markersize=5.6 if bold else 5, markeredgecolor=colour('paper'),
              markeredgewidth=0.6)
    for limit, edge, sign in ((INFINITE, high, '^'), (-INFINITE, low, 'v')):
        at = [x for x, y in zip(xs, ys) if y == limit]
        axes.plot(at, [edge] * len(at), linestyle='none', marker=sign, color=colour(ink), markersize=4, clip_on=False)
    last = [(x, max(low, min(high, y))) for x, y in zip(xs, ys) if not math.isnan(y)]
    return last[-1] if last else None


# -------------------------------------------------------------------------------------------------- charts as pages

SANS = 'var(--sans)'


class Inliner:
    """Turns figures into SVG for the page, with ids of their own and the colours of the page."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, figure: Figure, label: str) -> str:
        self.count += 1
        stream = io.StringIO()
        figure.savefig(stream, format='svg', transparent=True, metadata={'Date': None, 'Creator': None})
        text = stream.getvalue()
        text = text[text.index('<svg'):]
        for useless in (r'<metadata>.*?</metadata>', r'<style.*?</style>', r'<!--.*?-->', r'<defs>\s*</defs>'):
            text = re.sub(useless, '', text, flags=re.S)
        text = self.own_ids(text)
        text = re.sub(r'<[^>]*>', page_style, text)
        width, height = figure.get_size_inches() * 72
        opening = '<svg viewBox="0 0 %g %g" role="img" aria-label="%s">' % (width, height, escape(label))
        return re.sub(r'\n\s*', '\n', opening + text[text.index('>') + 1:]).strip()

    def own_ids(self, text: str) -> str:
        mine = 'c%d-' % self.count
        text = text.replace('xlink:href="#', 'href="#')
        return re.sub(r'(\bid="|href="#|url\(#)', lambda match: match.group(1) + mine, text)


def page_style(match: re.Match[str]) -> str:
    """Gives one tag the font and colours of the page, and no more digits than the eye can see."""
    tag = re.sub(r'\b(fill|stroke)="(#[0-9a-f]{6})"', r'style="\1: \2"', match.group(0))
    tag = re.sub(r'(font: [^;"]*?px) [^;"]*', r'\1 ' + SANS, tag)
    for name, placeholder in PLACEHOLDERS.items():
        tag = tag.replace(placeholder, 'var(--%s)' % name)
    return re.sub(r'-?\d+\.\d{3,}', lambda number: '%g' % round(float(number.group(0)), 2), tag)


def table(heads: Iterable[str], rows: Iterable[Sequence[object]], caption: str) -> str:
    """A table whose first column names the row."""
    lines = ['<table><caption>%s</caption><thead><tr>' % escape(caption)]
    lines += ['<th scope="col">%s</th>' % escape(head) for head in heads]
    lines.append('</tr></thead><tbody>')
    for row in rows:
        cells = ''.join('<td>%s</td>' % escape(str(cell)) for cell in row[1:])
        lines.append('<tr><th scope="row">%s</th>%s</tr>' % (escape(str(row[0])), cells))
    return '\n'.join(lines + ['</tbody></table>'])


def details(summary: str, *tables: str) -> str:
    inside = ''.join('<div class="scroll" tabindex="0" role="region" aria-label="%s">%s</div>' % (escape(summary), one)
                     for one in tables)
    return '<details><summary>%s</summary>%s</details>' % (escape(summary), inside)


def panels(heading: str, charts: Iterable[str], caption: str, columns: int, *after: str) -> str:
    """caption is HTML."""
    grid = '<div class="grid of%d">%s</div>' % (columns, ''.join('<div>%s</div>' % chart for chart in charts))
    return '<figure><h3>%s</h3>%s<figcaption>%s</figcaption></figure>%s' % (escape(heading), grid, caption,
                                                                            ''.join(after))


def paragraphs(*texts: str) -> str:
    """texts are HTML."""
    return ''.join('<p>%s</p>' % text for text in texts)


EDGES = ' A triangle at the upper edge: not finite; at the lower edge: zero.'
