#!/usr/bin/env python3
"""pages.py FOLDER: checks what a program can check in the documents of this tree.  Every relative link leads to a file
that exists, and to a heading that it has.  Every path in backticks exists.  ARCHITECTURE.md lists each folder once.
snippets.py has the blocks of code."""
import glob
import os
import re
import sys

TOP_PAGES = ('README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md')
ROOMS = 'include kernels plugins runtime cli trainer bench tests tools examples docs python'.split()
PATH = re.compile(r'`((?:%s)/[\w./*-]*)`' % '|'.join(ROOMS))
WHOLE = ('plugins', 'tests/trainer')  # rooms whose inner folders need no line of their own
MADE_UP = re.compile('sve256|softplus|FAMILY')  # names in CONTRIBUTING.md that stand for a reader's own
FENCED = re.compile(r'^```.*?^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(([^)\s]+)\)')


def documents(folder):
    for place, _, files in os.walk(os.path.join(folder, 'docs')):
        yield from (os.path.join(place, name) for name in sorted(files) if name.endswith('.md'))
    yield from (os.path.join(folder, name) for name in TOP_PAGES)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def anchors(path):
    """Those that GitHub gives to headings."""
    headings = re.findall(r'^#+ (.*)$', FENCED.sub('', read(path)), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def broken_links(path):
    for link in LINK.findall(FENCED.sub('', read(path))):
        if re.match(r'[a-z]+:', link):
            continue
        name, _, anchor = link.partition('#')
        target = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not os.path.exists(target):
            yield '%s: no such file' % link
        elif anchor and anchor not in anchors(target):
            yield '%s: no such heading' % link


def missing_paths(folder, path):
    for name in PATH.findall(FENCED.sub('', read(path))):
        if not MADE_UP.search(name) and not glob.glob(os.path.join(folder, name)):
            yield '%s: no such file or folder' % name


def badly_listed_folders(folder):
    """Folders of the tree that the map does not have, or has twice."""
    listed = re.findall(r'^\| `([\w./-]+)/` \|', read(os.path.join(folder, 'ARCHITECTURE.md')), re.MULTILINE)
    there = set()
    for room in ROOMS:
        for place, folders, files in os.walk(os.path.join(folder, room)):
            folders[:] = [name for name in folders if name != '__pycache__']
            if files:
                there.add(os.path.relpath(place, folder))
    for name in sorted(there):
        if name not in listed and not any(name.startswith(room + '/') and room in WHOLE for room in listed):
            yield '%s/ is not listed' % name
    for name in sorted(set(listed)):
        if listed.count(name) > 1:
            yield '%s/ is listed %d times' % (name, listed.count(name))
        if not os.path.isdir(os.path.join(folder, name)):
            yield '%s/ is listed, but not there' % name


def main(folder):
    pages = list(documents(folder))
    faults = [(page, fault) for page in pages
              for fault in (*broken_links(page), *missing_paths(folder, page))]
    faults += [(os.path.join(folder, 'ARCHITECTURE.md'), fault) for fault in badly_listed_folders(folder)]
    for page, fault in faults:
        print('%s: %s' % (os.path.relpath(page, folder), fault))
    print('%d pages' % len(pages))
    sys.exit(1 if faults or not pages else 0)


main(*sys.argv[1:])
