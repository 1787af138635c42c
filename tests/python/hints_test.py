"""hints_test.py STUBS: type hints, help() and the examples in it."""
import doctest
import inspect
import os
import re
import subprocess
import sys
import tempfile
import types
import typing

import lanefold
import lanefold.types
import numpy

import support

FOLDER = os.path.dirname(lanefold.__file__)
# mypy.stubtest cannot compare aliases with what they stand for.  pybind11's classes have a metaclass, and two have no
# constructor.
ALLOWED = r'''
lanefold(\.[a-z_]+)?\.(Context|Network|PackedWeights|Task|Trainer|_Model)
lanefold(\._lanefold|\.executors)?\.(PackedWeights|Task)\.__init__
lanefold\.[a-z]+\.(NamedTuple|Protocol|Sequence|Iterator|Activation|Format|Loss|Operation|Optimizer|Output)
'''
PROGRAM = '''
import array
import lanefold
import numpy
layers = lanefold.dense_layers([4, 3], 'elu')
trainer = lanefold.Trainer(layers, optimizer='adam')
x = numpy.zeros((2, 4), numpy.float32)
loss: float = trainer.step(x, numpy.zeros(2, numpy.int32)).loss
y: 'numpy.typing.NDArray[numpy.float32]' = lanefold.Network(layers)(x)
lanefold.sgemm(memoryview(b''), x, alpha=2)
place: 'array.array[float]' = lanefold.dense_infer(x, lanefold.pack_weights(x), out=array.array('f'))
y = lanefold.Network(layers)(x, y)
model = lanefold.Model(layers, output='softmax')
y = model.network(logits=True)(x, y)
lanefold.explain('dense_infer')
error: float = lanefold.elementwise_loss(x, y, function='huber', delta=2, dx=y)
y = lanefold.dropout(x, rate=0.5, seed=1, out=y)
moments = lanefold.batch_norm_moments(x, batch_rows=2)
y = lanefold.batch_norm_merge(moments, batch_rows=2, batch_norm=layers[0].batch_norm)
y = lanefold.column_sums(x, batch_rows=2, first_row=1, out=y)
with lanefold.Context(1) as context, lanefold.pack_weights(x, context=context) as packed:
    y = packed.unpack(out=y)
'''
MISTAKES = (
    ("lanefold.sgemm([[1.0]], y)", 'call-overload'),
    ("lanefold.sgemm(x)", 'call-overload'),
    ("lanefold.sgemm(x, y, bets=1)", 'call-overload'),
    ("lanefold.activation_forward(x, 'elus')", 'call-overload'),
    ("y = lanefold.sgemm(x, y, out=place)", 'arg-type'),
    ("lanefold.explain('gemm')", 'arg-type'),
    ("lanefold.elementwise_loss(x, y, function='square')", 'arg-type'),
    ("lanefold.dropout(x, rate=0.5)", 'call-overload'),
    ("lanefold.batch_norm_moments(x)", 'call-overload'),
    ("lanefold.column_sums(x, batch_rows=2.5)", 'call-overload'),
    ("lanefold.Task()", 'call-arg'),
    ("lanefold.PackedWeights()", 'call-arg'),
    ("lanefold.Trainer(layers, 'adam')", 'misc'),
    ("lanefold.Model(layers, output='sofmax')", 'arg-type'),
)


SIGNATURES = {
    'Context': ('threads', 'isa', 'plugin_path', 'executor', 'log', 'quiet'),
    'Network': ('layers', 'context'),
    'Trainer': ('layers', 'optimizer', 'learning_rate', 'momentum', 'beta2', 'eps', 'weight_decay', 'context'),
}


def documented():
    """Everything in the package that has documentation, with its name."""
    for name in lanefold.__all__:
        value = getattr(lanefold, name)
        yield name, value
        if inspect.isclass(value):
            for part, member in vars(value).items():
                if not part.startswith('_') or part == '__call__':
                    yield name + '.' + part, member.__func__ if isinstance(member, classmethod) else member
    for name, value in vars(lanefold.random).items():
        if inspect.isfunction(value) and not name.startswith('_'):
            yield 'random.' + name, value


