#!/usr/bin/env python3
"""notices.py SOURCE BUILD CC CXX: the tests of the documents notice what they must.  Each fault below is planted in a
page of its own, and the test has to name it.  A page without a fault passes."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = '#include <lanefold/lanefold.h>\nint main(void) { return lf_version() == 0; }\n'
# What a page has, and what the test says about it.
SNIPPETS = [
    ('`--nonsense`', 'no verb has the option --nonsense'),
    ('`lanefold train --nonsense`', 'lanefold train has no option --nonsense'),
    ('`lanefold nonsense`', 'lanefold has no verb nonsense'),
    ('`./dev nonsense`', './dev has no verb nonsense'),
    ('`./dev test nonsense`', './dev test has no kind and no test nonsense'),
    ('`-Dnonsense=1`', 'meson_options.txt has no option nonsense'),
    ('`-Dtrainer=yes`', 'a feature is enabled, disabled or auto'),
    ('`LANEFOLD_NONSENSE`', 'no source has LANEFOLD_NONSENSE'),
    ('`lf_nonsense`', 'no public header has lf_nonsense'),
    ('```\nx\n```', 'state one of these languages'),
    ('```nonsense\nx\n```', 'state one of these languages'),
    ('```c\nint x = y;\n```', 'undeclared'),
    ('```c\n%s```' % PROGRAM.replace('== 0', '!= 0'), 'exit status 1'),
    ('```c\nvoid absent(void);\nvoid call(void) { absent(); }\n```', 'absent'),
    ('```cpp\nint x = y;\n```', 'exit status 1'),
    ('```sh\nlanefold eval --nonsense\n```', 'lanefold eval has no option --nonsense'),
    ('```sh\nlanefold eval absent.safetensors\n```', 'absent.safetensors'),
    ('```sh\ncc absent.c\n```', 'absent.c'),
    ('```sh\nmeson setup build -Dnonsense=1\n```', 'meson_options.txt has no option nonsense'),
    ('```sh\ngit clone "x\n```', 'No closing quotation'),
    ('```json\n{,}\n```', 'it is not JSON'),
    ('```json\n{"layers": [{"nonsense": 1}]}\n```', 'nonsense'),
    ('```python\ndef (\n```', 'it is not Python'),
]
GOOD = '`lanefold train --epochs 2`, `./dev test`, `lf_sgemm`, `-Dtrainer=enabled`\n'
GOOD += '```c\n%s```\n```sh\nls\n```\n' % PROGRAM
LINKS = [
    ('a.md', '[x](absent.md)', 'absent.md: no such file'),
    ('a.md', '[x](a.md#absent)', 'a.md#absent: no such anchor'),
    ('a.md', '[x](#absent)', '#absent: no such anchor'),
    ('a.html', '<a href="absent.html">x</a>', 'absent.html: no such file'),
    ('a.html', '<a href="#absent">x</a>', '#absent: no such anchor'),
    ('a.html', '<img src="/absent.png">', 'is a path of this machine'),
    ('a.html', '<p>See @ref absent.</p>', 'it shows what is not meant for its reader'),
    ('a.html', '<p>See `absent`.</p>', 'it shows what is not meant for its reader'),
]
GOOD_LINKS = {'a.md': '# A title\n[x](#a-title) [y](a.html#here) `[z](absent)`\n',
              'a.html': '<h1 id="here">x</h1><a href="#here">y</a><pre>@ref `x`</pre>'}


def run(script, *arguments):
    done = subprocess.run([sys.executable, '-B', HERE / script, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def check(what, status, said, expected):
    """An unnoticed fault, or none.  Without an expected text, the page has no fault."""
    if expected is None and status != 0:
        return ['a page without a fault fails:\n' + said]
    if expected is not None and (status == 0 or expected not in said):
        return ['NOT NOTICED: %s: expected "%s", but the test says:\n%s' % (what, expected, said)]
    return []


def main(source, build, cc, cxx):
    unnoticed = []
    if not (Path(build) / 'bench/lanefold-bench').exists():  # whose options would be unknown
        del SNIPPETS[0]
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        page = place / 'page.md'
        # All faults in one run, because it takes a while to learn what the tree knows.
        pages = [place / ('page-%d.md' % number) for number in range(len(SNIPPETS))]
        for path, (text, _) in zip(pages, SNIPPETS):
            path.write_text('# A page\n%s\n' % text)
        page.write_text('# A page\n' + GOOD)
        unnoticed += check('nothing', *run('snippets.py', source, build, '', cc, cxx, page), None)
        status, said = run('snippets.py', source, build, '', cc, cxx, page, *pages)
        for number, (text, fault) in enumerate(SNIPPETS):
            own = ''.join(part for part in re.split(r'^(?=\S*page-\d+\.md: )', said, flags=re.MULTILINE)
                          if 'page-%d.md: ' % number in part)
            unnoticed += check(text, status, own, fault)
        for number, (name, text, fault) in enumerate(LINKS):
            folder = place / str(number)
            folder.mkdir()
            (folder / name).write_text(text)
            unnoticed += check(text, *run('links.py', folder), fault)
        folder = place / 'good'
        folder.mkdir()
        for name, text in GOOD_LINKS.items():
            (folder / name).write_text(text)
        unnoticed += check('nothing', *run('links.py', folder), None)
        (place / 'warnings').write_text('gemm.h:1: warning: x has no comment\n')
        unnoticed += check('a warning', *run('links.py', '--warnings', place / 'warnings', folder), 'x has no comment')
    if unnoticed:
        sys.exit('\n'.join(unnoticed))
    print('%d planted faults are noticed' % (len(SNIPPETS) + len(LINKS) + 1))


main(*sys.argv[1:])
