"""Charts of studies 3, 4 and 5: accuracy by epoch, rates and scales, costs."""
import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Optional

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cli.drawing import (ACTIVATIONS, DASHES, EDGES, NAN, UNKNOWN, Inliner, accuracy_ticks, brief_shape, colour,
                         details, draw_line, epoch_ticks, evenly, fixed, label_ends, listed, log, name_x,
                         new_axes, new_figure, panels, paragraphs, percent, ratio, stretched, table, ticks, title)
from cli.signs import minus
from trainer.study.signals import BREADTH, Part, unique

Group = tuple[str, bool, list[Part]]  # shape, whether there is BN, cases
Write = Callable[[Optional[float]], str]
Bar = tuple[str, str, str, str]  # key, name, colour and hatch

# ---------------------------------------------------------------------------------------------- study 3: learning

SHAPES = {'shallow': '2 hidden layers', 'deep': '10 hidden layers'}


def learning_groups(study: Part) -> list[Group]:
    return [(shape, bn, [c for c in study['cases'] if c['shape'] == shape and c['batch_norm'] == bn])
            for shape in unique(c['shape'] for c in study['cases']) for bn in (False, True)]


def group_name(shape: str, batch_norm: bool) -> str:
    return '%s, %s' % (SHAPES.get(shape, shape), 'normalized' if batch_norm else 'not normalized')


