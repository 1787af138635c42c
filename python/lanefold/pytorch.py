"""Conversion from and to PyTorch modules.  PyTorch is imported only when a module is made."""
from __future__ import annotations

import warnings
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy

from .layers import BatchNorm, DenseLayer, ElementwiseLayer
from .models import Layer, Model, shortest
from .results import FloatArray
from .types import Activation, Output

# What torch.nn calls an activation, and what its settings must be.
_PLAIN: Dict[str, Activation] = {
    'ReLU': 'relu', 'SELU': 'selu', 'Tanh': 'tanh', 'Sigmoid': 'logistic', 'ReLU6': 'relu6', 'SiLU': 'silu',
    'Hardswish': 'hard-swish', 'Hardsigmoid': 'hard-sigmoid'}
_SKIPPED = 'Identity', 'Dropout', 'AlphaDropout', 'Flatten'
_SUPPORTED = ('Sequential, Linear, BatchNorm1d, ReLU, LeakyReLU, ELU, SELU, Tanh, Sigmoid, ReLU6, Softplus, Hardsigmoid, '
              'SiLU, Hardswish, GELU, Softmax, LogSoftmax, Identity, Dropout and Flatten')


def _refuse(name: str, what: str) -> ValueError:
    return ValueError('from_torch: %s: %s' % (name or 'module', what))


def _activation(kind: str, module: Any, name: str) -> Optional[Tuple[Activation, Optional[float]]]:
    if kind in _PLAIN:
        return _PLAIN[kind], None
    if kind == 'LeakyReLU':
        return 'leaky-relu', float(module.negative_slope)
    if kind == 'ELU':
        return 'elu', float(module.alpha)
    if kind == 'Softplus':
        if module.beta != 1 or module.threshold < 20:  # above it, PyTorch's softplus is the identity
            raise _refuse(name, 'Softplus has beta %g and threshold %g; expected 1, and at least 20'
                          % (module.beta, module.threshold))
        return 'softplus', None
    if kind == 'GELU':
        return 'gelu-tanh' if getattr(module, 'approximate', 'none') == 'tanh' else 'gelu', None
    return None


def _array(tensor: Any) -> FloatArray:
    values = tensor.detach().cpu()
    rounded = values.float()
    if not bool((rounded.to(values.dtype) == values).all()):
        warnings.warn('from_torch: parameters of the type %s are rounded to 32-bit floats' % values.dtype, stacklevel=4)
    return numpy.array(rounded.numpy(), numpy.float32)


def _batch_norm(module: Any, name: str) -> BatchNorm:
    if module.running_mean is None:
        raise _refuse(name, 'BatchNorm1d has no running statistics, which inference needs')
    momentum = module.momentum
    if momentum is None:
        warnings.warn('from_torch: %s: the cumulative average of BatchNorm1d becomes a momentum of 0.9' % name,
                      stacklevel=4)
        momentum = 0.1
    norm = BatchNorm(module.num_features, eps=module.eps or 1e-30, momentum=round(1 - momentum, 12), unbiased_running_var=True)
    if module.weight is not None:
        norm.gamma, norm.beta = _array(module.weight), _array(module.bias)
    norm.running_mean, norm.running_var = _array(module.running_mean), _array(module.running_var)
    return norm


# Functions and methods of tensors: the module that does the same, and the names of its settings, by position.
_FUNCTIONS: Dict[str, Tuple[str, Tuple[str, ...]]] = {
    'relu': ('ReLU', ()), 'relu_': ('ReLU', ()), 'leaky_relu': ('LeakyReLU', ('negative_slope',)),
    'elu': ('ELU', ('alpha',)), 'selu': ('SELU', ()), 'tanh': ('Tanh', ()), 'sigmoid': ('Sigmoid', ()),
    'relu6': ('ReLU6', ()), 'softplus': ('Softplus', ('beta', 'threshold')), 'hardsigmoid': ('Hardsigmoid', ()),
    'silu': ('SiLU', ()), 'hardswish': ('Hardswish', ()), 'gelu': ('GELU', ('approximate',)),
    'softmax': ('Softmax', ('dim',)), 'log_softmax': ('LogSoftmax', ('dim',)),
    'dropout': ('Dropout', ('p', 'training')), 'flatten': ('Flatten', ('start_dim', 'end_dim'))}
_RESHAPES = 'view', 'reshape'


