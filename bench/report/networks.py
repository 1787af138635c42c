"""The whole network 784-300-100-10: training steps and inference, compared with other libraries."""
from collections.abc import Iterable

from bench.report.dots import INTERVALS, Chart, Scale, dot_chart, key_of, keyed, missing
from bench.report.products import series_of
from bench.report.reference import FOLDED_BATCH, FOLDED_ONE, STEP
from bench.report.results import Interval, Results, Variant, rounded, scaled, unique
from bench.report.words import extra_name, of_samples, on_threads
from cli.drawing import Inliner, paragraphs

# --------------------------------------------------------------------------------------------------------- inference

def microseconds(variant: Variant) -> Interval:
    return scaled(variant.time, 1e6)


def folded_networks(results: Results, **fields: object) -> list[Variant]:
    return [variant for variant in results.variants
            if variant.fields.has(family='network', op='infer', form='folded', **fields)]


def batch_row(variant: Variant) -> str:
    return of_samples(variant.fields.m) + (', cold' if variant.fields.cold else '')


def network_chart(results: Results, isa: str, threads: int) -> Chart:
    variants = folded_networks(results, isa=isa, threads=threads)
    rows = unique(map(batch_row, sorted(variants, key=lambda variant: (variant.fields.cold, variant.fields.m))))
    series = series_of(variants, batch_row, microseconds)
    heading, scale = '%s, %s' % (isa, on_threads(threads)), Scale('\u00b5s for all samples', True)
    return dot_chart(heading, rows, series, scale), series


# ------------------------------------------------------------------------------------------------------------- steps

def step_chart(results: Results, isa: str) -> Chart:
    variants = [variant for variant in results.variants if variant.fields.has(op='step', isa=isa)]

    def row_of(variant: Variant) -> str:
        of = variant.fields
        return ', '.join(filter(None, (extra_name(of) + ('' if of.bn else ', no BN'), of.form, on_threads(of.threads))))
    series = series_of(variants, row_of, microseconds)
    rows = unique(row_of(variant) for variant in sorted(variants, key=lambda variant: variant.fields.threads))
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
    for where, text in ((STEP, 'a training step on 200 samples with BN + ELU takes %s'),
                        (FOLDED_ONE, 'one sample through the folded network takes %s'),
                        (FOLDED_BATCH, '200 samples take %s')):
        own = [variant for variant in results.variants if variant.fields.has(isa=isa, peer='', **where)]
        if own:
            times = ('%s on %s' % (time_text(variant.time), on_threads(variant.fields.threads)) for variant in own)
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
