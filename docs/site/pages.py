"""The pages of this tree, and where their links lead.

A page is a Markdown file.  Its links are relative to its own folder.  The HTML and the Markdown that are made from the
pages lie elsewhere, so each link is resolved to a path in the tree first, and then written anew."""
import os
import re
from pathlib import Path

TOP = ('README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md')
LINK = re.compile(r'!?\[((?:[^][]|\[[^][]*\])*)\]\(([^)\s]+)\)')


class Page:
    def __init__(self, root, path):
        self.path = path  # relative to the tree's root, with /
        self.text = (root / path).read_text(encoding='utf-8')

    @property
    def label(self):
        """The name of the page in HTML: docs/guide/link.md is guide_link."""
        return re.sub(r'\W', '_', re.sub(r'^docs/', '', self.path)[:-len('.md')]).lower()

    @property
    def title(self):
        return re.search(r'^# (.*)$', self.text, re.MULTILINE)[1]

    def target(self, link):
        """(path in the tree, anchor) of a relative link, or None if it leads out of the tree."""
        if re.match(r'[a-z]+:', link):
            return None
        name, _, anchor = link.partition('#')
        path = os.path.normpath(os.path.join(os.path.dirname(self.path), name)) if name else self.path
        return path, anchor

    def with_links(self, replace):
        """The text, with replace(page, words, path, anchor, link) in place of each link that stays in the tree."""
        def anew(match):
            there = self.target(match[2])
            return match[0] if there is None else replace(self, match[1], *there, match[0])
        return in_prose(self.text, lambda part: LINK.sub(anew, part))


def in_prose(text, change):
    """The text with change(part) in place of each part that is not in a fenced block."""
    parts = re.split(r'(^```.*?^```$)', text, flags=re.MULTILINE | re.DOTALL)
    return ''.join(part if part.startswith('```') else change(part) for part in parts)


def anchor(heading):
    """The anchor that GitHub gives to a heading."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def all_pages(root):
    """Every page, by path: those of the root, and those of docs/."""
    paths = [Path(name) for name in TOP]
    paths += sorted(path.relative_to(root) for path in (root / 'docs').rglob('*.md'))
    return {str(path): Page(root, str(path)) for path in paths}


def write_depfile(path, target, root):
    """Tells ninja what the documents are made from.  Folders are listed, too, so that a new file counts."""
    there = [root / name for name in TOP]
    for room in ('docs', 'include', 'examples'):
        there += [root / room, *(path for path in (root / room).rglob('*') if '__pycache__' not in path.parts)]
    Path(path).write_text('%s: %s\n' % (target, ' '.join(str(name).replace(' ', '\\ ') for name in there)))