def learning_chart(group: Group, key: str, scale: Callable[[Optional[float]], float],
                   set_y: Callable[[Axes], None]) -> Figure:
    shape, batch_norm, cases = group
    figure = new_figure(BREADTH, 236)
    axes = new_axes(figure, 44, 34, 82, 24)
    set_y(axes)
    last = max([len(c[key]) for c in cases] + [1])
    epoch_ticks(axes, last)
    title(axes, group_name(shape, batch_norm))
    name_x(axes, 'epoch')
    ends = []
    for number, case in enumerate(cases):
        style = ACTIVATIONS.get(case['activation'], UNKNOWN)
        ys = [scale(value) for value in case[key]]
        every = max(1, len(ys) // 8)
        end = draw_line(axes, range(1, len(ys) + 1), ys, style, every=(min(number, every - 1), every))
        ends += [(case['activation'], style[0], *end, False)] if end else []
    label_ends(axes, ends)
    return figure


def learning_label(group: Group, key: str, write: Write) -> str:
    shape, batch_norm, cases = group
    what = key.replace('_', ' ')
    return '%s by epoch, %s; at the end: %s.' % (what.capitalize(), group_name(shape, batch_norm), ', '.join(
        '%s %s' % (c['activation'], write(c[key][-1])) for c in cases if c[key]))


def learning_table(study: Part, key: str, write: Write) -> str:
    epochs = evenly(range(max(len(c[key]) for c in study['cases'])), 8)
    rows = [[c['activation'], group_name(c['shape'], c['batch_norm'])] +
            [write(c[key][e]) if e < len(c[key]) else '\u2013' for e in epochs] for c in study['cases']]
    return table(['Activation', 'Network'] + ['Epoch %d' % (e + 1) for e in epochs], rows,
                 key.replace('_', ' ').capitalize())


def normalization_sentence(study: Part) -> str:
    parts = []
    for case in study['cases']:
        if case['shape'] != 'deep' or case['batch_norm']:
            continue
        other = [c for c in study['cases'] if c['shape'] == 'deep' and c['activation'] == case['activation']
                 and c['batch_norm']]
        if other:
            points = 100 * (other[0]['test_accuracy'][-1] - case['test_accuracy'][-1])
            parts.append('%s %s' % (escape(case['activation']), minus('%+.1f' % points)))
    return 'With 10 hidden layers, normalization changes the final test accuracy by, in points: %s.' % ', '.join(parts)


def loss_bounds(study: Part) -> tuple[float, float]:
    values = [log(v) for c in study['cases'] for v in c['test_loss'] if v]
    low, high = min(values + [-0.5]), max(values + [0.4])
    return max(low, -4) - 0.05, min(high, 2) + 0.08


def loss_ticks(axes: Axes, bounds: tuple[float, float]) -> None:
    axes.set_ylim(*bounds)
    values = [m * 10.0 ** e for e in range(-5, 3) for m in (1, 2, 5)]
    shown = [v for v in values if bounds[0] <= math.log10(v) <= bounds[1]]
    if len(shown) > 7:
        shown = [v for v in shown if '1' in '%g' % v]
    ticks(axes.yaxis, [math.log10(v) for v in shown], ['%g' % v for v in shown])


def learning(study: Part, inline: Inliner) -> str:
    groups = learning_groups(study)
    best = max(a for c in study['cases'] for a in c['test_accuracy'])
    bounds = loss_bounds(study)
    accuracy = [inline(learning_chart(g, 'test_accuracy', stretched, lambda axes: accuracy_ticks(axes, best)),
                       learning_label(g, 'test_accuracy', percent)) for g in groups]
    loss = [inline(learning_chart(g, 'test_loss', log, lambda axes: loss_ticks(axes, bounds)),
                   learning_label(g, 'test_loss', fixed)) for g in groups]
    networks = unique(brief_shape(c['network']) for c in study['cases'])
    text = paragraphs(
        'Do signals that live make networks that learn? Networks with few and with many hidden layers (%s) are trained '
        'for %d epochs at learning rate %g.' % (escape(listed(networks)), study['epochs'], study['learning_rate']),
        'Compare left with right for what normalization changes, above with below for what depth changes. ' +
        normalization_sentence(study))
    return text + panels(
        'Test accuracy by epoch', accuracy, 'The scale is stretched towards 100%: halving the errors takes the same '
        'height everywhere. All four share it.', 2,
        details('Numbers: test accuracy', learning_table(study, 'test_accuracy', lambda v: percent(v, 2)))) + panels(
            'Test loss by epoch', loss, 'Mean cross-entropy of the test images, logarithmic; lower is better.' + (
                EDGES if any(v is None for c in study['cases'] for v in c['test_loss']) else ''), 2,
            details('Numbers: test loss', learning_table(study, 'test_loss', fixed)))


# ------------------------------------------------------------------------------------------- study 4: sensitivity

CHANCE = 0.1  # ten classes


def sensitivity_chart(sweep: list[Part], key: str, heading: str, x_name: str, best: float) -> Figure:
    figure = new_figure(BREADTH, 250)
    axes = new_axes(figure, 44, 36, 66, 24)
    accuracy_ticks(axes, best, CHANCE)
    values = sorted(unique(one[key] for one in sweep))
    axes.set_xlim(log(values[0]) - 0.25, log(values[-1]) + 0.25)
    ticks(axes.xaxis, [log(v) for v in values], ['%g' % v for v in values])
    title(axes, heading)
    name_x(axes, x_name)
    axes.axhline(stretched(CHANCE), color=colour('axis'), linewidth=0.8, linestyle=DASHES['dot'], zorder=1)
    ends = []
    for batch_norm, style in ((False, ('red', 'dash', 's')), (True, ('blue', 'solid', 'o'))):
        own = sorted((one for one in sweep if one['batch_norm'] == batch_norm), key=lambda one: float(one[key]))
        ys = [NAN if one['diverged'] else stretched(one['test_accuracy']) for one in own]
        end = draw_line(axes, [log(one[key]) for one in own], ys, style, bold=batch_norm)
        lost = mark_diverged(axes, [log(one[key]) for one in own if one['diverged']], style[0], batch_norm)
        end = max(filter(None, (end, lost)), default=None)
        ends += [('with BN' if batch_norm else 'without', style[0], *end, batch_norm)] if end else []
    name_crosses(axes, 'diverged')
    label_ends(axes, ends)
    return figure


def name_crosses(axes: Axes, text: str) -> None:
    """Once, at the first one."""
    crosses = [line for line in axes.lines if line.get_marker() == 'x' and len(line.get_xdata())]
    if crosses:
        first = min(crosses, key=lambda line: float(line.get_xdata()[0]))
        axes.annotate(text, (first.get_xdata()[0], first.get_ydata()[0]), (-7, 0), xycoords=first.get_transform(),
                      textcoords='offset points', ha='right', va='center', fontsize=9, color=colour('ink'))


def mark_diverged(axes: Axes, xs: list[float], ink: str, batch_norm: bool) -> Optional[tuple[float, float]]:
    """Draws them at the lower edge, the two kinds beside each other.  Returns the last one, or None."""
    xs = [x + (0.08 if batch_norm else -0.08) for x in xs]
    axes.plot(xs, [0] * len(xs), linestyle='none', marker='x', markersize=7, markeredgewidth=2, color=colour(ink),
              clip_on=False)
    return (xs[-1], 0) if xs else None


def outcome(one: Part) -> str:
    return 'diverged' if one['diverged'] else percent(one['test_accuracy'], 2)


def sensitivity_label(sweep: list[Part], key: str, heading: str) -> str:
    parts = ['%s normalization: %s' % ('with' if bn else 'without', ', '.join(
        '%g %s' % (one[key], outcome(one)) for one in sweep if one['batch_norm'] == bn)) for bn in (False, True)]
    return 'Test accuracy by %s, %s.' % (heading.lower(), '; '.join(parts))


def sensitivity_table(sweep: list[Part], key: str, name: str) -> str:
    rows = []
    for value in unique(one[key] for one in sweep):
        cells = ['%g' % value]
        for batch_norm in (False, True):
            own = [one for one in sweep if one[key] == value and one['batch_norm'] == batch_norm]
            cells += [outcome(own[0]), fixed(own[0]['loss'])] if own else ['\u2013', '\u2013']
        rows.append(cells)
    return table((name, 'Without BN', 'Loss', 'With BN', 'Loss'), rows, 'Test accuracy and last loss of training')


def sensitivity(study: Part, inline: Inliner) -> str:
    sweeps = ((study['learning_rates'], 'learning_rate', 'Learning rate', 'learning rate'),
              (study['gains'], 'gain', 'Scale of the initial weights', 'initial weights times'))
    best = max(one['test_accuracy'] for sweep in sweeps for one in sweep[0])
    charts = [inline(sensitivity_chart(*sweep, best), sensitivity_label(*sweep[:3])) for sweep in sweeps]
    text = paragraphs(
        'How carefully must a network be set up? One with %s (%s) is trained for %d epochs, with learning rates and '
        'with initial weights from far too small to far too large; the weights are varied at learning rate %.3g.' % (
            escape(study['activation']), escape(study['network']), study['epochs'], study['gain_learning_rate']),
        'The wider a line stays near the top, the less the choice matters.')
    return text + panels('Test accuracy, from too small to too large', charts,
                         'Crosses at the bottom: trainings whose loss was no longer finite. Dotted: guessing. The '
                         'scale of accuracies is stretched towards 100%, as above; that of settings is logarithmic.', 2,
                         details('Numbers: both sweeps', *(sensitivity_table(*sweep[:3]) for sweep in sweeps)))


# ------------------------------------------------------------------------------------------------- study 5: costs

PREDICTIONS = (('prediction_unfused_nanoseconds', 'unfused', 'pale', ''),
               ('prediction_fused_nanoseconds', 'fused', 'sky', '////'),
               ('prediction_folded_nanoseconds', 'folded', 'mint', '....'))
STEP = (('step_microseconds', 'step', 'sky', ''),)
COST_COLUMNS = (('step_microseconds', 'Step, \u00b5s'), ('training_unfused_nanoseconds', 'Training, unfused, ns'),
                ('training_fused_nanoseconds', 'Training, fused, ns'),
                ('prediction_unfused_nanoseconds', 'Prediction, unfused, ns'),
                ('prediction_fused_nanoseconds', 'fused, ns'), ('prediction_folded_nanoseconds', 'folded, ns'),
                ('single_prediction_folded_microseconds', 'One alone, folded, \u00b5s'))


def cost_chart(cases: list[Part], bars: Sequence[Bar], heading: str, thick: float, named: bool) -> Figure:
    pitch = thick * len(bars) + 11
    height = pitch * len(cases) + 36
    figure = new_figure(BREADTH, height)
    axes = new_axes(figure, 68, 4, 78 if len(bars) == 1 else 130, 32)
    axes.grid(False)
    axes.spines['bottom'].set_visible(False)
    axes.set_xlim(0, max(c[key] for c in cases for key, *_ in bars))
    axes.set_ylim(pitch * len(cases), 0)
    axes.tick_params(axis='y', length=0, labelcolor=colour('ink'))
    ticks(axes.xaxis, [], [])
    ticks(axes.yaxis, [pitch * (i + 0.5) for i in range(len(cases))], [c['network'] for c in cases])
    figure.text(1 / BREADTH, 1 - 12 / height, heading, color=colour('ink'), fontsize=11, fontweight='bold')
    for i, case in enumerate(cases):
        for j, (key, name, fill, hatch) in enumerate(bars):
            y = pitch * i + 5.5 + thick * (j + 0.5)
            axes.barh(y, case[key], height=thick - 1.5, color=colour(fill), edgecolor=colour('axis'), linewidth=0.7,
                      hatch=hatch)
            text = '%.0f' % case[key] + '\u2002\u00d7%.2f' % ratio(case[key], cases[0][key])
            axes.annotate(text + ('\u2002' + name if named else ''), (case[key], y), (4, 0), textcoords='offset points',
                          va='center_baseline', fontsize=9, color=colour('ink'))
    return figure


def cost_label(cases: list[Part], bars: Sequence[Bar], heading: str) -> str:
    return heading + ': ' + '; '.join(
        c['network'] + ' ' + ', '.join(('%s %.0f' % (name, c[key])).replace('step ', '') for key, name, *_ in bars)
        for c in cases) + '.'


def cost_table(cases: list[Part]) -> str:
    rows = []
    for c in cases:
        rows.append([c['network']] + ['%.*f' % (1 if c[key] < 100 else 0, c[key]) + ' (\u00d7%.2f)' % ratio(
            c[key], cases[0][key]) for key, _ in COST_COLUMNS])
    return table(['Network'] + [name for _, name in COST_COLUMNS], rows,
                 'Medians; in brackets: relative to the first row')


def costs(study: Part, inline: Inliner) -> str:
    cases = study['cases']
    charts = []
    for bars, heading, thick in ((STEP, 'A training step of %d samples, \u00b5s' % study['batch_size'], 17),
                                 (PREDICTIONS, 'A prediction, ns', 13)):
        charts.append(inline(cost_chart(cases, bars, heading, thick, len(bars) > 1), cost_label(cases, bars, heading)))
    text = paragraphs(
        'What do activations and normalization cost? Six networks (%s) that differ only in what follows each product '
        'are timed in turn on %d thread%s, in batches of %d.' % (
            escape(study['network']), study['threads'], '' if study['threads'] == 1 else 's', study['batch_size']),
        '<b>Unfused</b>: product, normalization and activation are separate calls. <b>Fused</b>: one call does all '
        'three. <b>Folded</b>: normalization has become part of the weights. Two runs may differ by some 5%, so '
        'smaller differences mean little.')
    return text + panels('Time, and time relative to dense layers alone', charts,
                         'Medians. Behind each bar: the time, and as a multiple of the same for <i>%s</i>. Bars begin '
                         'at zero.' % escape(cases[0]['network']), 2, details('Numbers: all costs', cost_table(cases)))
