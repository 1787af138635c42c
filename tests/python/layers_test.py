"""Layers against NumPy in double precision, and one-call results against the same calls one after the other."""
import math

import lanefold
import numpy

import support

FROM_INPUT = 'silu', 'hard-swish', 'gelu', 'gelu-tanh'
ACTIVATIONS = ('identity', 'relu', 'leaky-relu', 'elu', 'selu', 'tanh', 'logistic', 'relu6', 'softplus',
               'hard-sigmoid') + FROM_INPUT
USUAL_ALPHA = {'leaky-relu': numpy.float32(0.01), 'hard-sigmoid': numpy.float32(1 / 6)}
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


def function(name, x, alpha=1.0):
    """f(x), and its derivative, in double precision."""
    if name in FROM_INPUT:
        return times_sigmoid(name, x)
    exponential = numpy.expm1(numpy.minimum(x, 0))
    y = {'identity': x, 'relu': numpy.maximum(x, 0), 'leaky-relu': numpy.where(x > 0, x, alpha * x),
         'elu': numpy.where(x > 0, x, alpha * exponential), 'selu': LAMBDA * numpy.where(x > 0, x, ALPHA * exponential),
         'tanh': numpy.tanh(x), 'logistic': 1 / (1 + numpy.exp(-x)),
         'relu6': numpy.clip(x, 0, 6), 'softplus': numpy.logaddexp(0, x),
         'hard-sigmoid': numpy.clip(alpha * x + 0.5, 0, 1)}[name]
    return y, {'relu6': 1.0 * (y > 0) * (y < 6), 'softplus': 1 - numpy.exp(-y),
               'hard-sigmoid': alpha * (y > 0) * (y < 1), 'identity': numpy.ones_like(x), 'relu': 1.0 * (y > 0), 'leaky-relu': numpy.where(y > 0, 1, alpha),
               'elu': numpy.where(y > 0, 1, y + alpha), 'selu': numpy.where(y > 0, LAMBDA, y + LAMBDA * ALPHA),
               'tanh': 1 - y * y, 'logistic': y * (1 - y)}[name]


def times_sigmoid(name, x):
    """x s(x), where s is a sigmoid, and its derivative."""
    if name == 'hard-swish':
        return x * numpy.clip(x / 6 + 0.5, 0, 1), numpy.select([x <= -3, x < 3], [0 * x, x / 3 + 0.5], 1 + 0 * x)
    if name == 'gelu':
        phi = 0.5 * numpy.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2))
        return x * phi, phi + x * numpy.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    c = math.sqrt(8 / math.pi)
    f, df = (x, 1) if name == 'silu' else (c * (x + 0.044715 * x**3), c * (1 + 3 * 0.044715 * x**2))
    s = 1 / (1 + numpy.exp(-f))
    return x * s, s * (1 + x * df * (1 - s))


def trained_norm(n, array):
    norm = lanefold.BatchNorm(n)
    norm.gamma[:], norm.beta[:] = 1 + array(n) / 2, array(n)
    norm.running_mean[:], norm.running_var[:] = array(n), 1 + array(n) / 2
    return norm