def _is_sequential(module: Any) -> bool:
    """Whether it is a Sequential, or a class derived from it with the same forward method."""
    bases = {kind.__name__: kind for kind in type(module).__mro__}
    return 'Sequential' in bases and getattr(type(module), 'forward') is getattr(bases['Sequential'], 'forward')


def _leaves(module: Any, name: str) -> Iterator[Tuple[str, Any]]:
    """The modules without children, in the order of their calls."""
    prefix = name + '.' if name else ''
    if module._forward_hooks or module._forward_pre_hooks:
        raise _refuse(name, 'it has a hook, such as that of weight_norm, which may change any result; remove the hook '
                      'first')
    children = [(child, each) for child, each in module._modules.items() if each is not None]
    if _is_sequential(module):
        for child, each in children:  # one module may stand in several places
            yield from _leaves(each, prefix + child)
    elif type(module).__module__.startswith('torch.nn.') and not children:
        yield name, module
    else:
        yield from _traced(module, name, prefix)


def _settings(node: Any, names: Tuple[str, ...]) -> Dict[str, Any]:
    """The settings that a call of a function gives."""
    given = dict(zip(names, node.args[1:]))
    given.update((key, each) for key, each in node.kwargs.items() if key in names)
    return {key: each for key, each in given.items() if each is not None}


def _traced(module: Any, name: str, prefix: str) -> Iterator[Tuple[str, Any]]:
    """What the forward method of a module calls, which must be a chain."""
    import torch.fx
    kind = type(module).__name__
    try:
        nodes: List[Any] = list(getattr(torch.fx, 'Tracer')().trace(module).nodes)
    except Exception as error:
        raise _refuse(name, 'the calls of %s.forward cannot be followed (%s); expected a torch.nn.Sequential, or a '
                      'forward method without conditions' % (kind, error)) from error
    inputs = [node for node in nodes if node.op == 'placeholder']
    value = inputs[0] if inputs else None
    for node in nodes:
        if node.op == 'placeholder' or node.target in ('size', getattr) or not node.users and node.op != 'output':
            continue
        if node.op == 'output':
            if node.args[0] is not value:
                raise _refuse(name, '%s.forward returns another value than the last one; expected a chain' % kind)
            continue
        if not node.args or node.args[0] is not value:
            raise _refuse(name, '%s.forward calls %s with another value than the one before it; expected a chain'
                          % (kind, node.target))
        value = node
        if node.op == 'call_module':
            yield from _leaves(module.get_submodule(node.target), prefix + node.target)
            continue
        function = node.target if isinstance(node.target, str) else node.target.__name__
        if function in _RESHAPES and len(node.args) == 3:
            continue  # it flattens
        if function not in _FUNCTIONS:
            raise _refuse(name, '%s.forward calls %s, which is not supported; supported are the functions of the '
                          'modules %s' % (kind, function, _SUPPORTED))
        made, names = _FUNCTIONS[function]
        settings = _settings(node, names)
        if made == 'Dropout' and settings.pop('training', True):
            raise _refuse(name, '%s.forward calls dropout with training=True, which is random; expected '
                          'training=self.training, and a module in evaluation mode' % kind)
        yield prefix + str(node.name), getattr(torch.nn, made)(**settings)


class _Chain:
    """Collects layers: a product, then a normalization, then an activation."""

    def __init__(self) -> None:
        self.layers: List[Layer] = []
        self.takes_norm = self.takes_activation = False  # whether the last layer does
        self.output: Output = 'values'
        self.width = 0

    def add(self, layer: Layer, norm: bool, activation: bool) -> None:
        self.layers.append(layer)
        self.takes_norm, self.takes_activation = norm, activation

    def linear(self, module: Any) -> None:
        layer = DenseLayer(module.in_features, module.out_features)
        layer.w = numpy.ascontiguousarray(_array(module.weight).T)
        layer.bias = None if module.bias is None else _array(module.bias)
        self.width = module.out_features
        self.add(layer, True, True)

    def norm(self, norm: BatchNorm, width: int) -> None:
        self.width = width
        if self.takes_norm:
            self.layers[-1].batch_norm, self.takes_norm = norm, False
        else:
            self.add(ElementwiseLayer(width, batch_norm=norm), False, True)

    def activation(self, activation: Activation, alpha: Optional[float], name: str) -> None:
        if not self.width:
            raise _refuse(name, 'an activation cannot be the first module, because it does not tell the number of '
                          'features')
        if not self.takes_activation:
            self.add(ElementwiseLayer(self.width), False, True)
        self.layers[-1].activation, self.layers[-1].alpha = activation, alpha
        self.takes_norm = self.takes_activation = False


