"""Values that are not arrays: text, numbers and flags, in calls and in layers; and exceptions that
the caller's own objects raise."""
import os
import subprocess
import sys
import tempfile

import lanefold
import numpy

import support

A = numpy.ones((3, 4), numpy.float32)
B = numpy.ones((4, 2), numpy.float32)
SURROGATE = '\ud800'  # half of a pair, which UTF-8 cannot hold


class Raises:
    """Raises an exception wherever a call could ask it for something."""

    def __init__(self, error):
        self.error = error

    def fail(self, *_, **__):
        raise self.error
    __float__ = __index__ = __dlpack_device__ = fail
    __dlpack__ = eps = gamma = w = activation = property(fail)


class Values(support.Case):
    def test_streams_of_random_numbers_refuse_what_they_cannot_take(self):
        random, least = lanefold.random, 'expected a whole number from 0 to 4294967295'
        for call, named in ((random.bits, dict(count=1, seed=1, purpose=1, index=1)), (random.permutation, dict(n=1, seed=1, epoch=1)),
                            (random.initial_weights, dict(inputs=1, outputs=1, seed=1, layer=0))):
            for name in named:
                for given, shown in (('x', "'x' (str)"), (1.5, '1.5 (float)'), (True, 'True (bool)')):
                    with self.assertRaises(TypeError) as caught:
                        call(**{**named, name: given})
                    self.assertTrue(str(caught.exception).startswith('%s: %s is %s; expected ' % (call.__name__, name, shown)),
                                    caught.exception)
            words = [name for name in named if name in ('purpose', 'index', 'epoch', 'layer')]
            for name in words:
                for given in (-1, 2**32):
                    self.assert_refused(ValueError, '%s: %s is %d (int); %s' % (call.__name__, name, given, least), call,
                                        **{**named, name: given})
            same = call(**{name: numpy.uint8(value) for name, value in named.items()})
            self.assertEqual(same.tobytes(), call(**named).tobytes())

    def test_a_property_that_fails_is_the_cause(self):
        class Layer:
            @property
            def w(self):
                return self.nothing
        with self.assertRaises(TypeError) as caught:
            lanefold.Network([Layer()])
        self.assertIsInstance(caught.exception.__cause__, AttributeError)
        self.assertIn('nothing', str(caught.exception.__cause__))

    def test_messages_name_classes_as_users_know_them(self):
        context = lanefold.default_context()
        self.refused(TypeError, 'a is of the type lanefold.Context; expected an array of float32: NumPy\'s, or one with DLPack or '
                     'the buffer protocol', lanefold.sgemm, context, A)

    def test_widths_are_an_ordered_list(self):
        for widths in ({4, 3}, numpy.array(4), '43', iter([4, 3])):
            with self.assertRaisesRegex(TypeError, '^dense_layers: widths is '):
                lanefold.dense_layers(widths)
        self.assertEqual(len(lanefold.dense_layers(numpy.array([4, 3, 2]))), 2)

    def refused(self, kind, message, call, *given, **named):
        self.assert_refused(kind, '%s: %s' % (call.__qualname__, message), call, *given, **named)

    def test_text_that_c_cannot_hold_is_refused(self):
        shown = {SURROGATE: "'\\ud800'", 'x\0y': "'x\\x00y'"}
        for text, why in ((SURROGATE, 'a string that UTF-8 can hold'), ('x\0y', 'a string without the character NUL')):
            for call in (lanefold.Context, lanefold.plugins):
                self.refused(ValueError, 'isa is %s (str); expected %s' % (shown[text], why), call, isa=text)
                self.refused(ValueError, 'plugin_path is %s (str); expected a path, without the character NUL and in the '
                             'encoding of the file system' % shown[text], call, plugin_path=text)
        for text in (SURROGATE, 'elu\0', 'elu' + SURROGATE):
            shown = repr(text)
            with self.assertRaisesRegex(TypeError, 'sgemm: %s is not an argument; expected one of: a, b' % shown.replace('\\', '.')):
                lanefold.sgemm(A, B, **{text: 1})
            with self.assertRaisesRegex(ValueError, 'activation is %s; expected one of' % shown.replace('\\', '.')):
                lanefold.activation_forward(A, text)
            layer = lanefold.DenseLayer(4, 2)
            layer.activation = text
            with self.assertRaisesRegex(ValueError, r'layers\[0\].activation is %s; exp' % shown.replace('\\', '.')):
                lanefold.Network([layer])

    def test_a_message_shows_what_can_be_shown(self):
        class Word(str):
            __repr__ = Raises(RuntimeError()).fail

        class Quiet(float):
            def __repr__(self):
                return SURROGATE
        long = 'ä' * 50
        for given, shown in ((10**5000, 'of the type int'), (-10**60, '-%d... (int)' % 10**38), (Word('x'), 'of the type Word'),
                             (long, "'%s... (str)" % long[:39]), (Quiet(1), None)):
            name = 'context' if isinstance(given, float) else 'alpha'
            if isinstance(given, int):
                name = 'transpose_a'
            expected = {'context': 'a lanefold.Context, or None', 'alpha': 'a number', 'transpose_a': 'True or False'}[name]
            self.refused(TypeError, '%s is %s; expected %s' % (name, shown or '\\ud800 (Quiet)', expected), lanefold.sgemm, A, B,
                         **{name: given})

        self.refused(ValueError, "activation is of the type Word; expected one of: 'identity', 'relu', 'leaky-relu', 'elu', "
                     "'selu', 'tanh', 'logistic', 'relu6', 'softplus', 'hard-sigmoid', 'silu', "
                     "'hard-swish', 'gelu', 'gelu-tanh'", lanefold.activation_forward, A, Word('x'))

        class Untold(ValueError):
            __str__ = Raises(RuntimeError()).fail
        self.refused(ValueError, 'a does not give its memory: Untold; expected an array that others may read',
                     lanefold.sgemm, type('Array', (Raises,), {'__dlpack__': None})(Untold()), B)

    def test_messages_of_the_library_may_be_cut_or_not_utf8(self):
        for begin in ('/', '/x'):  # the library cuts one of them in the middle of a character
            for call in (lanefold.Context, lanefold.plugins):
                with self.assertRaises(lanefold.Error) as caught:
                    call(plugin_path=begin + 'ä' * 1000)
                self.assertIn(": plugin_path: the plugin folder '%sää" % begin, str(caught.exception))
                self.assertEqual(caught.exception.status, 'LF_NOT_FOUND')
        with tempfile.TemporaryDirectory() as place:
            odd = os.path.join(os.fsencode(place), b'\xff')
            os.mkdir(odd)
            with open(os.path.join(odd, b'lanefold-mine.manifest'), 'w', encoding='utf-8') as file:
                file.write('nonsense')
            script = 'import lanefold, os; print(any(os.fsencode(x.path).startswith(%r) for x in lanefold.plugins()))' % odd
            done = subprocess.run([sys.executable, '-c', script], env={**os.environb, b'LANEFOLD_PLUGIN_PATH': odd}, check=True,
                                  stdout=subprocess.PIPE)
            self.assertEqual(done.stdout, b'True\n')

    def test_exceptions_about_something_else_go_on(self):
        class Lender(Raises):
            __dlpack__ = Raises.fail

        class Late(Lender):
            def __dlpack_device__(self):
                return (1, 0)
        for kind in (KeyboardInterrupt, MemoryError, ZeroDivisionError):
            error = kind('mine')
            for call in (lambda x: lanefold.sgemm(A, B, alpha=x), lambda x: lanefold.explain('sgemm', m=x),
                         lambda x: lanefold.sgemm(x, B), lambda x: lanefold.batch_norm_forward(A, x),
                         lambda x: lanefold.Network([x]), lambda x: lanefold.DenseLayer(x, 1),
                         lambda x: lanefold.BatchNorm(1, eps=x)):
                with self.assertRaises(kind) as caught:
                    call(Raises(error))
                self.assertIs(caught.exception, error)
        for kind in (KeyboardInterrupt, MemoryError, ZeroDivisionError, RecursionError):
            error = kind('mine')
            for lender in (Lender, Late):
                with self.assertRaises(kind) as caught:
                    lanefold.sgemm(lender(error), B)
                self.assertIs(caught.exception, error)

    def test_exceptions_about_the_value_are_the_cause(self):
        for kind in (TypeError, ValueError, OverflowError):
            error = kind('mine')
            for call in (lambda x: lanefold.sgemm(A, B, alpha=x), lambda x: lanefold.explain('sgemm', m=x)):
                with self.assertRaisesRegex(TypeError, 'is of the type Raises; expected a') as caught:
                    call(Raises(error))
                self.assertIs(caught.exception.__cause__, error)
                self.assertIsNotNone(error.__traceback__)
        for kind in (TypeError, BufferError, RuntimeError, AttributeError):
            error = kind('mine')
            with self.assertRaisesRegex(ValueError, 'a does not give its memory: mine; expected an array that') as caught:
                lanefold.sgemm(type('Lender', (Raises,), {'__dlpack__': None})(error), B)
            self.assertIs(caught.exception.__cause__, error)

    def test_flags(self):
        for true, false in ((True, False), (numpy.True_, numpy.False_)):
            self.assertEqual(lanefold.sgemm(B, B, transpose_a=true, transpose_b=false).shape, (2, 2))
            self.assertIsNone(lanefold.dense_backward(A, B, A[:, :2], dx=false).dx)
            self.assertIsNotNone(lanefold.DenseLayer(2, 2, batch_norm=true).batch_norm)
            self.assertIsNone(lanefold.DenseLayer(2, 2, batch_norm=false).batch_norm)
        for flag, shown in ((0, '0 (int)'), (1, '1 (int)'), (numpy.int8(1), 'of the type numpy.int8')):
            self.refused(TypeError, 'transpose_a is %s; expected True or False' % shown, lanefold.sgemm, A, B,
                         transpose_a=flag)
        for flag, shown in ((True, 'True (bool)'), (numpy.True_, 'of the type numpy.bool%s' % type(numpy.True_).__name__[4:])):
            self.refused(TypeError, 'alpha is %s; expected a number' % shown, lanefold.sgemm, A, B, alpha=flag)
            self.refused(TypeError, 'threads is %s; expected a whole number below 2^63' % shown, lanefold.Context, flag)
        norm = lanefold.BatchNorm(4)
        norm.unbiased_running_var = 1
        self.refused(TypeError, 'batch_norm.unbiased_running_var is 1 (int); expected True or False',
                     lanefold.batch_norm_forward, A, norm)

    def test_numbers_of_other_types(self):
        for two in (2, 2.0, numpy.float32(2), numpy.int8(2), numpy.array(2)):
            self.assertEqual(lanefold.sgemm(A, B, alpha=two).tolist(), [[8, 8]] * 3)

    def test_arrays_with_a_mask_of_their_own(self):
        class Image(numpy.ndarray):
            mask = 1  # such as a part of the image
        self.assert_same_bits(lanefold.sgemm(A.view(Image), B), lanefold.sgemm(A, B))
        self.refused(TypeError, 'a is a masked array; expected float32, and the mask would be ignored: a.filled(0)',
                     lanefold.sgemm, numpy.ma.array(A).view(type('Mine', (numpy.ma.MaskedArray,), {})), B)


