"""make_markdown.py ROOT OUT DEPFILE DOCDIR INCLUDEDIR [XML]: makes the folder of documents that is installed, with
links that hold there.

OUT has the pages, the examples and the golden vectors, as they lie in the tree.  With Doxygen's XML of the
headers, OUT/docs/reference has a page for each of them, and links to headers lead there.  Without it, they lead to the
installed headers: OUT is installed as DOCDIR, and the headers are in INCLUDEDIR/lanefold."""
import os
import re
import shutil
import sys
from pathlib import Path

from pages import all_pages, write_depfile
from reference import Reference

DATA = ('docs/golden_vectors.json', 'docs/one_chain.py', 'docs/one_chain_vectors.py')
BUILD_FILES = ('meson.build', '__pycache__')


def main(root, out, depfile, docdir, includedir, xml=None):
    root, out, include = Path(root).resolve(), Path(out).resolve(), os.path.relpath('/' + includedir, '/' + docdir)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    pages, files = all_pages(root), set(DATA)
    reference = Reference(Path(xml)) if xml else None

    def write_link(page, text, path, anchor, whole):
        place = os.path.dirname(page.path)
        if path.startswith('include/lanefold/') and (root / path).is_file():
            name = os.path.basename(path)
            there = os.path.join(include, os.path.relpath(path, 'include'))
            if reference and name in reference.headers:
                there = 'docs/reference/%s.md' % name
            return '[%s](%s)' % (text, os.path.normpath('../' * len(Path(place).parts) + there))
        if path not in pages and (root / path).is_file():
            files.add(path)
        elif not (root / path).exists():
            sys.exit('%s: the link %s leads nowhere' % (page.path, whole))
        return whole

    texts = {path: page.with_links(write_link) for path, page in pages.items()}
    for path in sorted(files):
        if not re.match('(docs|examples)/', path):
            sys.exit('%s is linked, but is neither a page nor an example nor data of docs/' % path)
    shutil.copytree(root / 'examples', out / 'examples', ignore=shutil.ignore_patterns(*BUILD_FILES))
    for path, text in texts.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    for path in files:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, out / path)
    if reference:
        place = out / 'docs/reference'
        place.mkdir()
        for name in sorted(reference.headers):
            (place / (name + '.md')).write_text(reference.page(name))
        (place / 'README.md').write_text(reference.index())
    write_depfile(depfile, 'docs/' + out.name, root)


main(*sys.argv[1:])
