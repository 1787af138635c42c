"""make_html.py ROOT OUT DEPFILE DOXYGEN VERSION [--strict]: makes the guide and the reference as HTML, in OUT/html,
and the reference as XML, in OUT/xml.

Doxygen reads copies of the pages, in OUT/pages, in which each heading has a label and each link names a label.  This
does not depend on how a version of Doxygen resolves links.  A link that would lead nowhere is an error.  Doxygen's own
warnings are in OUT/warnings.txt.  They are errors if --strict is given."""
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from pages import all_pages, anchor, in_prose, write_depfile

# The pages also link to files that are not pages.  Some of these become pages, and the others are copied as they are.
PATTERNS = ('*.h', '*.hpp')
SHOWN = {'.c': 'c', '.cpp': 'cpp', '.hpp': 'cpp', '.py': 'py', '': 'unparsed', '.manifest': 'unparsed',
         '.1': 'unparsed', '.txt': 'unparsed'}
HIGHLIGHTED = {'c': 'c', 'cpp': 'cpp', 'python': 'py'}  # languages of blocks that Doxygen knows
COPIED = ('.json', '.in', '.png')
GUIDE = 'start train link cpp python blas plugins benchmarks numbers faq'.split()
DEPTH = ('docs/numerics.md', 'docs/gemm.md', 'docs/results/README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md',
         'CHANGELOG.md')


def label_of(path):
    return re.sub(r'\W', '_', path).lower()


class Site:
    def __init__(self, root, out):
        self.root, self.out = root, out
        self.pages = all_pages(root)
        there = [path for pattern in PATTERNS for path in (root / 'include/lanefold').rglob(pattern)]
        there.sort(key=lambda path: (len(path.parts), path))
        self.headers = {path.name: path for path in there}
        if len(self.headers) < len(there):
            sys.exit('two headers in include/lanefold have the same name, so a link to it would be ambiguous')
        self.shown, self.copied = {}, set()  # files that become pages, by path: their labels; files to copy
        declared = ''.join(path.read_text() for path in there if path.suffix == '.h')
        self.functions = set(re.findall(r'^LF_API [^;(]*?(lf_\w+)\(', declared, re.MULTILINE))

    def write_link(self, page, text, path, to, whole):
        """A link of a page, for Doxygen."""
        words, there = ' '.join(text.replace('`', '').split()), self.root / path
        label = None
        if path in self.pages:
            label = self.heading_label(self.pages[path], to)
        elif path.startswith('include/lanefold/') and there.name in self.headers:
            label = there.name
        elif there.is_dir() and path + '/README.md' in self.pages:
            label = self.pages[path + '/README.md'].label
        elif there.is_file() and there.suffix in SHOWN:
            label = self.shown[path] = label_of(path)
        if label:
            reference = '@ref %s "%s"' % (label, words.replace('"', "'"))
            return '<code>%s</code>' % reference if '`' in text else reference
        if there.is_file() and there.suffix in COPIED:
            self.copied.add(path)
            if whole.startswith('!'):
                return '<img src="%s" alt="%s" style="max-width: 100%%"/>' % (there.name, words)
            return '<a href="%s">%s</a>' % (there.name, words)
        sys.exit('%s: the link %s leads to no page, header, example or data file' % (page.path, whole))

    def heading_label(self, page, to):
        return page.label + '_' + to.replace('-', '_') if to else page.label

    def staged(self, page):
        """The page as Doxygen reads it."""
        text = page.with_links(self.write_link)

        def code(match):
            """A call in a sentence leads to the reference.  Between single backticks, Doxygen takes ' for the end."""
            call = re.fullmatch(r'(lf_\w+)(\(\))?', match[1])
            if call and call[1] in self.functions:
                return '<code>@ref %s "%s"</code>' % (call[1], match[1])
            return '``%s``' % match[1]

        def heading(match):
            label = self.heading_label(page, anchor(match[2]))
            return '%s %s {#%s}' % (match[1], match[2].replace('`', ''), label)

        def prose(part):
            lines = [line if line.startswith('#') else re.sub(r'`([^`]+)`', code, line) for line in part.split('\n')]
            return re.sub(r'^(##+) (.*)$', heading, '\n'.join(lines), flags=re.MULTILINE)
        text = in_prose(text, prose)
        fence = r'^```(\w+).*$'
        text = re.sub(fence, lambda m: '```{.%s}' % HIGHLIGHTED.get(m[1], 'unparsed'), text, flags=re.MULTILINE)
        return re.sub(r'^# (.*)$', r'# \1 {#%s}' % page.label, text, count=1, flags=re.MULTILINE)

    def write_pages(self):
        place = self.out / 'pages'
        place.mkdir()
        for page in self.pages.values():
            name = 'readme' if page.path == 'README.md' else page.label
            (place / (name + '.md')).write_text(self.staged(page))
        for path, label in self.shown.items():
            there = self.root / path
            text = '# %s {#%s}\n\n```{.%s}\n%s```\n' % (path, label, SHOWN[there.suffix], there.read_text())
            (place / (label + '.md')).write_text(text)
        briefs = '\n'.join('| [%s](@ref %s) | %s |' % (name, name, self.brief(name)) for name in self.headers)
        table = '| header | what it has |\n|---|---|\n%s\n' % briefs
        (place / 'reference.md').write_text('# Reference {#reference}\n\n' + table)

    def brief(self, name):
        """The first sentence of a header."""
        text = self.headers[name].read_text()
        comment = re.match(r'/\*.*?\*/|(//.*\n)+', text, re.DOTALL if text.startswith('/*') else 0)[0]
        words = re.sub(r'^ *(/\*\*?|\*/|\*|///?)|@file|\*/$', '', comment, flags=re.MULTILINE).split()
        return re.split(r'(?<=\.) ', ' '.join(words))[0]

    def navigation(self):
        def item(label, title):
            return '<a href="%s.html">%s</a>' % (label, html.escape(title))
        lines = ['<a class="home" href="index.html">Lanefold</a>', '<p>Guide</p>']
        guide = [self.pages['docs/guide/%s.md' % name] for name in GUIDE if 'docs/guide/%s.md' % name in self.pages]
        lines += [item(page.label, page.title) for page in guide]
        lines.append('<p>In depth</p>')
        lines += [item(self.pages[path].label, self.pages[path].title) for path in DEPTH if path in self.pages]
        lines.append('<p>%s</p>' % item('reference', 'Reference'))
        for name in self.headers:
            lines.append(item(name.replace('_', '__').replace('.', '_8'), name))
        return '\n'.join(lines)