class Hints(support.Case):
    cache = tempfile.TemporaryDirectory()

    def mypy(self, *arguments):
        if not os.path.exists('/usr/bin/mypy'):
            self.skipTest('no mypy (mypy of Debian)')
        return subprocess.run(['/usr/bin/mypy', '--strict', '--cache-dir', self.cache.name, '--python-executable',
                               sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=dict(os.environ, MYPYPATH=os.path.dirname(FOLDER)), universal_newlines=True)

    def test_the_package_passes_mypy(self):
        done = self.mypy(FOLDER)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_program_passes_mypy_and_mistakes_do_not(self):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, 'program.py')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(PROGRAM)
            done = self.mypy(path)
            self.assertEqual(done.returncode, 0, done.stdout)
            with open(path, 'a', encoding='utf-8') as file:
                file.write('\n'.join(line for line, _ in MISTAKES))
            done = self.mypy(path)
        found = re.findall(r'program.py:(\d+): error: .*\[([\w-]+)\]', done.stdout)
        first = PROGRAM.count('\n') + 1
        self.assertEqual(found, [(str(first + i), kind) for i, (_, kind) in enumerate(MISTAKES)], done.stdout)

    def test_the_stubs_say_what_is_there(self):
        if not os.path.exists('/usr/bin/mypy'):
            self.skipTest('no mypy (mypy of Debian)')
        with tempfile.NamedTemporaryFile('w', suffix='.txt') as allowed:
            allowed.write(ALLOWED)
            allowed.flush()
            done = subprocess.run([sys.executable, '-m', 'mypy.stubtest', 'lanefold', '--allowlist', allowed.name,
                                   '--ignore-unused-allowlist'], cwd=tempfile.gettempdir(), stdout=subprocess.PIPE,
                                  env=dict(os.environ, MYPYPATH=os.path.dirname(FOLDER)), stderr=subprocess.STDOUT,
                                  universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_public_name_is_listed(self):
        public = [name for name, value in vars(lanefold).items()
                  if not name.startswith('_') and not isinstance(value, types.ModuleType)
                  and name != 'annotations']
        self.assertEqual(sorted(public + ['__version__', 'random']), sorted(lanefold.__all__))
        self.assertTrue(os.path.exists(os.path.join(FOLDER, 'py.typed')))


class Help(support.Case):
    def test_closing_has_signatures(self):
        for kind in (lanefold.Context, lanefold.Network, lanefold.PackedWeights):
            for name, parameters in (('close', '(self, /)'), ('__enter__', '(self, /)'),
                                     ('__exit__', '(self, /, type=None, value=None, traceback=None)')):
                self.assertEqual(str(inspect.signature(getattr(kind, name))), parameters)

    def test_the_hint_of_an_operation_has_its_words(self):
        with self.assertRaises(ValueError) as caught:
            lanefold.explain('x')
        self.assertEqual(tuple(re.findall("'([a-z_]+)'", str(caught.exception))[1:]), typing.get_args(lanefold.types.Operation))

    def test_everything_is_documented_and_has_a_signature(self):
        count = 0
        for name, value in documented():
            if name in ('__version__', 'random') or inspect.isdatadescriptor(value) and not isinstance(value, property):
                continue
            with self.subTest(name):
                self.assertGreater(len(inspect.getdoc(value) or ''), 10)
                if inspect.isbuiltin(value) or inspect.ismethoddescriptor(value):
                    line = value.__doc__ and inspect.signature(value)  # raises if it does not find a signature
                    self.assertEqual('self' in line.parameters, '.' in name)
                if inspect.isbuiltin(value):
                    self.assertEqual(value.__module__, 'lanefold')
                if name in SIGNATURES:
                    self.assertEqual(list(inspect.signature(value).parameters), list(SIGNATURES[name]))
                count += 1
        self.assertGreater(count, 40)

    def test_every_operation_has_an_example(self):
        for name in lanefold.__all__:
            value = getattr(lanefold, name)
            if inspect.isbuiltin(value) and name not in ('cpu', 'default_context'):
                self.assertIn('>>> ', value.__doc__, name)

    def test_examples(self):
        examples = 0
        place = {'lanefold': lanefold, 'numpy': numpy, 'a': numpy.ones((3, 3), numpy.float32),
                 'b': numpy.ones((3, 3), numpy.float32)}
        for name, value in documented():
            if not isinstance(value, (str, types.ModuleType)) and value.__doc__:
                test = doctest.DocTestParser().get_doctest(value.__doc__, dict(place), name, None, 0)
                said = []
                result = doctest.DocTestRunner().run(test, out=said.append)
                self.assertEqual(result.failed, 0, ''.join(said))
                examples += result.attempted
        self.assertGreater(examples, 40)


support.main()
