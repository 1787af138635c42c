"""lanefold.sgemm against NumPy in double precision, in every order and with every kind of stride."""
import itertools
import mmap

import lanefold
import numpy

import support

ORDERS = ('rows', 'columns', 'wide rows', 'wide columns')


def stored(values, order):
    """The same values in another layout; the wide ones are part of a larger array of NaN."""
    rows, columns = values.shape
    if order in ('rows', 'columns'):
        return numpy.array(values, order='C' if order == 'rows' else 'F')
    larger = numpy.full((rows + 3, columns + 5), numpy.nan, numpy.float32, order='C' if order == 'wide rows' else 'F')
    part = larger[1:rows + 1, 2:columns + 2]
    part[:] = values
    return part


class Sgemm(support.Case):
    def test_results_are_within_the_bound_of_one_chain(self):
        array = support.arrays(1)
        for m, n, k in itertools.product((1, 7, 64), (1, 33, 100), (0, 1, 50, 300)):
            a, b, c = array(m, k), array(k, n), array(m, n)
            for alpha, beta in ((1, 0), (-0.7, 0.3)):
                got = lanefold.sgemm(a, b, out=c.copy(), alpha=alpha, beta=beta)
                wide = [x.astype(numpy.float64) for x in (a, b, c)]
                alpha_, beta_ = float(numpy.float32(alpha)), float(numpy.float32(beta))
                exact = alpha_ * (wide[0] @ wide[1]) + beta_ * wide[2]
                # alpha * a and beta * c are rounded once, and each of the k sums once.
                size = abs(alpha_) * (abs(wide[0]) @ abs(wide[1])) + abs(beta_) * abs(wide[2])
                self.assert_within(got, exact, 1.01 * (k + 2) * support.EPS * size, m, n, k, alpha, beta)

    def test_products_of_integers_are_exact_in_every_layout(self):
        array = support.integers(2)
        for m, n, k in ((5, 7, 3), (1, 9, 4), (9, 1, 4), (4, 4, 1), (1, 1, 1), (70, 65, 40)):
            a, b, c = array(m, k), array(k, n), array(m, n)
            expected = 2 * (a @ b) - 3 * c
            for orders in itertools.product(ORDERS, repeat=3):
                out = stored(c, orders[2])
                returned = lanefold.sgemm(stored(a, orders[0]), stored(b, orders[1]), out=out, alpha=2, beta=-3)
                self.assertIs(returned, out)
                self.assert_same_bits(out, expected, m, n, k, orders)
                if out.base is not None:
                    self.assertEqual(numpy.isnan(out.base).sum(), out.base.size - out.size, 'around out')

    def test_transposes_by_layout_and_by_option_agree(self):
        a, b = support.arrays(3)(6, 4), support.arrays(4)(4, 5)
        expected = lanefold.sgemm(a, b)
        self.assert_same_bits(lanefold.sgemm(a.T.copy().T, b.T.copy().T), expected)
        self.assert_same_bits(lanefold.sgemm(a.T.copy(), b, transpose_a=True), expected)
        self.assert_same_bits(lanefold.sgemm(a, b.T.copy(), transpose_b=True), expected)
        self.assert_same_bits(lanefold.sgemm(a.T, b.T, transpose_a=True, transpose_b=True), expected)
        self.assert_same_bits(lanefold.sgemm(b.T, a.T), expected.T)

    def test_bits_do_not_depend_on_the_layout_of_the_result(self):
        a, b = support.arrays(5)(37, 61), support.arrays(6)(61, 29)
        expected = lanefold.sgemm(a, b)
        for order in ORDERS:
            self.assert_same_bits(lanefold.sgemm(a, b, out=stored(expected * 0, order)), expected, order)

    def test_bits_do_not_depend_on_plugin_or_threads(self):
        a, b = support.arrays(7)(90, 130), support.arrays(8)(130, 70)
        expected = lanefold.sgemm(a, b)
        for plugin in lanefold.plugins():
            if plugin.usable:
                for threads in (1, 3):
                    with lanefold.Context(threads, isa=plugin.name) as context:
                        self.assertEqual((context.isa, context.threads), (plugin.name, threads))
                        self.assert_same_bits(lanefold.sgemm(a, b, context=context), expected, plugin.name)

    def test_beta_0_does_not_read_the_result(self):
        out = numpy.full((3, 2), numpy.nan, numpy.float32)
        lanefold.sgemm(numpy.ones((3, 4), numpy.float32), numpy.ones((4, 2), numpy.float32), out=out)
        self.assertTrue((out == 4).all())

    def test_empty_products(self):
        for m, n, k in itertools.product((0, 3), repeat=3):
            a, b = numpy.ones((m, k), numpy.float32), numpy.ones((k, n), numpy.float32)
            got = lanefold.sgemm(a, b)
            self.assertEqual(got.shape, (m, n))
            self.assertTrue((got == k).all())
            out = numpy.ones((m, n), numpy.float32, order='F')
            self.assertTrue((lanefold.sgemm(a, b, out=out, beta=1) == k + 1).all())

    def test_strides_beyond_2_gigabytes(self):
        # Two rows that are 3 GB apart: the system gives memory only to the pages that are written.
        memory = numpy.frombuffer(mmap.mmap(-1, 3 * 2**30 + 4096), numpy.float32)
        far = numpy.lib.stride_tricks.as_strided(memory, (2, 4), (3 * 2**30, 4))
        far[:] = [[1, 2, 3, 4], [5, 6, 7, 8]]
        got = lanefold.sgemm(far, numpy.eye(4, dtype=numpy.float32))
        self.assertEqual(got.tolist(), far.tolist())
        lanefold.sgemm(numpy.eye(2, dtype=numpy.float32), got, out=far, beta=1)
        self.assertEqual(far.tolist(), (2 * got).tolist())

    def test_other_columns_of_the_same_array_are_not_an_overlap(self):
        larger = support.integers(9)(4, 12)
        a, b, out = larger[:, :4].copy(), larger[:, 4:8].copy(), larger[:, 8:]
        lanefold.sgemm(larger[:, :4], larger[:, 4:8], out=out)
        self.assert_same_bits(out, a @ b)

    def test_the_result_may_be_a_square_or_a_vector_of_either_order(self):
        array = support.integers(10)
        for m, n in ((1, 5), (5, 1), (1, 1)):
            a, b = array(m, 3), array(3, n)
            for out in (numpy.zeros((m, n), numpy.float32), numpy.zeros((n, m), numpy.float32).T,
                        numpy.zeros((2 * m, 2 * n), numpy.float32)[:m, :n]):
                self.assert_same_bits(lanefold.sgemm(a, b, out=out), a @ b, m, n)


support.main()
