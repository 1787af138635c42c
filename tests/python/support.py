"""What the tests of the Python package share: arrays, bounds, and a runner that tells Meson what was skipped."""
import gc
import sys
import unittest

import lanefold
import numpy

EPS = 2.0**-24  # the unit roundoff of float32
SIZES = (0, 1, 2, 15, 16, 17, 31, 64, 97)


def arrays(seed):
    """A function that returns random matrices of a shape."""
    generator = numpy.random.RandomState(seed)

    def array(*shape):
        return generator.uniform(-1, 1, shape).astype(numpy.float32)
    return array


def integers(seed):
    """The same, with small integers: products and sums of them are exact."""
    generator = numpy.random.RandomState(seed)

    def array(*shape):
        return generator.randint(-8, 9, shape).astype(numpy.float32)
    return array


def same_bits(one, other):
    return one.shape == other.shape and numpy.array_equal(one.view(numpy.uint32), other.view(numpy.uint32))


class Collecting(lanefold.DenseLayer):
    """A layer whose end starts a garbage collection."""

    def __del__(self):
        gc.collect()


class Case(unittest.TestCase):
    def assert_same_bits(self, one, other, *what):
        one, other = numpy.ascontiguousarray(one), numpy.ascontiguousarray(other)
        self.assertTrue(same_bits(one, other), what)

    def assert_within(self, got, exact, bound, *what):
        error = numpy.abs(got.astype(numpy.float64) - exact)
        self.assertTrue(numpy.all(error <= bound), (what, numpy.max(error - bound, initial=0)))

    def assert_refused(self, kind, message, call, *given, **named):
        with self.assertRaises(kind) as caught:
            call(*given, **named)
        self.assertIs(type(caught.exception), kind, caught.exception)
        self.assertEqual(str(caught.exception), message)


def main():
    program = unittest.main(exit=False, verbosity=1, module='__main__')
    result = program.result
    for test, reason in result.skipped:
        print('SKIPPED: %s (%s)' % (reason, test.id() if hasattr(test, 'id') else test))
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    sys.exit(77 if result.skipped else 0)
