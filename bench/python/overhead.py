#!/usr/bin/env python3
"""overhead.py: what a call from Python costs beside the work of the library.

The first table has whole calls on matrices of one element, and the best of many samples.  Nearly all of that is overhead:
the C call alone takes some 30 ns.  The second table compares a product of 200 x 300 x 784 with the same C function, called
through ctypes with a struct that is ready.  Both take turns, so that they meet the same machine."""
import ctypes
import statistics
import timeit

import lanefold
import numpy


class SgemmArgs(ctypes.Structure):
    _fields_ = [('struct_size', ctypes.c_uint32), ('flags', ctypes.c_uint32), ('m', ctypes.c_int64), ('n', ctypes.c_int64),
                ('k', ctypes.c_int64), ('alpha', ctypes.c_float), ('beta', ctypes.c_float), ('a', ctypes.c_void_p),
                ('lda', ctypes.c_int64), ('b', ctypes.c_void_p), ('ldb', ctypes.c_int64), ('c', ctypes.c_void_p),
                ('ldc', ctypes.c_int64)]


def library():
    """The liblanefold that the extension has loaded."""
    with open('/proc/self/maps', encoding='utf-8') as maps:
        return ctypes.CDLL(next(line.split()[-1] for line in maps if 'liblanefold.so' in line))


def small_calls():
    one, two = numpy.ones((1, 1), numpy.float32), numpy.ones((1, 1), numpy.float32)
    place = {'lanefold': lanefold, 'numpy': numpy, 'a': one, 'b': two, 'c': numpy.ones((1, 1), numpy.float32),
             'context': lanefold.Context(1), 'network': lanefold.Network([lanefold.DenseLayer(1, 1)]),
             'packed': lanefold.pack_weights(one), 'labels': numpy.zeros(1, numpy.int32)}
    for call in ('lanefold.sgemm(a, b, out=c)', 'lanefold.sgemm(a, b, out=c, context=context)', 'lanefold.sgemm(a, b)',
                 "lanefold.activation_forward(a, 'elu', out=c)", 'lanefold.dense_forward(a, b, out=c)',
                 'lanefold.dense_infer(a, packed, out=c)', 'network(a, c)', 'lanefold.softmax_cross_entropy(a, labels)',
                 'numpy.matmul(a, b, out=c)'):
        samples = timeit.repeat(call, globals=place, number=2000, repeat=200)
        print('%-46s %4.0f ns' % (call, min(samples) / 2000 * 1e9))


def large_product():
    m, n, k = 200, 300, 784
    a, b, c = (numpy.ones(shape, numpy.float32) for shape in ((m, k), (k, n), (m, n)))
    c_library, c_context = library(), ctypes.c_void_p()
    c_library.lf_context_create(None, ctypes.byref(c_context))
    args = SgemmArgs(ctypes.sizeof(SgemmArgs), 0, m, n, k, 1, 0, a.ctypes.data, k, b.ctypes.data, n, c.ctypes.data, n)
    lf_sgemm, pointer = c_library.lf_sgemm, ctypes.byref(args)
    with lanefold.Context() as context:
        calls = {'C': lambda: lf_sgemm(c_context, pointer), 'Python': lambda: lanefold.sgemm(a, b, out=c, context=context)}
        samples = {name: [] for name in calls}
        for _ in range(1000):
            for name, call in calls.items():
                samples[name].append(timeit.timeit(call, number=1) * 1e6)
    for name, values in samples.items():
        print('200 x 300 x 784 from %-6s best %.1f us, median %.1f us' % (name, min(values), statistics.median(values)))


small_calls()
large_product()
