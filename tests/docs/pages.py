#!/usr/bin/env python3
"""pages.py FOLDER CC CXX: whether the documents of this tree are true in what a program can check.
Every relative link leads to a file that is there, and to a heading that it has.  Every C and C++ example compiles."""
import os
import re
import subprocess
import sys

TOP_PAGES = ('README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md')
COMPILERS = {'c': (0, 'c', '-std=c11'), 'cpp': (1, 'c++', '-std=c++20')}
FENCED = re.compile(r'^```(\w*)\n(.*?)^```', re.MULTILINE | re.DOTALL)
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


def broken_examples(path, include, compilers):
    for language, text in FENCED.findall(read(path)):
        if language not in COMPILERS:
            continue
        compiler, name, standard = COMPILERS[language]
        command = compilers[compiler].split() + ['-x', name, standard, '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                                                 '-I', include, '-']
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode != 0:
            yield 'an example does not compile:\n%s\n%s' % (text, done.stderr)


def main(folder, *compilers):
    pages = list(documents(folder))
    faults = [(page, fault) for page in pages
              for fault in (*broken_links(page), *broken_examples(page, os.path.join(folder, 'include'), compilers))]
    for page, fault in faults:
        print('%s: %s' % (os.path.relpath(page, folder), fault))
    print('%d pages' % len(pages))
    sys.exit(1 if faults or not pages else 0)


main(*sys.argv[1:])
