"""Charts of studies 1 and 2: how signals and gradients change from layer to layer."""
import math
from collections.abc import Iterable
from html import escape
from typing import Any, Optional, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cli.drawing import (EDGES, FAMILIES, STEPS, UNKNOWN, Inliner, colour, details, draw_line, fixed, label_ends,
                         listed, log, magnitude, name_x, new_axes, new_figure, panels, paragraphs, percent, power_ticks,
                         ratio, short, table, ten_to, ticks, title)

Part = dict[str, Any]  # an object in study.json
Item = TypeVar('Item')

# ------------------------------------------------------------------------------------- study 1: signals at the start

BREADTH = 372  # of charts of which two stand side by side
NARROW = 266   # three


def unique(items: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(items))


def family(initializer: str) -> str:
    return initializer.rsplit('-', 1)[0]


def level(change: Optional[float]) -> str:
    """The colour of a cell."""
    far = log(change)
    if abs(far) < 2:
        return 'stay'
    depth = 1 if abs(far) < 5 else 2 if abs(far) < 12 else 3
    return ('explode%d' if far > 0 else 'vanish%d') % depth


def heat_map(cases: list[Part], kind: str, heading: str) -> Figure:
    rows, columns = unique(c['init'] for c in cases), unique(c['activation'] for c in cases)
    left, top, wide, high = 66, 42, (BREADTH - 68) / len(columns), 35
    height = top + high * len(rows) + 4
    figure = new_figure(BREADTH, height)
    figure.text(1 / BREADTH, 1 - 12 / height, heading, color=colour('ink'), fontsize=11, fontweight='bold')
    axes = new_axes(figure, left, 2, 2, top)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.axis('off')
    for x, name in enumerate(columns):
        axes.text(x + 0.5, -0.14, name.replace('leaky-relu', 'leaky\nrelu'), ha='center', va='bottom', fontsize=8.5,
                  color=colour('muted'), linespacing=1)
    for y, name in enumerate(rows):
        axes.text(-0.1, y + 0.5, '\n'.join(name.rsplit('-', 1)), ha='right', va='center', fontsize=8.5,
                  color=colour('muted'), linespacing=1.05)
    for case in cases:
        cell(axes, columns.index(case['activation']), rows.index(case['init']), case, kind)
    return figure


def cell(axes: Axes, x: float, y: float, case: Part, kind: str) -> None:
    change, word = case[kind + '_change'], case[kind + 's']
    axes.fill([x + 0.02, x + 0.98, x + 0.98, x + 0.02], [y + 0.03, y + 0.03, y + 0.97, y + 0.97],
              color=colour(level(change)), linewidth=0)
    if case['meant']:
        axes.plot([x + 0.04, x + 0.96, x + 0.96, x + 0.04, x + 0.04],
                  [y + 0.06, y + 0.06, y + 0.94, y + 0.94, y + 0.06], color=colour('ink'), linewidth=1.5, clip_on=False)
    axes.text(x + 0.5, y + 0.33, word, ha='center', va='center', fontsize=9, color=colour('ink'),
              fontweight='normal' if word == 'stay' else 'bold')
    axes.text(x + 0.5, y + 0.71, magnitude(change), ha='center', va='center', fontsize=9.5, color=colour('ink'))


def travelled(case: Part, kind: str) -> list[float]:
    """Logarithms of the change since the first layer that the signal passes, in the order in which it passes them."""
    variances = case[kind + '_variance']
    if kind == 'gradient':
        variances = variances[::-1]
    return [log(ratio(v, variances[0])) for v in variances]


def contrasts(cases: list[Part], activation: str) -> list[Part]:
    """The initializer that is meant for the activation, and some that differ from it clearly."""
    own = [c for c in cases if c['activation'] == activation]
    chosen = [c for c in own if c['meant']]
    same = {family(c['init']) for c in chosen}
    if same & {'lecun', 'xavier'}:
        same |= {'lecun', 'xavier'}  # these agree where layers are square
    return chosen + [c for c in own if c['init'].endswith('-normal') and family(c['init']) not in same | {'lecun'}]


def limits(lines: Iterable[list[float]], floor: int, ceiling: int) -> tuple[int, int]:
    """Exponents that enclose all finite values, within bounds."""
    values = [y for line in lines for y in line if math.isfinite(y)]
    return (max(floor, math.floor(min(values + [-3]))), min(ceiling, math.ceil(max(values + [3]))))


def layer_axes(axes: Axes, layers: int, kind: str, far: float) -> None:
    axes.set_xlim(0.4, layers + 0.2)
    names = [1] + list(range(5, layers + 1, 5))
    places = [layers + 1 - name for name in names] if kind == 'gradient' else names
    ticks(axes.xaxis, places, [str(name) for name in names])
    axes.axhspan(-math.log10(far), math.log10(far), color=colour('band'), linewidth=0, zorder=0)


