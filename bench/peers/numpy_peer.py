# The part of NumPy.  python_child.py, which comes before it in the program, has the imports and the protocol.  All
# results go to memory that exists before the call, because a new array costs more than a pass over a small one.
import contextlib
import functools

try:
    import numpy
    try:
        from numpy._core import _multiarray_umath as products
    except ImportError:  # NumPy 1
        from numpy.core import _multiarray_umath as products
except ImportError as error:
    missing(error)


class NumpyProduct(Product):
    def call(self):
        numpy.matmul(self.a, self.b, out=self.c)


def with_expm1(x):
    numpy.expm1(x, out=x)


def with_exp(x):
    """Has an absolute error of half a rounding of 1 near 0, and is faster where NumPy has no vectorized expm1."""
    numpy.exp(x, out=x)
    numpy.subtract(x, 1, out=x)


def elu(x, negative, y, expm1):
    """y = ELU(x) = max(x, exp(min(x, 0)) - 1).  negative: scratch memory, which may be y unless x is y."""
    numpy.minimum(x, 0, out=negative)
    expm1(negative)
    numpy.maximum(x, negative, out=y)


class EluForward(Operation):
    def make(self):
        calls = [functools.partial(elu, self.x, self.y, self.y, expm1) for expm1 in (with_expm1, with_exp)]
        self.call = fastest(calls)


class EluBackward(Operation):
    def call(self):
        numpy.minimum(self.y, 0, out=self.dx)
        numpy.add(self.dx, 1, out=self.dx)
        numpy.multiply(self.dx, self.dy, out=self.dx)


class BatchNormTraining(Operation):
    def make(self):
        self.eps = float(self.values['eps'])
        self.scale, self.mean = numpy.empty_like(self.gamma), numpy.empty_like(self.gamma)

    def call(self):
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
    def make(self):
        self.eps = float(self.values['eps'])
        self.scale, self.shift = numpy.empty_like(self.gamma), numpy.empty_like(self.gamma)

    def call(self):
        scale, shift = self.scale, self.shift
        numpy.add(self.variance, self.eps, out=scale)
        numpy.sqrt(scale, out=scale)
        numpy.divide(self.gamma, scale, out=scale)
        numpy.multiply(self.mean, scale, out=shift)
        numpy.subtract(self.beta, shift, out=shift)
        numpy.multiply(self.x, scale, out=self.y)
        numpy.add(self.y, shift, out=self.y)


class FoldedNetwork(Operation):
    def make(self):
        count = int(self.values['layers'])
        outputs = [numpy.empty((len(self.x), self.arrays[f'w{i}'].shape[1]), self.x.dtype) for i in range(count - 1)]
        outputs.append(self.logits)
        self.layers = [(self.arrays[f'w{i}'], self.arrays[f'b{i}'], int(self.values[f'activation{i}']), outputs[i],
                        numpy.empty_like(outputs[i])) for i in range(count)]
        self.call = fastest([functools.partial(self.infer, expm1) for expm1 in (with_expm1, with_exp)])

    def infer(self, expm1):
        x = self.x
        for w, bias, activation, y, scratch in self.layers:
            numpy.matmul(x, w, out=y)
            numpy.add(y, bias, out=y)
            if activation == ELU:
                elu(y, scratch, y, expm1)
            elif activation == RELU:
                numpy.maximum(y, 0, out=y)
            x = y


def loops():
    """The instruction set of NumPy's own loops."""
    features = products.__cpu_features__
    return 'AVX512_SKX' if features.get('AVX512_SKX') else 'AVX2' if features.get('AVX2') else 'none'


BLAS = blas_of(products.__file__, 'cblas_sgemm')


class Package:
    version = f'{numpy.__version__}, {BLAS}'
    kernels = {'NumPy': loops(), **BLAS.kernels()}
    how = ('Each operation is a few calls of NumPy with out=, so that no array is made in the call; ELU takes expm1 or '
           f'exp, whichever is faster. Matrices are row-major or views of them. Products are those of {BLAS}; '
           f"NumPy's own loops use {loops()}. The time includes the interpreter.")
    operations = {
        'product': NumpyProduct, 'elu_forward': EluForward, 'elu_backward': EluBackward,
        'batch_norm_training': BatchNormTraining, 'batch_norm_inference': BatchNormInference,
        'folded_network': FoldedNetwork}

    @staticmethod
    def array(kind, memory, count, offset):
        return numpy.frombuffer(memory, kind, count, offset)

    @staticmethod
    def mode(operation):
        return contextlib.nullcontext()


serve(Package)
