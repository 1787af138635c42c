"""The PyTorch process of pytorch.cpp: makes operations on shared memory, calls them and times them.

Each request is a line on standard input, and each reply a line on standard output: "ok", "ok VALUE" or "error REASON".
    make ID OPERATION FILE NAME:SIZE,SIZE... NAME=VALUE...   FILE holds the arrays, each at a multiple of 64 bytes
    run ID               calls the operation once and writes its results to memory; VALUE is the loss, if there is one
    time ID ITERATIONS   calls the operation many times; VALUE is the seconds
    drop ID
"""
import mmap
import os
import sys
import threading
import time

replies = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)  # so that other output does not go to the replies
sys.path = [folder for folder in sys.path if folder]  # do not import from the current folder


def reply(*words):
    print(*' '.join(str(word) for word in words).split(), file=replies, flush=True)


# The threads of forward and of backward would disturb each other if they spun.  20000 is the default of peers.cpp.
if os.environ.get('GOMP_SPINCOUNT') == '20000':
    os.environ['GOMP_SPINCOUNT'] = '0'

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    reply('error', error)
    sys.exit(3)

RELU, ELU = 1, 3  # as in lanefold/activation.h


class Operation:
    def __init__(self, arrays, values):
        self.arrays, self.values = arrays, values
        self.__dict__.update(arrays)
        self.make()

    def make(self):
        """Makes what lives as long as the operation."""

    def prepare(self):
        """Reads the inputs once, before the timed calls."""

    def call(self):
        """Computes the results once."""

    def finish(self):
        """Copies the results to shared memory if call() leaves them elsewhere."""


class Product(Operation):
    def make(self):
        if self.values['transposed_a'] == '1':
            self.a = self.a.t()
        if self.values['transposed_b'] == '1':
            self.b = self.b.t()

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


def fastest_call(function):
    """The seconds of the fastest of 60 calls."""
    times = []
    for _ in range(60):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


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
            self.model = min(models, key=lambda model: fastest_call(lambda: model(self.x)))

    def call(self):
        self.result = self.model(self.x)

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


OPERATIONS = {
    'product': Product, 'elu_forward': EluForward, 'elu_backward': EluBackward,
    'batch_norm_training': BatchNormTraining, 'batch_norm_inference': BatchNormInference,
    'batch_norm_backward': BatchNormBackward, 'folded_network': FoldedNetwork, 'training_step': TrainingStep}


def make(operation, file, *words):
    with open(file, 'r+b') as memory:
        mapped = mmap.mmap(memory.fileno(), 0)
    arrays, values, offset = {}, {}, 0
    for word in words:
        if ':' not in word:
            name, value = word.split('=')
            values[name] = value
            continue
        name, sizes = word.split(':')
        sizes = [int(size) for size in sizes.split(',')]
        count = 1
        for size in sizes:
            count *= size
        kind = torch.int32 if name == 'labels' else torch.float32
        arrays[name] = torch.frombuffer(mapped, dtype=kind, count=count, offset=offset).view(sizes)
        offset += (4 * count + 63) // 64 * 64
    return OPERATIONS[operation](arrays, values)


def timed(operation, iterations):
    with torch.inference_mode(not isinstance(operation, TrainingStep)):
        operation.prepare()
        operation.call()
        begin = time.perf_counter()
        for _ in range(iterations):
            operation.call()
        return time.perf_counter() - begin


def wait_for_threads():
    """Waits until all other threads of this process sleep, because those of OpenMP spin for a while."""
    deadline = time.monotonic() + 2
    own = str(threading.get_native_id())
    while time.monotonic() < deadline:
        running = False
        for task in os.listdir('/proc/self/task'):
            try:
                with open(f'/proc/self/task/{task}/stat', encoding='ascii', errors='replace') as stat:
                    running |= task != own and stat.read().rpartition(') ')[2][0] == 'R'
            except OSError:  # the thread has ended
                pass
        if not running:
            return
        time.sleep(0.0005)


def serve():
    operations = {}
    for line in sys.stdin:
        verb, number, *words = line.split()
        try:
            value = ''
            if verb == 'make':
                operations[number] = make(*words)
            elif verb == 'drop':
                del operations[number]
            elif verb == 'time':
                value = repr(timed(operations[number], int(words[0])))
            elif verb == 'run':
                operation = operations[number]
                with torch.inference_mode(not isinstance(operation, TrainingStep)):
                    operation.prepare()
                    operation.call()
                    value = operation.finish()
                value = '' if value is None else repr(value)
            wait_for_threads()
            reply('ok', value)
        except Exception as error:
            reply('error', f'{type(error).__name__}: {error}')


torch.set_num_threads(int(sys.argv[1]))
torch.set_grad_enabled(False)
reply('ok', torch.__version__)
serve()
