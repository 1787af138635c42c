#!/usr/bin/env python3
"""snippets.py SOURCE BUILD PYTHON_MODULE CC CXX [PAGE...]: compiles, runs or checks every snippet of the documents.

Each fenced block states its language, which decides what happens to it:
  c, cpp         compiled and linked with the build; a whole program is also run
  python         run, as one program with the others of its page; PYTHON_MODULE is the folder of the module, or ""
  sh             run in a folder of its own, where all commands may be; otherwise each command is checked
  json           parsed; the description of a network is trained for one epoch
  cmake, meson   configured, as the file of a project that has hello.c
  text           nothing: it shows output, or a drawing
A second word after the language names a file into which the block is written, for the other blocks.

Commands, options, variables and names of the interface are also checked within sentences.  The last lines say how many
blocks were run, compiled, and only checked, and why."""
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from commands import Known, split_commands

TOP_PAGES = ('README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md')
FENCED = re.compile(r'^```([^\n]*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
CODE = re.compile(r'`([^`\n]+)`')
# Commands that a sandbox may run.  Everything else is checked, and the first such command is the reason.
RUNNABLE = {'cc', 'c++', 'make', 'cd', 'mkdir', 'cp', 'ls', 'cat', 'echo', 'printf', 'nm', 'pkg-config', 'chmod', 'rm',
            'sha256sum'}
# Calls of the command that take minutes or need what is not here.
TOO_MUCH = re.compile(r'^(study|verify(?!.*--isa)|demo|bench(?! --list))|LD_PRELOAD|-static|-lblas|/opt/')
TIME = 300  # seconds

# `lanefold train` trains one epoch, or two where a training is continued, on the built-in digits or on a table.
WRAPPER = '''#!/usr/bin/env bash
args=() epochs=1 verb=${1:-}
while [ $# -gt 0 ]; do
  case $1 in
    --data) case $2 in *.csv | *.csv.gz) args+=("$1" "$2") ;; esac; shift ;;
    --epochs) [ "$verb" = train ] && shift || args+=("$1") ;;
    --resume) epochs=2; args+=("$1") ;;
    *) args+=("$1") ;;
  esac
  shift
done
[ "$verb" != train ] || args+=(--epochs "$epochs")
exec "%s" "${args[@]}"
'''


# Tables that the pages name, small ones.  The reader also takes a plain file whose name ends in .gz.
FLOWERS = ['%d.5,%s,%s' % (i % 40, 'red' if i % 3 else 'blue', 'iris' if i % 40 > 20 else 'rose') for i in range(120)]
HOUSES = ['%d.5,%d' % (40 + i % 37, 1000 + 30 * i) for i in range(120)]
TABLES = {'flowers.csv': ['length,colour,species', *FLOWERS], 'more.csv': ['length,colour,species', *FLOWERS],
          'new.csv': ['length,colour', *(row.rpartition(',')[0] for row in FLOWERS)],
          'houses.csv': ['area,price', *HOUSES], 'more_houses.csv': ['area,price', *HOUSES],
          'new_houses.csv': ['area', *(row.partition(',')[0] for row in HOUSES)],
          'diabetes_data_raw.csv.gz': ['%d %d.25' % (i % 50, i % 7) for i in range(120)],
          'diabetes_target.csv.gz': ['%d.5' % (i % 50) for i in range(120)],
          'wine_data.csv': ['120,2,a,b', *('%d,%d,%d' % (i, i % 7, i % 2) for i in range(120))]}


class Sandbox:
    """A folder in which the snippets of one page run, with the examples in it, and programs that find the build."""

    def __init__(self, place, tests):
        self.place, self.here = place, place / 'work'
        shutil.copytree(tests.source / 'examples', self.here)
        for name, lines in TABLES.items():
            (self.here / name).write_text('\n'.join(lines) + '\n')
        shutil.copytree(tests.source / 'examples', self.here / 'examples')
        (place / 'bin').mkdir()
        (place / 'bin/lanefold').write_text(WRAPPER % tests.known.command)
        (place / 'bin/lanefold').chmod(0o755)
        runtime = tests.build / 'runtime'
        libraries = ':'.join([str(runtime), str(runtime / 'cblas'), str(tests.build / 'model')])
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith('LANEFOLD_')}
        self.environment.update(
            PATH='%s:%s' % (place / 'bin', os.environ['PATH']), CPATH=str(tests.source / 'include'),
            LIBRARY_PATH=libraries, LD_LIBRARY_PATH=libraries, PKG_CONFIG_PATH=str(tests.build / 'packaging'),
            PYTHONPATH=tests.python_module, HOME=str(place))

    def write(self, file, text):
        if not re.fullmatch(r'\w[\w./-]*', file):
            raise ValueError('%s: the second word after a language is the name of a file' % file)
        (self.here / file).parent.mkdir(parents=True, exist_ok=True)
        (self.here / file).write_text(text)

    def run(self, *command, text=None):
        done = subprocess.run(command, input=text, cwd=self.here, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TIME)
        return '' if done.returncode == 0 else 'exit status %d:\n%s' % (done.returncode, done.stdout[-2000:])

    def shell(self, text):
        """Runs a block.  The next one begins in the folder where this one ends."""
        fault = self.run('bash', '-c', 'set -eu -o pipefail\n%s\npwd >"%s"' % (text, self.place / 'pwd'))
        if not fault:
            self.here = Path((self.place / 'pwd').read_text().strip())
        return fault


