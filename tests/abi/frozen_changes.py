"""Shows what the frozen ABI notices. It changes the text of the headers, one struct at a time, and expects frozen.py to
refuse each change, or to take it where a field is appended.

usage: frozen_changes.py FROZEN HEADERS COMPILER..."""

import sys
from pathlib import Path

from frozen import Frozen, check
from public_headers import Headers, Struct


def main():
    frozen, folder, compiler = Frozen(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), sys.argv[3:]
    headers = Headers(folder / 'lanefold')
    refused = taken = 0

    def changes_with(struct):
        """What the check says if the headers have this struct: changes and additions."""
        changed = Headers(folder / 'lanefold')
        texts = changed.with_struct(struct)
        changed.structs[struct.name] = struct
        return check(frozen, changed, compiler, texts=texts)

    def expect_refused(what, struct, word):
        nonlocal refused
        changes, _ = changes_with(struct)
        if not any(word in change for change in changes):
            sys.exit('NOT NOTICED: %s in %s: %s' % (what, struct.name, changes))
        if refused < 3:
            print('%s in %s:\n  %s' % (what, struct.name, '\n  '.join(changes[:3])))
        refused += 1

    if check(frozen, headers, compiler, texts=dict(headers.texts))[0]:
        sys.exit('the headers are not as frozen before anything is changed')
    for name, struct in headers.structs.items():
        fields = struct.fields
        # Each struct, another pair of neighbours: in the first of 25 structs the first pair, and so on.
        i = (refused + 2) % (len(fields) - 1)
        swapped = fields[:i] + [fields[i + 1], fields[i]] + fields[i + 2:]
        expect_refused('a swapped pair of fields', Struct(name, swapped), 'has the fields')
        # The same without the look at names: the offsets alone, or the types, give it away.
        changes, _ = changes_with(Struct(name, swapped))
        if not any('no longer true' in change for change in changes):
            sys.exit('NOT NOTICED by the compiler: a swapped pair in %s: %s' % (name, changes))
        expect_refused('a field inserted', Struct(name, fields[:2] + [('int64_t', 'inserted')] + fields[2:]), 'has the')
        expect_refused('the last field removed', Struct(name, fields[:-1]), 'has the fields')
        last_type, last = fields[-1]
        other = 'double *' if last_type != 'double *' else 'float *'
        expect_refused('another type', Struct(name, fields[:-1] + [(other, last)]), 'has the type')
        changes, additions = changes_with(Struct(name, fields + [('int64_t', 'appended')]))
        if changes or additions != [name + '.appended']:
            sys.exit('an appended field of %s is refused: %s %s' % (name, changes, additions))
        taken += 1

    # Constants: another value, and one that is gone.
    for old, new in (('#define LF_TRAINING 0x4u', '#define LF_TRAINING 0x1u'), ('#define LF_OP_COUNT 21', ''),
                     ('#define LF_INTERNAL 6', '#define LF_INTERNAL 7')):
        texts = {header: text.replace(old, new) for header, text in headers.texts.items()}
        if texts == headers.texts:
            sys.exit('the headers have no line "%s"' % old)
        if not check(frozen, headers, compiler, texts=texts)[0]:
            sys.exit('NOT NOTICED: "%s" instead of "%s"' % (new, old))
        refused += 1
    print('%d changes were refused, %d appended fields were taken' % (refused, taken))


if __name__ == '__main__':
    main()
