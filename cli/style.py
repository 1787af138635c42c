"""The look of result pages: the style, the verdicts, and the page around its body."""
from html import escape

from cli.drawing import COLOURS

# ------------------------------------------------------------------------------------------------------- the style

STYLE = '''
%(light)s
@media screen and (prefers-color-scheme: dark) { %(dark)s }
:root { color-scheme: light dark; --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
  "Liberation Sans", Arial, sans-serif; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%%; text-size-adjust: 100%%; }
body { margin: 0 auto; max-width: 63rem; padding: 3.5rem 1.5rem 5rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 var(--sans); font-variant-numeric: tabular-nums lining-nums; }
h1 { font-size: 2.1rem; line-height: 1.15; font-weight: 650; letter-spacing: -0.02em; margin: 0 0 .7rem; }
h2 { font-size: 1.45rem; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 .8rem; }
h2 .number { color: var(--muted); font-weight: 400; margin-right: .5em; }
h3 { font-size: 1.05rem; font-weight: 650; margin: 0 0 1rem; }
p { max-width: 43rem; margin: 0 0 .9rem; text-wrap: pretty; }
a { color: var(--blue); text-underline-offset: .15em; text-decoration-thickness: 1px; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--blue); outline-offset: 3px; }
.context { color: var(--muted); font-size: .92rem; overflow-wrap: anywhere; margin-bottom: 2.6rem; max-width: none; }
section { border-top: 1px solid var(--grid); margin-top: 4rem; padding-top: 2.2rem; }
figure { margin: 2.4rem 0 0; }
figcaption { color: var(--muted); font-size: .875rem; line-height: 1.5; margin-top: .9rem; max-width: 43rem; }
.grid { display: grid; gap: 1.6rem 2rem; }
.grid.of2 { grid-template-columns: repeat(auto-fit, minmax(min(100%%, 21rem), 1fr)); }
.grid.of3 { grid-template-columns: repeat(auto-fit, minmax(min(100%%, 17rem), 1fr)); gap: 1.6rem 1.2rem; }
.grid svg { display: block; width: 100%%; height: auto; max-width: 34rem; overflow: visible; }
.grid svg * { stroke-linejoin: round; stroke-linecap: butt; }
details { margin-top: .9rem; font-size: .875rem; }
summary { cursor: pointer; color: var(--muted); width: fit-content; padding: .2rem 0; }
summary:hover { color: var(--ink); }
.scroll { overflow-x: auto; margin-top: .7rem; max-height: 32rem; overflow-y: auto; }
table { border-collapse: collapse; line-height: 1.45; }
caption { text-align: left; color: var(--muted); padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--grid); }
.scroll th, .scroll td { white-space: nowrap; }
thead th { border-bottom-color: var(--axis); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; }
.claims { width: 100%%; font-size: .93rem; }
.claims th, .claims td { padding: .7rem 1.2rem .7rem 0; }
.claims tbody th { font-weight: 600; width: 28%%; }
.claims td:last-child, .claims th:last-child { padding-right: 0; }
.verdict { white-space: nowrap; font-weight: 600; }
.verdict svg { width: 1em; height: 1em; vertical-align: -.12em; margin-right: .5em; }
.verdict.holds { color: var(--green); }
.verdict.part { color: var(--gold); }
.verdict.not { color: var(--red); }
.measured { overflow-wrap: anywhere; }
footer { color: var(--muted); font-size: .875rem; margin-top: 4rem; border-top: 1px solid var(--grid);
  padding-top: 1rem; }
@media (max-width: 46rem) {
  body { padding: 2rem 1rem 3rem; }
  h1 { font-size: 1.7rem; }
  section { margin-top: 3rem; }
  .claims, .claims tbody, .claims tr, .claims th, .claims td { display: block; width: auto; }
  .claims thead { position: absolute; clip-path: inset(50%%); width: 1px; height: 1px; overflow: hidden; }
  .claims tbody tr { border-bottom: 1px solid var(--grid); padding: .9rem 0; }
  .claims tbody th, .claims tbody td { border: 0; padding: 0 0 .25rem; width: auto; }
  .claims .data::before { content: "on "; }
  .claims .data, .claims .study { display: inline-block; color: var(--muted); margin-right: .8rem; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; }
  @page { margin: 16mm 14mm; }
  html { font-size: 12px; }
  body { max-width: none; padding: 0; background: none; }
  section { margin-top: 1.6rem; padding-top: 1.2rem; }
  figure { margin-top: 1.4rem; }
  .grid.of2 { grid-template-columns: 1fr 1fr; }
  .grid.of3 { grid-template-columns: 1fr 1fr 1fr; }
  .grid > div, tr, figcaption { break-inside: avoid; }
  h2, h3, summary { break-after: avoid; }
  figcaption { break-before: avoid; }
  p { orphans: 3; widows: 3; }
  .scroll { overflow: visible; max-height: none; }
  details:not([open]) { display: none; }
  a { color: inherit; text-decoration: none; }
}
'''


def style() -> str:
    rules = [':root { %s }' % ' '.join('--%s: %s;' % (name, pair[i]) for name, pair in COLOURS.items())
             for i in (0, 1)]
    return STYLE % {'light': rules[0], 'dark': rules[1]}


# A sign beside each verdict, which needs no colour.
VERDICT_PICTURES = {
    'holds': '<circle cx="8" cy="8" r="7" fill="currentColor"/>'
             '<path d="M4.4 8.3l2.5 2.5 4.8-5.2" fill="none" stroke="var(--paper)" stroke-width="1.8"/>',
    'part': '<circle cx="8" cy="8" r="6.3" fill="none" stroke="currentColor" stroke-width="1.4"/>'
            '<path d="M8 1.7a6.3 6.3 0 0 0 0 12.6z" fill="currentColor"/>',
    'not': '<circle cx="8" cy="8" r="6.3" fill="none" stroke="currentColor" stroke-width="1.4"/>'
           '<path d="M5.3 5.3l5.4 5.4m0-5.4l-5.4 5.4" stroke="currentColor" stroke-width="1.8"/>',
}


def verdict_text(kind: str, word: str) -> str:
    """The sign and the word, as HTML."""
    return '<svg viewBox="0 0 16 16" aria-hidden="true">%s</svg>%s' % (VERDICT_PICTURES.get(kind, ''), escape(word))


def verdict_cell(kind: str, word: str) -> str:
    return '<td role="cell" class="verdict %s">%s</td>' % (kind, verdict_text(kind, word))


def whole_page(title: str, body: str, further_style: str = '') -> str:
    """body is HTML."""
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<title>%s</title>\n<style>%s</style></head>\n'
            '<body>\n%s\n</body></html>\n' % (escape(title), style() + further_style, body))
