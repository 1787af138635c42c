#!/usr/bin/env python3
"""Shows that sources which are compiled differently can be linked together. Inline functions of the C++ interface have
different symbols without exceptions, and in another version of the headers. The linker keeps only one function for each
symbol, so a shared symbol would give one of the sources the function of the other.

usage: symbols_differ.py INCLUDE C++_COMPILER..."""

import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

USES = '''#include <lanefold/lanefold.hpp>
template class lanefold::ContextCalls<lanefold::ReturnErrors>;
template class lanefold::BasicContext<lanefold::ReturnErrors>;
#if defined(__cpp_exceptions)
template class lanefold::ContextCalls<lanefold::ThrowErrors>;
template class lanefold::BasicContext<lanefold::ThrowErrors>;
#endif
lanefold::Result<lanefold::InferenceNetwork> build(const lanefold::NothrowContext &context) {
  auto visit = [](const lf_plugin_candidate &) {};
  (void)lanefold::NothrowContext::enumerate_plugins(visit);
  lanefold::NetworkBuilder builder(2);
  builder.normalized(3).dense(4);
  lanefold::DenseGradients gradients(builder.layers()[0]);
  (void)gradients.view();
  return builder.build(context);
}
'''


def weak_symbols(compiler, include, folder, flags):
    """The symbols of inline functions and variables that name something of lanefold."""
    result = str(Path(folder) / 'uses.o')
    subprocess.run(compiler + ['-x', 'c++', '-std=c++17', '-O0', '-I', str(include), '-c', '-', '-o', result] + flags,
                   input=USES, text=True, check=True)
    lines = subprocess.run(['nm', '--defined-only', result], capture_output=True, text=True, check=True).stdout
    return {name for name in re.findall(r'^\w* *[VWu] (\S+)$', lines, re.M) if 'lanefold' in name}


def with_next_version(include, folder):
    """A copy of the headers that differs only in its version."""
    copy = Path(folder) / 'include'
    shutil.copytree(include, copy)
    status = copy / 'lanefold/status.h'
    text = re.sub(r'(#define LF_VERSION_MINOR) (\d+)', lambda m: '%s %d' % (m[1], int(m[2]) + 1), status.read_text())
    status.write_text(text)
    return copy


def main():
    include, compiler = sys.argv[1], sys.argv[2:]
    if not shutil.which('nm'):
        print('SKIPPED: this test needs nm')
        sys.exit(77)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        later = with_next_version(include, folder)
        variants = {'with exceptions': weak_symbols(compiler, include, folder, []),
                    'without exceptions': weak_symbols(compiler, include, folder, ['-fno-exceptions', '-fno-rtti']),
                    'with the next version': weak_symbols(compiler, later, folder, [])}
    for (one, names), (other, others) in itertools.combinations(variants.items(), 2):
        problems += ['%s and %s, this symbol is the same: %s' % (one, other, name) for name in sorted(names & others)]
    for title, names in variants.items():
        if len(names) < 100:
            problems.append('%s, only %d symbols were found' % (title, len(names)))
    if problems:
        sys.exit('\n'.join(problems))
    print('no symbol is shared: %s' % ', '.join('%d %s' % (len(names), title) for title, names in variants.items()))


if __name__ == '__main__':
    main()
