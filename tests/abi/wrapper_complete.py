"""Checks that lanefold.hpp and model.hpp have every call: each function of the C headers for callers is called in them,
and each field of a struct that a call takes is set there.

usage: wrapper_complete.py HEADERS"""

import re
import sys
from pathlib import Path

from public_headers import Headers

# What the C++ calls need not set: the size is set for all structs, and the rest must be 0.
FIXED = {'struct_size', 'reserved', 'flags'}


def missing(functions, structs, code):
    found = ['%s is not called' % name for name in sorted(functions) if not re.search(r'\b%s\(' % name, code)]
    for struct in structs:
        for _, field in struct.fields:
            if field not in FIXED and not re.search(r'\bcall\.%s\b' % field, code):
                found.append('%s: %s is not set' % (struct.name, field))
    return found


def without_comments(code):
    return re.sub(r'//[^\n]*', '', code)


def main():
    folder = Path(sys.argv[1]) / 'lanefold'
    headers = Headers(folder)
    parts = sorted((folder / 'cpp').glob('*.hpp'))
    code = without_comments(''.join(path.read_text() for path in [*parts, folder / 'model.hpp']))
    structs = [struct for name, struct in headers.structs.items() if name.endswith('_args')]
    problems = missing(headers.functions, structs, code)
    main_header = (folder / 'lanefold.hpp').read_text()
    problems += ['lanefold.hpp does not include %s' % path.name for path in parts
                 if '#include <lanefold/cpp/%s>' % path.name not in main_header]
    for name in headers.functions:
        if '%s is not called' % name not in missing(headers.functions, [], code.replace(name + '(', 'gone(')):
            problems.append('that %s is not called would not be noticed' % name)
    if len(headers.functions) < 29 or len(structs) < 16:
        problems.append('only %d functions and %d structs were found' % (len(headers.functions), len(structs)))
    if problems:
        sys.exit('\n'.join(problems))
    print('the C++ headers call %d functions, and sets the fields of %d structs' % (len(headers.functions), len(structs)))


if __name__ == '__main__':
    main()
