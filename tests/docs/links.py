#!/usr/bin/env python3
"""links.py [--warnings FILE] FOLDER...: every relative link in the Markdown and HTML files of these folders leads to a
file or folder that exists, and to an anchor that it has.  No address leads to this machine.  HTML shows no Markdown and
no command of Doxygen.  With --warnings, the file, which has the warnings of Doxygen, is empty."""
import os
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote

FENCED = re.compile(r'^```.*?^```$', re.MULTILINE | re.DOTALL)
IN_LINE = re.compile(r'`[^`\n]*`')
LINK = re.compile(r'\]\(([^)\s]+)\)')
CODE = ('pre', 'code', 'tt', 'style')
LEFTOVER = re.compile(r'[@\\]ref\b|\]\(|`|\{#')
FOREIGN = re.compile(r'[a-z]+:', re.IGNORECASE)


class Page(HTMLParser):
    """The links and the anchors of an HTML file."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.within, self.leftovers = [], []  # the open elements: whether each one shows code
        self.feed(text)

    def handle_endtag(self, tag):
        if tag in CODE + ('div',):
            self.within.pop()

    def handle_data(self, data):
        if not any(self.within) and LEFTOVER.search(data):
            self.leftovers.append(' '.join(data.split()))

    def handle_starttag(self, tag, attributes):
        if tag in CODE + ('div',):
            self.within.append(tag in CODE or ('class', 'fragment') in attributes)
        for name, value in attributes:
            if name in ('href', 'src') and value:
                self.links.append(value)
            elif name == 'id' or (name == 'name' and tag == 'a'):
                self.anchors.add(value)


class Markdown:
    """The links and the anchors of a Markdown file, as GitHub makes them."""

    def __init__(self, text):
        prose = FENCED.sub('', text)
        self.links = LINK.findall(IN_LINE.sub('', prose))
        headings = re.findall(r'^#+ (.*)$', prose, re.MULTILINE)
        headings = [re.sub(r'[`*]|\[([^]]*)\]\([^)]*\)', r'\1', heading) for heading in headings]
        self.anchors = {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}
        self.leftovers = []
        self.anchors |= set(re.findall(r'<a id="([^"]+)"', prose))


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def parsed(path, known):
    if path not in known:
        known[path] = Page(read(path)) if path.endswith('.html') else Markdown(read(path))
    return known[path]


def faults_of(path, known):
    for text in parsed(path, known).leftovers:
        yield 'it shows what is not meant for its reader: ' + text[:120]
    for link in parsed(path, known).links:
        if FOREIGN.match(link):
            if link.lower().startswith('file:'):
                yield '%s leads to a file of this machine' % link
            continue
        name, _, anchor = unquote(link).partition('#')
        target = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if os.path.isabs(name):
            yield '%s is a path of this machine' % link
        elif not os.path.exists(target):
            yield '%s: no such file' % link
        elif anchor and target.endswith(('.md', '.html')) and anchor not in parsed(target, known).anchors:
            yield '%s: no such anchor' % link


def main(arguments):
    faults, pages, links, known = [], 0, 0, {}
    if arguments[0] == '--warnings':
        faults += read(arguments[1]).splitlines()
        arguments = arguments[2:]
    for folder in arguments:
        here = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in sorted(names)
                if name.endswith(('.md', '.html'))]
        if not here:
            faults.append('%s has no page' % folder)
        for path in here:
            pages += 1
            links += len(parsed(path, known).links)
            faults += ['%s: %s' % (path, fault) for fault in faults_of(path, known)]
    for fault in faults:
        print(fault)
    if faults:
        sys.exit(1)
    print('%d links of %d pages' % (links, pages))


main(sys.argv[1:])