class Layers(support.Case):
    """The part of the package that is written in Python words its errors like the compiled part."""

    def test_layers(self):
        words = ("one of: 'identity', 'relu', 'leaky-relu', 'elu', 'selu', 'tanh', 'logistic', 'relu6', 'softplus', "
                 "'hard-sigmoid', 'silu', 'hard-swish', 'gelu', 'gelu-tanh'")
        two = 'a list of at least two whole numbers, from the inputs to the outputs'
        initializers = ', '.join("'%s'" % name for name in lanefold.random.INITIALIZERS)
        for kind, message, call, given, named in (
                (TypeError, "inputs is 'a' (str); expected a whole number below 2^63", lanefold.DenseLayer, ('a', 2), {}),
                (TypeError, 'outputs is 2.0 (float); expected a whole number below 2^63', lanefold.DenseLayer, (2, 2.0), {}),
                (ValueError, 'outputs is -1 (int); expected a whole number that is at least 0', lanefold.DenseLayer, (2, -1), {}),
                (ValueError, "activation is 'elus'; expected " + words, lanefold.DenseLayer, (2, 1, 'elus'), {}),
                (TypeError, "alpha is 'x' (str); expected a number", lanefold.DenseLayer, (2, 1), {'alpha': 'x'}),
                (TypeError, 'batch_norm is 1 (int); expected a lanefold.BatchNorm, True, False or None', lanefold.DenseLayer,
                 (2, 1), {'batch_norm': 1}),
                (ValueError, 'batch_norm has 3 columns; expected one for each of the 2 outputs', lanefold.DenseLayer,
                 (4, 2), {'batch_norm': lanefold.BatchNorm(3)}),
                (TypeError, 'n is None; expected a whole number below 2^63', lanefold.BatchNorm, (None,), {}),
                (TypeError, "eps is 'x' (str); expected a number", lanefold.BatchNorm, (1,), {'eps': 'x'}),
                (TypeError, 'momentum is True (bool); expected a number', lanefold.BatchNorm, (1,), {'momentum': True}),
                (TypeError, 'unbiased_running_var is 1 (int); expected True or False', lanefold.BatchNorm, (1,),
                 {'unbiased_running_var': 1}),
                (TypeError, 'widths is 5 (int); expected ' + two, lanefold.dense_layers, (5,), {}),
                (TypeError, "widths is '12' (str); expected " + two, lanefold.dense_layers, ('12',), {}),
                (ValueError, 'widths has the length 1; expected ' + two, lanefold.dense_layers, ([5],), {}),
                (TypeError, 'widths[1] is 2.5 (float); expected a whole number below 2^63', lanefold.dense_layers,
                 ([1, 2.5],), {}),
                (ValueError, 'widths[0] is 0 (int); expected a whole number that is at least 1', lanefold.dense_layers,
                 ([0, 2],), {}),
                (TypeError, 'batch_norm is None; expected True or False', lanefold.dense_layers, ([1, 2],),
                 {'batch_norm': None}),
                (ValueError, "activation is 'x'; expected " + words, lanefold.dense_layers, ([1, 2], 'x'), {}),
                (TypeError, 'seed is 1.5 (float); expected a whole number from 0 to 2^64 - 1', lanefold.dense_layers,
                 ([1, 2],), {'seed': 1.5}),
                (ValueError, "init is 'he'; expected one of: " + initializers, lanefold.dense_layers, ([1, 2],),
                 {'init': 'he'}),
                (TypeError, 'init is of the type list; expected one of: ' + initializers, lanefold.random.initial_weights,
                 (1, 2), {'seed': 1, 'layer': 0, 'init': []}),
                (ValueError, "fan is 'up'; expected one of: 'in', 'out', 'avg'", lanefold.random.initial_weights, (1, 2),
                 {'seed': 1, 'layer': 0, 'fan': 'up'}),
                (ValueError, 'inputs is 0 (int); expected a whole number that is at least 1', lanefold.random.initial_weights,
                 (0, 2), {'seed': 1, 'layer': 0}),
                (TypeError, "layer is '0' (str); expected a whole number below 2^63", lanefold.random.initial_weights, (1, 2),
                 {'seed': 1, 'layer': '0'})):
            with self.subTest(message):
                self.assert_refused(kind, '%s: %s' % (call.__name__, message), call, *given, **named)
        self.assertEqual(lanefold.dense_layers(numpy.array([3, 2]), seed=2**64 - 1)[0].inputs, 3)

    def test_calls_without_arguments(self):
        packed, network = lanefold.pack_weights(B), lanefold.Network([lanefold.DenseLayer(4, 2)])
        for x, name in ((lanefold.Context(1), 'Context'), (packed, 'PackedWeights'), (network, 'Network')):
            self.assert_refused(TypeError, name + '.close: 1 argument is given; expected none', x.close, 1)
            self.assert_refused(TypeError, name + '.__enter__: 2 arguments are given; expected none', x.__enter__, 1, 2)
            with x as entered:
                self.assertIs(entered, x)
            self.assertTrue(x.closed)
        for call in (lanefold.cpu, lanefold.default_context):
            self.assert_refused(TypeError, call.__name__ + ': 1 argument is given; expected none', call, 1)
            self.assert_refused(TypeError, call.__name__ + ": 'x' is not an argument; expected no argument", call, x=1)
        self.assert_refused(TypeError, 'plugins: isa is 2 (int); expected a string', lanefold.plugins, isa=2)
        self.assertIsInstance(lanefold.plugins(isa=None)[0], lanefold.Plugin)

    def test_classes_without_a_constructor(self):
        for kind in (lanefold.Task, lanefold.PackedWeights):
            name = kind.__name__
            self.assert_refused(TypeError, '%s: it has no constructor; help(lanefold.%s) tells what makes one' % (name, name),
                                kind)
            self.assertRaises(TypeError, kind.__new__, kind)


support.main()
