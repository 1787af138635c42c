"""Float products of NumPy, one a line: whether every element is the chain of fused multiply-adds that begins with 0."""
import ctypes

import numpy as np

fmaf = ctypes.CDLL('libm.so.6').fmaf
fmaf.restype, fmaf.argtypes = ctypes.c_float, [ctypes.c_float] * 3


def chain(row, column):
    total = 0.0
    for x, y in zip(row.tolist(), column.tolist()):
        total = fmaf(x, y, total)
    return total


def is_chain(a, b):
    columns = b.reshape(len(b), -1)
    expected = np.array([[chain(row, column) for column in columns.T] for row in a], np.float32)
    return (a @ b).tobytes() == expected.reshape((a @ b).shape).tobytes()


def check(name, a, b):
    print(f'{name} {a.shape} @ {b.shape}:', 'the chain' if is_chain(a, b) else 'not the chain')


random = np.random.default_rng(1)
for m, n, k in (1, 5, 3), (17, 13, 40), (3, 5, 2000):
    a = random.standard_normal((m, k), np.float32)
    b = random.standard_normal((k, n), np.float32)
    a_columns, b_columns = np.asfortranarray(a), np.asfortranarray(b)
    check('C order, C order', a, b)
    check('C order, Fortran order', a, b_columns)
    check('Fortran order, C order', a_columns, b)
    check('Fortran order, Fortran order', a_columns, b_columns)
    check('transposes', b.T, a.T)
    check('part of a larger matrix', np.pad(a, 2)[2:-2, 2:-2], b)
    vector = random.standard_normal(k, np.float32)
    check('C order, vector', a, vector)
    check('Fortran order, vector', a_columns, vector)
    check('C order, every third element', a, np.repeat(vector, 3)[::3])
