#!/usr/bin/env python3
"""embed.py NAME OUTPUT INPUT: writes a file as a C++ string, so that a command needs no other file."""
import sys

name, output, source = sys.argv[1:]
with open(source, encoding='utf-8') as file:
    lines = file.read().split('\n')
quoted = ''.join('    R"~~~(%s)~~~" "\\n"\n' % line for line in lines)
with open(output, 'w', encoding='utf-8') as file:
    file.write('// Made by cli/embed.py.\n')
    file.write('extern const char %s[];\nconst char %s[] =\n%s    "";\n' % (name, name, quoted))
