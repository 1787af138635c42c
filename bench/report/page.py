"""The report of a benchmark run: whether to trust it, and its sections."""
import math
from html import escape

from bench.report.costs import costs_section
from bench.report.gates import gates_section, results_section
from bench.report.limits import limits_section
from bench.report.networks import networks_section
from bench.report.passes import passes_section
from bench.report.products import products_section
from bench.report.results import (Report, Results, as_count, as_number, inner, objects, peer_name, results_of,
                                  short_cpu, texts_of)
from bench.report.scaling import scaling_section
from cli.drawing import Inliner, duration, listed
from cli.style import whole_page

SECTIONS = (('costs', 'What batch normalization and activations cost', costs_section),
            ('limits', 'The limits of this machine', limits_section),
            ('products', 'Matrix products compared with other libraries', products_section),
            ('passes', 'Activations and batch normalization alone', passes_section),
            ('networks', 'The whole network', networks_section),
            ('scaling', 'Scaling', scaling_section),
            ('gates', 'Gates', gates_section),
            ('results', 'All results', results_section))

FURTHER_STYLE = '''
.trust { background: var(--band); border-left: 3px solid var(--axis); padding: 1.4rem 1.6rem .8rem; }
.trust h2 { font-size: 1.2rem; }
.trust ul { margin: 0 0 .9rem; padding-left: 1.1rem; max-width: 43rem; }
.trust li, .assumptions li { margin: 0 0 .3rem; overflow-wrap: anywhere; }
.key { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.2rem; margin: 0 0 1rem; padding: 0;
  font-size: .875rem; }
.key li { white-space: nowrap; }
.key svg { width: 2.1em; height: 1em; vertical-align: -.12em; margin-right: .5em; overflow: visible; }
.key svg.square { width: 1em; overflow: hidden; border: 1px solid var(--axis); }
h4 { font-size: .95rem; margin: 1.6rem 0 .5rem; }
.assumptions { font-size: .875rem; padding-left: 1.1rem; max-width: 43rem; margin: 0; }
.missing { color: var(--muted); margin-top: 1.6rem; }
.gates td, .gates th { padding: .35rem 1.2rem .35rem 0; }
.gates tbody th { font-weight: 400; width: 42%; overflow-wrap: anywhere; }
.gates td { white-space: nowrap; }
details figure { font-size: 1rem; margin-top: 1.6rem; }
@media (max-width: 46rem) {
  .trust { padding: 1.1rem 1rem .5rem; }
  .gates tbody tr { padding: .6rem 0; }
  .gates tbody th { width: auto; }
  .gates tbody td { display: inline-block; margin-right: .7rem; }
  .gates .ends, .gates .target { color: var(--muted); }
}
@media print {
  .trust { border: 1px solid var(--axis); }
  figure { break-inside: avoid; }  /* where a page holds it */
}
'''


# ------------------------------------------------------------------------------------------------------------- trust

def trust_of(results: Results) -> dict[str, int]:
    """Counts of cases and samples.  If the run did not finish, this computes them from its cases."""
    known = inner(results.report, 'trust')
    if known:
        return {name: as_count(known.get(name)) for name in ('cases', 'converged', 'samples', 'discarded', 'noisy')}
    return {'cases': len(results.cases), 'converged': sum(case.converged for case in results.cases),
            'samples': sum(case.samples for case in results.cases),
            'discarded': sum(case.discarded for case in results.cases),
            'noisy': sum(case.noisy for case in results.cases)}


def answer(results: Results, counts: dict[str, int]) -> str:
    report = results.report
    if not counts['cases']:
        return 'No, because no case was finished.'
    noisy = (counts['discarded'] + counts['noisy']) / max(1, counts['discarded'] + counts['samples'])
    converged = counts['converged'] / counts['cases']
    if report.get('interrupted') or objects(report, 'failures'):
        return 'Not entirely. Parts of it are missing, as listed below.'
    if converged > 0.9 and noisy < 0.05 and not texts_of(report, 'warnings'):
        return 'Yes.'
    if converged > 0.6 and noisy < 0.15:
        return 'Mostly. The intervals show how far.'
    return 'Only as far as the intervals show. They are wide, because the machine was noisy.'