def without_false_links(text, functions):
    """Doxygen 1.9.8 takes words of C++ declarations, such as int64_t, for the name of a function that is called args."""
    def one(match):
        name = functions.get(match[1])
        return match[2] if name and name != re.split(r'::|\.', match[2])[-1] else match[0]
    return re.sub(r'<a class="(?:el|code[^"]*)" href="([^"]*)"[^>]*>([\w:.]+)</a>', one, text)


def functions_in(folder):
    """The names of all functions, by their address in the HTML."""
    found = {}
    for path in folder.glob('*.xml'):
        for member in ElementTree.parse(path).getroot().iter('memberdef'):
            page, _, place = member.get('id').rpartition('_1')
            if member.get('kind') == 'function':
                found['%s.html#%s' % (page, place)] = member.findtext('name')
    return found


def finish(folder, functions):
    """Shortens the titles of headers and classes, and removes what no page links, such as Doxygen's scripts."""
    kind_in_title = r'((?:<title>|<div class="title">)[^<]*?) (?:File|Class|Struct|Namespace)(?: Template)? Reference'
    linked, waiting = set(), ['index.html']
    while waiting:
        name = waiting.pop()
        if name in linked or not (folder / name).is_file():
            continue
        linked.add(name)
        if name.endswith('.html'):
            text = (folder / name).read_text()
            text = re.sub(r'  <div class="summary">.*?</div>\n', '', text, flags=re.DOTALL)
            text = without_false_links(text, functions)
            waiting += re.findall(r'(?:href|src)="([^"#:?]+)', text)
            (folder / name).write_text(re.sub(kind_in_title, r'\1', text))
    for path in folder.rglob('*'):
        if path.is_file() and str(path.relative_to(folder)) not in linked:
            path.unlink()


def undocumented(folder):
    """What no comment describes.  Doxygen itself passes over the fields of structs that it shows on a header's page."""
    for path in sorted(folder.glob('*.xml')):
        for compound in ElementTree.parse(path).getroot().findall('compounddef'):
            kinds = ('file', 'struct', 'class', 'namespace')
            if compound.get('kind') not in kinds or compound.get('prot') in ('private', 'protected'):
                continue
            if compound.findtext('compoundname').endswith(('.md', '.dox')):
                continue
            for node in [compound, *compound.iter('memberdef'), *compound.iter('enumvalue')]:
                public = node.get('prot') in (None, 'public') and node.get('kind') != 'friend'
                described = node.findall('briefdescription') + node.findall('detaileddescription')
                if public and not any(text.strip() for part in described for text in part.itertext()):
                    place = node.find('location')
                    where = path if place is None else '%s:%s' % (place.get('file'), place.get('line'))
                    name = node.findtext('qualifiedname') or node.findtext('compoundname') or node.findtext('name')
                    yield '%s: warning: %s has no comment\n' % (where, name)


def make(root, out, doxygen, version):
    for folder in ('pages', 'html', 'xml'):
        shutil.rmtree(out / folder, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    site, here = Site(root, out), root / 'docs/site'
    site.write_pages()
    (out / 'header.html').write_text((here / 'header.html.in').read_text().replace('@navigation@', site.navigation()))
    values = {'version': version, 'out': out, 'pages': out / 'pages', 'include': root / 'include', 'site': here,
              'patterns': ' '.join(PATTERNS),
              'files': ' '.join(str(root / path) for path in sorted(site.copied))}
    text = (here / 'Doxyfile.in').read_text()
    (out / 'Doxyfile').write_text(re.sub(r'@(\w+)@', lambda m: str(values[m[1]]), text))
    (out / 'warnings.txt').unlink(missing_ok=True)
    subprocess.run([doxygen, str(out / 'Doxyfile')], check=True)
    finish(out / 'html', functions_in(out / 'xml'))
    with open(out / 'warnings.txt', 'a', encoding='utf-8') as warnings:
        warnings.writelines(undocumented(out / 'xml'))
    return (out / 'warnings.txt').read_text()


def main(root, out, depfile, doxygen, version, strict=''):
    root, out = Path(root).resolve(), Path(out).resolve()
    warnings = make(root, out, doxygen, version)
    write_depfile(depfile, 'docs/html', root)
    print(warnings, end='', file=sys.stderr)
    if warnings and strict:
        sys.exit('Doxygen has warnings')


if __name__ == '__main__':
    main(*sys.argv[1:])
