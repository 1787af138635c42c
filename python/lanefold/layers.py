"""Layers that own their parameters as NumPy arrays."""
from __future__ import annotations

from typing import List, Optional, Sequence, Union, get_args

import numpy

from . import random
from ._lanefold import _flag, _number, _refuse, _whole, _word
from .results import FloatArray
from .types import Activation


class BatchNorm:
    """A batch normalization over n columns (Ioffe and Szegedy 2015).

    gamma and running_var begin as ones, beta and running_mean as zeros.  mean and inv_std are those of the last
    training batch.  Each is an array of n floats, which calls read and update in place.

    eps                   is added to the variance
    momentum              the part that training keeps: running = momentum * running + (1 - momentum) * batch
    unbiased_running_var  update running_var with sum / (m - 1), as PyTorch does, in place of sum / m
    """
    __slots__ = ('gamma', 'beta', 'running_mean', 'running_var', 'mean', 'inv_std', 'eps', 'momentum',
                 'unbiased_running_var')

    def __init__(self, n: int, *, eps: float = 1e-3, momentum: float = 0.9,
                 unbiased_running_var: bool = False) -> None:
        n = _whole('BatchNorm', 'n', n, 0)
        self.gamma: FloatArray = numpy.ones(n, numpy.float32)
        self.beta: FloatArray = numpy.zeros(n, numpy.float32)
        self.running_mean: FloatArray = numpy.zeros(n, numpy.float32)
        self.running_var: FloatArray = numpy.ones(n, numpy.float32)
        self.mean: FloatArray = numpy.zeros(n, numpy.float32)
        self.inv_std: FloatArray = numpy.zeros(n, numpy.float32)
        self.eps = _number('BatchNorm', 'eps', eps)
        self.momentum = _number('BatchNorm', 'momentum', momentum)
        self.unbiased_running_var = _flag('BatchNorm', 'unbiased_running_var', unbiased_running_var)

    def __repr__(self) -> str:
        return 'BatchNorm(%d, eps=%g, momentum=%g)' % (len(self.gamma), self.eps, self.momentum)


def _activation(call: str, given: object) -> Activation:
    name: Activation = _word(call, 'activation', given, get_args(Activation))
    return name


def _batch_norm(call: str, given: object, outputs: int) -> Optional[BatchNorm]:
    if isinstance(given, BatchNorm):
        if len(given.gamma) != outputs:
            raise ValueError('%s: batch_norm has %d columns; expected one for each of the %d outputs'
                             % (call, len(given.gamma), outputs))
        return given
    if given is None:
        return None
    if not isinstance(given, (bool, numpy.bool_)):
        _refuse(call, 'batch_norm', given, 'a lanefold.BatchNorm, True, False or None')
    return BatchNorm(outputs) if given else None


class DenseLayer:
    """A dense layer, y = f(bn(x w + bias)), whose parameters begin as zeros.

    w           inputs x outputs
    bias        outputs, or None.  A new layer with a normalization has none, because the normalization subtracts it
                again.  A layer of a file may have both.
    batch_norm  a BatchNorm over the outputs, or None; True makes one, and False means None
    activation  the name of f; activation_forward lists them
    alpha       the alpha of f; None is its usual value
    """
    __slots__ = ('w', 'bias', 'batch_norm', 'activation', 'alpha')

    def __init__(self, inputs: int, outputs: int, activation: Activation = 'identity', *, alpha: Optional[float] = None,
                 batch_norm: Union[bool, BatchNorm, None] = None) -> None:
        call = 'DenseLayer'
        inputs, outputs = _whole(call, 'inputs', inputs, 0), _whole(call, 'outputs', outputs, 0)
        self.w: FloatArray = numpy.zeros((inputs, outputs), numpy.float32)
        self.batch_norm: Optional[BatchNorm] = _batch_norm(call, batch_norm, outputs)
        self.bias: Optional[FloatArray] = None if self.batch_norm else numpy.zeros(outputs, numpy.float32)
        self.activation: Activation = _activation(call, activation)
        self.alpha = None if alpha is None else _number(call, 'alpha', alpha)

    @property
    def inputs(self) -> int:
        """The number of inputs, k."""
        return self.w.shape[0]

    @property
    def outputs(self) -> int:
        """The number of outputs, n."""
        return self.w.shape[1]

    def parameters(self) -> List[FloatArray]:
        """The arrays that a checkpoint holds, in its order: w, bias, gamma, beta, running_mean, running_var."""
        arrays = [self.w]
        if self.bias is not None:
            arrays.append(self.bias)
        if self.batch_norm is not None:
            norm = self.batch_norm
            arrays += [norm.gamma, norm.beta, norm.running_mean, norm.running_var]
        return arrays

    def __repr__(self) -> str:
        return 'DenseLayer(%d, %d, %r%s)' % (self.inputs, self.outputs, self.activation,
                                             ', batch_norm=True' if self.batch_norm else '')


