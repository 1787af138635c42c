"""Networks in files."""
from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy

from ._lanefold import Context, Network, _make_model, _Model, _open_model
from .layers import BatchNorm, DenseLayer, ElementwiseLayer
from .types import Format, Output, Path

Layer = Union[DenseLayer, ElementwiseLayer]
_USUAL_ALPHA = {'leaky-relu': numpy.float32(0.01), 'elu': numpy.float32(1), 'hard-sigmoid': numpy.float32(1 / 6)}


def shortest(number: float) -> float:
    """The shortest decimal number that rounds to this float: 1e-05 rather than 9.999999747378752e-06."""
    return float(str(numpy.float32(number)))


def _layer(parts: Any) -> Layer:
    inputs, outputs, activation, alpha, w, bias, norm = parts
    batch_norm = None
    if norm is not None:
        eps, momentum, is_unbiased, gamma, beta, running_mean, running_var = norm
        batch_norm = BatchNorm(outputs, eps=shortest(eps), momentum=shortest(momentum), unbiased_running_var=is_unbiased)
        batch_norm.gamma, batch_norm.beta = gamma, beta
        batch_norm.running_mean, batch_norm.running_var = running_mean, running_var
    usual = _USUAL_ALPHA.get(activation)
    given_alpha = None if usual is None or alpha == usual else shortest(alpha)
    if w is None:
        return ElementwiseLayer(outputs, activation, alpha=given_alpha, batch_norm=batch_norm)
    layer = DenseLayer(inputs, outputs, activation, alpha=given_alpha, batch_norm=batch_norm)
    layer.w, layer.bias = w, bias
    return layer


class Model:
    """A network as a file holds it: layers, what follows the last one, and names.

    layers         DenseLayers and ElementwiseLayers from the first to the last; the model has copies
    output         what follows the last layer: 'values' (nothing), 'softmax' or 'log-softmax'
    feature_names  a name for each column of the input, or None
    class_names    a name for each output, or two names if there is one output, the probability of the second class

    Model.open reads a file, and from_torch converts a PyTorch module.

    >>> layer = lanefold.DenseLayer(2, 1, 'relu')
    >>> lanefold.Model([layer]).save('model.onnx')
    >>> lanefold.Model.open('model.onnx').describe()['outputs']
    1
    """
    __slots__ = ('_model',)

    def __init__(self, layers: Sequence[Layer], *, output: Output = 'values',
                 feature_names: Optional[Sequence[str]] = None, class_names: Optional[Sequence[str]] = None) -> None:
        self._model: _Model = _make_model(layers, output, feature_names, class_names)

    @classmethod
    def open(cls, path: Path, *, network: Union[str, Dict[str, Any], None] = None, skip_foreign: bool = False,
             format: Optional[Format] = None) -> Model:
        """Reads a safetensors or ONNX file.

        network       the description of the network, for a file that has only tensors, such as the state_dict of a
                      PyTorch module: JSON as text, or the same as a dictionary
        skip_foreign  skip tensors that the network does not use; otherwise they are an error
        format        'safetensors', 'state-dict' or 'onnx'; None: the content tells it

        A file that cannot be used raises ValueError, and the message names the place in it.
        """
        os.stat(path)  # raises FileNotFoundError
        return cls._of(_open_model(path, None, _text(network), skip_foreign, format))

    @classmethod
    def from_bytes(cls, content: bytes, *, network: Union[str, Dict[str, Any], None] = None,
                   skip_foreign: bool = False, format: Optional[Format] = None) -> Model:
        """Reads the content of a file.  The arguments are those of open."""
        return cls._of(_open_model(None, content, _text(network), skip_foreign, format))

    @classmethod
    def _of(cls, model: _Model) -> Model:
        made = cls.__new__(cls)
        made._model = model
        return made

    @property
    def layers(self) -> List[Layer]:
        """Copies of the layers.  Trainer takes them, unless one is an ElementwiseLayer."""
        return [_layer(self._model.layer(i)) for i in range(len(self.describe()['layers']))]

    def describe(self) -> Dict[str, Any]:
        """What the model is: format, producer, features, outputs, layers, output, names, notes, and what it was trained
        on if the file says so."""
        described: Dict[str, Any] = json.loads(self._model.describe())
        return described

    def network(self, *, logits: bool = False, context: Optional[Context] = None) -> Network:
        """Makes a network for inference.  It folds batch normalization and the normalization of inputs where an activation
        does not prevent it and few digits are lost.

        logits  leave out the softmax that may follow the last layer
        """
        described = self.describe()
        widths = [described['features']] + [layer['units'] for layer in described['layers']]
        operations = 2.0 * sum(k * n for k, n in zip(widths, widths[1:]))  # for one row
        return self._model.network(logits, operations, context)

    def save(self, path: Path, *, format: Optional[Format] = None, folded: bool = False,
             context: Optional[Context] = None) -> None:
        """Writes the model as ONNX, as safetensors, or as the state_dict of a PyTorch module.

        format  None: 'onnx' for a path that ends in .onnx, 'safetensors' for .safetensors
        folded  first fold batch normalization and the normalization of inputs into the weights

        The file is replaced as a whole.
        """
        self._model.save(path, format, folded, context)

    def to_torch(self) -> Any:
        """Returns a torch.nn.Sequential with the same parameters, in evaluation mode.  It needs PyTorch."""
        from .pytorch import to_torch
        return to_torch(self)

    def __repr__(self) -> str:
        described = self.describe()
        return '<lanefold.Model %d -> %d, %d layers>' % (described['features'], described['outputs'],
                                                         len(described['layers']))


def _text(network: Union[str, Dict[str, Any], None]) -> Optional[str]:
    return json.dumps(network) if isinstance(network, dict) else network
