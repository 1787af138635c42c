# The part of PyTorch.  python_child.py, which comes before it in the program, has the imports and the protocol.
import functools

# The threads of forward and of backward would disturb each other if they spun.  20000 is the default of peers.cpp.
if os.environ.get('GOMP_SPINCOUNT') == '20000':
    os.environ['GOMP_SPINCOUNT'] = '0'

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    missing(error)


class TorchProduct(Product):
    def call(self):
        torch.mm(self.a, self.b, out=self.c)


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
            models = [plain]
            for improve in (lambda frozen: frozen, torch.jit.optimize_for_inference):
                try:
                    improved = improve(torch.jit.freeze(torch.jit.trace(plain, self.x)))
                    improved(self.x)
                    models.append(improved)
                except Exception:  # this version of PyTorch cannot do it on this CPU
                    pass
            self.model = fastest([functools.partial(model, self.x) for model in models])

    def call(self):
        self.result = self.model()

    def finish(self):
        self.logits.copy_(self.result)


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


class Package:
    version = torch.__version__
    operations = {
        'product': TorchProduct, 'elu_forward': EluForward, 'elu_backward': EluBackward,
        'batch_norm_training': BatchNormTraining, 'batch_norm_inference': BatchNormInference,
        'batch_norm_backward': BatchNormBackward, 'folded_network': FoldedNetwork, 'training_step': TrainingStep}

    @staticmethod
    def array(kind, memory, count, offset):
        return torch.frombuffer(memory, dtype=getattr(torch, kind), count=count, offset=offset)

    @staticmethod
    def mode(operation):
        return torch.inference_mode(not isinstance(operation, TrainingStep))


torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)
serve(Package)
