"""Calls of NumPy, of LAPACK and of the products that make xerbla_ report a bad argument, and what each one raises."""
import ctypes
import sys

import numpy


def show(name, call):
    try:
        print(name, 'returns', call())
    except BaseException as error:
        print(name, 'raises', type(error).__name__, error)


nan, ones = numpy.full((5, 3), numpy.nan), numpy.ones(5)
for dtype in numpy.float32, numpy.float64:
    show('numpy.linalg.lstsq', lambda: numpy.linalg.lstsq(nan.astype(dtype), ones.astype(dtype), rcond=None))
# What NumPy's own test_xerbla_override calls: dorgqr with a bad leading dimension.
lapack = getattr(numpy.linalg, 'lapack_lite', None) or __import__('numpy.linalg.lapack_lite').linalg.lapack_lite
a = numpy.array([[1.0]])
show('lapack_lite.dorgqr', lambda: lapack.dorgqr(1, 1, 1, a, 0, a, a, 0, 0))
show('lapack_lite.xerbla', lapack.xerbla)
try:
    import scipy.linalg
except ImportError:
    print('SKIPPED in part: no SciPy', file=sys.stdout)
    sys.exit()
for dtype in numpy.float32, numpy.float64:
    show('scipy.linalg.lstsq',
         lambda: scipy.linalg.lstsq(nan.astype(dtype), ones.astype(dtype), check_finite=False))
# A product with a bad leading dimension, called through SciPy's pointer to it.
name = 'sgemm'
capsule = scipy.linalg.cython_blas.__pyx_capi__[name]
get_name, get_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
product = ctypes.PYFUNCTYPE(None, *[ctypes.c_void_p] * 13)(get_pointer(capsule, get_name(capsule)))
letter, two, one = ctypes.c_char(b'N'), ctypes.c_int(2), ctypes.c_int(1)
scalar, matrix = ctypes.c_float(1), (ctypes.c_float * 4)(1, 2, 3, 4)
arguments = [letter, letter, two, two, two, scalar, matrix, one, matrix, two, scalar, matrix, two]
show('sgemm', lambda: product(*[ctypes.addressof(x) for x in arguments]))
print(list(matrix))