def peers_text(results: Results) -> list[str]:
    """The peers with their versions, and with instruction sets if these differ."""
    found: dict[tuple[str, str], set[str]] = {}
    gone: dict[tuple[str, str], set[str]] = {}
    for process in objects(results.report, 'processes'):
        for peer in objects(process, 'peers'):
            found.setdefault((peer['name'], peer.get('version', '')), set()).add(process['isa'])
        for peer in objects(process, 'missing'):
            gone.setdefault((peer['name'], peer.get('reason', '')), set()).add(process['isa'])
    isas = {process['isa'] for process in objects(results.report, 'processes')}

    def named(of: dict[tuple[str, str], set[str]], form: str) -> list[str]:
        return [form % (peer_name(name), text) + ('' if own == isas else ' (%s)' % ', '.join(sorted(own)))
                for (name, text), own in of.items()]
    texts = ['No other library was measured.']
    if found:
        texts = ['Compared with %s.' % listed(named(found, '%s %s'))]
    return texts + ['%s.' % text for text in named(gone, '%s is missing: %s')]


def trust_box(results: Results) -> str:
    report, counts = results.report, trust_of(results)
    lines = ['%s.' % (warning[:1].upper() + warning[1:]) for warning in texts_of(report, 'warnings')]
    lines.append('%d of %d cases converged, so that all their intervals are at most 2%% wide.' % (counts['converged'],
                                                                                                counts['cases']))
    lines.append('%d of %d timing samples were noisy: %d were discarded, and %d had to be kept.' % (
        counts['discarded'] + counts['noisy'], counts['discarded'] + counts['samples'], counts['discarded'],
        counts['noisy']))
    lines += peers_text(results)
    lines += ['Failed: %s: %s.' % (failure['failed'], failure['reason'])
              for failure in objects(report, 'failures')]
    if report.get('interrupted'):
        lines.append('The run was interrupted. This report has the results until then.')
    elif 'seconds' not in report:
        lines.append('The run did not finish. This report has the results until then.')
    return ('<aside class="trust"><h2>Can this run be trusted?</h2><p><strong>%s</strong></p><ul>%s</ul></aside>' % (
        answer(results, counts), ''.join('<li>%s</li>' % escape(line) for line in lines)))


# -------------------------------------------------------------------------------------------------------------- page

def context_line(results: Results) -> str:
    report, environment = results.report, inner(results.report, 'environment')
    seconds = as_number(report.get('seconds'))
    threads = ' and '.join(map(str, results.threads))
    texts = [short_cpu(report), 'plugin%s %s' % ('' if len(results.isas) < 2 else 's', ', '.join(results.isas)),
             '%s thread%s' % (threads, '' if threads == '1' else 's'),
             'revision %s' % environment.get('revision', 'unknown'), environment.get('compiler', ''),
             report['date'], report.get('command', '')]
    if report.get('filter'):
        texts.append('filter \u201c%s\u201d' % report['filter'])
    if math.isfinite(seconds):
        texts.append('measured in ' + duration(seconds))
    return ' \u00b7 '.join(escape(text).replace(' ', '\u00a0') for text in texts if text.strip())


def page(report: Report) -> str:
    results, inline = results_of(report), Inliner()
    body = ['<header><h1>Lanefold, measured</h1><p class="context">%s</p></header>' % context_line(results),
            trust_box(results), '<main>']
    for number, (name, heading, section) in enumerate(SECTIONS):
        body.append('<section id="%s"><h2><span class="number">%d</span>%s</h2>\n%s</section>' % (
            name, number + 1, heading, section(results, inline)))
    body.append('</main><footer>Made by <code>lanefold bench</code>. The file results.json beside this page has all '
                'results.</footer>')
    return whole_page('Lanefold, measured: ' + short_cpu(report), '\n'.join(body), FURTHER_STYLE)
