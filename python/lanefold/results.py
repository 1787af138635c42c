"""What calls return when they return several values."""
from typing import NamedTuple, Optional

import numpy
import numpy.typing

FloatArray = numpy.typing.NDArray[numpy.float32]


class DenseGradients(NamedTuple):
    """The gradients of a dense layer.  What was not wanted is None."""
    dw: Optional[FloatArray]
    dbias: Optional[FloatArray]
    dx: Optional[FloatArray]
    dgamma: Optional[FloatArray]
    dbeta: Optional[FloatArray]


class BatchNormGradients(NamedTuple):
    """The gradients of a batch normalization.  dx is None if it was not wanted."""
    dx: Optional[FloatArray]
    dgamma: FloatArray
    dbeta: FloatArray


class Folded(NamedTuple):
    """Weights and bias of a layer whose normalization is folded into them; error_bound is None without largest_x."""
    w: FloatArray
    bias: FloatArray
    error_bound: Optional[FloatArray]


class Step(NamedTuple):
    """A training step: the mean loss and the number of correct predictions of its batch, before the update."""
    loss: float
    correct: int


class Plugin(NamedTuple):
    """A plugin that the library considered, and why it was taken or passed over."""
    name: str
    vendor: str
    path: str
    needs: str
    priority: int
    usable: bool
    taken: bool
    reason: str
