# The roofline: what was measured beside what this machine can do at most (Williams et al. 2009).

# ---------------------------------------------------------------------------------------------------------- the roofs

ROOFS = (('L1', 'solid'), ('L2', 'dash'), ('L3', 'dashdot'), ('memory', 'dot'))
# Operations that an element counts for where results.json has none.  How far a point is below a roof of memory does not
# depend on them: both axes count the same.
ELEMENT_OPERATIONS = {'norm/forward_training': 6, 'norm/forward_inference': 2, 'norm/backward': 9}

Spot = namedtuple('Spot', 'x y kind text')
KINDS = {'product': ('product', OURS), 'layer': ('layer with BN + ELU', Look('pink', 'solid', 'D')),
         'activation': ('activation', Look('green', 'solid', '^')), 'norm': ('BN alone', Look('gold', 'solid', 's')),
         'network': ('network, folded', Look('red', 'solid', 'v')),
         'step': ('training step', Look('last', 'solid', 'P')),
         'peer': ('the same of other libraries', Look('muted', 'solid', 'x', True))}


def peak_of(races, isa):
    """FLOP/s of one thread, at its best: most races have it beside them, and some are disturbed."""
    return max((lane.flops / lane.time.value for race in races if race.isa == isa for lane in race.lanes
                if lane.label == 'peak' and lane.flops > 0), default=UNKNOWN_NUMBER)


def bandwidths(lanes, isa):
    """Bytes/s of one thread that reads, by level."""
    return {lane.keys['level']: lane.bytes / lane.time.value for lane in lanes
            if lane.isa == isa and lane.operation == 'limit/read' and 'level' in lane.keys and lane.bytes > 0}


# --------------------------------------------------------------------------------------------------------- the points

def spot_of(lane):
    """None for what has no place on the chart."""
    family, *rest = lane.operation.split('/')
    what = rest[0] if rest else ''
    if family == 'gemm' and 'cold' not in what:
        return counted(lane, lane.flops, lane.bytes, 'product', shape_of(lane.keys))
    if family == 'dense' and ('fused_bn_elu' in what or 'folded_bn_elu' in what) and 'unfused' not in what:
        return counted(lane, lane.flops, lane.bytes, 'layer', 'layer, ' + lane.keys.get('m', ''))
    if family == 'activation' and what.rsplit('_', 1)[0] in ('relu', 'elu'):  # the others lie between or near these
        return counted(lane, lane.elements, lane.bytes, 'activation',
                       EXTRAS[what.rsplit('_', 1)[0]] + ' ' + lane.keys.get('level', ''))
    if family == 'norm':
        return counted(lane, ELEMENT_OPERATIONS.get(lane.operation, 2) * lane.elements, lane.bytes, 'norm',
                       'BN ' + what.replace('forward_', ''))
    if family == 'network' and 'cold' not in what:
        return counted(lane, lane.flops, lane.bytes, 'network', 'network, %s' % lane.keys.get('m', ''))
    if family == 'step':
        return counted(lane, lane.flops, lane.bytes, 'step', 'step')
    return None


def counted(lane, operations, moved, kind, text):
    if not (operations > 0 and moved > 0):
        return None
    if lane.peer:
        kind, text = 'peer', ''
    return Spot(operations / moved, operations / lane.time.value, kind, text)


def spots_of(lanes, isa, threads):
    """Ours above those of others, and of equal names the fastest."""
    own = [spot_of(lane) for lane in lanes if lane.isa == isa and lane.threads == threads
           and not lane.operation.startswith('limit/')]
    return sorted(filter(None, own), key=lambda spot: (spot.kind != 'peer', spot.y))


# ---------------------------------------------------------------------------------------------------------- the chart

# Of a name beside its point, the best first.
PLACES = ((7, 0, 'left'), (-7, 0, 'right'), (7, -8, 'left'), (-7, 8, 'right'), (7, 8, 'left'), (-7, -8, 'right'),
          (0, -11, 'center'), (0, 11, 'center'))


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place_labels(axes, spots, taken, size=8.5, most=12):
    """Names where there is room for them, those that come first first.  taken: boxes in points."""
    inside = axes.bbox
    placed = []
    for spot in spots:
        x, y = axes.transData.transform((spot.x, spot.y))
        wide, high = 0.58 * size * len(spot.text), size + 1
        for dx, dy, align in PLACES:
            left = x + dx - {'left': 0, 'right': wide, 'center': wide / 2}[align]
            box = (left, y + dy - high / 2, left + wide, y + dy + high / 2)
            if box[0] < inside.x0 or box[2] > inside.x1 + 12 or box[1] < inside.y0 or box[3] > inside.y1:
                continue
            if any(overlap(box, other) for other in taken) or spot.text in placed:
                continue
            axes.annotate(spot.text, (spot.x, spot.y), (dx, dy), textcoords='offset points', ha=align,
                          va='center_baseline', fontsize=size, color=colour(KINDS[spot.kind][1].ink),
                          bbox={'boxstyle': 'square,pad=0.05', 'facecolor': colour('paper'), 'linewidth': 0})
            taken.append(box)
            placed.append(spot.text)
            break
        if len(placed) == most:
            return


