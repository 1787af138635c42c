"""Runs abidiff on the public interface.  abidiff reads no C text, only the debugging information of a compiler.

The library that people link is built without debugging information. So this makes a shared library from the public
headers alone: each function that they declare, with an empty body, and an lf_plugin_entry. Its types are the real ones,
because the real sources include the same headers. Its symbols must be those of the real libraries, liblanefold and
liblanefold_model, which this checks.

usage: surface.py check BASELINE LIBRARY MODEL_LIBRARY HEADERS COMPILER...   compares with the baseline
       surface.py changes BASELINE HEADERS COMPILER...         shows that changed headers differ from the baseline
       surface.py write BASELINE HEADERS COMPILER...           writes the baseline anew, where frozen.txt agrees
If abidiff is not installed, the exit status is 77, for "skipped". In CI, this is an error."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from frozen import Frozen, in_order
from frozen import check as check_frozen
from public_headers import Headers, Struct, declaration


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def source_of(headers, texts):
    """The headers, and a definition of all that they declare."""
    source = in_order(texts) + '\n#pragma GCC diagnostic ignored "-Wunused-parameter"\n'
    for name, (result, parameters) in headers.functions.items():
        body = '{}' if result == 'void' else '{ return 0; }'
        source += '%s(%s) %s\n' % (declaration(result, name), parameters, body)
    return source + 'const lf_plugin_entry lf_plugin_entry_v1 = {0};\n'


def build(headers, texts, compiler, folder, name):
    source, library = folder / (name + '.c'), folder / (name + '.so')
    source.write_text(source_of(headers, texts))
    done = run(*compiler, '-std=c11', '-g', '-O0', '-fPIC', '-shared', '-o', library, source)
    if done.returncode:
        sys.exit('the headers do not compile:\n' + done.stderr)
    return library


def describe(library, output):
    """Writes what abidw says of a library, without anything that depends on the machine."""
    done = run('abidw', '--no-show-locs', '--no-corpus-path', '--no-comp-dir-path', '--no-architecture', library)
    if done.returncode:
        sys.exit('abidw: ' + done.stderr)
    output.write_text(re.sub(" path='[^']*'", " path='surface.c'", done.stdout))


def compare(baseline, library):
    """(whether they are the same, the report). Without --harmless, abidiff passes over what only a variable reaches,
    which is the interface of plugins. A suppression of appended fields would also suppress swapped ones, at least in
    libabigail 2.2."""
    done = run('abidiff', '--no-show-locs', '--no-architecture', '--no-corpus-path', '--harmless', baseline, library)
    return done.returncode == 0, done.stdout + done.stderr


def exported(library):
    done = run('nm', '-D', '--defined-only', library)
    if done.returncode:
        sys.exit('nm: ' + done.stderr)
    symbols = [line.split()[-2:] for line in done.stdout.splitlines()]
    # A symbol of type A is the name of a version.
    return {name.split('@')[0] for kind, name in symbols if kind != 'A'} - {'lf_plugin_entry_v1'}


def check(baseline, libraries, folder, compiler, place):
    headers = Headers(folder / 'lanefold')
    surface = build(headers, headers.texts, compiler, place, 'surface')
    declared, there = exported(surface), set()
    for library in libraries:
        there |= {name for name in exported(library) if not name.startswith('_')}
    if declared != there:
        sys.exit('the libraries export other functions than the headers declare: only they have %s, only the '
                 'headers have %s' % (sorted(there - declared), sorted(declared - there)))
    same, report = compare(baseline, surface)
    print(report, end='')
    if not same:
        sys.exit('abidiff finds that the ABI has changed. If all that is new was appended, and has its lines in '
                 'frozen.txt, write the baseline anew: tests/abi/surface.py write %s include cc' % baseline)
    print('%d functions and all types that they reach are as in the baseline' % len(declared))


def changes(baseline, folder, compiler, place):
    headers = Headers(folder / 'lanefold')
    refused = 0
    for name, struct in headers.structs.items():
        fields = struct.fields
        i = (refused + 2) % (len(fields) - 1)
        swapped = Struct(name, fields[:i] + [fields[i + 1], fields[i]] + fields[i + 2:])
        same, report = compare(baseline, build(headers, headers.with_struct(swapped), compiler, place, 'swapped'))
        if same:
            sys.exit('NOT NOTICED by abidiff: %s and %s are swapped in %s' % (fields[i][1], fields[i + 1][1], name))
        if not refused:
            print('%s and %s swapped in %s:\n%s' % (fields[i][1], fields[i + 1][1], name, report))
        refused += 1
    print('a swapped pair of fields was noticed in each of %d structs' % refused)


def main():
    if not shutil.which('abidiff'):
        if os.environ.get('CI'):
            sys.exit('abidiff is not installed, so the ABI cannot be compared with its baseline; install abigail-tools')
        print('SKIPPED: abidiff is not installed, so the ABI cannot be compared with its baseline; install abigail-tools')
        sys.exit(77)
    verb, baseline = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        if verb == 'check':
            check(baseline, sys.argv[3:5], Path(sys.argv[5]), sys.argv[6:], place)
        elif verb == 'changes':
            changes(baseline, Path(sys.argv[3]), sys.argv[4:], place)
        elif verb == 'write':
            headers = Headers(Path(sys.argv[3]) / 'lanefold')
            frozen = Frozen(Path(__file__).with_name('frozen.txt').read_text())
            not_ready = sum(check_frozen(frozen, headers, sys.argv[4:], sys.argv[3]), [])
            if not_ready:
                sys.exit('not before frozen.txt agrees with the headers: ' + '; '.join(not_ready))
            describe(build(headers, headers.texts, sys.argv[4:], place, 'surface'), baseline)


if __name__ == '__main__':
    main()
