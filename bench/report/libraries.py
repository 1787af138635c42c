"""The other libraries: which ones, and how each was called, so that its authors can object."""
from html import escape

from bench.report.results import Results, missing_of, peers_of
from bench.report.words import peer_name
from cli.drawing import Inliner, paragraphs


def libraries_section(results: Results, _: Inliner) -> str:
    rows = [(peer_name(peer.name), peer.version, peer.isas, peer.how) for peer in peers_of(results.report)]
    rows += [(peer_name(peer.name), 'not measured', peer.isas, peer.version) for peer in missing_of(results.report)]
    if not rows:
        return ''
    heads = ''.join('<th role="columnheader" scope="col">%s</th>' % head
                    for head in ('Library', 'Version', 'Plugins', 'How it was called'))
    cells = ''.join('<tr role="row"><th role="rowheader" scope="row">%s</th><td role="cell">%s</td>'
                    '<td role="cell">%s</td><td role="cell" class="measured">%s</td></tr>\n' % (
                        escape(name), escape(version), escape(', '.join(isas)), escape(how))
                    for name, version, isas, how in rows)
    return paragraphs('Each library computes the same as Lanefold. The run verified its result before timing it.') + (
        '<table class="claims libraries" role="table" aria-label="The other libraries"><thead role="rowgroup">'
        '<tr role="row">%s</tr></thead><tbody role="rowgroup">\n%s</tbody></table>' % (heads, cells))
