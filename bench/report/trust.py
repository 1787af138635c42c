"""How far a run can be trusted, in sentences."""
from statistics import mean, median

from bench.report.results import Results, missing_of, objects, peers_of, texts_of, unique
from bench.report.verdicts import counted, gates_of
from bench.report.words import peer_name

MOST_UNDECIDED = 0.2  # of the gates of a run that has decided enough
NOTABLE_SHARING = 0.05  # of the repetitions on one thread


def answer(results: Results) -> str:
    report = results.report
    if not results.cases:
        return 'No, because no case was finished.'
    if report.get('interrupted') or 'seconds' not in report or objects(report, 'failures'):
        return 'Not entirely. Parts of it are missing, as listed below.'
    gates = gates_of(results.ratios)
    undecided = counted(gates)['undecided']
    if undecided > MOST_UNDECIDED * len(gates):
        return 'Only as far as the intervals show. They are too wide to decide %d of %d gates.' % (
            undecided, len(gates))
    if texts_of(report, 'warnings'):
        return 'Yes, within the intervals. The machine was not ideal, as listed below.'
    return 'Yes.'


def sampling_text(results: Results) -> str:
    samples, rounds = sum(case.samples for case in results.cases), sum(case.rounds for case in results.cases)
    text = '%d cases were measured with %d samples' % (len(results.cases), samples)
    text += ' in %d rounds, each with new memory.' % rounds if rounds else '.'
    discarded = sum(case.discarded for case in results.cases)
    return text + (' %d further rounds were discarded, because other programs used the CPUs.' % discarded
                   if discarded else '')


def sharing_text(results: Results) -> str:
    shares = [case.shared_core for case in results.cases if case.shared_core is not None]
    if not shares or mean(shares) <= NOTABLE_SHARING:
        return ''
    return ('In at least %.0f%% of the repetitions on one thread, another program used the other thread of the core. '
            'It can make this one take twice as long.' % (100 * mean(shares)))


def width_text(results: Results) -> str:
    """How wide the intervals of ratios are."""
    widths = [one.interval.high / one.interval.low - 1 for one in results.ratios if one.interval.low > 0]
    if not widths:
        return ''
    percent = 100 * median(widths)
    return 'Half of the ratios have intervals of at most %.*f%%.' % (0 if percent >= 10 else 1, percent)


def peers_text(results: Results) -> list[str]:
    found, gone = peers_of(results.report), missing_of(results.report)
    names = unique(peer_name(peer.name) for peer in found)
    first = 'Compared with %s.' % ', '.join(names) if names else 'No other library was measured.'
    return [first] + ['%s is missing on %s: %s.' % (peer_name(peer.name), ', '.join(peer.isas), peer.version)
                      for peer in gone]


def reasons(results: Results) -> list[str]:
    report = results.report
    texts = ['%s.' % (warning[:1].upper() + warning[1:]) for warning in texts_of(report, 'warnings')]
    texts += filter(None, (sampling_text(results) if results.cases else '', sharing_text(results), width_text(results)))
    texts += peers_text(results)
    texts += ['Failed: %s: %s.' % (failure['failed'], failure['reason']) for failure in objects(report, 'failures')]
    if report.get('interrupted'):
        texts.append('The run was interrupted. This has the results until then.')
    elif 'seconds' not in report:
        texts.append('The run did not finish. This has the results until then.')
    return texts
