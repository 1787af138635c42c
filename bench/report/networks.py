# 784-300-100-10 whole: training steps and inference, beside other libraries.

# --------------------------------------------------------------------------------------------------------- inference

def microseconds(lane):
    return scaled(lane.time, 1e6)


def infer_lanes(results, isa, threads, operation='network/infer_folded'):
    return [lane for lane in results.lanes
            if lane.isa == isa and lane.threads == threads and lane.operation == operation]


def batch_row(lane):
    samples = lane.keys.get('m', '?')
    return '%s sample%s%s' % (samples, '' if samples == '1' else 's', ', cold' if 'cold' in lane.operation else '')


def network_chart(results, isa, threads):
    lanes = infer_lanes(results, isa, threads)
    cold = infer_lanes(results, isa, threads, 'network/infer_folded_cold')
    rows = unique(batch_row(lane) for lane in sorted(lanes, key=samples_in)) + unique(map(batch_row, cold))
    series = series_of(lanes + cold, batch_row, microseconds)
    return dot_chart('%s, %s' % (isa, on_threads(threads)), rows, series, Axis('\u00b5s for all samples', True)), series


def samples_in(lane):
    text = lane.keys.get('m', '')
    return int(text) if text.isdigit() else 0


# ------------------------------------------------------------------------------------------------------------- steps

STEPS_NAMED = {'step/bn_elu_sgd': 'BN + ELU', 'step/relu_sgd': 'ReLU, no BN'}


def step_chart(results, isa):
    lanes = [lane for lane in results.lanes if lane.isa == isa and lane.operation in STEPS_NAMED]

    def row_of(lane):
        return '%s, %s' % (STEPS_NAMED[lane.operation], on_threads(lane.threads))
    series = series_of(lanes, row_of, microseconds)
    rows = unique(row_of(lane) for lane in sorted(lanes, key=lambda lane: lane.threads))
    return dot_chart(isa, rows, series, Axis('\u00b5s', True)), series


# ------------------------------------------------------------------------------------------------------- the section

def figure_of(heading, charts, caption, inline, otherwise):
    there = [(chart, series) for chart, series in charts if chart]
    if not there:
        return missing(otherwise)
    drawn = [inline(chart, heading) for chart, _ in there]
    return keyed(heading, key_of([series for _, series in there]), drawn, caption)


def times_said(results):
    """Ours, in numbers."""
    texts = []
    isa = results.isas[0] if results.isas else ''
    for operation, size, text in (('step/bn_elu_sgd', '200', 'a training step on 200 samples with BN + ELU takes %s'),
                                  ('network/infer_folded', '1', 'one sample through the folded network takes %s'),
                                  ('network/infer_folded', '200', '200 samples take %s')):
        own = [lane for lane in results.lanes if lane.isa == isa and lane.operation == operation and not lane.peer
               and lane.keys.get('m') == size]
        if own:
            times = ('%s on %s' % (time_said(lane.time), on_threads(lane.threads)) for lane in own)
            texts.append(text % ' and '.join(times))
    return '; '.join(texts)[:1].upper() + '; '.join(texts)[1:] + '.' if texts else ''


def time_said(time):
    """No digits that the interval does not support."""
    return rounded(scaled(time, 1e6)) + '\u00a0\u00b5s'


def networks_section(results, inline):
    steps = figure_of('Training step, batch 200', [step_chart(results, isa) for isa in results.isas],
                      'Forward, backward and update of 784-300-100-10 with softmax and cross-entropy. ' + INTERVALS,
                      inline, 'No training step was measured.')
    networks = figure_of('Inference of the whole network by batch',
                         [network_chart(results, isa, threads) for isa in results.isas for threads in results.threads],
                         'BN folded into the weights, for all libraries alike. Cold: nothing in any cache before. ' +
                         INTERVALS, inline, 'No inference of the whole network was measured.')
    return paragraphs(*filter(None, [times_said(results)])) + steps + networks