class Layers(support.Case):
    def test_activations(self):
        array = support.arrays(1)
        for name in ACTIVATIONS:
            alpha = USUAL_ALPHA.get(name, 1)
            for m, n in ((0, 3), (1, 1), (5, 17), (64, 31)):
                x, dy = 4 * array(m, n), array(m, n)
                y, derivative = function(name, x.astype(float), float(numpy.float32(alpha)))
                got = lanefold.activation_forward(x, name)
                # Functions err by at most 4 ulp of the result; an ulp is 2 units of roundoff.
                self.assert_within(got, y, 8.01 * support.EPS * numpy.abs(y) + 1e-44, name, m, n)
                _, derivative = function(name, x.astype(float), float(numpy.float32(alpha)))
                given = got.astype(float)
                exact = dy * {'tanh': 1 - given**2, 'logistic': given * (1 - given)}.get(name, derivative)
                needs_x = name in FROM_INPUT
                got_dx = lanefold.activation_backward(got, dy, name, x=x if needs_x else None)
                self.assert_within(got_dx, exact, 16 * support.EPS * numpy.abs(dy) * 2, name, m, n)
                for order in 'CF':
                    x_, y_, dy_ = (numpy.array(v, order=order) for v in (x, got, dy))
                    self.assert_same_bits(lanefold.activation_forward(x_, name), got, name, order)
                    self.assert_same_bits(lanefold.activation_backward(y_, dy_, name, x=x_), got_dx, name, order)
                    lanefold.activation_forward(x_, name, out=x_)
                    self.assert_same_bits(x_, got, 'in place', name, order)

    def test_a_layer_has_the_bits_of_its_parts(self):
        array = support.arrays(2)
        x, w, bias = array(50, 40), array(40, 30), array(30)
        product = lanefold.sgemm(x, w, out=numpy.tile(bias, (50, 1)), beta=1)
        for name in ACTIVATIONS:
            expected = lanefold.activation_forward(product, name)
            self.assert_same_bits(lanefold.dense_forward(x, w, bias=bias, activation=name), expected, name)
            packed = lanefold.pack_weights(w)
            self.assert_same_bits(lanefold.dense_forward(x, packed, bias=bias, activation=name), expected, name)
            self.assert_same_bits(lanefold.dense_infer(x, packed, bias=bias, activation=name), expected, name)
        one, other = trained_norm(30, support.arrays(3)), trained_norm(30, support.arrays(3))
        z = numpy.empty((50, 30), numpy.float32)
        got = lanefold.dense_forward(x, w, batch_norm=one, activation='elu', training=True, z=z)
        self.assert_same_bits(z, lanefold.sgemm(x, w))
        lanefold.batch_norm_forward(z, other, training=True, out=z)
        self.assert_same_bits(got, lanefold.activation_forward(z, 'elu'))
        for name in ('running_mean', 'running_var', 'mean', 'inv_std'):
            self.assert_same_bits(getattr(one, name), getattr(other, name), name)

    def test_batch_normalization(self):
        array = support.arrays(4)
        m, n = 61, 19
        x, dy, norm = array(m, n), array(m, n), trained_norm(n, array)
        start = norm.running_mean.astype(float), norm.running_var.astype(float)
        y = lanefold.batch_norm_forward(x, norm, training=True)
        wide, slack = x.astype(float), 8 * (m + 8) * support.EPS
        mean, variance = wide.mean(0), wide.var(0)
        inv_std = 1 / numpy.sqrt(variance + float(numpy.float32(1e-3)))
        xhat = (wide - mean) * inv_std
        self.assert_within(y, norm.gamma * xhat + norm.beta, slack * 4)
        momentum = float(numpy.float32(0.9))
        self.assert_within(norm.running_mean, momentum * start[0] + (1 - momentum) * mean, slack)
        self.assert_within(norm.running_var, momentum * start[1] + (1 - momentum) * variance, slack)
        got = lanefold.batch_norm_backward(x, dy, norm)
        dbeta, dgamma = dy.astype(float).sum(0), (dy * xhat).sum(0)
        self.assert_within(got.dbeta, dbeta, slack * m)
        self.assert_within(got.dgamma, dgamma, slack * m * 4)
        self.assert_within(got.dx, norm.gamma * inv_std * (dy - dbeta / m - xhat * dgamma / m), slack * 40)
        self.assertIsNone(lanefold.batch_norm_backward(x, dy, norm, dx=False).dx)
        inferred = lanefold.batch_norm_forward(x, norm)
        exact = norm.gamma * (wide - norm.running_mean) / numpy.sqrt(norm.running_var + float(numpy.float32(1e-3)))
        self.assert_within(inferred, exact + norm.beta, 64 * support.EPS * 8)
        unbiased = lanefold.BatchNorm(n, momentum=0, unbiased_running_var=True)
        lanefold.batch_norm_forward(x, unbiased, training=True)
        self.assert_within(unbiased.running_var, variance * m / (m - 1), slack)

    def test_backward(self):
        array = support.arrays(5)
        m, n, k = 33, 21, 17
        x, w, bias, dy = array(m, k), array(k, n), array(n), array(m, n)
        y = lanefold.dense_forward(x, w, bias=bias, activation='elu')
        got = lanefold.dense_backward(x, w, dy, y=y, activation='elu')
        dz = dy * numpy.where(y > 0, 1, y.astype(float) + 1)
        for name, exact, size in (('dw', x.T @ dz, m), ('dbias', dz.sum(0), m), ('dx', dz @ w.T.astype(float), n)):
            self.assert_within(getattr(got, name), exact, 4 * (size + 4) * support.EPS * size, name)
        self.assertIsNone(got.dgamma)
        # Where the result goes does not change it.
        dw, dx = numpy.empty((k, n + 2), numpy.float32)[:, :n], numpy.empty((m, k), numpy.float32)
        again = lanefold.dense_backward(x, w, dy, y=y, activation='elu', dw=dw, dx=dx, dbias=False)
        self.assertIs(again.dw, dw)
        self.assertIsNone(again.dbias)
        self.assert_same_bits(dw, got.dw)
        self.assert_same_bits(dx, got.dx)
        # An update in the same call has the bits of the optimizer.
        expected, updated, packed = w.copy(), w.copy(), lanefold.pack_weights(w)
        lanefold.optimizer_step(expected, got.dw, learning_rate=0.5)
        self.assertIsNone(lanefold.dense_backward(x, updated, dy, y=y, activation='elu', learning_rate=0.5).dw)
        self.assert_same_bits(updated, expected)
        lanefold.dense_backward(x, packed, dy, y=y, activation='elu', learning_rate=0.5)
        self.assert_same_bits(packed.unpack(), expected)

    def test_backward_of_a_normalized_layer(self):
        array = support.arrays(6)
        m, n, k = 33, 21, 17
        x, w, dy, norm = array(m, k), array(k, n), array(m, n), trained_norm(n, array)
        z = numpy.empty((m, n), numpy.float32)
        y = lanefold.dense_forward(x, w, batch_norm=norm, activation='tanh', training=True, z=z)
        got = lanefold.dense_backward(x, w, dy, y=y, z=z, batch_norm=norm, activation='tanh')
        dt = lanefold.activation_backward(y, dy, 'tanh')
        parts = lanefold.batch_norm_backward(z, dt, norm)
        self.assert_same_bits(got.dgamma, parts.dgamma)
        self.assert_same_bits(got.dbeta, parts.dbeta)
        self.assert_same_bits(got.dw, lanefold.sgemm(x.T, parts.dx))
        self.assert_same_bits(got.dx, lanefold.sgemm(parts.dx, w.T))
        self.assertIsNone(got.dbias)

    def test_folding_and_networks(self):
        array = support.arrays(7)
        layers = [lanefold.DenseLayer(20, 30, 'elu', batch_norm=trained_norm(30, array)),
                  lanefold.DenseLayer(30, 10, 'tanh'), lanefold.DenseLayer(10, 4)]
        for layer in layers:
            layer.w[:] = array(*layer.w.shape)
            if layer.bias is not None:
                layer.bias[:] = array(layer.outputs)
        folded = lanefold.fold_batch_norm(layers[0].w, layers[0].batch_norm, largest_x=1)
        network = lanefold.Network(layers)
        self.assertEqual((network.inputs, network.outputs), (20, 4))
        for m in (0, 1, 7, 200):
            x = array(m, 20)
            y = lanefold.dense_infer(x, lanefold.pack_weights(folded.w), bias=folded.bias, activation='elu')
            for layer in layers[1:]:
                y = lanefold.dense_infer(y, lanefold.pack_weights(layer.w), bias=layer.bias, activation=layer.activation)
            self.assert_same_bits(network(x), y, m)
            out = numpy.empty((m, 6), numpy.float32)[:, :4]
            self.assertIs(network(x, out), out)
            self.assert_same_bits(out, y, m)
            plain = lanefold.dense_forward(x, layers[0].w, batch_norm=layers[0].batch_norm)
            error = numpy.abs(lanefold.dense_forward(x, folded.w, bias=folded.bias).astype(float) - plain)
            self.assertTrue((error <= 2 * folded.error_bound).all())
        network.reserve(2)
        layers[0].w.setflags(write=False)
        by_columns = lanefold.DenseLayer(20, 30, 'elu', batch_norm=layers[0].batch_norm)
        by_columns.w = numpy.asfortranarray(layers[0].w)
        self.assert_same_bits(lanefold.Network([by_columns, *layers[1:]])(x), y)

    def test_weights_pack_from_either_order(self):
        w = support.arrays(8)(13, 37)
        for source in (w, numpy.asfortranarray(w), numpy.pad(w, 3)[3:-3, 3:-3]):
            packed = lanefold.pack_weights(source)
            self.assertEqual(packed.shape, (13, 37))
            self.assert_same_bits(packed.unpack(), w)
            self.assert_same_bits(packed.unpack(out=numpy.empty((13, 37), numpy.float32)), w)

    def test_loss_and_correct_predictions(self):
        array = support.arrays(9)
        for m, n in ((1, 1), (1, 10), (37, 10), (200, 3)):
            x = 5 * array(m, n)
            labels = numpy.arange(m, dtype=numpy.int32) % n
            wide = x.astype(float) - x.max(1, keepdims=True)
            p = numpy.exp(wide) / numpy.exp(wide).sum(1, keepdims=True)
            dx = numpy.empty_like(x)
            loss = lanefold.softmax_cross_entropy(x, labels, dx=dx)
            exact = -numpy.log(p[numpy.arange(m), labels]).mean()
            self.assertLessEqual(abs(loss - exact), 32 * support.EPS * (10 + abs(exact)))
            self.assertEqual(lanefold.softmax_cross_entropy(x, labels), loss)
            p[numpy.arange(m), labels] -= 1
            self.assert_within(dx, p / m, (n + 32) * support.EPS)
            for k in (1, min(3, n)):
                order = numpy.argsort(-x, axis=1, kind='stable')[:, :k]
                self.assertEqual(lanefold.top_k_correct(x, labels, k), (order == labels[:, None]).any(1).sum())

    def test_weights_of_rows(self):
        array = support.arrays(12)
        x, labels, weights = 5 * array(20, 7), numpy.arange(20, dtype=numpy.int32) % 7, abs(array(20, 1)[:, 0])
        plain, dx = numpy.empty_like(x), numpy.empty_like(x)
        lanefold.softmax_cross_entropy(x, labels, dx=plain)
        loss = lanefold.softmax_cross_entropy(x, labels, weights=weights, dx=dx)
        self.assert_same_bits(dx, plain * weights[:, None])
        rows = [lanefold.softmax_cross_entropy(x[i:i + 1], labels[i:i + 1]) for i in range(20)]
        self.assertLess(abs(loss - (weights * numpy.array(rows)).mean()), 1e-6)

    def test_elementwise_losses(self):
        array = support.arrays(13)
        for m, n in ((1, 1), (7, 3), (300, 1), (5, 100)):
            x, targets, weights = 3 * array(m, n), 3 * array(m, n), abs(array(m, 1)[:, 0])
            wide, t = x.astype(float), abs(targets).astype(float) / 3
            d = wide - targets
            exact = {
                'squared': (targets, d**2, 2 * d),
                'absolute': (targets, abs(d), numpy.sign(d)),
                'huber': (targets, numpy.where(abs(d) <= 1.5, d**2 / 2, 1.5 * (abs(d) - 0.75)), numpy.clip(d, -1.5, 1.5)),
                'logistic': (t.astype(numpy.float32), numpy.log1p(numpy.exp(wide)) - t * wide, 1 / (1 + numpy.exp(-wide)) - t),
            }
            for function, (given, values, derivatives) in exact.items():
                for w in (None, weights):
                    dx = numpy.empty_like(x)
                    scale = 1.0 if w is None else w[:, None].astype(float)
                    loss = lanefold.elementwise_loss(x, given, function=function, delta=1.5, weights=w, dx=dx)
                    self.assertLess(abs(loss - (scale * values).mean()), 1e-5, function)
                    self.assert_within(dx, scale * derivatives / (m * n), 1e-6 / (m * n))
                    self.assertEqual(loss, lanefold.elementwise_loss(x, given, function=function, delta=1.5, weights=w))
                    in_place = x.copy()
                    lanefold.elementwise_loss(in_place, given, function=function, delta=1.5, weights=w, dx=in_place)
                    self.assert_same_bits(in_place, dx)
        self.assertEqual(lanefold.elementwise_loss(x, x), 0)

    def test_dropout(self):
        x = abs(support.arrays(14)(200, 150)) + 1
        y = lanefold.dropout(x, rate=0.25, seed=2**64 - 1, stream=2**64 - 1)
        kept = y != 0
        self.assert_same_bits(y[kept], (x * numpy.float32(1 / 0.75))[kept])
        self.assertLess(abs(kept.mean() - 0.75), 0.02)
        self.assert_same_bits(lanefold.dropout(x, rate=0, seed=1), x)
        # Parts of the batch, in place, with another stream and with another seed.
        part = lanefold.dropout(x[50:], rate=0.25, seed=2**64 - 1, stream=2**64 - 1, first_row=50)
        self.assert_same_bits(part, y[50:])
        self.assertGreater((lanefold.dropout(x, rate=0.25, seed=2**64 - 1) != y).mean(), 0.2)
        self.assertGreater((lanefold.dropout(x, rate=0.25, seed=0, stream=2**64 - 1) != y).mean(), 0.2)
        given = x.copy()
        self.assertIs(lanefold.dropout(given, rate=0.25, seed=2**64 - 1, stream=2**64 - 1, out=given), given)
        self.assert_same_bits(given, y)

    def test_gather(self):
        x = numpy.random.RandomState(1).randint(0, 256, (50, 30)).astype(numpy.uint8)
        rows = numpy.array([3, 3, 49, 0], numpy.uint32)
        expected = (x.astype(float) / 255).astype(numpy.float32)
        self.assert_same_bits(lanefold.gather(x), expected)
        self.assert_same_bits(lanefold.gather(x, rows), expected[rows])
        self.assert_same_bits(lanefold.gather(x[:, 5:20], rows, divisor=1), x[rows, 5:20].astype(numpy.float32))

    def test_optimizers(self):
        array = support.arrays(10)
        for name in ('sgd', 'momentum', 'nesterov', 'adam'):
            w, m, v = array(5, 7), numpy.zeros((5, 7), numpy.float32), numpy.zeros((5, 7), numpy.float32)
            exact_w, exact_m, exact_v = w.astype(float), m.astype(float), v.astype(float)
            for step in range(1, 4):
                g = array(5, 7)
                lanefold.optimizer_step(w, g, name, learning_rate=0.1, m=m, v=v, weight_decay=0.5, step=step)
                exact_w *= 1 - 0.1 * 0.5
                if name == 'adam':
                    exact_m, exact_v = 0.9 * exact_m + 0.1 * g, 0.999 * exact_v + 0.001 * g.astype(float)**2
                    exact_w -= 0.1 * (exact_m / (1 - 0.9**step)) / (numpy.sqrt(exact_v / (1 - 0.999**step)) + 1e-8)
                else:
                    exact_m = 0.9 * exact_m + g
                    exact_w -= 0.1 * {'sgd': g, 'momentum': exact_m, 'nesterov': g + 0.9 * exact_m}[name]
                # The options are rounded to float, which moves 1 - beta2 by 3e-5 of itself.
                self.assert_within(w, exact_w, 1e-5, name, step)

    def test_explain_knows_every_operation(self):
        for name in ('sgemm', 'pack_weights', 'unpack_weights', 'dense_infer', 'dense_forward', 'dense_backward',
                     'batch_norm_forward', 'batch_norm_backward', 'fold_batch_norm', 'activation_forward',
                     'activation_backward', 'softmax_cross_entropy', 'top_k_correct', 'optimizer_step', 'gather', 'softmax',
                     'elementwise_loss', 'dropout', 'batch_norm_moments', 'batch_norm_merge', 'column_sums'):
            self.assertIn(lanefold.default_context().isa, lanefold.explain(name, m=20, n=30, k=40 if name != 'top_k_correct'
                                                                           else 3), name)


support.main()
