"""What the command lines in the documents may say: verbs and options that exist, in the tree that is tested."""
import json
import re
import shlex
import subprocess
from pathlib import Path

# Names of Meson's own options, and of what its verbs take.
MESON_BUILT_IN = {'buildtype', 'default_library', 'prefix', 'libdir', 'werror', 'b_sanitize', 'b_lto', 'unity', 'strip'}
SOURCES = ('runtime', 'cli', 'trainer', 'bench', 'tests', 'tools', 'plugins', 'python', 'packaging', 'include',
           'examples', 'kernels', 'meson.build', 'dev')
MADE_UP = re.compile('SOFTPLUS|LF_CPU_SVE')  # names in CONTRIBUTING.md that stand for a reader's own
# The reader's own: what these stand for is not in the tree.
PLACEHOLDERS = {'VERB', 'NAME', 'FILE', 'FOLDER', 'PLUGIN.so', '--option', 'ARGUMENT'}


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)


def options_in(text):
    return set(re.findall(r'(?<![\w-])(--?[a-zA-Z][\w-]*)', text))


def split_commands(text):
    """The commands of a shell snippet, each as its words.  Comments and redirections are left out."""
    text = re.sub(r'\\\n', ' ', text)
    text = re.sub(r"<<'?(\w+)'?.*?\n\1$", '', text, flags=re.MULTILINE | re.DOTALL)  # what a command reads
    for line in text.split('\n'):
        inner = re.findall(r'\$\(([^()]*)\)', line)
        for part in [re.sub(r'\$\([^()]*\)', 'SUBSTITUTED', line), *inner]:
            lexer = shlex.shlex(part, posix=True, punctuation_chars='();<>|&')
            lexer.whitespace_split, lexer.commenters = True, '#'
            words = []
            for word in [*lexer, ';']:
                if word in (';', '&&', '||', '|', '&', '(', ')'):
                    if words:
                        yield words
                    words = []
                elif not re.fullmatch('[<>&]+', word):
                    words.append(word)


