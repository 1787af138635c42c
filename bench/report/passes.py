# Activations and batch normalization alone: passes over memory.

# ------------------------------------------------------------------------------------------------------- activations

FORWARD, BACKWARD = OURS, PACKED  # hollow, as backward is for all


def per_element(lane):
    return scaled(lane.time, 1e9 / lane.elements) if lane.elements > 0 else interval(None)


def activation_series(lanes):
    """Ours forward and backward, a copy of as much, and other libraries."""
    found = {}
    for lane in lanes:
        what = lane.race.split('/')[1]
        row, way = EXTRAS.get(what.rsplit('_', 1)[0], what), what.rsplit('_', 1)[-1]
        if lane.operation.startswith('limit/copy'):
            name, look = 'copy', COPY
        elif lane.peer:
            look = PEERS.get(lane.peer, Look(*UNKNOWN))
            name, look = '%s, %s' % (peer_name(lane.peer), way), packed_look(look) if way == 'backward' else look
        elif lane.label == 'lanefold':
            name, look = ('Lanefold, forward', FORWARD) if way == 'forward' else ('Lanefold, backward', BACKWARD)
        else:
            continue  # ReLU as a measure in the race of another
        keep_faster(found.setdefault((name, look), {}), row, per_element(lane))
    return [Series(name, look, found[name, look]) for name, look in sorted(found, key=lambda named: rank_of(
        (named[0].replace(', forward', '').replace(', backward', ''), named[1])))]


def keep_faster(values, row, value):
    if row not in values or value.value < values[row].value:
        values[row] = value


def level_key(race):
    return next((lane.keys['level'] for lane in race.lanes if 'level' in lane.keys), '')


def activation_panels(results, isa, threads, inline):
    drawn, keys = [], []
    races = [race for race in results.races if race.operation.startswith('activation/') and race.isa == isa
             and race.threads == threads]
    for level in in_order([level_key(race) for race in races], [level for level, _ in ROOFS]):
        series = activation_series([lane for race in races if level_key(race) == level for lane in race.lanes])
        chart = dot_chart(where(level, results.report), list(EXTRAS.values()), series,
                          Axis('ns for each element', True))
        if chart:
            drawn.append(inline(chart, 'Activations in %s' % level))
            keys.append(series)
    return drawn, keys


def where(level, report):
    size = as_number(inner(inner(report, 'environment'), 'level_bytes').get(level))
    if not math.isfinite(size):
        return level or 'Any level'
    return '%s, %s' % (level, '%.3g MB' % (size / 2**20) if size >= 2**20 else '%.0f KB' % (size / 1024))


def activation_figure(results, isa, threads, inline):
    drawn, keys = activation_panels(results, isa, threads, inline)
    if not drawn:
        return ''
    return keyed('Activations, %s, %s' % (isa, on_threads(threads)), key_of(keys), drawn,
                 'One panel for each level of memory that holds the data. Copy: the faster of plain and streaming, of '
                 'as many floats as are read and written forward. ' + INTERVALS)


# ------------------------------------------------------------------------------------------------------------- norms

NORM_WAYS = {'forward_training': 'training', 'forward_inference': 'inference', 'backward': 'backward'}


def norm_row(lane):
    what, keys = parted(lane.race)
    return '%s %s' % (NORM_WAYS.get(what.split('/')[-1], what), shape_of(keys))


def norm_series(lanes):
    ours = series_of([lane for lane in lanes if lane.operation.startswith('norm/')], norm_row, per_element)
    copies = {}
    for lane in lanes:
        if lane.operation.startswith('limit/copy'):
            keep_faster(copies, norm_row(lane), per_element(lane))
    return ours + [Series('copy', COPY, copies)]


def norm_figure(results, inline):
    drawn, keys = [], []
    for isa in results.isas:
        for threads in results.threads:
            lanes = [lane for race in results.races if race.operation.startswith('norm/') and race.isa == isa
                     and race.threads == threads for lane in race.lanes]
            series = norm_series(lanes)
            chart = dot_chart('%s, %s' % (isa, on_threads(threads)), unique(norm_row(lane) for lane in lanes), series,
                              Axis('ns for each element', True))
            if chart:
                drawn.append(inline(chart, 'Batch normalization, ' + isa))
                keys.append(series)
    if not drawn:
        return missing('Batch normalization was not measured alone.')
    return keyed('Batch normalization alone', key_of(keys), drawn,
                 'Rows: samples \u00d7 features. ' + INTERVALS)


# ------------------------------------------------------------------------------------------------------- the section

def passes_section(results, inline):
    figures = [figure for isa in results.isas for threads in results.threads
               for figure in [activation_figure(results, isa, threads, inline)] if figure]
    text = figures[0] if figures else missing('No activation was measured alone.')
    text += norm_figure(results, inline)
    if figures[1:]:
        text += details_of('Activations on other threads and instruction sets', figures[1:])
    return text
