"""Bad arguments: each raises one kind of exception, with a message that names the argument, and writes nothing."""
import copy

import lanefold
import numpy

import support

A = numpy.ones((3, 4), numpy.float32)
B = numpy.ones((4, 2), numpy.float32)
SQUARE = numpy.ones((4, 4), numpy.float32)
LABELS = numpy.zeros(3, numpy.int32)
READ_ONLY = numpy.ones((3, 2), numpy.float32)
READ_ONLY.flags.writeable = False
CURE = 'expected rows or columns of adjacent elements: numpy.ascontiguousarray(a)'
NONE = "expected an array of float32: NumPy's, or one with DLPack or the buffer protocol"
ONE_ROW = 'x has one row; batch normalization needs at least two, because one sample has no variance'
WORDS = "expected one of: 'identity', 'relu', 'leaky-relu', 'elu', 'selu', 'tanh', 'logistic', 'relu6', " \
    "'softplus', 'hard-sigmoid', 'silu', 'hard-swish', 'gelu', 'gelu-tanh'"

# The type of the exception, its message without the name of the call, the call, and its arguments.
SGEMM = (
    (TypeError, 'a has the type float64; expected float32: a.astype(numpy.float32)', (A.astype(float), B), {}),
    (TypeError, 'b has the type int32; expected float32: b.astype(numpy.float32)', (A, B.astype('i4')), {}),
    (TypeError, 'a has the type float16; expected float32: a.astype(numpy.float32)', (A.astype('f2'), B), {}),
    (TypeError, 'a has the type complex64; expected float32: a.astype(numpy.float32)', (A.astype('c8'), B), {}),
    (TypeError, 'a has the byte order of the type >f4; expected float32 in native byte order: a.astype(numpy.float32)',
     (A.astype('>f4'), B), {}),
    (TypeError, "a has the byte order of the format '>f'; expected float32, format 'f' in native byte order",
     (memoryview(A.astype('>f4')), B), {}),
    (TypeError, "a has elements of the format 'd'; expected float32, format 'f'", (memoryview(A.astype(float)), B), {}),
    (TypeError, "a has elements of the format 'B'; expected float32, format 'f'", (b'abcd', B), {}),
    (TypeError, 'a is a masked array; expected float32, and the mask would be ignored: a.filled(0)',
     (numpy.ma.array(A), B), {}),
    (TypeError, 'a is of the type list; ' + NONE, ([[1.0]], B), {}),
    (TypeError, 'a is None; ' + NONE, (None, B), {}),
    (TypeError, 'a is 1.5 (float); ' + NONE, (1.5, B), {}),
    (TypeError, "out is 'x' (str); " + NONE, (A, B), {'out': 'x'}),
    (ValueError, 'a has 1 dimension; expected 2', (A[0], B), {}),
    (ValueError, 'b has 3 dimensions; expected 2', (A, B[None]), {}),
    (ValueError, 'op(b) has 3 rows, but op(a) has 4 columns; expected as many', (A, A), {}),
    (ValueError, 'op(b) has 2 rows, but op(a) has 4 columns; expected as many', (A, B), {'transpose_b': True}),
    (ValueError, 'out has the shape (2, 3); expected (3, 2)', (A, B), {'out': numpy.zeros((2, 3), numpy.float32)}),
    (ValueError, 'a has the shape (3, 4) and the strides (-16, 4) in bytes (it runs backwards); ' + CURE,
     (A[::-1], B), {}),
    (ValueError, 'a has the shape (3, 4) and the strides (0, 4) in bytes (it repeats elements); ' + CURE,
     (numpy.broadcast_to(A[0], (3, 4)), B), {}),
    (ValueError, 'a has the shape (4, 2) and the strides (16, 8) in bytes; ' + CURE, (SQUARE[:, ::2], B[:2]), {}),
    (ValueError, 'a has the shape (3, 4) and the strides (4, 4) in bytes; ' + CURE,
     (numpy.lib.stride_tricks.as_strided(SQUARE, (3, 4), (4, 4)), B), {}),
    (ValueError, 'out is read-only; expected a writable array', (A, B), {'out': READ_ONLY}),
    (ValueError, 'out is read-only; expected a writable array', (A, B), {'out': memoryview(READ_ONLY)}),
    # A copy of an output would get the results in its place.
    (TypeError, 'out has the type float64; expected float32: create out with dtype=numpy.float32',
     (A, B), {'out': numpy.zeros((3, 2))}),
    (TypeError, 'out has the byte order of the type >f4; expected float32 in native byte order: create out with '
     'dtype=numpy.float32', (A, B), {'out': numpy.zeros((3, 2), '>f4')}),
    (TypeError, 'out is a masked array; expected float32, and the mask would be ignored: create out without a mask',
     (A, B), {'out': numpy.ma.zeros((3, 2), numpy.float32)}),
    (ValueError, 'out has the shape (3, 2) and the strides (16, 8) in bytes; expected rows or columns of adjacent elements: '
     'create out contiguous', (A, B), {'out': numpy.zeros((3, 4), numpy.float32)[:, ::2]}),
    (ValueError, 'out is not aligned to 4 bytes; expected aligned elements: create out with numpy.empty', (A, B),
     {'out': numpy.zeros(25, numpy.uint8)[1:].view(numpy.float32).reshape(3, 2)}),
    (ValueError, 'beta is not 0, but out is missing; expected the array to add to', (A, B), {'beta': 1}),
    (lanefold.InvalidArgument, 'out overlaps a; expected memory of its own', (SQUARE[:2], SQUARE.copy()),
     {'out': SQUARE[1:3]}),
    (lanefold.InvalidArgument, 'out overlaps b; expected memory of its own', (SQUARE.copy(), SQUARE),
     {'out': SQUARE}),
    (lanefold.InvalidArgument, 'out overlaps a; expected memory of its own', (SQUARE, SQUARE.copy()),
     {'out': SQUARE.T}),
    (TypeError, "alpha is 'x' (str); expected a number", (A, B), {'alpha': 'x'}),
    (TypeError, 'transpose_a is 1 (int); expected True or False', (A, B), {'transpose_a': 1}),
    (TypeError, 'context is 3 (int); expected a lanefold.Context, or None', (A, B), {'context': 3}),
    (TypeError, "'oot' is not an argument; expected one of: a, b, out, alpha, beta, transpose_a, transpose_b, context",
     (A, B), {'oot': 1}),
    (TypeError, 'a is given twice; expected once', (A, B), {'a': A}),
    (TypeError, 'b is missing', (A,), {}),
    (TypeError, '3 arguments are given by position; expected 2 at most, and the others by name', (A, B, B), {}),
)
OTHERS = (
    (TypeError, 'labels has the type int64; expected int32: labels.astype(numpy.int32)',
     lanefold.softmax_cross_entropy, (A, numpy.zeros(3, 'i8')), {}),
    (ValueError, 'labels has the shape (2,); expected (3,)', lanefold.softmax_cross_entropy, (A, LABELS[:2]), {}),
    (lanefold.InvalidArgument, 'labels[0] is 9, but must be in 0..3', lanefold.softmax_cross_entropy, (A, LABELS + 9), {}),
    (ValueError, 'weights has the shape (2,); expected (3,)', lanefold.softmax_cross_entropy, (A, LABELS),
     {'weights': A[0, :2]}),
    (TypeError, 'targets is None; ' + NONE, lanefold.elementwise_loss, (A, None), {}),
    (ValueError, 'targets has the shape (4, 4); expected (3, 4)', lanefold.elementwise_loss, (A, SQUARE), {}),
    (ValueError, "function is 'square'; expected one of: 'squared', 'absolute', 'huber', 'logistic'",
     lanefold.elementwise_loss, (A, A), {'function': 'square'}),
    (lanefold.InvalidArgument, 'delta is 0, but must be more than 0 and finite', lanefold.elementwise_loss, (A, A),
     {'function': 'huber', 'delta': 0}),
    (ValueError, 'weights has the shape (4,); expected (3,)', lanefold.elementwise_loss, (A, A), {'weights': A[0]}),
    (lanefold.InvalidArgument, 'dx overlaps targets; expected memory of its own', lanefold.elementwise_loss,
     (A, SQUARE[:3]), {'dx': SQUARE[:3]}),
    (TypeError, 'rate is missing', lanefold.dropout, (A,), {'seed': 1}),
    (TypeError, 'seed is missing', lanefold.dropout, (A,), {'rate': 0.5}),
    (TypeError, 'seed is -1 (int); expected a whole number from 0 to 2^64 - 1', lanefold.dropout, (A,),
     {'rate': 0.5, 'seed': -1}),
    (TypeError, 'stream is 1.5 (float); expected a whole number from 0 to 2^64 - 1', lanefold.dropout, (A,),
     {'rate': 0.5, 'seed': 1, 'stream': 1.5}),
    (lanefold.InvalidArgument, 'rate is 1, but must be at least 0 and less than 1', lanefold.dropout, (A,),
     {'rate': 1, 'seed': 1}),
    (lanefold.InvalidArgument, 'first_row is -1, but must be at least 0 and at most 2^32 - m', lanefold.dropout, (A,),
     {'rate': 0.5, 'seed': 1, 'first_row': -1}),
    (lanefold.InvalidArgument, 'out overlaps x; expected memory of its own', lanefold.dropout, (SQUARE[:2],),
     {'rate': 0.5, 'seed': 1, 'out': SQUARE[1:3]}),
    (lanefold.InvalidArgument, 'labels[1] is -1, but must be in 0..3', lanefold.top_k_correct,
     (A, numpy.array([0, -1, 0], 'i4')), {}),
    (lanefold.InvalidArgument, 'k is 5, but must be in 1..n, and n is 4', lanefold.top_k_correct, (A, LABELS, 5), {}),
    (TypeError, 'k is 1.5 (float); expected a whole number below 2^63', lanefold.top_k_correct, (A, LABELS, 1.5), {}),
    (ValueError, "activation is 'elus'; " + WORDS, lanefold.activation_forward, (A, 'elus'), {}),
    (TypeError, 'activation is 3 (int); ' + WORDS, lanefold.activation_forward, (A, 3), {}),
    (lanefold.InvalidArgument, 'alpha is -1, but must be at least 0 and finite', lanefold.activation_forward, (A, 'elu'),
     {'alpha': -1}),
    (ValueError, 'out has the shape (3, 4) and the strides (16, 4) in bytes; expected columns of adjacent elements '
     '(column-major): create out contiguous, with order=\'F\'', lanefold.activation_forward,
     (numpy.asfortranarray(A), 'elu'), {'out': A}),
    (lanefold.InvalidArgument, 'out overlaps x; expected memory of its own', lanefold.activation_forward,
     (SQUARE[:2], 'elu'), {'out': SQUARE[1:3]}),
    (ValueError, 'x has the shape (3, 4) and the strides (4, 12) in bytes; expected rows of adjacent elements (row-major): '
     'numpy.ascontiguousarray(x)', lanefold.dense_forward, (numpy.asfortranarray(A), B), {}),
    (ValueError, 'dy has the shape (3, 4) and the strides (16, 4) in bytes; expected columns of adjacent elements '
     '(column-major): numpy.asfortranarray(dy)', lanefold.activation_backward, (numpy.asfortranarray(A), A, 'elu'), {}),
    (ValueError, 'z has the shape (3, 2) and the strides (4, 12) in bytes; expected rows of adjacent elements (row-major): '
     'create z contiguous', lanefold.dense_forward, (A, B), {'z': numpy.zeros((3, 2), numpy.float32, order='F')}),
    (ValueError, 'x has the shape (3, 4); expected (3, 2)', lanefold.dense_forward, (A, B[:2]), {}),
    (ValueError, 'bias has the shape (3,); expected (2,)', lanefold.dense_forward, (A, B), {'bias': A[:, 0].copy()}),
    (ValueError, 'bias has the shape (2,) and the strides (16,) in bytes; expected adjacent elements: '
     'numpy.ascontiguousarray(bias)', lanefold.dense_forward, (A, B), {'bias': A[:2, 0]}),
    (TypeError, 'batch_norm is 1 (int); expected a lanefold.BatchNorm, which has the attribute eps',
     lanefold.dense_forward, (A, B), {'batch_norm': 1}),
    (ValueError, 'batch_norm.gamma has the shape (3,); expected (2,)', lanefold.dense_forward, (A, B),
     {'batch_norm': lanefold.BatchNorm(3)}),
    (ValueError, ONE_ROW, lanefold.dense_forward,
     (A[:1], B), {'batch_norm': lanefold.BatchNorm(2), 'training': True}),
    (ValueError, ONE_ROW, lanefold.batch_norm_forward, (B[:1], lanefold.BatchNorm(2)), {'training': True}),
    (ValueError, ONE_ROW, lanefold.batch_norm_backward, (B[:1], B[:1], lanefold.BatchNorm(2)), {}),
    (ValueError, 'y is missing; the derivative of the activation needs it', lanefold.dense_backward,
     (A, B, A[:, :2]), {'activation': 'elu'}),
    (ValueError, 'z is missing; the batch normalization needs it', lanefold.dense_backward, (A, B, A[:, :2]),
     {'batch_norm': lanefold.BatchNorm(2)}),
    (ValueError, 'dgamma is given without batch_norm; expected both or neither', lanefold.dense_backward,
     (A, B, A[:, :2]), {'dgamma': A[0, :2]}),
    (ValueError, 'dw is False, but learning_rate is missing; expected dw, an update of w, or both',
     lanefold.dense_backward, (A, B, A[:, :2]), {'dw': False}),
    (lanefold.InvalidArgument, 'dw overlaps x; expected memory of its own', lanefold.dense_backward,
     (SQUARE, SQUARE.copy(), SQUARE.copy()), {'dw': SQUARE}),
    (ValueError, 'w is read-only; expected a writable array', lanefold.dense_backward,
     (numpy.ones((1, 3), numpy.float32), READ_ONLY, B[:1]), {'learning_rate': 1.0}),
    (TypeError, 'packed is of the type numpy.ndarray; expected lanefold.PackedWeights', lanefold.dense_infer, (A, B), {}),
    (TypeError, 'learning_rate is missing', lanefold.optimizer_step, (A, A.copy()), {}),
    (ValueError, "optimizer is 'sdg'; expected one of: 'sgd', 'momentum', 'nesterov', 'adam'", lanefold.optimizer_step,
     (A, A.copy(), 'sdg'), {'learning_rate': 1}),
    (ValueError, 'm is missing; expected the momentum, zeros before the first step, as large as w',
     lanefold.optimizer_step, (A, A.copy(), 'momentum'), {'learning_rate': 1}),
    (ValueError, 'g has the shape (4, 2); expected (3, 4)', lanefold.optimizer_step, (A, B), {'learning_rate': 1}),
    (lanefold.InvalidArgument, 'w overlaps g; expected memory of its own', lanefold.optimizer_step, (A, A),
     {'learning_rate': 1}),
    (TypeError, 'x has the type float32; expected uint8: x.astype(numpy.uint8)', lanefold.gather, (A,), {}),
    (TypeError, 'rows has the type int64; expected uint32: rows.astype(numpy.uint32)', lanefold.gather,
     (A.astype('u1'), numpy.zeros(1, 'i8')), {}),
    (lanefold.InvalidArgument, 'rows[0] is 3, but must be below count, which is 3', lanefold.gather,
     (A.astype('u1'), numpy.array([3], 'u4')), {}),
    (lanefold.InvalidArgument, 'divisor is 0, but must be 1 to 65536', lanefold.gather, (A.astype('u1'),), {'divisor': 0}),
    (lanefold.InvalidArgument, 'batch_norm.running_var[1] is -1, but a variance is at least 0', lanefold.fold_batch_norm, (B,), {}),
    (TypeError, 'layers is 1 (int); expected a list of at least one lanefold.DenseLayer', lanefold.Network, (1,), {}),
    (ValueError, 'layers is empty; expected a list of at least one lanefold.DenseLayer', lanefold.Network, ([],), {}),
    (TypeError, 'layers[0] is 1 (int); expected a lanefold.DenseLayer, which has the attribute w', lanefold.Network, ([1],), {}),
    (ValueError, 'layers[1].w has 5 rows; expected one for each of the 2 outputs of the layer before', lanefold.Network,
     ([lanefold.DenseLayer(4, 2), lanefold.DenseLayer(5, 1)],), {}),
    (ValueError, 'layers[1].w has 5 rows; expected one for each of the 2 outputs of the layer before', lanefold.Trainer,
     ([lanefold.DenseLayer(4, 2), lanefold.DenseLayer(5, 1)],), {}),
    (ValueError, "optimizer is 'sdg'; expected one of: 'sgd', 'momentum', 'nesterov', 'adam'", lanefold.Trainer,
     ([lanefold.DenseLayer(4, 2)],), {'optimizer': 'sdg'}),
    (TypeError, "learning_rate is 'x' (str); expected a number", lanefold.Trainer, ([lanefold.DenseLayer(4, 2)],),
     {'learning_rate': 'x'}),
    (TypeError, "'momentun' is not an argument; expected one of: layers, optimizer, learning_rate, momentum, beta2, eps, "
     'weight_decay, context', lanefold.Trainer, ([],), {'momentun': 1}),
    (TypeError, 'layers is missing', lanefold.Trainer, (), {}),
    (TypeError, 'context is 1 (int); expected a lanefold.Context, or None', lanefold.Network,
     ([lanefold.DenseLayer(4, 2)],), {'context': 1}),
    (TypeError, "threads is 'two' (str); expected a whole number below 2^63", lanefold.Context, ('two',), {}),
    (ValueError, 'threads is 4097; expected 1 to 4096, or 0 for one for each CPU', lanefold.Context, (4097,), {}),
    (TypeError, 'isa is 2 (int); expected a string', lanefold.Context, (), {'isa': 2}),
    (lanefold.Error, 'plugin_path: ', lanefold.Context, (), {'plugin_path': '/does/not/exist'}),
    (TypeError, 'executor is 1 (int); expected a callable such as lanefold.ThreadPool, called with (count, task)',
     lanefold.Context, (), {'executor': 1}),
    (ValueError, 'threads is 0; expected how many tasks the executor runs at once, 1 to 4096', lanefold.Context, (),
     {'executor': print}),
    (lanefold.Error, "isa is 'sse9', but no plugin has this name; valid names are ", lanefold.Context, (), {'isa': 'sse9'}),
    (ValueError, "operation is 'gemm'; expected one of: 'sgemm', ", lanefold.explain, ('gemm',), {}),
)