def from_torch(module: Any, *, feature_names: Optional[List[str]] = None,
               class_names: Optional[List[str]] = None) -> Model:
    """Converts a PyTorch module: a Sequential of Linear, BatchNorm1d and activations, or a module whose forward method
    calls such modules and functions one after the other.

    Parameters of 32 bits keep their bits, and others are rounded to 32 bits.  Dropout, Identity and Flatten have no effect on inference, so they are left out.  A
    softmax at the end becomes the output of the model.  Another module raises ValueError, and the message names it.

        module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ELU(), torch.nn.Linear(3, 2))
        model = lanefold.from_torch(module)
    """
    chain = _Chain()
    for name, each in _leaves(module, ''):
        kind = type(each).__name__
        if kind == 'Flatten' and (each.start_dim, each.end_dim) != (1, -1):
            raise _refuse(name, 'Flatten has start_dim %d and end_dim %d; expected 1 and -1'
                          % (each.start_dim, each.end_dim))
        if kind in _SKIPPED:
            continue
        if chain.output != 'values':
            raise _refuse(name, '%s follows a softmax; expected nothing' % kind)
        found = _activation(kind, each, name)
        if found is not None:
            chain.activation(*found, name)
        elif kind == 'Linear':
            chain.linear(each)
        elif kind == 'BatchNorm1d':
            chain.norm(_batch_norm(each, name), each.num_features)
        elif kind in ('Softmax', 'LogSoftmax'):
            if each.dim not in (1, -1):
                raise _refuse(name, '%s has dim %s; expected 1 or -1' % (kind, each.dim))
            chain.output = 'softmax' if kind == 'Softmax' else 'log-softmax'
        else:
            raise _refuse(name, '%s is not supported; supported are %s' % (kind, _SUPPORTED))
    if not chain.layers:
        raise _refuse('', 'it has no layers')
    return Model(chain.layers, output=chain.output, feature_names=feature_names, class_names=class_names)


def _module_of(activation: str, alpha: Optional[float], nn: Any) -> Any:
    made: Dict[str, Callable[[], Any]] = {
        'leaky-relu': lambda: nn.LeakyReLU(0.01 if alpha is None else alpha),
        'elu': lambda: nn.ELU(1.0 if alpha is None else alpha),
        'softplus': nn.Softplus, 'gelu': nn.GELU, 'gelu-tanh': lambda: nn.GELU('tanh'),
        **{ours: getattr(nn, theirs) for theirs, ours in _PLAIN.items()}}
    if activation == 'hard-sigmoid' and alpha is not None:
        raise ValueError('to_torch: a hard sigmoid has alpha %g; expected 1/6, which is PyTorch\'s' % alpha)
    return made[activation]()


def to_torch(model: Model) -> Any:
    """Makes a torch.nn.Sequential, in evaluation mode."""
    import torch
    modules: List[Any] = []
    tensor = torch.from_numpy
    for layer in model.layers:
        if isinstance(layer, DenseLayer):
            linear: Any = torch.nn.Linear(layer.inputs, layer.outputs, bias=layer.bias is not None)
            linear.weight.data = tensor(numpy.ascontiguousarray(layer.w.T))
            if layer.bias is not None:
                linear.bias.data = tensor(layer.bias)
            modules.append(linear)
        if layer.batch_norm is not None:
            norm = layer.batch_norm
            made: Any = torch.nn.BatchNorm1d(layer.outputs, eps=shortest(norm.eps), momentum=round(1 - norm.momentum, 12))
            made.weight.data, made.bias.data = tensor(norm.gamma), tensor(norm.beta)
            made.running_mean.data, made.running_var.data = tensor(norm.running_mean), tensor(norm.running_var)
            modules.append(made)
        if layer.activation != 'identity':
            modules.append(_module_of(layer.activation, layer.alpha, torch.nn))
    output = model.describe()['output']
    if output != 'values':
        modules.append(torch.nn.Softmax(-1) if output == 'softmax' else torch.nn.LogSoftmax(-1))
    return torch.nn.Sequential(*modules).eval()
