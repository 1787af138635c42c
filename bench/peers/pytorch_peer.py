"""PyTorch.  Each operation is the call of PyTorch that does the least."""
import functools
import math
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from mmap import mmap
from typing import Any, Optional

import torch
from torch import nn
from torch.nn import functional

from bench.peers.blas import blas_of
from bench.peers.operation import ELU, RELU, Array, Call, Operation, Package, Product, fastest, seconds_of


class TorchProduct(Product):
    def make(self) -> Call:
        super().make()
        ways = [functools.partial(torch.mm, self.a, self.b, out=self.c)]
        if len(self.a) == 1:
            ways.append(functools.partial(torch.mv, self.b.T, self.a[0], out=self.c[0]))
        if self.b.shape[1] == 1:
            ways.append(functools.partial(torch.mv, self.a, self.b[:, 0], out=self.c[:, 0]))
        with torch.inference_mode():
            return fastest((type(self), self.a.shape, self.b.shape), len(ways), ways.__getitem__)


class EluForward(Operation):
    def compute(self) -> None:
        torch._C._nn.elu(self.x, out=self.y)


class EluBackward(Operation):
    def compute(self) -> None:
        torch.ops.aten.elu_backward.grad_input(self.dy, 1, 1, 1, True, self.y, grad_input=self.dx)


class BatchNormTraining(Operation):
    def compute(self) -> None:
        self.result = functional.batch_norm(self.x, None, None, self.gamma, self.beta, True, 0.1,
                                            float(self.values['eps']))

    def finish(self) -> None:
        self.y.copy_(self.result)


class BatchNormInference(BatchNormTraining):
    def compute(self) -> None:
        self.result = functional.batch_norm(self.x, self.mean, self.variance, self.gamma, self.beta, False, 0.1,
                                            float(self.values['eps']))


class BatchNormBackward(Operation):
    def prepare(self) -> None:
        _, self.mean, self.inv_std = torch.native_batch_norm(self.x, self.gamma, self.beta, None, None, True, 0.1,
                                                             float(self.values['eps']))

    def compute(self) -> None:
        self.result = torch.ops.aten.native_batch_norm_backward(
            self.dy, self.x, self.gamma, None, None, self.mean, self.inv_std, True, float(self.values['eps']),
            [True, True, True])

    def finish(self) -> None:
        for to, result in zip((self.dx, self.dgamma, self.dbeta), self.result):
            to.copy_(result)


def linear(w: Array, bias: Optional[Array]) -> Any:
    module = nn.Linear(*w.shape, bias=bias is not None)
    with torch.no_grad():
        module.weight.copy_(w.t())
        if bias is not None:
            module.bias.copy_(bias)
    return module


def network(arrays: Mapping[str, Array], values: Mapping[str, str], batch_norm: bool) -> Any:
    """The modules of all layers in sequence."""
    modules: list[Any] = []
    for i in range(int(values['layers'])):
        w = arrays['w%d' % i]
        modules.append(linear(w, None if batch_norm else arrays['b%d' % i]))
        if batch_norm:
            modules.append(nn.BatchNorm1d(w.shape[1], eps=float(values['eps']), momentum=0.1))
        activation = int(values['activation%d' % i])
        modules += [nn.ELU()] if activation == ELU else [nn.ReLU()] if activation == RELU else []
    return nn.Sequential(*modules)


def as_it_is(plain: Any, _: Array) -> Any:
    return plain


def traced(plain: Any, x: Array) -> Any:
    return torch.jit.freeze(torch.jit.trace(plain, x))


def optimized(plain: Any, x: Array) -> Any:
    return torch.jit.optimize_for_inference(traced(plain, x))


class FoldedNetwork(Operation):
    def make(self) -> Call:
        with torch.inference_mode():
            plain = network(self.arrays, self.values, False).eval()
            samples = len(self.x)
            ways = [(x, improve) for x in ([self.x, self.x[0]] if samples == 1 else [self.x])  # also as a vector
                    for improve in (as_it_is, traced, optimized)]
            self.model = fastest((type(self), samples), len(ways), lambda way: self.called(plain, *ways[way]))
        return self.compute

    @staticmethod
    def called(plain: Any, x: Array, improve: Callable[[Any, Array], Any]) -> Optional[Call]:
        """A call of the improved network, if this version of PyTorch can improve it on this CPU."""
        try:
            improved = improve(plain, x)
            improved(x)
        except Exception:
            return None
        return functools.partial(improved, x)

    def compute(self) -> None:
        self.result: Array = self.model()

    def finish(self) -> None:
        self.logits.copy_(self.result.reshape(self.logits.shape))


class TrainingStep(Operation):
    def make(self) -> Call:
        self.model = network(self.arrays, self.values, self.values['batch_norm'] == '1').train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=float(self.values['learning_rate']))
        self.loss_function = nn.CrossEntropyLoss()
        return self.compute

    def prepare(self) -> None:
        self.classes = self.labels.long()

    def compute(self) -> None:
        with torch.enable_grad():
            self.loss = self.loss_function(self.model(self.x), self.classes)
            self.optimizer.zero_grad(set_to_none=True)
            self.loss.backward()
            self.optimizer.step()

    def finish(self) -> float:
        return float(self.loss.item())


def blas() -> dict[str, str]:
    """The kernels of the BLAS.  Some builds contain MKL."""
    if torch.backends.mkl.is_available():
        return {'MKL': 'its_own_choice'}
    return blas_of(os.path.join(os.path.dirname(torch.__file__), 'lib', 'libtorch_cpu.so'), 'sgemm_').kernels()


def capability() -> str:
    """The instruction set of PyTorch's own loops."""
    found = re.search('CPU capability usage: (.*)', torch.__config__.show())
    return found.group(1).replace(' ', '_') if found else 'unknown'


class PyTorch(Package):
    version = torch.__version__
    operations = {
        'product': TorchProduct, 'elu_forward': EluForward, 'elu_backward': EluBackward,
        'batch_norm_training': BatchNormTraining, 'batch_norm_inference': BatchNormInference,
        'batch_norm_backward': BatchNormBackward, 'folded_network': FoldedNetwork, 'training_step': TrainingStep}

    def __init__(self) -> None:
        self.kernels = {'PyTorch': capability(), **blas()}
        self.how = ('Operations are calls of torch without gradients, with out= where there is one; torch.mv may compute '
                    'a single row or column. A network is the fastest of nn.Sequential, its frozen trace and '
                    'optimize_for_inference, for one sample also on a vector; a training step is forward, '
                    'CrossEntropyLoss, backward and SGD. Matrices are row-major or views of them. Kernels are %s. The '
                    'time includes the interpreter.' % ', '.join('%s of %s' % (kernels, library)
                                                                for library, kernels in self.kernels.items()))

    def array(self, kind: str, memory: mmap, count: int, offset: int) -> Array:
        return torch.frombuffer(memory, dtype=getattr(torch, kind), count=count, offset=offset)

    def mode(self, operation: Operation) -> AbstractContextManager[Any]:
        return torch.inference_mode(not isinstance(operation, TrainingStep))  # type: ignore[no-any-return]

    def speed(self) -> float:
        x, ones = torch.linspace(-3, 3, 60000).reshape(200, 300), torch.ones(300)
        y = torch.empty_like(x)
        return math.prod(map(seconds_of, (
            lambda: torch._C._nn.elu(x, out=y),
            lambda: functional.batch_norm(x, None, None, ones, ones, True, 0.1, 1e-3))))


def open_package(threads: int) -> Package:
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return PyTorch()