class Tests:
    def __init__(self, source, build, python_module, cc, cxx):
        self.source, self.build = Path(source).resolve(), Path(build).resolve()
        self.python_module = python_module
        self.compilers = {'c': cc.split() + ['-std=c11'], 'cpp': cxx.split() + ['-std=c++20']}
        self.known = Known(source, build)
        self.counts, self.reasons, self.faults = Counter(), Counter(), []

    def count(self, what, reason=None):
        self.counts[what] += 1
        if reason:
            self.reasons[reason] += 1

    def page(self, path):
        name, text = os.path.relpath(path, self.source), path.read_text(encoding='utf-8')
        with tempfile.TemporaryDirectory() as place:
            sandbox, python = Sandbox(Path(place), self), []
            blocks = [(*info.partition(' ')[::2], block) for info, block in FENCED.findall(text)]
            for _, file, block in blocks:
                if file:
                    sandbox.write(file, block)
            for language, file, block in blocks:
                if file:
                    sandbox.write(file, block)
                if language == 'python' and self.can_import(block):
                    python.append(block)
                for fault in self.block(language, block, sandbox):
                    self.faults.append('%s: a block of %s:\n%s%s' % (name, language or 'no language', block, fault))
            if python and self.python_module:
                fault = sandbox.run(sys.executable, '-', text='\n'.join(python))
                self.faults += ['%s: the blocks of python: %s' % (name, fault)] if fault else []
        for code in CODE.findall(FENCED.sub('', text)):
            self.counts['pieces of code in sentences'] += 1
            self.faults += ['%s: `%s`: %s' % (name, code, fault) for fault in self.known.faults_of_code(code)]

    def block(self, language, text, sandbox):
        """The faults of one block."""
        if language == 'text':
            self.count('text')
            return
        yield from self.known.faults_of_words(text)
        kinds = {'c': self.compiled, 'cpp': self.compiled, 'python': self.python, 'sh': self.shell, 'json': self.json,
                 'cmake': self.configured, 'meson': self.configured}
        if language not in kinds:
            yield 'its first line has to state one of these languages: %s text' % ' '.join(kinds)
            return
        try:
            fault = kinds[language](language, text, sandbox)
        except subprocess.TimeoutExpired:
            fault = 'it runs for more than %d seconds' % TIME
        if fault:
            yield fault

    def compiled(self, language, text, sandbox):
        program = re.search(r'\bint main\(', text)
        kind = ['-o', 'snippet'] if program else ['-shared', '-fPIC', '-Wl,-z,defs', '-o', 'snippet.so']
        models = ['-llanefold_model'] if 'lanefold/model.h' in text else []
        fault = sandbox.run(*self.compilers[language], '-Wall', '-Wextra', '-Werror', '-x',
                            'c' if language == 'c' else 'c++', '-', '-x', 'none', *kind, *models, '-llanefold', '-lm', text=text)
        if program and not fault:
            fault = sandbox.run('./snippet')
        self.count('%s: compiled, linked and run' % language if program else '%s: compiled and linked' % language)
        return fault

    @staticmethod
    def can_import(text):
        return 'import torch' not in text or importlib.util.find_spec('torch') is not None

    def python(self, _, text, __):
        if not self.can_import(text):
            self.count('python: SKIPPED, not run', 'PyTorch is not installed')
        elif self.python_module:
            self.count('python: run')
        else:
            self.count('python: SKIPPED, not run', 'the Python module is not built')
        try:
            compile(text, 'block', 'exec')
        except SyntaxError as error:
            return 'it is not Python: %s' % error
        return ''

    def json(self, _, text, sandbox):
        try:
            value = json.loads(text)
        except ValueError as error:
            return 'it is not JSON: %s' % error
        if not isinstance(value, dict) or 'layers' not in value:
            self.count('json: parsed')
            return ''
        (sandbox.here / 'network.json').write_text(text)
        self.count('json: trained for one epoch')
        return sandbox.run('lanefold', 'train', '--network', 'network.json', '--quiet')

    def shell(self, _, text, sandbox):
        faults = list(self.known.faults_of_commands(text))
        if faults:
            return '\n'.join(faults)
        reason = next(filter(None, (self.not_run(words, text) for words in split_commands(text))), None)
        if reason:
            self.count('sh: checked, not run', reason)
            return self.syntax(text, sandbox)
        self.count('sh: run')
        return sandbox.shell(text)

    @staticmethod
    def syntax(text, sandbox):
        return sandbox.run('bash', '-n', '-c', text)

    @staticmethod
    def not_run(words, text):
        """Why a command is not run, or None."""
        while words and re.fullmatch(r'\w+=.*', words[0]):
            words = words[1:]
        if not words or words[0] in RUNNABLE or (words[0].startswith('./') and words[0] != './dev'):
            return 'it needs another system or another build' if TOO_MUCH.search(text) else None
        if words[0] == 'lanefold':
            return 'lanefold %s takes long' % words[1] if TOO_MUCH.search(' '.join(words[1:])) else None
        return '%s is not run here' % words[0]

    def configured(self, language, text, sandbox):
        tool = {'cmake': 'cmake', 'meson': 'meson'}[language]
        if not shutil.which(tool):
            self.count('%s: SKIPPED' % language, '%s is not installed' % tool)
            return ''
        place = sandbox.place / 'project'
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name in set(re.findall(r'[\w-]+\.(?:cpp|cxx|cc|c)\b', text)) | {'hello.c'}:
            (place / name).write_text('int main(void) { return 0; }\n')
        if language == 'cmake':
            self.write_package(place)
            beginning = 'cmake_minimum_required(VERSION 3.18)\nproject(hello C CXX)\n'
            (place / 'CMakeLists.txt').write_text(text if 'project(' in text else beginning + text)
            fault = sandbox.run('cmake', '-S', str(place), '-B', str(place / 'build'), '-DCMAKE_PREFIX_PATH=%s' % place)
        else:
            (place / 'meson.build').write_text(text if 'project(' in text else "project('hello', 'c', 'cpp')\n" + text)
            fault = sandbox.run('meson', 'setup', str(place / 'build'), str(place))
        self.count('%s: configured' % language)
        return fault

    def write_package(self, place):
        """A stand-in for the installed LanefoldConfig.cmake, which needs an installed tree: the same targets."""
        package = (self.source / 'packaging/LanefoldConfig.cmake.in').read_text()
        names = sorted(set(re.findall(r'Lanefold::(\w+)', package)))
        folder = place / 'lib/cmake/Lanefold'
        folder.mkdir(parents=True)
        (folder / 'LanefoldConfig.cmake').write_text(
            ''.join('add_library(Lanefold::%s INTERFACE IMPORTED)\n' % name for name in names))

    def report(self, pages):
        for fault in self.faults:
            print(fault)
        print('%d pages' % pages)
        for what, number in sorted(self.counts.items()):
            print('%4d %s' % (number, what))
        for reason, number in sorted(self.reasons.items()):
            print('     of them %d: %s' % (number, reason))
        if not pages or not self.counts['sh: run'] or not self.counts['c: compiled, linked and run']:
            sys.exit('a test that runs nothing shows nothing')
        sys.exit(1 if self.faults else 0)


def main(source, build, python_module, cc, cxx, *pages):
    source, tests = Path(source).resolve(), Tests(source, build, python_module, cc, cxx)
    everything = sorted((source / 'docs').rglob('*.md')) + [source / name for name in TOP_PAGES]
    pages = [Path(page).resolve() for page in pages] or everything
    for page in pages:
        tests.page(page)
    tests.report(len(pages))


main(*sys.argv[1:])