def draw_roofs(axes, peak, known, low, ceiling):
    """Diagonals up to the peak, and their names where they meet it."""
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


def roofline(heading, results, isa, threads):
    peak, known = peak_of(results.races, isa) * threads, bandwidths(results.lanes, isa)
    spots = spots_of(results.lanes, isa, threads)
    if not spots or not math.isfinite(peak):
        return None
    figure = new_figure(BREADTH, 330)
    axes = new_axes(figure, 44, 38, 12, 40)
    axes.set_xscale('log')
    axes.set_yscale('log')
    every = [spot for count in results.threads for spot in spots_of(results.lanes, isa, count)]  # all panels are alike
    ridges = [peak / rate for rate in known.values()]
    axes.set_xlim(min([spot.x for spot in every] + ridges) / 1.5, 1.6 * max([spot.x for spot in every] + ridges))
    bottom = max(min(spot.y for spot in every) / 1.6, peak / 1e5)
    axes.set_ylim(bottom, 2.2 * peak)
    draw_roofs(axes, peak, known, bottom, 2.2 * peak)
    taken = [(axes.bbox.x0, axes.transData.transform((1, peak))[1] - 1, axes.bbox.x1, axes.bbox.y1)]
    for spot in spots:
        look = KINDS[spot.kind][1]
        edge = dict(edge_of(look), markeredgewidth=0.8 if look.hollow else 0.5)
        axes.plot([spot.x], [spot.y], marker=look.marker, linestyle='none', **edge,
                  markersize=4.2 if look.hollow else 5.2)
        x, y = axes.transData.transform((spot.x, spot.y))
        taken.append((x - 3, y - 3, x + 3, y + 3))
    place_labels(axes, in_turn([spot for spot in reversed(spots) if spot.text]), taken)
    finish_roofline(axes, heading)
    return figure


def in_turn(spots):
    """One of each kind, then the next of each."""
    kinds = [[spot for spot in spots if spot.kind == kind] for kind in KINDS]
    kinds[0].reverse()  # most products are at the peak, and slow ones have room
    return [own[rank] for rank in range(max(map(len, kinds), default=0)) for own in kinds if rank < len(own)]


def finish_roofline(axes, heading):
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value * 1e-9)))
    axes.grid(axis='x', color=colour('grid'), linewidth=0.8)
    name_x(axes, 'FLOP per byte')
    title(axes, heading + ': GFLOP/s', offset=16)


ROOFLINE_CAPTION = (
    'Both scales logarithmic. Lines: the peak, and what a level of memory feeds, each as measured; on several threads '
    'the peak counts for each of them, while memory is that of one thread. Bytes: operands and results once each; of a '
    'network its weights; of a training step all parameters, activations and gradients there and back. Of activations '
    'ReLU and ELU are here. An element counts as one operation in an activation, as 2 in BN for inference, 6 in BN for '
    'training and 9 backward: a point stays as far from a roof of memory with any other count. Names stand where there '
    'is room (of layers and networks: the samples); all figures are in the last section.')


def roofs_said(results, isa):
    known = bandwidths(results.lanes, isa)
    text = '%s: one thread has a peak of %.0f\u00a0GFLOP/s in fused multiply-adds' % (escape(isa),
                                                                                 peak_of(results.races, isa) * 1e-9)
    reads = ['%s\u00a0GB/s from %s' % (short(known[level] * 1e-9, 3), level) for level, _ in ROOFS if level in known]
    return text + ('; it reads %s' % listed(reads) if reads else '') + '.'


def limits_section(results, inline):
    isas = [isa for isa in results.isas if math.isfinite(peak_of(results.races, isa))]
    charts = [(roofline('%s, %s' % (isa, on_threads(threads)), results, isa, threads), isa)
              for isa in isas for threads in results.threads]
    drawn = [inline(chart, 'Roofline, ' + isa) for chart, isa in charts if chart]
    if not drawn:
        return missing('The peak was not measured, or nothing beside it.')
    kinds = {spot.kind for isa in isas for threads in results.threads for spot in spots_of(results.lanes, isa, threads)}
    return paragraphs(*(roofs_said(results, isa) for isa in isas)) + keyed(
        'Roofline', key(KINDS[kind] for kind in KINDS if kind in kinds), drawn, ROOFLINE_CAPTION)