def travel_chart(cases: list[Part], activation: str, kind: str, study: Part,
                 bounds: tuple[int, int]) -> tuple[Figure, str]:
    figure = new_figure(NARROW, 172)
    axes = new_axes(figure, 34, 32, 76, 22)
    power_ticks(axes, *bounds)
    layer_axes(axes, study['layers'], kind, study['far'])
    title(axes, activation)
    name_x(axes, 'layer')
    ends, told = [], []
    for number, case in enumerate(contrasts(cases, activation)):
        style = FAMILIES.get(family(case['init']), UNKNOWN)
        if case['meant']:
            style = (style[0], 'solid', 'o')
        ys = travelled(case, kind)
        end = draw_line(axes, range(1, len(ys) + 1), ys, style, case['meant'], (number, 4))
        name = family(case['init'])
        ends += [(name, style[0], *end, case['meant'])] if end else []
        told.append('%s %s (%s)' % (name, magnitude(case[kind + '_change']), case[kind + 's']))
    label_ends(axes, ends)
    return figure, '%s: variance of %ss through %d layers changes by: %s.' % (activation, kind, study['layers'],
                                                                             ', '.join(told))


def change_table(study: Part) -> str:
    rows = [(c['init'], c['activation'], 'yes' if c['meant'] else '', short(c['output_change']), c['outputs'],
             short(c['gradient_change']), c['gradients']) for c in study['cases']]
    return table(('Initializer', 'Activation', 'Meant', 'Outputs change by', '', 'Gradients change by', ''), rows,
                 'Variance in the last layer over that in the first one; for gradients the other way round')


def layer_table(study: Part, kind: str) -> str:
    layers = [layer for layer in (1, 5, 10, 15, 20) if layer <= study['layers']]
    rows = [[c['activation'], c['init']] + [short(c[kind + '_variance'][layer - 1]) for layer in layers]
            for a in unique(c['activation'] for c in study['cases']) for c in contrasts(study['cases'], a)]
    return table(['Activation', 'Initializer'] + ['Layer %d' % layer for layer in layers], rows,
                 'Variance of %ss' % kind)


def meant_sentence(study: Part) -> str:
    meant = [c for c in study['cases'] if c['meant']]
    good = [c['activation'] for c in meant if c['outputs'] == 'stay' and c['gradients'] == 'stay']
    return 'With the initializer meant for them, %d of %d activations keep both outputs and gradients: %s.' % (
        len(good), len(meant), escape(listed(good)))


def signals_at_start(study: Part, inline: Inliner) -> str:
    cases = study['cases']
    charts = []
    for kind, heading in (('output', 'Outputs, forward'), ('gradient', 'Gradients, backward')):
        words = [c[kind + 's'] for c in cases]
        label = 'Heat map, initializers by activations: variance of %ss stays in %d cases, vanishes in %d, explodes ' \
                'in %d.' % (kind, words.count('stay'), words.count('vanish'), words.count('explode'))
        charts.append(inline(heat_map(cases, kind, heading), label))
    text = paragraphs(
        'A fresh network of %d layers of %d units is given %d random samples (the mean of %d draws). How much do '
        'values vary in each layer? If every layer multiplies the variance by a little more or a little less than 1, '
        'then far too much or nothing at all is left at the other end. Outputs travel from the first layer to the last '
        'one, gradients travel back.' % (study['layers'], study['width'], study['rows'], study['draws']),
        'A change within a factor of %g counts as <b>stay</b>; beyond it, a signal is said to <b>vanish</b> or to '
        '<b>explode</b>. %s' % (study['far'], meant_sentence(study)))
    caption = 'The change of variance through all layers. Framed: the initializer that is meant for the activation. ' \
              'The deeper a colour, the further from \u00d71; blue vanishes, orange explodes.'
    return text + panels('Initializers and activations', charts, caption, 2,
                         details('Numbers: all changes', change_table(study))) + travel_panels(study, inline)


def travel_panels(study: Part, inline: Inliner) -> str:
    names = unique(c['activation'] for c in study['cases'])
    text = ''
    for kind, heading, way in (('output', 'Outputs, layer by layer', 'first layer'),
                               ('gradient', 'Gradients, layer by layer', 'last layer')):
        lines = [travelled(c, kind) for name in names for c in contrasts(study['cases'], name)]
        bounds = limits(lines, -30, 30)
        charts = [inline(*travel_chart(study['cases'], name, kind, study, bounds)) for name in names]
        caption = 'Variance as a multiple of that in the %s, logarithmic; a signal travels from left to right%s. The ' \
                  'grey band is the factor of %g within which it stays. Bold: the initializer that is meant.' % (
                      way, ', so layers count down' if kind == 'gradient' else '', study['far'])
        if any(math.isinf(y) for line in lines for y in line):
            caption += EDGES
        text += panels(heading, charts, caption, 3, details('Numbers: %ss in some layers' % kind,
                                                            layer_table(study, kind)))
    return text


# ------------------------------------------------------------------------------------ study 2: signals in training

