# Gates: ratios that should be at least or at most so much; and all figures.

# ------------------------------------------------------------------------------------------------------------- gates

VERDICT_KINDS = {'ok': 'holds', 'short': 'not'}


def undecided(gate):
    """The target lies in the interval: another run may say otherwise."""
    return gate.interval.low <= gate.target <= gate.interval.high


def figure(value):
    return fixed(value) if abs(value) < 100 or not math.isfinite(value) else '%.0f' % value


def sign(gate):
    return {'>=': 'at least', '<=': 'at most'}.get(gate.sense, gate.sense)


def gate_row(gate):
    doubtful = undecided(gate)
    words = gate.verdict + (', undecided' if doubtful else '')
    kind = 'part' if doubtful else VERDICT_KINDS.get(gate.verdict, '')
    return ('<tr role="row"><th role="rowheader" scope="row">%s</th>%s<td role="cell" class="number">%s</td>'
            '<td role="cell" class="ends">%s to %s</td><td role="cell" class="target">%s %s</td></tr>' % (
                escape(gate.name).replace('/', '/<wbr>'), verdict_cell(kind, words), figure(gate.interval.value),
                figure(gate.interval.low), figure(gate.interval.high), escape(sign(gate)), plain(gate.target)))


def gates_of(ratios):
    """Those that fall short first, and of them the certain ones."""
    own = [one for one in ratios if one.verdict]
    return sorted(own, key=lambda gate: (gate.verdict == 'ok', undecided(gate) != (gate.verdict == 'ok')))


def counted_said(gates):
    ok = [gate for gate in gates if gate.verdict == 'ok']
    short_ones = [gate for gate in gates if gate.verdict != 'ok']
    return ('%d of %d gates are ok, %d fall short. %d are undecided: their target lies within the interval, so that '
            'another run may say otherwise (%d of the ok ones, %d of the short ones).' % (
                len(ok), len(gates), len(short_ones), sum(map(undecided, gates)), sum(map(undecided, ok)),
                sum(map(undecided, short_ones))))


def gates_section(results, _):
    gates = gates_of(results.ratios)
    if not gates:
        return missing('No gate was measured.')
    heads = ''.join('<th role="columnheader" scope="col">%s</th>' % head
                    for head in ('Gate', 'Verdict', 'Value', '95% interval', 'Target'))
    rows = '\n'.join(map(gate_row, gates))
    return paragraphs(counted_said(gates)) + (
        '<table class="claims gates" role="table" aria-label="Gates">'
        '<thead role="rowgroup"><tr role="row">%s</tr></thead><tbody role="rowgroup">\n%s\n</tbody></table>' % (
            heads, rows))


# ----------------------------------------------------------------------------------------------------------- figures

def time_cell(seconds):
    """In microseconds."""
    return short(seconds * 1e6, 4) if seconds < 1 else '%.3f s' % seconds


def rate(amount, seconds):
    return '' if not amount > 0 else short(amount / seconds * 1e-9, 3)


def lane_row(lane):
    elements = '' if not lane.elements > 0 else short(1e9 * lane.time.value / lane.elements, 3)
    return (lane.name, time_cell(lane.time.value), time_cell(lane.time.low), time_cell(lane.time.high),
            rate(lane.flops, lane.time.value), rate(lane.bytes, lane.time.value), elements)


def ratio_row(one):
    target = '%s %s' % (sign(one), plain(one.target)) if one.verdict else ''
    return (one.name, *map(figure, one.interval), target, one.verdict)


def figures_section(results, _):
    if not results.lanes and not results.ratios:
        return missing('Nothing was measured.')
    times = table(('Name', 'Median, \u00b5s', 'Low', 'High', 'GFLOP/s', 'GB/s', 'ns an element'),
                  map(lane_row, results.lanes), 'Each lane once, as it was measured first')
    ratios = table(('Name', 'Value', 'Low', 'High', 'Target', 'Verdict'), map(ratio_row, results.ratios),
                   'Ratios: of lanes in one race')
    return (paragraphs('Every time and ratio, as in results.json.') + details('Times: %d' % len(results.lanes), times) +
            details('Ratios: %d' % len(results.ratios), ratios))
