"""The report of a benchmark run: the first screen, and its sections."""
import math
from html import escape

from bench.report.costs import costs_section
from bench.report.counted import counted_section
from bench.report.gates import gates_section, results_section, verdicts_text
from bench.report.headline import figures_text
from bench.report.libraries import libraries_section
from bench.report.limits import limits_section
from bench.report.networks import networks_section
from bench.report.passes import passes_section
from bench.report.products import products_section
from bench.report.results import Report, Results, as_number, inner, results_of, short_cpu
from bench.report.scaling import scaling_section
from bench.report.trust import answer, reasons
from cli.drawing import Inliner, duration
from cli.style import whole_page

SECTIONS = (('costs', 'What batch normalization and activations cost', costs_section),
            ('counted', 'What they cost, counted', counted_section),
            ('limits', 'The limits of this machine', limits_section),
            ('products', 'Matrix products compared with other libraries', products_section),
            ('passes', 'Activations and batch normalization alone', passes_section),
            ('networks', 'The whole network', networks_section),
            ('scaling', 'Scaling', scaling_section),
            ('libraries', 'The other libraries', libraries_section),
            ('gates', 'Gates', gates_section),
            ('results', 'All results', results_section))

FURTHER_STYLE = '''
.ends, .after, .note { color: var(--muted); }
.figures { list-style: none; display: grid; grid-template-columns: repeat(5, 1fr); gap: 1.2rem 1.6rem; margin: 0;
  padding: 0; }
.figures li { border-top: 3px solid var(--blue); padding-top: .6rem; font-size: .875rem; line-height: 1.4; }
.figures li > * { display: block; }
.figures strong { font-size: 1.75rem; line-height: 1.3; font-weight: 650; letter-spacing: -.02em; }
.figures .what { font-weight: 600; }
.figures .verdict { margin-top: .35rem; }
.note { font-size: .875rem; max-width: none; margin: 1rem 0 0; }
.opening { display: grid; grid-template-columns: 4fr 5fr; gap: 1.6rem 2.6rem; margin-top: 2.2rem; }
.opening h2 { font-size: 1.2rem; }
.counts { font-size: .93rem; width: 100%; }
.counts td, .counts thead th { text-align: right; padding-right: 0; padding-left: .8rem; }
.counts th { white-space: nowrap; }
.counts thead td { border-bottom-color: var(--axis); }
.counts a { color: inherit; }
nav ol { display: flex; flex-wrap: wrap; gap: .1rem 1.4rem; list-style: none; margin: 1.6rem 0 0; padding: 0;
  font-size: .93rem; }
nav .number { color: var(--muted); margin-right: .4em; }
.trust { background: var(--band); border-left: 3px solid var(--axis); padding: 1.2rem 1.4rem .6rem; }
.trust ul { margin: 0 0 .9rem; padding-left: 1.1rem; max-width: 43rem; font-size: .93rem; line-height: 1.5; }
.trust li, .assumptions li { margin: 0 0 .3rem; overflow-wrap: anywhere; }
.key { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.2rem; margin: 0 0 1rem; padding: 0;
  font-size: .875rem; }
.key li { white-space: nowrap; }
.key svg { width: 2.1em; height: 1em; vertical-align: -.12em; margin-right: .5em; overflow: visible; }
.key svg.square { width: 1em; overflow: hidden; border: 1px solid var(--axis); }
h4 { font-size: .95rem; margin: 1.6rem 0 .5rem; }
.assumptions { font-size: .875rem; padding-left: 1.1rem; max-width: 43rem; margin: 0; }
.missing { color: var(--muted); margin-top: 1.6rem; }
.family { margin-top: 2rem; }
.family h3 { margin: 0 0 .4rem; scroll-margin-top: 1rem; }
.family h3 .ends { font-weight: 400; margin-left: .5em; }
.gates td, .gates th { padding: .3rem 1.2rem .3rem 0; }
.gates tbody th { font-weight: 400; width: 36%; overflow-wrap: anywhere; }
.gates .quantity th { color: var(--muted); padding-top: .8rem; font-style: italic; }
.libraries td, .libraries th { padding-top: .3rem; padding-bottom: .3rem; }
.libraries tbody th { width: auto; white-space: nowrap; }
.libraries td:empty::before { content: "\\2013"; }
.where { white-space: nowrap; }
.grid.flow { display: block; columns: 2 21rem; column-gap: 2rem; }
.flow + figcaption { margin-top: -.6rem; }
.flow > div { break-inside: avoid; padding-bottom: 1.6rem; }
.scroll.whole { max-height: none; margin-top: 1.2rem; }
.gates td { white-space: nowrap; }
.gates td.number { text-align: right; }
.gates svg.interval { width: 7.5rem; height: 1rem; margin: 0; vertical-align: -.15em; }
.interval .line { stroke: var(--grid); stroke-width: 1; }
.interval .target { stroke: var(--ink); stroke-width: 1.4; }
.counted { font-size: .8125rem; }
.counted td, .counted thead th { text-align: right; padding-left: .7rem; padding-right: 0; }
.counted td:nth-of-type(3n + 1):not(:first-child) { padding-left: 1.3rem; }
.counted thead tr:first-child th, .counted thead tr:first-child td { border-bottom: 0; }
.counted thead tr:last-child td { border-bottom-color: var(--axis); }
.counted tbody th { padding-right: .4rem; }
.counted caption { font-weight: 600; color: var(--ink); }
details figure { font-size: 1rem; margin-top: 1.6rem; }
@media (max-width: 60rem) {
  .figures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 10rem), 1fr)); }
  .opening { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 46rem) {
  .figures { grid-template-columns: 1fr; gap: 0; }
  .figures li { display: grid; grid-template-columns: 1fr auto; column-gap: 1rem; align-items: baseline;
    border-top: 1px solid var(--grid); padding: .5rem 0; }
  .figures strong { font-size: 1.35rem; }
  .figures .after { grid-column: 1; }
  .figures .ends { grid-column: 2; grid-row: 2; }
  .figures strong, .figures .ends { text-align: right; }
  .figures .verdict { grid-column: 1; margin: 0; }
  .counts { font-size: .85rem; }
  .counts td, .counts thead th { padding-left: .5rem; }
  .counts .verdict svg { margin-right: .25em; }
  .libraries td:empty { display: none; }
  .libraries tbody td:not(.measured) { display: inline-block; margin-right: 1rem; }
  .trust { padding: 1.1rem 1rem .5rem; }
  .gates tbody tr { padding: .6rem 0; }
  .gates tbody th { width: auto; }
  .gates tbody td { display: inline-block; margin-right: .7rem; }
  .gates .target { color: var(--muted); }
}
@media print {
  nav { display: none; }
  .trust { border: 1px solid var(--axis); }
  .opening { grid-template-columns: 4fr 5fr; }
  .figures { grid-template-columns: repeat(5, 1fr); }
  .key { break-inside: avoid; break-after: avoid; }
  .scroll.whole { break-inside: avoid; }
  .counted { font-size: .72rem; }
}
'''


