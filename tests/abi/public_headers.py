"""What the public headers declare, read from their text.

The headers are plain C, in one style, so that a small parser is enough: structs with their fields, functions, constants
and comments. Whatever it does not understand is an error and never passed over."""

import re
import subprocess
import sys
from pathlib import Path


class Struct:
    def __init__(self, name, fields):
        self.name, self.fields = name, fields  # fields: (type, name), in order

    def text(self):
        body = ''.join('  %s;\n' % declaration(*field) for field in self.fields)
        return 'typedef struct %s {\n%s} %s;' % (self.name, body, self.name)


class Headers:
    """All C headers of a folder, by name."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.texts = {path.name: path.read_text() for path in sorted(self.folder.glob('*.h'))}
        if 'plugin.h' not in self.texts:
            sys.exit('%s: holds no plugin.h' % folder)
        self.structs, self.functions, self.constants = {}, {}, {}
        for name, text in self.texts.items():
            plain = without_comments(text)
            for match in STRUCT.finditer(plain):
                self.structs[match[1]] = Struct(match[1], fields_of(match[1], match[2]))
            for match in FUNCTION.finditer(plain):
                self.functions[match[2]] = (' '.join(match[1].split()), ' '.join(match[3].split()))
            for match in CONSTANT.finditer(plain):
                self.constants[match[1]] = match[2].strip()
            check_all_understood(name, plain)

    def with_struct(self, struct):
        """The texts of the headers, with one struct rewritten."""
        texts = {}
        for name, text in self.texts.items():
            plain = without_comments(text)
            pattern = re.compile(r'typedef struct %s \{.*?\} %s;' % (struct.name, struct.name), re.S)
            texts[name] = pattern.sub(lambda match: struct.text(), plain)
        return texts


STRUCT = re.compile(r'typedef struct (\w+) \{(.*?)\} \1;', re.S)
FUNCTION = re.compile(r'LF_API ([\w *]+?)(\blf_\w+)\(([^)]*)\);', re.S)
CONSTANT = re.compile(r'^#define (LF_\w+)[ \t]+(\S.*)$', re.M)
ALLOWED = re.compile(r'typedef struct (\w+) \1;|extern LF_API const lf_plugin_entry |#define LF_API')
POINTER_TO_FUNCTION = re.compile(r'^(.+?)\(\*(\w+)\)\((.*)\)$', re.S)


def without_comments(text):
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


def comments(text):
    return re.findall(r'/\*.*?\*/', text, flags=re.S)


def declaration(kind, name):
    """C's declaration of a name: a pointer to a function holds its name inside."""
    return kind.replace('(*)', '(*%s)' % name, 1) if '(*)' in kind else '%s %s' % (kind, name)


def fields_of(struct, body):
    fields = []
    for line in body.split(';'):
        line = ' '.join(line.split())
        if not line:
            continue
        function = POINTER_TO_FUNCTION.match(line)
        if function:
            fields.append(('%s(*)(%s)' % (function[1], function[3]), function[2]))
            continue
        names = re.fullmatch(r'((?:const )?\w+) (\*const \*|\*?)(\w+(?:, \w+)*)', line)
        if not names:
            sys.exit('struct %s: the field "%s" is not understood' % (struct, line))
        for name in names[3].split(', '):
            fields.append((names[1] + (' ' + names[2] if names[2] else ''), name))
    return fields


def check_all_understood(header, plain):
    rest = CONSTANT.sub('', FUNCTION.sub('', STRUCT.sub('', plain)))
    for word in ('LF_API ', 'struct '):
        for line in rest.splitlines():
            if word in line and not ALLOWED.match(line.strip()):
                sys.exit('%s: the line "%s" is not understood' % (header, line.strip()))


def compile_text(compiler, language, standard, source, *include):
    """Compiles a source without keeping the object. Returns the compiler's messages; "" if there are none."""
    command = compiler + ['-x', language, '-std=' + standard, '-fsyntax-only']
    command += ['-Wall', '-Wextra', '-pedantic', '-Wconversion', '-Wsign-conversion', '-Wshadow', '-Werror']
    command += ['-Wold-style-cast', '-Wnon-virtual-dtor'] if language == 'c++' else []
    command += [argument for folder in include for argument in ('-I', str(folder))] + ['-']
    done = subprocess.run(command, input=source, text=True, capture_output=True)
    if done.returncode == 0:
        return ''
    return done.stderr or 'the compiler fails without a message'
