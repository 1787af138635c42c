"""Checks the public headers against frozen.txt: no struct, slot of the kernel table, constant, type or function may
change. What is appended is fine: a field behind the last one of a struct, a struct, a constant, a function. The check
then names it, so that it gets its line in frozen.txt, which no program writes.

usage: frozen.py FROZEN HEADERS COMPILER...   (HEADERS: the folder that holds lanefold/)"""

import re
import sys
from pathlib import Path

from public_headers import Headers, compile_text

NOT_FROZEN = {'LF_API', 'LF_VERSION_MAJOR', 'LF_VERSION_MINOR', 'LF_VERSION_PATCH'}


class Frozen:
    """The lines of frozen.txt."""

    def __init__(self, text):
        self.structs, self.constants, self.counts, self.types, self.functions = {}, {}, {}, {}, {}
        fields = None
        for line in text.splitlines():
            words = line.split(None, 2)
            if not words or words[0] == '#':
                continue
            if line.startswith(' '):
                name, kind = words[2].split(None, 1)
                fields.append((name, int(words[0]), int(words[1]), kind))
            elif words[0] == 'struct':
                fields = []
                self.structs[words[1]] = (int(words[2]), fields)
            else:
                {'constant': self.constants, 'count': self.counts, 'type': self.types,
                 'function': self.functions}[words[0]][words[1]] = words[2]


def assertion(condition, message):
    return '_Static_assert(%s, "[%s]");\n' % (condition, message.replace('"', "'"))


def same_type(expression, kind):
    return '__builtin_types_compatible_p(__typeof__(%s), %s)' % (expression, kind)


def assertions_on_struct(name, size, fields, appended):
    """What the compiler must find true of one struct."""
    text = assertion('sizeof(%s) %s %d' % (name, '>=' if appended else '==', size), '%s has %d bytes' % (name, size))
    text += assertion('sizeof(%s) %% 8 == 0' % name, 'the size of %s is a multiple of 8' % name)
    for field, offset, bytes_, kind in fields:
        place = '%s.%s' % (name, field)
        text += assertion('offsetof(%s, %s) == %d' % (name, field, offset), '%s is at byte %d' % (place, offset))
        text += assertion('sizeof(((%s *)0)->%s) == %d' % (name, field, bytes_), '%s has %d bytes' % (place, bytes_))
        text += assertion(same_type('((%s *)0)->%s' % (name, field), kind), '%s has the type %s' % (place, kind))
    for _, field in appended:
        # Old callers leave anything in what was padding for them.
        text += assertion('offsetof(%s, %s) >= %d' % (name, field, size),
                          '%s.%s lies behind the old end' % (name, field))
    return text


def check(frozen, headers, compiler, folder=None, texts=None):
    """(changes, additions), each a list of sentences. `texts` stand in for the headers where they are given."""
    changes, additions = [], []
    included = in_order(texts) if texts else '#include <lanefold/plugin.h>\n#include <lanefold/model.h>\n'
    source = '#include <stddef.h>\n' + included
    for name, (size, fields) in frozen.structs.items():
        if name not in headers.structs:
            changes.append('struct %s is gone' % name)
            continue
        there = [field for _, field in headers.structs[name].fields]
        expected = [field for field, *_ in fields]
        if there[:len(expected)] != expected:
            changes.append('%s has the fields %s, not %s' % (name, ', '.join(there), ', '.join(expected)))
        appended = headers.structs[name].fields[len(expected):]
        additions += ['%s.%s' % (name, field) for _, field in appended]
        source += assertions_on_struct(name, size, fields, appended)
    for name, value in frozen.constants.items():
        same = '__builtin_strcmp(%s, %s) == 0' if value.startswith('"') else '(%s) == (%s)'
        source += assertion(same % (name, value), '%s is %s' % (name, value))
    for name, value in frozen.counts.items():
        source += assertion('(%s) >= (%s)' % (name, value), '%s is at least %s' % (name, value))
    for name, kind in frozen.types.items():
        source += assertion('__builtin_types_compatible_p(%s, %s)' % (name, kind), '%s is the type %s' % (name, kind))
    for name, kind in frozen.functions.items():
        source += assertion(same_type(name, kind), '%s has the type %s' % (name, kind))
    additions += ['struct ' + name for name in headers.structs if name not in frozen.structs]
    additions += [name for name in headers.constants
                  if name not in NOT_FROZEN | frozen.constants.keys() | frozen.counts.keys()]
    additions += [name for name in headers.functions if name not in frozen.functions]
    messages = compile_text(compiler, 'c', 'gnu11', source, *([folder] if folder else []))
    failed = re.findall(r'static[ _]assert.*?\[([^]\n]*)\]', messages)
    changes += ['no longer true: ' + sentence for sentence in dict.fromkeys(failed)]
    if messages and not failed:
        changes.append('the compiler refuses the headers, or a name in frozen.txt is gone:\n' + messages)
    return changes, additions


def in_order(texts):
    """The headers as one text, each behind those that it includes."""
    done, result = set(), []

    def put(name):
        if name in done:
            return
        done.add(name)
        for other in re.findall(r'#include <lanefold/(\w+\.h)>', texts[name]):
            put(other)
        result.append(re.sub(r'#include <lanefold/\w+\.h>', '', texts[name]))

    for name in texts:
        put(name)
    return '\n'.join(result)


def main():
    frozen, folder, compiler = Frozen(Path(sys.argv[1]).read_text()), sys.argv[2], sys.argv[3:]
    headers = Headers(Path(folder) / 'lanefold')
    changes, additions = check(frozen, headers, compiler, folder)
    for name in additions:
        print('not frozen yet, append it to frozen.txt: ' + name)
    for change in changes:
        print('CHANGED: ' + change)
    if changes:
        sys.exit('The ABI has changed. A struct changes only by appending; see frozen.txt.')
    print('%d structs with %d fields, %d constants and %d functions are as frozen' % (
        len(frozen.structs), sum(len(fields) for _, fields in frozen.structs.values()),
        len(frozen.constants) + len(frozen.counts), len(frozen.functions)))


if __name__ == '__main__':
    main()
