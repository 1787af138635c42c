# Matrix products beside other libraries.

SHAPES_BESIDE = 12  # rows of a panel at most, beyond them the rest goes below a fold


def contestant(lane):
    """Name and look of who multiplies; None for limits."""
    packed = '/packed_' in lane.operation
    if lane.peer:
        look = PEERS.get(lane.peer, Look(*UNKNOWN))
        return (peer_name(lane.peer) + (', packed' if packed else ''), packed_look(look) if packed else look)
    return ('Lanefold, packed', PACKED) if packed else ('Lanefold', OURS)


def product_row(lane):
    """"784x300x200 tn": the transposes where there are some."""
    transposes = lane.operation.rsplit('_', 1)[-1].rsplit('/', 1)[-1]
    return shape_of(lane.keys) + ('' if transposes == 'nn' else ' ' + transposes)


def series_of(lanes, row_of, value_of):
    """By who runs, ours first, the others in their order."""
    found = {}
    for lane in lanes:
        name, look = contestant(lane)
        found.setdefault((name, look), {}).setdefault(row_of(lane), value_of(lane))
    return [Series(name, look, found[name, look]) for name, look in sorted(found, key=rank_of)]


def rank_of(named):
    order = [name + tail for name in ('Lanefold', *PEER_NAMES.values()) for tail in ('', ', packed')]
    return order.index(named[0]) if named[0] in order else len(order)


def gigaflops(lane):
    return scaled(per(lane.flops, lane.time), 1e-9)


def product_races(results, isa, threads):
    """Not those of random shapes, which come by the hundred and belong to the gates, nor those with cold caches."""
    return [race for race in results.races if race.isa == isa and race.threads == threads
            and race.operation.startswith('gemm/') and 'cold' not in race.operation
            and any(lane.label in ('packed', 'peak') for lane in race.lanes)]


def product_lanes(results, isa, threads):
    return [lane for race in product_races(results, isa, threads) for lane in race.lanes
            if lane.operation.startswith('gemm/')]


def product_chart(results, isa, threads, rows, lanes):
    peak = peak_of(results.races, isa) * threads * 1e-9
    axis = Axis('GFLOP/s', True)
    if math.isfinite(peak):
        axis = Axis('GFLOP/s; above: share of the peak of %s' % short(peak, 3), True, (), peak)
    return dot_chart('%s, %s' % (isa, on_threads(threads)), rows, series_of(lanes, product_row, gigaflops), axis)


def product_panels(results, inline, choose):
    """choose: of the rows, those to draw."""
    drawn, keys = [], []
    for isa in results.isas:
        for threads in results.threads:
            lanes = product_lanes(results, isa, threads)
            rows = choose(unique(product_row(lane) for lane in lanes))
            chart = product_chart(results, isa, threads, rows, [lane for lane in lanes if product_row(lane) in rows])
            if chart:
                drawn.append(inline(chart, 'Products, %s, %s' % (isa, on_threads(threads))))
                keys.append(series_of(lanes, product_row, gigaflops))
    return drawn, keys


PRODUCTS_CAPTION = ('Rows: m\u00d7n\u00d7k; tn, nt, tt: the first, second or both operands transposed. Packed: one '
                    'operand was laid out before. Each row was measured by turns, in random order. ' + INTERVALS)


def won(results, isa, threads):
    """How often ours is the fastest of the plain ones, beside peers."""
    wins, all_of = 0, 0
    for race in product_races(results, isa, threads):
        plain_ones = [lane for lane in race.lanes
                      if lane.operation.startswith('gemm/') and '/packed_' not in lane.operation]
        others = [lane.time.value for lane in plain_ones if lane.peer]
        ours = [lane.time.value for lane in plain_ones if not lane.peer]
        if others and ours:
            all_of += 1
            wins += ours[0] <= min(others)
    return wins, all_of


def won_said(results):
    texts = []
    for isa in results.isas:
        for threads in results.threads:
            wins, all_of = won(results, isa, threads)
            if all_of:
                texts.append('on %s and %s in %d of %d shapes' % (escape(isa), on_threads(threads), wins, all_of))
    if not texts:
        return 'No other library was measured beside these products.'
    return 'By medians, Lanefold is as fast as the fastest other library or faster: %s.' % '; '.join(texts)


def products_section(results, inline):
    drawn, keys = product_panels(results, inline, lambda rows: rows[:SHAPES_BESIDE])
    if not drawn:
        return missing('No product was measured.')
    text = paragraphs(won_said(results)) + keyed('Products by shape', key_of(keys), drawn, PRODUCTS_CAPTION)
    rest, keys = product_panels(results, inline, lambda rows: rows[SHAPES_BESIDE:])
    if rest:
        text += details_of('Further shapes', [keyed('Further shapes', key_of(keys), rest, PRODUCTS_CAPTION)])
    return text
