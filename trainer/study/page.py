"""The report of a study: claims and sections."""
from html import escape

from cli.drawing import Inliner, base_name, duration, plain_powers
from cli.style import verdict_cell, whole_page
from trainer.study.learning import costs, learning, sensitivity
from trainer.study.signals import Part, signals_at_start, signals_in_training

# ---------------------------------------------------------------------------------------------------- the whole page

SECTIONS = (('signals_at_start', 'Start', 'Signals before training', signals_at_start),
            ('signals_in_training', 'Training', 'Signals during training', signals_in_training),
            ('learning', 'Learning', 'Learning', learning),
            ('sensitivity', 'Sensitivity', 'Sensitivity', sensitivity),
            ('costs', 'Costs', 'Costs', costs))

VERDICTS = {'holds': 'holds', 'in part': 'part', 'does not hold': 'not'}


def claim_row(claim: Part) -> str:
    number = [key for key, *_ in SECTIONS].index(claim['study'])
    link = '<a href="#%s">%d\u00a0%s</a>' % (claim['study'], number + 1, SECTIONS[number][1])
    return ('<tr role="row"><th role="rowheader" scope="row">%s</th>%s<td role="cell" class="measured">%s</td>'
            '<td role="cell" class="data">%s</td><td role="cell" class="study">%s</td></tr>' % (
                escape(claim['claim']), verdict_cell(VERDICTS.get(claim['verdict'], ''), claim['verdict']),
                escape(plain_powers(claim['measured'])), escape(base_name(claim['data'])), link))


def claims_table(claims: list[Part]) -> str:
    """A table with roles, because a narrow page shows its rows as blocks."""
    heads = ''.join('<th role="columnheader" scope="col">%s</th>' % head
                    for head in ('Claim', 'Verdict', 'Measured', 'Data', 'Study'))
    rows = '\n'.join(claim_row(claim) for claim in claims)
    return ('<table class="claims" role="table" aria-label="Claims and verdicts"><thead role="rowgroup"><tr role="row">'
            '%s</tr></thead><tbody role="rowgroup">\n%s\n</tbody></table>' % (heads, rows))


def summary(claims: list[Part]) -> str:
    verdicts = [claim['verdict'] for claim in claims]
    return 'Of %d common claims, %d %s, %d %s in part, and %d %s not.' % (
        len(claims), verdicts.count('holds'), 'holds' if verdicts.count('holds') == 1 else 'hold',
        verdicts.count('in part'), 'holds' if verdicts.count('in part') == 1 else 'hold',
        verdicts.count('does not hold'), 'does' if verdicts.count('does not hold') == 1 else 'do')


def context(report: Part) -> str:
    threads = report['threads']
    parts = [report['data'], report['cpu'].split(':')[0].strip(), 'plugin ' + report['plugin'],
             '%d thread%s' % (threads, '' if threads == 1 else 's'), 'seed %d' % report['seed'],
             'measured in ' + duration(report['seconds'])]
    return ' \u00b7 '.join(escape(part).replace(' ', '\u00a0') for part in parts)


def page(report: Part) -> str:
    inline = Inliner()
    body = ['<header><h1>Vanishing gradients, measured</h1><p class="context">%s</p></header><main>' % context(report),
            '<h2>Common claims about BN and ELU, and the measurements</h2><p>%s</p>' % summary(report['claims']),
            claims_table(report['claims'])]
    for number, (key, _, heading, section) in enumerate(SECTIONS):
        body.append('<section id="%s"><h2><span class="number">%d</span>%s</h2>\n%s</section>' % (
            key, number + 1, heading, section(report[key], inline)))
    body.append('</main><footer>Made by <code>lanefold study</code>; all figures are in the study.json beside this '
                'page.</footer>')
    return whole_page('Vanishing gradients, measured: ' + base_name(report['data']), '\n'.join(body))
