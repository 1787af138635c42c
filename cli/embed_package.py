#!/usr/bin/env python3
"""embed_package.py NAME PACKAGE OUTPUT ROOT INPUT...: writes an archive that runs a Python package as a C++ string, so
that a command needs no other file.  The inputs are its modules and those they import, which lie below ROOT."""
import io
import os
import sys
import zipfile

name, package, output, root, *sources = sys.argv[1:]
MAIN = "import runpy\nrunpy.run_module('%s', run_name='__main__', alter_sys=True)\n" % package
content = {'__main__.py': MAIN.encode()}
for source in sources:
    with open(source, 'rb') as file:
        content[os.path.relpath(source, root)] = file.read()
archive = io.BytesIO()
with zipfile.ZipFile(archive, 'w') as writer:  # not compressed, because a Python may lack zlib
    for path, data in content.items():
        writer.writestr(zipfile.ZipInfo(path), data)  # with no date, so that each build gives the same
characters = ['\\%03o' % byte if byte < 32 or byte > 126 or chr(byte) in '"\\?' else chr(byte)
              for byte in archive.getvalue()]
lines = ['    "%s"\n' % ''.join(characters[at:at + 100]) for at in range(0, len(characters), 100)]
with open(output, 'w', encoding='ascii') as file:
    file.write('// Made by cli/embed_package.py.\n#include <string_view>\n')
    file.write('extern const std::string_view %s;\nconst std::string_view %s(\n%s    , %d);\n' % (
        name, name, ''.join(lines), len(characters)))
