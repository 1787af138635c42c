"""A batch in parts against the calls on the whole batch, to the bit, and against NumPy in double precision."""
import lanefold
import numpy

import support

BLOCK = 256
CUTS = {2: (1,), 7: (3, 3), 256: (255,), 300: (5, 256), 700: (100, 250, 256, 512, 600), 1030: (257, 1024, 1029)}


def divided(m):
    """The parts of m rows, one of which may be empty."""
    cuts = (0, *CUTS[m], m)
    return list(zip(cuts, cuts[1:]))


def norm_of(n, array, **options):
    norm = lanefold.BatchNorm(n, **options)
    norm.gamma[:], norm.beta[:] = 1 + array(n) / 2, array(n)
    norm.running_mean[:], norm.running_var[:] = array(n), 1 + array(n) / 2
    return norm


def statistics(x, norm, one_merge):
    """Takes the statistics of x, part by part."""
    m, n = x.shape
    blocks = -(-m // BLOCK)
    moments, merged = numpy.full((3 * blocks, n), numpy.nan, numpy.float32), None
    for second_pass in (False, True):
        for begin, end in divided(m):
            of = moments[3 * (begin // BLOCK):3 * -(-end // BLOCK)] if end > begin else moments[:0]
            lanefold.batch_norm_moments(x[begin:end], batch_rows=m, first_row=begin, second_pass=second_pass, out=of)
    if one_merge:
        lanefold.batch_norm_merge(moments, batch_rows=m, batch_norm=norm)
    else:
        for b in range(blocks):
            last = b + 1 == blocks
            merged = lanefold.batch_norm_merge(moments[3 * b:3 * b + 3], batch_rows=m, first_block=b, out=merged,
                                               batch_norm=norm if last else None)
    return moments


class Parts(support.Case):
    def test_statistics_and_gradients(self):
        for m in CUTS:
            for n in (1, 19):
                array = support.arrays(m + n)
                x, dy = 3 * array(m, n) + 5, array(m, n)
                whole, parts = (norm_of(n, support.arrays(1), unbiased_running_var=m % 2 == 0) for _ in range(2))
                y = lanefold.batch_norm_forward(x, whole, training=True, activation='elu', alpha=0.5)
                got = lanefold.batch_norm_backward(x, dy, whole)
                moments = statistics(x, parts, one_merge=n == 1)
                for name in ('mean', 'inv_std', 'running_mean', 'running_var'):
                    self.assert_same_bits(getattr(parts, name), getattr(whole, name), name, m, n)
                self.assert_within(parts.mean, x.astype(float).mean(0), 64 * support.EPS)
                for b in range(len(moments) // 3):
                    block = x[BLOCK * b:BLOCK * (b + 1)].astype(float)
                    base, shift, squares = moments[3 * b:3 * b + 3].astype(float)
                    self.assert_within(base + shift, block.mean(0), 64 * support.EPS)
                    exact = ((block - block.mean(0))**2).sum(0)
                    self.assert_within(squares, exact, 300 * support.EPS * (exact + 1))
                sums = plain = None
                for begin, end in divided(m):
                    here = slice(begin, end)
                    self.assert_same_bits(lanefold.batch_norm_forward(x[here], parts, batch_statistics=True,
                                                                      activation='elu', alpha=0.5), y[here])
                    sums = lanefold.column_sums(dy[here], batch_rows=m, first_row=begin, x=x[here], batch_norm=parts,
                                                out=sums)
                    plain = lanefold.column_sums(dy[here], batch_rows=m, first_row=begin, out=plain)
                self.assert_same_bits(sums[0], got.dbeta)
                self.assert_same_bits(sums[2], got.dgamma)
                self.assert_same_bits(plain[0], got.dbeta)
                self.assertFalse(sums[[1, 3]].any() or plain[1].any())
                for begin, end in divided(m):
                    part = lanefold.batch_norm_backward(x[begin:end], dy[begin:end], parts, batch_rows=m,
                                                        dgamma=sums[2], dbeta=sums[0])
                    self.assert_same_bits(part.dx, got.dx[begin:end])
                self.assert_same_bits(sums[2], got.dgamma)  # which the calls only read
                xhat = (x.astype(float) - parts.mean) * parts.inv_std
                exact = parts.gamma * parts.inv_std.astype(float) * (dy - dy.astype(float).mean(0) - xhat * (dy * xhat).mean(0))
                self.assert_within(got.dx, exact, 2000 * support.EPS * numpy.abs(parts.inv_std).max())

    def test_losses(self):
        array, m, n = support.arrays(3), 300, 7
        x, targets, weights = 4 * array(m, n), abs(array(m, n)), abs(array(m))
        labels = numpy.arange(m, dtype=numpy.int32) % n
        for function in (None, 'squared', 'absolute', 'huber', 'logistic'):
            for w in (None, weights):
                def loss_of(begin, end, **options):
                    here, of = slice(begin, end), None if w is None else w[begin:end]
                    if function is None:
                        return lanefold.softmax_cross_entropy(x[here], labels[here], weights=of, **options)
                    return lanefold.elementwise_loss(x[here], targets[here], function=function, weights=of, **options)
                whole, dx, sums = numpy.empty_like(x), numpy.empty_like(x), None
                loss = loss_of(0, m, dx=whole)
                for begin, end in ((0, 100), (100, 256), (256, 300)):
                    losses = numpy.empty(end - begin, numpy.float32)
                    loss_of(begin, end, dx=dx[begin:end], batch_rows=m, losses=losses)
                    self.assertEqual(losses[5] / numpy.float32(1 if function is None else n), loss_of(begin + 5, begin + 6))
                    sums = lanefold.column_sums(losses[:, None], batch_rows=m, first_row=begin, out=sums)
                self.assert_same_bits(dx, whole, function)
                self.assertEqual(float(sums[0, 0] / numpy.float32(m if function is None else m * n)), loss, function)

    def test_new_arrays_and_given_ones(self):
        x = support.arrays(4)(300, 3)
        moments = lanefold.batch_norm_moments(x, batch_rows=300)
        self.assertEqual(moments.shape, (6, 3))
        given = numpy.empty_like(moments)
        self.assertIs(lanefold.batch_norm_moments(x, batch_rows=300, out=given), given)
        self.assert_same_bits(given, moments)
        # The second pass has nothing to do, because no part shares a block.
        lanefold.batch_norm_moments(x, batch_rows=300, second_pass=True, out=given)
        self.assert_same_bits(given, moments)
        self.assertEqual(lanefold.batch_norm_moments(x[:0], batch_rows=300).shape, (0, 3))
        self.assertEqual(lanefold.batch_norm_merge(moments, batch_rows=300).shape, (3, 3))
        self.assertEqual(lanefold.column_sums(x, batch_rows=300).shape, (2, 3))
        # A part that begins a shared block may make the array.  What it does not write yet is 0.
        begun = lanefold.batch_norm_moments(x[:9], batch_rows=300)
        self.assert_within(begun[0], x[:9].astype(float).sum(0), 20 * support.EPS)
        self.assertFalse(begun[1:].any())

    def test_mistakes(self):
        x, norm = numpy.ones((4, 3), numpy.float32), lanefold.BatchNorm(3)
        moments = numpy.ones((6, 3), numpy.float32)
        wide = numpy.ones((6, 4), numpy.float32)[:, :3]
        invalid = lanefold.InvalidArgument
        for kind, message, call, given, named in (
                (TypeError, 'batch_rows is missing', lanefold.batch_norm_moments, (x,), {}),
                (ValueError, 'out is missing; expected the moments of the part before, with which this part shares a block',
                 lanefold.batch_norm_moments, (x,), {'batch_rows': 9, 'first_row': 5}),
                (ValueError, 'out is missing; expected the moments of the first pass', lanefold.batch_norm_moments, (x,),
                 {'batch_rows': 9, 'second_pass': True}),
                (ValueError, 'out has the shape (6, 3); expected (3, 3)', lanefold.batch_norm_moments, (x,),
                 {'batch_rows': 9, 'out': moments}),
                (ValueError, 'out has the shape (6, 3) and the strides (16, 4) in bytes; expected rows without gaps '
                 '(row-major): create out contiguous', lanefold.batch_norm_moments, (x,),
                 {'batch_rows': 600, 'first_row': 254, 'out': wide}),
                (invalid, 'batch_rows is 1, but must be at least 2', lanefold.batch_norm_moments, (x[:1],),
                 {'batch_rows': 1}),
                (invalid, 'first_row is -1, but must be at least 0', lanefold.batch_norm_moments, (x,),
                 {'batch_rows': 9, 'first_row': -1}),
                (invalid, 'first_row is 6 and m is 4, but the batch has 9 rows', lanefold.batch_norm_moments, (x,),
                 {'batch_rows': 9, 'first_row': 6, 'out': moments[:3]}),
                (invalid, 'out overlaps x; expected memory of its own', lanefold.batch_norm_moments, (moments[:4],),
                 {'batch_rows': 4, 'out': moments[3:]}),
                (ValueError, 'moments has the shape (4, 3); expected three rows for each block', lanefold.batch_norm_merge,
                 (x,), {'batch_rows': 9}),
                (ValueError, 'moments has the shape (0, 3); expected three rows for each block', lanefold.batch_norm_merge,
                 (x[:0],), {'batch_rows': 9}),
                (ValueError, 'moments has the shape (6, 3) and the strides (16, 4) in bytes; expected rows without gaps '
                 '(row-major): numpy.ascontiguousarray(moments)', lanefold.batch_norm_merge, (wide,), {'batch_rows': 300}),
                (ValueError, 'out is missing; expected the moments of all blocks before', lanefold.batch_norm_merge,
                 (moments[:3],), {'batch_rows': 300, 'first_block': 1}),
                (invalid, 'first_block is 0 and blocks is 2, but the batch has 1 blocks', lanefold.batch_norm_merge,
                 (moments,), {'batch_rows': 256}),
                (invalid, 'batch_norm must be NULL, because more blocks of the batch follow', lanefold.batch_norm_merge,
                 (moments,), {'batch_rows': 513, 'batch_norm': norm}),
                (ValueError, 'batch_norm.running_mean has the shape (2,); expected (3,)', lanefold.batch_norm_merge,
                 (moments,), {'batch_rows': 300, 'batch_norm': lanefold.BatchNorm(2)}),
                (invalid, 'out overlaps moments; expected memory of its own', lanefold.batch_norm_merge, (moments,),
                 {'batch_rows': 300, 'out': moments[:3]}),
                (TypeError, 'batch_norm is 1 (int); expected a lanefold.BatchNorm, which has the attribute eps',
                 lanefold.batch_norm_merge, (moments,), {'batch_rows': 300, 'batch_norm': 1}),
                (ValueError, 'x is given without batch_norm; expected both or neither', lanefold.column_sums, (x,),
                 {'batch_rows': 4, 'x': x}),
                (ValueError, 'batch_norm is given without x; expected both or neither', lanefold.column_sums, (x,),
                 {'batch_rows': 4, 'batch_norm': norm}),
                (ValueError, 'x has the shape (6, 3); expected (4, 3)', lanefold.column_sums, (x,),
                 {'batch_rows': 4, 'x': moments, 'batch_norm': norm}),
                (ValueError, 'out is missing; expected the sums of the parts before', lanefold.column_sums, (x,),
                 {'batch_rows': 9, 'first_row': 5}),
                (ValueError, 'out has the shape (2, 3); expected (4, 3)', lanefold.column_sums, (x,),
                 {'batch_rows': 4, 'x': x, 'batch_norm': norm, 'out': moments[:2]}),
                (invalid, 'batch_rows is 0, but must be at least 1', lanefold.column_sums, (x,), {'batch_rows': 0}),
                (ValueError, 'training and batch_statistics are both True; expected one of them at most',
                 lanefold.batch_norm_forward, (x, norm), {'training': True, 'batch_statistics': True}),
                (ValueError, 'dgamma is missing; with batch_rows it is the sum over the batch, from column_sums',
                 lanefold.batch_norm_backward, (x, x, norm), {'batch_rows': 9, 'dbeta': x[0]}),
                (ValueError, 'dx is False, but with batch_rows it is the only result', lanefold.batch_norm_backward,
                 (x, x, norm), {'batch_rows': 9, 'dx': False, 'dgamma': x[0], 'dbeta': x[0]}),
                (invalid, 'batch_rows is 3, but must be at least 4', lanefold.batch_norm_backward, (x, x, norm),
                 {'batch_rows': 3, 'dgamma': x[0], 'dbeta': x[0]}),
                (ValueError, 'batch_rows is 0; expected at least the rows of x', lanefold.elementwise_loss, (x, x),
                 {'batch_rows': 0}),
                (invalid, 'batch_rows is 3, but must be at least 4', lanefold.softmax_cross_entropy,
                 (x, numpy.zeros(4, numpy.int32)), {'batch_rows': 3}),
                (ValueError, 'losses has the shape (3,); expected (4,)', lanefold.elementwise_loss, (x, x),
                 {'losses': numpy.ones(3, numpy.float32)}),
                (invalid, 'losses overlaps x; expected memory of its own', lanefold.elementwise_loss,
                 (moments[:4], x), {'losses': moments.reshape(-1)[:4]})):
            before = x.copy(), moments.copy()
            self.assert_refused(kind, call.__name__ + ': ' + message, call, *given, **named)
            self.assert_same_bits(x, before[0])
            self.assert_same_bits(moments, before[1])


support.main()
