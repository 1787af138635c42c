# The part of PyTorch.  python_child.py, which comes before it in the program, has the imports and the protocol.
import functools
import math
import re

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    missing(error)


class TorchProduct(Product):
    def make(self):
        super().make()
        ways = [functools.partial(torch.mm, self.a, self.b, out=self.c)]
        if len(self.a) == 1:
            ways.append(functools.partial(torch.mv, self.b.T, self.a[0], out=self.c[0]))
        if self.b.shape[1] == 1:
            ways.append(functools.partial(torch.mv, self.a, self.b[:, 0], out=self.c[:, 0]))
        with torch.inference_mode():
            self.call = fastest(ways)


class EluForward(Operation):
    def call(self):
        torch._C._nn.elu(self.x, out=self.y)


class EluBackward(Operation):
    def call(self):
        torch.ops.aten.elu_backward.grad_input(self.dy, 1, 1, 1, True, self.y, grad_input=self.dx)


class BatchNormTraining(Operation):
    def call(self):
        self.result = functional.batch_norm(self.x, None, None, self.gamma, self.beta, True, 0.1,
                                            float(self.values['eps']))

    def finish(self):
        self.y.copy_(self.result)


class BatchNormInference(BatchNormTraining):
    def call(self):
        self.result = functional.batch_norm(self.x, self.mean, self.variance, self.gamma, self.beta, False, 0.1,
                                            float(self.values['eps']))


class BatchNormBackward(Operation):
    def prepare(self):
        _, self.mean, self.inv_std = torch.native_batch_norm(self.x, self.gamma, self.beta, None, None, True, 0.1,
                                                             float(self.values['eps']))

    def call(self):
        self.result = torch.ops.aten.native_batch_norm_backward(
            self.dy, self.x, self.gamma, None, None, self.mean, self.inv_std, True, float(self.values['eps']),
            [True, True, True])

    def finish(self):
        for to, result in zip((self.dx, self.dgamma, self.dbeta), self.result):
            to.copy_(result)


def linear(w, bias):
    module = nn.Linear(*w.shape, bias=bias is not None)
    with torch.no_grad():
        module.weight.copy_(w.t())
        if bias is not None:
            module.bias.copy_(bias)
    return module


def network(arrays, values, batch_norm):
    """The modules of all layers in sequence."""
    modules = []
    for i in range(int(values['layers'])):
        w = arrays[f'w{i}']
        modules.append(linear(w, None if batch_norm else arrays[f'b{i}']))
        if batch_norm:
            modules.append(nn.BatchNorm1d(w.shape[1], eps=float(values['eps']), momentum=0.1))
        activation = int(values[f'activation{i}'])
        modules += [nn.ELU()] if activation == ELU else [nn.ReLU()] if activation == RELU else []
    return nn.Sequential(*modules)


class FoldedNetwork(Operation):
    def make(self):
        with torch.inference_mode():
            plain = network(self.arrays, self.values, False).eval()
            ways = []
            for x in [self.x, self.x[0]] if len(self.x) == 1 else [self.x]:  # a single sample may be a vector
                ways.append(functools.partial(plain, x))
                for improve in (lambda frozen: frozen, torch.jit.optimize_for_inference):
                    try:
                        improved = improve(torch.jit.freeze(torch.jit.trace(plain, x)))
                        improved(x)
                        ways.append(functools.partial(improved, x))
                    except Exception:  # this version of PyTorch cannot do it on this CPU
                        pass
            self.model = fastest(ways)

    def call(self):
        self.result = self.model()

    def finish(self):
        self.logits.copy_(self.result.reshape(self.logits.shape))


class TrainingStep(Operation):
    def make(self):
        self.model = network(self.arrays, self.values, self.values['batch_norm'] == '1').train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=float(self.values['learning_rate']))
        self.loss_function = nn.CrossEntropyLoss()

    def prepare(self):
        self.classes = self.labels.long()

    def call(self):
        with torch.enable_grad():
            self.loss = self.loss_function(self.model(self.x), self.classes)
            self.optimizer.zero_grad(set_to_none=True)
            self.loss.backward()
            self.optimizer.step()

    def finish(self):
        return self.loss.item()


def blas():
    """The kernels of the BLAS.  Some builds contain MKL."""
    if torch.backends.mkl.is_available():
        return {'MKL': 'its_own_choice'}
    return blas_of(os.path.join(os.path.dirname(torch.__file__), 'lib', 'libtorch_cpu.so'), 'sgemm_').kernels()


def capability():
    """The instruction set of PyTorch's own loops."""
    found = re.search('CPU capability usage: (.*)', torch.__config__.show())
    return found.group(1).replace(' ', '_') if found else 'unknown'


class Package:
    version = torch.__version__
    kernels = {'PyTorch': capability(), **blas()}
    how = ('Operations are calls of torch without gradients, with out= where there is one; torch.mv may compute a single row or column; a network is the fastest of '
           'nn.Sequential, its frozen trace and optimize_for_inference, for one sample also on a vector; a training step is forward, CrossEntropyLoss, '
           'backward and SGD. Matrices are row-major or views of them. Kernels are '
           + ', '.join(f'{name} of {library}' for library, name in kernels.items()) +
           '. The time includes the interpreter.')
    operations = {
        'product': TorchProduct, 'elu_forward': EluForward, 'elu_backward': EluBackward,
        'batch_norm_training': BatchNormTraining, 'batch_norm_inference': BatchNormInference,
        'batch_norm_backward': BatchNormBackward, 'folded_network': FoldedNetwork, 'training_step': TrainingStep}

    @staticmethod
    def speed():
        x, ones = torch.linspace(-3, 3, 60000).reshape(200, 300), torch.ones(300)
        y = torch.empty_like(x)
        calls = [lambda: torch._C._nn.elu(x, out=y),
                 lambda: functional.batch_norm(x, None, None, ones, ones, True, 0.1, 1e-3)]
        return math.prod(seconds_of(call) for call in calls)

    @staticmethod
    def array(kind, memory, count, offset):
        return torch.frombuffer(memory, dtype=getattr(torch, kind), count=count, offset=offset)

    @staticmethod
    def mode(operation):
        return torch.inference_mode(not isinstance(operation, TrainingStep))


torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)
serve(Package)