def trust_box(results: Results) -> str:
    return ('<aside class="trust"><h2>Can this run be trusted?</h2><p><strong>%s</strong></p><ul>%s</ul></aside>' % (
        escape(answer(results)), ''.join('<li>%s</li>' % escape(text) for text in reasons(results))))


def context_line(results: Results) -> str:
    report, environment = results.report, inner(results.report, 'environment')
    seconds = as_number(report.get('seconds'))
    threads = ' and '.join(map(str, results.threads))
    texts = [short_cpu(report), 'plugin%s %s' % ('' if len(results.isas) < 2 else 's', ', '.join(results.isas)),
             '%s thread%s' % (threads, '' if threads == '1' else 's'),
             'revision %s' % environment.get('revision', 'unknown'), environment.get('compiler', ''),
             report['date'], report.get('command', '')]
    texts += ['%s \u201c%s\u201d' % (key, report[key]) for key in ('where', 'filter') if report.get(key)]
    if math.isfinite(seconds):
        texts.append('measured in ' + duration(seconds))
    return ' \u00b7 '.join(escape(text).replace(' ', '\u00a0') for text in texts if text.strip())


def page(report: Report) -> str:
    results, inline = results_of(report), Inliner()
    body = ['<header><h1>Lanefold, measured</h1><p class="context">%s</p></header>' % context_line(results),
            figures_text(results),
            '<div class="opening"><div><h2>Do the gates hold?</h2>%s</div>%s</div>' % (verdicts_text(results),
                                                                                     trust_box(results))]
    written = [(name, heading, section(results, inline)) for name, heading, section in SECTIONS]
    numbered = list(enumerate((part for part in written if part[2]), 1))
    body.append('<nav aria-label="Sections"><ol>%s</ol></nav><main>' % ''.join(
        '<li><a href="#%s"><span class="number">%d</span>%s</a></li>' % (name, number, heading)
        for number, (name, heading, _) in numbered))
    body += ['<section id="%s"><h2><span class="number">%d</span>%s</h2>\n%s</section>' % (name, number, heading, text)
             for number, (name, heading, text) in numbered]
    body.append('</main><footer>Made by <code>lanefold bench</code>. The file results.json beside this page has all '
                'results.</footer>')
    return whole_page('Lanefold, measured: ' + short_cpu(report), '\n'.join(body), FURTHER_STYLE)