class ElementwiseLayer:
    """A layer without weights, y = f(bn(x)), as files may have it.  It normalizes the inputs or the output of an
    activation, or it applies an activation alone.

    batch_norm  a BatchNorm over the n columns, or None
    activation  the name of f; activation_forward lists them
    alpha       the alpha of f; None is its usual value

    Model and Network take it.  Training does not.
    """
    __slots__ = ('outputs', 'batch_norm', 'activation', 'alpha')

    def __init__(self, n: int, activation: Activation = 'identity', *, alpha: Optional[float] = None,
                 batch_norm: Union[bool, BatchNorm, None] = None) -> None:
        call = 'ElementwiseLayer'
        self.outputs = _whole(call, 'n', n, 0)
        self.batch_norm: Optional[BatchNorm] = _batch_norm(call, batch_norm, self.outputs)
        self.activation: Activation = _activation(call, activation)
        self.alpha = None if alpha is None else _number(call, 'alpha', alpha)

    @property
    def inputs(self) -> int:
        """The number of columns, n."""
        return self.outputs

    @property
    def w(self) -> None:
        """None: the layer has no weights."""
        return None

    @property
    def bias(self) -> None:
        """None: the layer has no bias."""
        return None

    def __repr__(self) -> str:
        return 'ElementwiseLayer(%d, %r%s)' % (self.outputs, self.activation,
                                               ', batch_norm=True' if self.batch_norm else '')


def dense_layers(widths: Sequence[int], activation: Activation = 'elu', *, alpha: Optional[float] = None,
                 batch_norm: bool = True, seed: int = 1, init: str = 'he-truncated',
                 fan: Optional[str] = None) -> List[DenseLayer]:
    """Returns layers with initial weights, the same that `lanefold train` makes with this seed.

    widths      of the input, of each hidden layer, and of the output: [784, 300, 100, 10] makes three layers
    activation  of the hidden layers; the last layer has none
    batch_norm  on every layer, or on none
    init, fan   how the weights are drawn: lanefold.random.initial_weights lists the initializers

    >>> lanefold.dense_layers([4, 3, 2], batch_norm=False)
    [DenseLayer(4, 3, 'elu'), DenseLayer(3, 2, 'identity')]
    """
    call, expected = 'dense_layers', 'a list of at least two whole numbers, from the inputs to the outputs'
    if not isinstance(widths, (list, tuple, numpy.ndarray)) or isinstance(widths, numpy.ndarray) and widths.ndim != 1:
        _refuse(call, 'widths', widths, expected)
    if len(widths) < 2:
        raise ValueError('%s: widths has the length %d; expected %s' % (call, len(widths), expected))
    widths = [_whole(call, 'widths[%d]' % i, width, 1) for i, width in enumerate(widths)]
    activation = _activation(call, activation)
    batch_norm = _flag(call, 'batch_norm', batch_norm)
    seed = random.checked_initializer(call, seed, init, fan)
    layers = []
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        last = i + 2 == len(widths)
        layer = DenseLayer(inputs, outputs, 'identity' if last else activation, alpha=None if last else alpha,
                           batch_norm=batch_norm)
        layer.w = random.initial_weights(inputs, outputs, seed=seed, layer=i, init=init, fan=fan)
        layers.append(layer)
    return layers