class Known:
    """What the tree and its build know."""

    def __init__(self, source, build):
        self.source, self.build = Path(source).resolve(), Path(build).resolve()
        self.command = self.build / 'trainer/lanefold'
        self.verbs = {}
        for verb in run(self.command, 'complete', '--', '').stdout.split():
            if not verb.startswith('-'):
                self.verbs[verb] = options_in(run(self.command, verb, '--help').stdout) | {'-h'}
        bench = self.build / 'bench/lanefold-bench'
        self.bench_is_built = bench.exists()
        if self.bench_is_built:
            self.verbs['bench'] = options_in(run(bench, '--help').stdout)
            for verb in ('compare', 'cost', 'gates', 'scaling', 'kernels'):
                self.verbs['bench'] |= options_in(run(bench, verb, '--help').stdout)
        usage = run(self.source / 'dev', 'help').stdout
        self.dev_verbs = set(re.findall(r'^  (\w+) +\S', usage, re.MULTILINE))
        self.dev_usage = usage
        self.tests = set()
        for test in json.loads((self.build / 'meson-info/intro-tests.json').read_text()):
            self.tests |= {test['name'], re.sub(r'-[^-]*$', '', test['name'])}
        options = (self.source / 'meson_options.txt').read_text()
        self.options = dict(re.findall(r"^option\('(\w+)', type: '(\w+)'", options, re.MULTILINE))
        texts = []
        for room in SOURCES:
            for path in (self.source / room).rglob('*') if (self.source / room).is_dir() else [self.source / room]:
                binary = path.suffix in ('.pyc', '.so', '.json', '.png')
                if path.is_file() and not binary and path.parent.name != 'docs':
                    texts.append(path.read_text(encoding='utf-8', errors='replace'))
        self.variables = set(re.findall(r'\bLANEFOLD_\w+', '\n'.join(texts)))
        headers = '\n'.join(path.read_text() for path in (self.source / 'include').rglob('*.h*'))
        self.names = set(re.findall(r'\b(?:lf|LF)_\w+', headers))

    def faults_of_commands(self, text):
        try:
            commands = list(split_commands(text))
        except ValueError as error:
            yield 'the shell cannot read it: %s' % error
            return
        for words in commands:
            yield from self.faults_of_command(words)

    def faults_of_command(self, words):
        """What is wrong in one command."""
        while words and re.fullmatch(r'\w+=.*', words[0]):
            words = words[1:]
        if words and words[0] in ('exec', 'time', 'sudo', 'export'):
            words = words[1:]
        if not words:
            return
        name, rest = words[0].split('/')[-1], words[1:]
        if name == 'lanefold':
            yield from self.faults_of_verb(rest)
        elif words[0] == './dev':
            yield from self.faults_of_dev(rest)
        elif name in ('meson', 'cmake', 'dpkg-buildpackage'):
            yield from self.faults_of_options(words)

    def faults_of_verb(self, rest):
        verb = next((word for word in rest if not word.startswith('-')), None)
        if verb is None or verb in PLACEHOLDERS or verb == 'SUBSTITUTED':
            return
        if verb not in self.verbs:
            yield 'lanefold has no verb %s' % verb
        elif verb != 'bench' or self.bench_is_built:
            known = self.verbs[verb] | {'--version'} | PLACEHOLDERS
            for option in (word.split('=')[0] for word in rest):
                if option.startswith('-') and option not in known:
                    yield 'lanefold %s has no option %s' % (verb, option)

    def faults_of_dev(self, rest):
        if not rest or rest[0] in PLACEHOLDERS:
            return
        verb, arguments = rest[0], rest[1:]
        if verb not in self.dev_verbs | {'help'}:
            yield './dev has no verb %s' % verb
        elif verb in ('bench', 'demo'):
            own = re.search(r'`bench %s' % re.escape(arguments[0]), self.dev_usage) if arguments else None
            if not own:
                yield from self.faults_of_verb([verb, *arguments])
        elif verb == 'test' and arguments and not arguments[0].startswith('-'):
            kind = r'`test (?:\w+\|)*%s\b' % re.escape(arguments[0])
            if arguments[0] not in self.tests and not re.search(kind, self.dev_usage):
                yield './dev test has no kind and no test %s' % arguments[0]
        elif verb == 'install':
            for word in arguments:
                option = word.split('=')[0].lstrip('-')
                if option not in MESON_BUILT_IN | set(self.options):
                    yield './dev install has no option %s' % word

    def faults_of_options(self, words):
        for word in words:
            match = re.fullmatch(r'-D(\w+)(?:=(.*))?', word)
            if match and words[0] == 'meson':
                yield from self.faults_of_option(match[1], match[2])

    def faults_of_option(self, name, value):
        if name not in self.options:
            if name not in MESON_BUILT_IN:
                yield 'meson_options.txt has no option %s' % name
        elif self.options[name] == 'feature' and value not in (None, 'enabled', 'disabled', 'auto'):
            yield '-D%s=%s: a feature is enabled, disabled or auto' % (name, value)

    def faults_of_words(self, text):
        """What is wrong in code within a sentence, or anywhere in a snippet: names that nothing in the tree has."""
        for name in sorted(set(re.findall(r'\bLANEFOLD_\w+', text))):
            if name not in self.variables:
                yield 'no source has %s' % name
        for name in sorted(set(re.findall(r'\b(?:lf|LF)_\w+', text))):
            if name not in self.names and not MADE_UP.search(name) and not any(n.startswith(name) for n in self.names):
                yield 'no public header has %s' % name

    def faults_of_code(self, code):
        """What is wrong in a piece of code in backticks."""
        yield from self.faults_of_words(code)
        if re.match(r'(\w+=\S+ )*(lanefold|\./dev|meson)\b', code):
            yield from self.faults_of_commands(code)
        elif re.match(r'-D\w+(=\S+)?$', code) and not re.match('-D(NDEBUG|LF_)', code):
            yield from self.faults_of_option(*re.fullmatch(r'-D(\w+)(?:=(.*))?', code).groups())
        elif re.fullmatch(r'--[a-z][\w-]*( \S+)?', code):
            option = code.split()[0].split('=')[0]
            anywhere = set().union(*self.verbs.values()) | options_in(self.dev_usage)
            if self.bench_is_built and option not in anywhere | {'--version'} | PLACEHOLDERS:
                yield 'no verb has the option %s' % option
