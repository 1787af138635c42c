"""Names for type hints: what functions take."""
import array
import ctypes
import os
from typing import Any, Literal, Protocol, Tuple, Union

import numpy
import numpy.typing

from .results import FloatArray


Path = Union[str, bytes, 'os.PathLike[str]', 'os.PathLike[bytes]']


class SupportsDLPack(Protocol):
    """An array that others can read through DLPack, such as a PyTorch tensor."""

    def __dlpack__(self) -> Any: ...

    def __dlpack_device__(self) -> Tuple[Any, int]: ...


Buffer = Union[memoryview, 'array.array[Any]', 'ctypes.Array[Any]', SupportsDLPack]
Floats = Union[FloatArray, Buffer]
Int32s = Union[numpy.typing.NDArray[numpy.int32], Buffer]
Uint32s = Union[numpy.typing.NDArray[numpy.uint32], Buffer]
Bytes = Union[numpy.typing.NDArray[numpy.uint8], bytes, bytearray, Buffer]
Activation = Literal['identity', 'relu', 'leaky-relu', 'elu', 'selu', 'tanh', 'logistic', 'relu6', 'softplus',
                     'hard-sigmoid', 'silu', 'hard-swish', 'gelu', 'gelu-tanh']
Output = Literal['values', 'softmax', 'log-softmax']
Format = Literal['safetensors', 'state-dict', 'onnx']
Loss = Literal['squared', 'absolute', 'huber', 'logistic']
Optimizer = Literal['sgd', 'momentum', 'nesterov', 'adam']
Operation = Literal['sgemm', 'pack_weights', 'unpack_weights', 'dense_infer', 'dense_forward', 'dense_backward',
                    'batch_norm_forward', 'batch_norm_backward', 'fold_batch_norm', 'activation_forward',
                    'activation_backward', 'softmax_cross_entropy', 'top_k_correct', 'optimizer_step', 'gather',
                    'softmax', 'elementwise_loss', 'dropout', 'batch_norm_moments', 'batch_norm_merge',
                    'column_sums']
