"""Arrays that are not NumPy's, what happens to references, and memory that is gone."""
import array
import ctypes
import gc
import sys
import tracemalloc

import lanefold
import numpy

import support


class Lent:
    """An array that is only there through DLPack, as its newest version or the one before it."""

    def __init__(self, values, device=(1, 0), old=False):
        self.values, self.device, self.old = values, device, old

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        if self.old and options:
            raise TypeError('unexpected keyword argument')
        try:
            return self.values.__dlpack__(**options)
        except TypeError:  # NumPy 1
            return self.values.__dlpack__()


class Arrays(support.Case):
    eye = numpy.eye(3, dtype=numpy.float32)

    def setUp(self):
        self.values = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)

    def test_buffers_are_read_and_written_in_place(self):
        flat = array.array('f', range(6))
        x = memoryview(flat).cast('B').cast('f', (2, 3))
        self.assert_same_bits(lanefold.sgemm(x, self.eye), self.values)
        c_array = (ctypes.c_float * 3 * 2)(*((0, 1, 2), (3, 4, 5)))
        self.assert_same_bits(lanefold.sgemm(c_array, self.eye), self.values)
        lanefold.sgemm(self.values, 2 * self.eye, out=c_array)
        self.assertEqual([list(row) for row in c_array], [[0, 2, 4], [6, 8, 10]])
        w, g = array.array('f', [1, 2]), array.array('f', [3, 4])
        lanefold.optimizer_step(w, g, learning_rate=1)
        self.assertEqual(list(w), [-2, -2])
        self.assertEqual(lanefold.top_k_correct(x, array.array('i', [2, 0])), 1)
        self.assert_same_bits(lanefold.gather(memoryview(bytes(range(6))).cast('B', (2, 3)), divisor=1), self.values)

    def test_dlpack_is_read_and_written_in_place(self):
        for old in (False, True):
            self.assert_same_bits(lanefold.sgemm(Lent(self.values, old=old), self.eye), self.values)
            self.assert_same_bits(lanefold.sgemm(Lent(self.values.T, old=old), self.eye[:2, :2]), self.values.T)
            out = numpy.zeros((2, 3), numpy.float32)
            lanefold.sgemm(self.values, self.eye, out=Lent(out, old=old))
            self.assert_same_bits(out, self.values)

    def test_dlpack_that_cannot_be_used_is_refused(self):
        def refused(kind, message, x):
            self.assert_refused(kind, message, lanefold.sgemm, x, self.eye)
        refused(ValueError, "sgemm: a is in the memory of a device (DLPack's type 2); expected an array in the memory of "
                'the CPU: a.cpu()', Lent(self.values, device=(2, 0)))
        refused(TypeError, "sgemm: a has elements of DLPack's code 2 with 64 bits; expected float32",
                Lent(self.values.astype(float)))
        refused(ValueError, 'sgemm: a has 3 dimensions; expected 2', Lent(self.values.reshape(1, 2, 3)))

        class Odd(Lent):
            def __dlpack__(self, **options):
                return 'no capsule'
        refused(ValueError, 'sgemm: a gives no DLPack tensor; expected __dlpack__() to return a capsule "dltensor"',
                Odd(self.values))

    def test_results_can_be_lent_on(self):
        lent = lanefold.sgemm(Lent(lanefold.sgemm(self.values, self.eye)), self.eye)
        self.assert_same_bits(numpy.from_dlpack(lent), self.values)

    def test_memory_that_is_gone_is_refused(self):
        flat = array.array('f', range(6))
        view = memoryview(flat).cast('B').cast('f', (2, 3))
        view.release()
        self.assert_refused(ValueError, 'sgemm: a does not give its memory: operation forbidden on released memoryview '
                            'object; expected a live array', lanefold.sgemm, view, self.eye)

    def test_a_buffer_cannot_go_away_during_a_call(self):
        data = bytearray(24)
        seen = []

        def executor(count, task):
            try:
                data.clear()
            except BufferError as error:
                seen.append(error)
        x = memoryview(data).cast('f', (2, 3))
        with lanefold.Context(2, executor=executor) as context:
            lanefold.activation_forward(numpy.zeros((999, 999), numpy.float32), 'tanh', context=context)
            self.assertEqual(len(seen), 1)
            lanefold.sgemm(x, self.eye, context=context)
        x.release()
        data.clear()

    def test_unaligned_elements_are_refused(self):
        x = numpy.frombuffer(bytearray(25), numpy.uint8)[1:].view(numpy.float32).reshape(2, 3)
        self.assert_refused(ValueError, 'sgemm: a is not aligned to 4 bytes; expected aligned elements: numpy.array(a)',
                            lanefold.sgemm, x, self.eye)

    def test_references_are_given_back(self):
        out, norm = numpy.zeros((2, 3), numpy.float32), lanefold.BatchNorm(3)
        layer = lanefold.DenseLayer(3, 2)
        lent = Lent(self.values)
        held = [self.values, self.eye, out, norm, norm.gamma, layer.w, lent]

        def use():
            lanefold.sgemm(self.values, self.eye, out=out)
            lanefold.sgemm(lent, self.eye)
            lanefold.batch_norm_forward(self.values, norm, training=True)
            lanefold.dense_backward(self.values, self.eye, self.values)
            lanefold.Network([layer])(self.values)
            lanefold.Trainer([layer], optimizer='adam').step(self.values, numpy.zeros(2, numpy.int32))
            for bad in (lambda: lanefold.sgemm(self.values, self.values), lambda: lanefold.sgemm(self.values, 1),
                        lambda: lanefold.sgemm(lent, self.eye, out=self.eye),
                        lambda: lanefold.sgemm(Lent(self.eye.astype(float)), self.eye),
                        lambda: lanefold.sgemm(self.values, self.eye, out=self.values)):
                self.assertRaises((TypeError, ValueError), bad)
        use()
        before = [sys.getrefcount(x) for x in held]
        tracemalloc.start()
        sizes = []
        for _ in range(7):
            for _ in range(500):
                use()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        self.assertEqual([sys.getrefcount(x) for x in held], before)
        # Caches of the interpreter grow now and then.  An object that is lost in each round would show in every window,
        # and none has less than 16 bytes.
        growth = [later - earlier for earlier, later in zip(sizes, sizes[1:])]
        self.assertLess(min(growth), 16 * 500, growth)


support.main()