FAR = 100  # as in study 1
STEEPEST = 4  # powers of ten that are shown on either side


def training_chart(activation: str, pair: list[Part], kind: str, layers: int,
                   bounds: tuple[int, int]) -> tuple[Figure, str]:
    figure = new_figure(BREADTH, 205)
    told = []
    for number, case in enumerate(pair):
        axes = new_axes(figure, 36 + 172 * number, 34, 206 - 172 * number, 40)
        power_ticks(axes, *bounds)
        layer_axes(axes, layers, kind, FAR)
        title(axes, 'with normalization' if case['batch_norm'] else 'without', 9.5, 6)
        name_x(axes, 'layer')
        if number:
            axes.tick_params(labelleft=False)
        else:
            figure.text(36 / BREADTH, 1 - 12 / 205, activation, color=colour('ink'), fontsize=11, fontweight='bold')
        training_lines(axes, case, kind)
        told.append('%s normalization ' % ('with' if case['batch_norm'] else 'without') + ', '.join(
            '%s after step %d' % (magnitude(at[kind + '_change']), at['step']) for at in case['at']))
    return figure, '%s: %ss change through the layers by: %s.' % (activation, kind, '; '.join(told))


def training_lines(axes: Axes, case: Part, kind: str) -> None:
    ends = []
    for number, at in enumerate(case['at']):
        style = STEPS[min(number, len(STEPS) - 1)]
        ys = travelled(at, kind)
        end = draw_line(axes, range(1, len(ys) + 1), ys, style, every=(number, 4))
        ends += [('%d' % at['step'], style[0], *end, number == len(case['at']) - 1)] if end else []
    label_ends(axes, ends, 9, 9)
    low, high = axes.get_ylim()
    for reached, edge, where in ((min(min(travelled(at, kind)) for at in case['at']), low, 'bottom'),
                                 (max(max(travelled(at, kind)) for at in case['at']), high, 'top')):
        if math.isfinite(reached) and not low <= reached <= high:
            axes.annotate('ends at ' + ten_to(round(reached)), (1, edge), (-2, 5 if where == 'bottom' else -5),
                          textcoords='offset points', xycoords=('axes fraction', 'data'), ha='right', va=where,
                          fontsize=9, color=colour('ink'))


def training_table(study: Part) -> str:
    rows = []
    for c in study['cases']:
        rows += [(c['activation'], 'with' if c['batch_norm'] else 'without', at['step'], fixed(at['loss']),
                  short(at['output_change']), at['outputs'], short(at['gradient_change']), at['gradients'],
                  percent(at['dead_units'], 0), percent(c['test_accuracy'], 2) if at is c['at'][-1] else '')
                 for at in c['at']]
    return table(('Activation', 'BN', 'Step', 'Loss', 'Outputs change by', '', 'Gradients change by', '', 'Dead units',
                  'Test accuracy'), rows,
                 'Changes through all hidden layers. Dead: units of the last hidden layer that give the same for every '
                 'sample of the batch')


def stay_sentence(study: Part) -> str:
    parts = []
    for batch_norm in (False, True):
        own = [c for c in study['cases'] if c['batch_norm'] == batch_norm]
        good = [c['activation'] for c in own if c['at'][-1]['gradients'] == 'stay']
        parts.append('%s normalization gradients stay within the factor of %d for %d of %d activations' % (
            'with' if batch_norm else 'without', FAR, len(good), len(own)))
    return 'After the last step shown, ' + ', '.join(parts) + '.'


def signals_in_training(study: Part, inline: Inliner) -> str:
    names = unique(c['activation'] for c in study['cases'])
    steps = unique(at['step'] for c in study['cases'] for at in c['at'])
    text = paragraphs(
        'Initial weights are chosen for the first step. Do they help later? Networks of the same depth, each with the '
        'initializer meant for its activation, are trained for one epoch (learning rate %g, batches of %d), without '
        'and with batch normalization.' % (study['learning_rate'], study['batch_size']),
        'Look at whether lines leave the grey band, and whether they move from step %s to step %s. %s' % (
            steps[0] if steps else '', steps[-1] if steps else '', stay_sentence(study)))
    for kind, heading in (('gradient', 'Gradients on their way back, during training'),
                          ('output', 'Outputs on their way forward')):
        lines = [travelled(at, kind) for c in study['cases'] for at in c['at']]
        bounds = limits(lines, -STEEPEST, STEEPEST)
        charts = [inline(*training_chart(name, [c for c in study['cases'] if c['activation'] == name], kind,
                                         study['layers'], bounds)) for name in names]
        caption = 'Variance in each layer as a multiple of that in the %s layer, logarithmic, after steps %s (the ' \
                  'numbers at the ends of lines).' % ('last' if kind == 'gradient' else 'first',
                                                      listed(str(step) for step in steps))
        if any(math.isinf(y) for line in lines for y in line):
            caption += EDGES
        text += panels(heading, charts, caption, 2)
    return text + details('Numbers: changes, losses and dead units by step', training_table(study))
