"""The whole network 784-300-100-10: training steps and inference, compared with other libraries."""
from collections.abc import Iterable

from bench.report.dots import INTERVALS, Chart, Scale, dot_chart, key_of, keyed, missing
from bench.report.products import series_of
from bench.report.results import Interval, Results, Variant, on_threads, rounded, scaled, unique
from cli.drawing import Inliner, paragraphs

# --------------------------------------------------------------------------------------------------------- inference

def microseconds(variant: Variant) -> Interval:
    return scaled(variant.time, 1e6)


def infer_variants(results: Results, isa: str, threads: int, operation: str = 'network/infer_folded') -> list[Variant]:
    return [variant for variant in results.variants
            if variant.isa == isa and variant.threads == threads and variant.operation == operation]


def batch_row(variant: Variant) -> str:
    samples = variant.keys.get('m', '?')
    return '%s sample%s%s' % (samples, '' if samples == '1' else 's', ', cold' if 'cold' in variant.operation else '')


def network_chart(results: Results, isa: str, threads: int) -> Chart:
    variants = infer_variants(results, isa, threads)
    cold = infer_variants(results, isa, threads, 'network/infer_folded_cold')
    rows = unique(batch_row(variant) for variant in sorted(variants, key=samples_in)) + unique(map(batch_row, cold))
    series = series_of(variants + cold, batch_row, microseconds)
    heading, scale = '%s, %s' % (isa, on_threads(threads)), Scale('\u00b5s for all samples', True)
    return dot_chart(heading, rows, series, scale), series


def samples_in(variant: Variant) -> int:
    text = variant.keys.get('m', '')
    return int(text) if text.isdecimal() else 0


# ------------------------------------------------------------------------------------------------------------- steps

STEPS_NAMED = {'step/bn_elu_sgd': 'BN + ELU', 'step/relu_sgd': 'ReLU, no BN'}


def step_chart(results: Results, isa: str) -> Chart:
    variants = [variant for variant in results.variants if variant.isa == isa and variant.operation in STEPS_NAMED]

    def row_of(variant: Variant) -> str:
        return '%s, %s' % (STEPS_NAMED[variant.operation], on_threads(variant.threads))
    series = series_of(variants, row_of, microseconds)
    rows = unique(row_of(variant) for variant in sorted(variants, key=lambda variant: variant.threads))
    return dot_chart(isa, rows, series, Scale('\u00b5s', True)), series


# ------------------------------------------------------------------------------------------------------- the section

def figure_of(heading: str, charts: Iterable[Chart], caption: str, inline: Inliner, otherwise: str) -> str:
    there = [(chart, series) for chart, series in charts if chart]
    if not there:
        return missing(otherwise)
    drawn = [inline(chart, heading) for chart, _ in there]
    return keyed(heading, key_of([series for _, series in there]), drawn, caption)


def times_text(results: Results) -> str:
    """Our times in words."""
    texts = []
    isa = results.isas[0] if results.isas else ''
    for operation, size, text in (('step/bn_elu_sgd', '200', 'a training step on 200 samples with BN + ELU takes %s'),
                                  ('network/infer_folded', '1', 'one sample through the folded network takes %s'),
                                  ('network/infer_folded', '200', '200 samples take %s')):
        own = [variant for variant in results.variants
               if variant.isa == isa and variant.operation == operation and not variant.peer
               and variant.keys.get('m') == size]
        if own:
            times = ('%s on %s' % (time_text(variant.time), on_threads(variant.threads)) for variant in own)
            texts.append(text % ' and '.join(times))
    return '; '.join(texts)[:1].upper() + '; '.join(texts)[1:] + '.' if texts else ''


def time_text(time: Interval) -> str:
    """The time without digits that its interval does not support."""
    return rounded(scaled(time, 1e6)) + '\u00a0\u00b5s'


def networks_section(results: Results, inline: Inliner) -> str:
    steps = figure_of('Training step, batch 200', [step_chart(results, isa) for isa in results.isas],
                      'A step is forward, backward and update of 784-300-100-10 with softmax and cross-entropy. ' +
                      INTERVALS,
                      inline, 'No training step was measured.')
    networks = figure_of('Inference of the whole network by batch',
                         [network_chart(results, isa, threads) for isa in results.isas for threads in results.threads],
                         'BN is folded into the weights for all libraries. Cold means that the caches hold no data of '
                         'the network before a call. ' +
                         INTERVALS, inline, 'No inference of the whole network was measured.')
    return paragraphs(*filter(None, [times_text(results)])) + steps + networks
