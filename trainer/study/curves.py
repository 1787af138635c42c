"""Curves of a training, from a log of `lanefold train --log`."""
import io
import json
import math
from typing import Optional

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cli.drawing import (DASHES, NAN, LineEnd, colour, label_ends, log, name_x, new_axes, new_figure, power_ticks,
                         short, title)
from cli.program import Problem
from trainer.study.learning import loss_ticks, name_crosses
from trainer.study.signals import Part

Point = tuple[float, float]  # epoch and value
Curves = dict[str, list[Point]]  # by name


def number(value: Optional[float]) -> float:
    return NAN if value is None else float(value)


def read_log(path: str) -> Curves:
    """Returns each curve by its name: y by x, in epochs.  If a resumed training wrote lines again, the last ones
    count."""
    curves: dict[str, dict[float, float]] = {
        name: {} for name in ('step_loss', 'loss', 'test_loss', 'train_accuracy', 'test_accuracy', 'test_r2')}
    with open(path, encoding='utf-8', errors='replace') as file:
        lines = file.read().split('\n')[:-1]  # what follows the last newline was cut off
    for at, line in enumerate(lines, 1):
        try:
            take(json.loads(line), curves)
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
            raise Problem('%s: line %d is not a line of a log that `lanefold train --log` wrote' % (path, at)) from None
    if not curves['step_loss'] and not curves['loss']:
        raise Problem('%s: holds no step or epoch yet' % path)
    return {name: sorted(points.items()) for name, points in curves.items()}


def take(line: Part, curves: dict[str, dict[float, float]]) -> None:
    event = line['event']
    if event == 'step':
        curves['step_loss'][line['epoch'] - 1 + line['step'] / line['steps']] = number(line['loss'])
    elif event == 'epoch':
        scores = ('test_r2',) if 'test_r2' in line else ('train_accuracy', 'test_accuracy')
        for name in ('loss', 'test_loss', *scores):
            curves[name][line['epoch']] = number(line[name])


def curve(axes: Axes, points: list[Point], ink: str, dash: str, marker: Optional[str]) -> Optional[Point]:
    """Draws a cross at the upper edge for each value that is not finite.  Returns the last finite point."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    every = max(1, len(xs) // 12)
    axes.plot(xs, [y if math.isfinite(y) else NAN for y in ys], color=colour(ink), linestyle=DASHES[dash],
              marker=marker if len(xs) < 400 else None, markersize=4, markevery=every, linewidth=1.5,
              markeredgecolor=colour('paper'), markeredgewidth=0.5)
    lost = [x for x, y in points if not math.isfinite(y)]
    axes.plot(lost, [1] * len(lost), linestyle='none', marker='x', color=colour(ink), markersize=5, clip_on=False,
              transform=axes.get_xaxis_transform())
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    return finite[-1] if finite else None


def loss_panel(axes: Axes, curves: Curves) -> list[LineEnd]:
    training = curves['step_loss'] or curves['loss']
    values = [y for _, y in training + curves['test_loss'] if math.isfinite(y) and y > 0]
    logarithmic = bool(values) and max(values) > 8 * min(values)
    if logarithmic:
        training, test = [[(x, log(y) if math.isfinite(y) else y) for x, y in points]
                          for points in (training, curves['test_loss'])]
        low, high = log(min(values)), log(max(values))
        loss_scale(axes, low - 0.05 * (high - low), high + 0.05 * (high - low))
    else:
        test = curves['test_loss']
        axes.set_ylim(0, 1.08 * max(values, default=1))
    title(axes, 'Loss' + (', logarithmic' if logarithmic else ''))
    ends = []
    for name, points, ink, dash, marker in (('training', training, 'grey', 'solid', None),
                                            ('test', test, 'blue', 'solid', 'o')):
        end = curve(axes, points, ink, dash, marker)
        if end:
            ends.append(('%s %s' % (name, short(10 ** end[1] if logarithmic else end[1], 3)), ink, *end, False))
    return ends


def loss_scale(axes: Axes, low: float, high: float) -> None:
    if high - low > 3:
        power_ticks(axes, low, high)
    else:
        loss_ticks(axes, (low, high))


def accuracy_panel(axes: Axes, curves: Curves) -> list[LineEnd]:
    axes.set_ylim(*accuracy_bounds([100 * y for name in ('train_accuracy', 'test_accuracy') for _, y in curves[name]]))
    title(axes, 'Accuracy, %')
    ends = []
    for key, name, ink, dash, marker in (('train_accuracy', 'training', 'grey', 'dash', 's'),
                                         ('test_accuracy', 'test', 'blue', 'solid', 'o')):
        end = curve(axes, [(x, 100 * y) for x, y in curves[key]], ink, dash, marker)
        if end:
            ends.append(('%s %.2f' % (name, end[1]), ink, *end, False))
    return ends


def r2_panel(axes: Axes, curves: Curves) -> list[LineEnd]:
    lowest = min([y for _, y in curves['test_r2'] if math.isfinite(y)] + [0])
    axes.set_ylim(max(lowest, -1) - 0.03, 1.03)
    title(axes, 'R2')
    end = curve(axes, curves['test_r2'], 'blue', 'solid', 'o')
    return [('test %.3f' % end[1], 'blue', *end, False)] if end else []


def accuracy_bounds(values: list[float]) -> tuple[float, float]:
    """Returns 0 to 100, or the upper part of it that holds all values."""
    lowest = min([v for v in values if math.isfinite(v)] + [100])
    below = 0 if lowest < 50 else 50 if lowest < 80 else 80 if lowest < 92 else 90
    return (below if values else 0, 100 + 0.012 * (100 - below))


def draw_curves(curves: Curves) -> Figure:
    figure = new_figure(840, 310)
    last = max(x for points in curves.values() for x, _ in points)
    for at, panel in enumerate((loss_panel, r2_panel if curves['test_r2'] else accuracy_panel)):
        axes = new_axes(figure, 46 + 418 * at, 42, 524 - 418 * at, 34)
        axes.set_xlim(0, 1.015 * last)
        ends = panel(axes, curves)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=last >= 2))
        name_x(axes, 'epoch')
        name_crosses(axes, 'not finite')
        label_ends(axes, ends)
    return figure


def picture(figure: Figure, kind: str) -> bytes:
    metadata = {'svg': {'Date': None}, 'pdf': {'CreationDate': None}, 'png': {'Software': None}}[kind]
    figure.patch.set_visible(True)
    figure.patch.set_facecolor(colour('paper'))
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=160 if kind == 'png' else 72, metadata=metadata)
    return stream.getvalue()