class Arguments(support.Case):
    def check(self, kind, message, call, given, named):
        arrays = [x for x in (*given, *named.values()) if isinstance(x, numpy.ndarray)]
        before = [x.tobytes() for x in arrays]
        with self.assertRaises(kind) as caught:
            call(*given, **named)
        self.assertIs(type(caught.exception), kind, caught.exception)
        text = '%s: %s' % (call.__name__, message)
        said = str(caught.exception)
        self.assertEqual(said[:len(text)] if text.endswith(' ') else said, text)
        self.assertEqual([x.tobytes() for x in arrays], before, 'an array was written')

    def test_sgemm(self):
        for kind, message, given, named in SGEMM:
            with self.subTest(message):
                self.check(kind, message, lanefold.sgemm, given, named)

    def test_other_calls(self):
        negative = lanefold.BatchNorm(2)
        negative.running_var[1] = -1
        for kind, message, call, given, named in OTHERS:
            with self.subTest(call=call.__name__, message=message):
                self.check(kind, message, call, given, {'batch_norm': negative} if call is lanefold.fold_batch_norm else named)

    def test_errors_carry_their_status(self):
        with self.assertRaises(lanefold.Error) as caught:
            lanefold.Context(isa='sse9')
        self.assertEqual(caught.exception.status, 'LF_NOT_FOUND')
        with self.assertRaises(ValueError) as caught:
            lanefold.sgemm(SQUARE, SQUARE, out=SQUARE)
        self.assertEqual(caught.exception.status, 'LF_INVALID_ARGUMENT')

    def test_there_are_no_half_made_objects(self):
        for kind in (lanefold.Context, lanefold.Network, lanefold.Trainer, lanefold.PackedWeights, lanefold.Task):
            self.assertRaises(TypeError, kind.__new__, kind)
            self.assertRaises(TypeError, type, 'Derived', (kind,), {})
        for kind in (lanefold.PackedWeights, lanefold.Task):
            self.assertRaises(TypeError, kind)
        packed = lanefold.pack_weights(A)
        self.assertRaises(TypeError, copy.copy, packed)

    def test_use_after_close(self):
        context = lanefold.Context(1)
        packed = lanefold.pack_weights(B, context=context)
        network = lanefold.Network([lanefold.DenseLayer(4, 2)], context=context)
        context.close()
        context.close()
        self.assertEqual(repr(context), '<lanefold.Context, closed>')
        self.assert_refused(ValueError, 'sgemm: context is closed; expected an open lanefold.Context',
                            lanefold.sgemm, A, B, context=context)
        self.assert_refused(ValueError, 'Context.isa: context is closed; expected an open lanefold.Context',
                            lambda: context.isa)
        # What a context has made outlives it.
        self.assertEqual(network(A).tolist(), [[0, 0]] * 3)
        self.assert_same_bits(packed.unpack(), B)
        packed.close()
        self.assert_refused(ValueError, 'dense_infer: packed is closed; expected open lanefold.PackedWeights',
                            lanefold.dense_infer, A, packed)
        self.assert_refused(ValueError, 'dense_forward: w is closed; expected open lanefold.PackedWeights',
                            lanefold.dense_forward, A, packed)
        network.close()
        self.assert_refused(ValueError, 'Network.__call__: the network is closed; expected an open lanefold.Network',
                            network, A)
        self.assert_refused(ValueError, 'Context.close: this is the default context, which stays open; expected one of your '
                            'own', lanefold.default_context().close)

    def test_a_layer_that_changed_is_found_by_the_next_step(self):
        layers = [lanefold.DenseLayer(4, 2), lanefold.DenseLayer(2, 2, batch_norm=True)]
        trainer = lanefold.Trainer(layers)
        self.assertIsInstance(trainer.step(A, LABELS).loss, float)
        self.assert_refused(ValueError, 'Trainer.step: x has 2 columns; expected 4, the inputs of the first layer',
                            trainer.step, B, LABELS)
        self.assert_refused(ValueError, 'Trainer.step: labels[2] is 2; expected 0 to 1', trainer.step, A,
                            numpy.array([0, 1, 2], 'i4'))
        before = layers[1].batch_norm.running_var.copy()
        self.assert_refused(ValueError, 'Trainer.step: labels[1] is -1; expected 0 to 1', trainer.step, A,
                            numpy.array([0, -1, 0], 'i4'))
        self.assert_same_bits(layers[1].batch_norm.running_var, before)
        self.assert_refused(ValueError, 'Trainer.step: ' + ONE_ROW,
                            trainer.step, A[:1], LABELS[:1])
        for name, value, message in (('learning_rate', 'x', "learning_rate is 'x' (str); expected a number"),
                                     ('steps', 1.5, 'steps is 1.5 (float); expected a whole number below 2^63')):
            self.assert_refused(TypeError, 'Trainer: ' + message, setattr, trainer, name, value)
        layers[0].w = layers[0].w.astype(float)
        self.assert_refused(TypeError, 'Trainer.step: layers[0].w has the type float64; expected float32: '
                            'create layers[0].w with dtype=numpy.float32', trainer.step, A, LABELS)
        layers[0].w = numpy.zeros((4, 3), numpy.float32)
        layers[0].bias = numpy.zeros(3, numpy.float32)
        self.assert_refused(ValueError, 'Trainer.step: layers[0].w has another shape than when the trainer was made; make a '
                            'new one', trainer.step, A, LABELS)
        layers[0].w = READ_ONLY
        self.assert_refused(ValueError, 'Trainer.step: layers[0].w is read-only; expected a writable array', trainer.step,
                            A, LABELS)


support.main()
