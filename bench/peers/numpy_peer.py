"""NumPy.  All results go to memory that exists before the call, because a new array costs more than a pass over a small
one."""
import functools
import importlib
from collections.abc import Callable
from mmap import mmap
from typing import Any

import numpy

from bench.peers.blas import Blas, blas_of
from bench.peers.operation import ELU, RELU, Array, Call, Operation, Package, Product, fastest

products: Any
try:
    products = importlib.import_module('numpy._core._multiarray_umath')
except ImportError:  # NumPy 1
    products = importlib.import_module('numpy.core._multiarray_umath')


class NumpyProduct(Product):
    def compute(self) -> None:
        numpy.matmul(self.a, self.b, out=self.c)


def with_expm1(x: Array) -> None:
    numpy.expm1(x, out=x)


def with_exp(x: Array) -> None:
    """Has an absolute error of half a rounding of 1 near 0, and is faster where NumPy has no vectorized expm1."""
    numpy.exp(x, out=x)
    numpy.subtract(x, 1, out=x)


Expm1 = Callable[[Array], None]
EXPM1: tuple[Expm1, ...] = (with_expm1, with_exp)


def elu(x: Array, negative: Array, y: Array, expm1: Expm1) -> None:
    """y = ELU(x) = max(x, exp(min(x, 0)) - 1).  negative: scratch memory, which may be y unless x is y."""
    numpy.minimum(x, 0, out=negative)
    expm1(negative)
    numpy.maximum(x, negative, out=y)


class EluForward(Operation):
    def make(self) -> Call:
        return fastest((type(self), self.x.shape), len(EXPM1),
                       lambda way: functools.partial(elu, self.x, self.y, self.y, EXPM1[way]))


class EluBackward(Operation):
    def compute(self) -> None:
        numpy.minimum(self.y, 0, out=self.dx)
        numpy.add(self.dx, 1, out=self.dx)
        numpy.multiply(self.dx, self.dy, out=self.dx)


class BatchNormTraining(Operation):
    def make(self) -> Call:
        self.eps = float(self.values['eps'])
        self.scale, self.mean = numpy.empty_like(self.gamma), numpy.empty_like(self.gamma)
        return self.compute

    def compute(self) -> None:
        x, y, mean, scale = self.x, self.y, self.mean, self.scale
        numpy.mean(x, axis=0, out=mean)
        numpy.subtract(x, mean, out=y)
        numpy.einsum('ij,ij->j', y, y, out=scale)  # one pass, where squares and their mean would need three
        numpy.divide(scale, len(x), out=scale)
        numpy.add(scale, self.eps, out=scale)
        numpy.sqrt(scale, out=scale)
        numpy.divide(self.gamma, scale, out=scale)
        numpy.multiply(y, scale, out=y)
        numpy.add(y, self.beta, out=y)


class BatchNormInference(Operation):
    def make(self) -> Call:
        self.eps = float(self.values['eps'])
        self.scale, self.shift = numpy.empty_like(self.gamma), numpy.empty_like(self.gamma)
        return self.compute

    def compute(self) -> None:
        scale, shift = self.scale, self.shift
        numpy.add(self.variance, self.eps, out=scale)
        numpy.sqrt(scale, out=scale)
        numpy.divide(self.gamma, scale, out=scale)
        numpy.multiply(self.mean, scale, out=shift)
        numpy.subtract(self.beta, shift, out=shift)
        numpy.multiply(self.x, scale, out=self.y)
        numpy.add(self.y, shift, out=self.y)


class FoldedNetwork(Operation):
    def make(self) -> Call:
        count = int(self.values['layers'])
        outputs = [numpy.empty((len(self.x), self.arrays['w%d' % i].shape[1]), self.x.dtype) for i in range(count - 1)]
        outputs.append(self.logits)
        self.layers = [(self.arrays['w%d' % i], self.arrays['b%d' % i], int(self.values['activation%d' % i]), outputs[i],
                        numpy.empty_like(outputs[i])) for i in range(count)]
        return fastest((type(self), self.x.shape), len(EXPM1), lambda way: functools.partial(self.infer, EXPM1[way]))

    def infer(self, expm1: Expm1) -> None:
        x = self.x
        for w, bias, activation, y, scratch in self.layers:
            numpy.matmul(x, w, out=y)
            numpy.add(y, bias, out=y)
            if activation == ELU:
                elu(y, scratch, y, expm1)
            elif activation == RELU:
                numpy.maximum(y, 0, out=y)
            x = y


def loops() -> str:
    """The instruction set of NumPy's own loops."""
    features = products.__cpu_features__
    return 'AVX512_SKX' if features.get('AVX512_SKX') else 'AVX2' if features.get('AVX2') else 'none'


class Numpy(Package):
    operations = {
        'product': NumpyProduct, 'elu_forward': EluForward, 'elu_backward': EluBackward,
        'batch_norm_training': BatchNormTraining, 'batch_norm_inference': BatchNormInference,
        'folded_network': FoldedNetwork}

    def __init__(self, blas: Blas) -> None:
        self.version = '%s, %s' % (numpy.__version__, blas)
        self.kernels = {'NumPy': loops(), **blas.kernels()}
        self.how = ('Each operation is a few calls of NumPy with out=, so that no array is made in the call; ELU takes '
                    'expm1 or exp, whichever is faster. Matrices are row-major or views of them. Products are those of '
                    "%s; NumPy's own loops use %s. The time includes the interpreter." % (blas, loops()))

    def array(self, kind: str, memory: mmap, count: int, offset: int) -> Array:
        return numpy.frombuffer(memory, kind, count, offset)


def open_package(threads: int) -> Package:
    # A BLAS has read its number of threads from the environment, which has this number too.
    return Numpy(blas_of(products.__file__, 'cblas_sgemm'))
