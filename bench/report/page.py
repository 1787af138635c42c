# The report of a run of benchmarks: whether to trust it, and its sections.

Results = namedtuple('Results', 'report isas threads races lanes ratios')

SECTIONS = (('costs', 'What batch normalization and activations cost', costs_section),
            ('limits', 'Beside the limits of this machine', limits_section),
            ('products', 'Products beside other libraries', products_section),
            ('passes', 'Activations and batch normalization alone', passes_section),
            ('networks', 'The whole network', networks_section),
            ('scaling', 'Scaling', scaling_section),
            ('gates', 'Verdicts', gates_section),
            ('figures', 'All figures', figures_section))

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

def trust_of(results):
    """Counts of races and batches; of a run that was cut off they are made up for."""
    known = inner(results.report, 'trust')
    if known:
        return {name: as_count(known.get(name)) for name in ('races', 'settled', 'batches', 'spoiled', 'disturbed')}
    return {'races': len(results.races), 'settled': sum(race.settled for race in results.races),
            'batches': sum(race.batches for race in results.races),
            'spoiled': sum(race.spoiled for race in results.races),
            'disturbed': sum(race.disturbed for race in results.races)}


def answer(results, counts):
    report = results.report
    if not counts['races']:
        return 'There is nothing to trust: no race was finished.'
    disturbed = (counts['spoiled'] + counts['disturbed']) / max(1, counts['spoiled'] + counts['batches'])
    settled = counts['settled'] / counts['races']
    if report.get('interrupted') is True or dictionaries(report, 'failures'):
        return 'Not as a whole: parts of it are missing, as told below.'
    if settled > 0.9 and disturbed < 0.05 and not texts_of(report, 'doubts'):
        return 'Yes.'
    if settled > 0.6 and disturbed < 0.15:
        return 'Mostly; the intervals tell how far.'
    return 'Only as far as the intervals tell: they are wide, since the machine was disturbed.'


def peers_said(results):
    """With versions; by instruction set where they differ."""
    found, gone = {}, {}
    for process in dictionaries(results.report, 'processes'):
        for peer in dictionaries(process, 'peers'):
            found.setdefault((str(peer.get('name')), str(peer.get('version', ''))), set()).add(str(process.get('isa')))
        for peer in dictionaries(process, 'missing'):
            gone.setdefault((str(peer.get('name')), str(peer.get('why', ''))), set()).add(str(process.get('isa')))
    isas = {str(process.get('isa')) for process in dictionaries(results.report, 'processes')}

    def named(of, form):
        return [form % (peer_name(name), text) + ('' if own == isas else ' (%s)' % ', '.join(sorted(own)))
                for (name, text), own in of.items()]
    texts = ['No other library was measured beside it.']
    if found:
        texts = ['Measured beside %s.' % listed(named(found, '%s %s'))]
    return texts + ['Missing: %s.' % text for text in named(gone, '%s, since %s')]


def trust_box(results):
    report, counts = results.report, trust_of(results)
    lines = ['%s.' % (doubt[:1].upper() + doubt[1:]) for doubt in texts_of(report, 'doubts')]
    lines.append('%d of %d races settled: each of their intervals is at most 2%% wide.' % (counts['settled'],
                                                                                           counts['races']))
    lines.append('%d of %d batches were disturbed: %d of them were left out, %d had to count.' % (
        counts['spoiled'] + counts['disturbed'], counts['spoiled'] + counts['batches'], counts['spoiled'],
        counts['disturbed']))
    lines += peers_said(results)
    lines += ['Failed: %s: %s.' % (failure.get('failed', ''), failure.get('why', ''))
              for failure in dictionaries(report, 'failures')]
    if report.get('interrupted') is True:
        lines.append('The run was interrupted: what was measured until then is here.')
    elif 'seconds' not in report:
        lines.append('The run did not come to its end: what was measured until then is here.')
    return ('<aside class="trust"><h2>Can this run be trusted?</h2><p><strong>%s</strong></p><ul>%s</ul></aside>' % (
        answer(results, counts), ''.join('<li>%s</li>' % escape(line) for line in lines)))


# -------------------------------------------------------------------------------------------------------------- page

def context_line(results):
    report, environment = results.report, inner(results.report, 'environment')
    seconds = as_number(report.get('seconds'))
    threads = ' and '.join(map(str, results.threads))
    texts = [short_cpu(report), 'plugin%s %s' % ('' if len(results.isas) < 2 else 's', ', '.join(results.isas)),
             '%s thread%s' % (threads, '' if threads == '1' else 's'),
             'revision %s' % environment.get('revision', 'unknown'), str(environment.get('compiler', '')),
             str(report['date']), str(report.get('command', ''))]
    if report.get('filter'):
        texts.append('only \u201c%s\u201d' % report['filter'])
    if math.isfinite(seconds):
        texts.append('measured in ' + duration(seconds))
    return ' \u00b7 '.join(escape(text).replace(' ', '\u00a0') for text in texts if text.strip())


def results_of(report):
    races = races_of(report)
    isas = in_order([race.isa for race in races], texts_of(report, 'isas'))
    threads = sorted({race.threads for race in races})
    return Results(report, isas, threads, races, lanes_of(races), ratios_of(report))


def page(report):
    results, inline = results_of(report), Inliner()
    body = ['<header><h1>Lanefold, measured</h1><p class="context">%s</p></header>' % context_line(results),
            trust_box(results), '<main>']
    for number, (name, heading, section) in enumerate(SECTIONS):
        body.append('<section id="%s"><h2><span class="number">%d</span>%s</h2>\n%s</section>' % (
            name, number + 1, heading, section(results, inline)))
    body.append('</main><footer>Made by <code>lanefold bench</code>; all figures are in the results.json beside this '
                'page.</footer>')
    return whole_page('Lanefold, measured: ' + short_cpu(report), '\n'.join(body), FURTHER_STYLE)
