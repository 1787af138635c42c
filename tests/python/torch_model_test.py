"""from_torch and to_torch, against PyTorch."""
import sys
import warnings

import lanefold
import numpy

import support

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    print('SKIPPED: no PyTorch (python3-torch of Debian)')
    sys.exit(77)

ACTIVATIONS = (nn.ReLU(), nn.LeakyReLU(0.3), nn.ELU(0.7), nn.SELU(), nn.Tanh(), nn.Sigmoid(), nn.ReLU6(), nn.Softplus(),
               nn.Hardsigmoid(), nn.SiLU(), nn.Hardswish(), nn.GELU(), nn.GELU('tanh'))


class Net(nn.Module):
    """A network as many people write it."""

    def __init__(self):
        super().__init__()
        self.fc1, self.bn, self.fc2 = nn.Linear(12, 9), nn.BatchNorm1d(9), nn.Linear(9, 4)
        self.drop, self.tail = nn.Dropout(0.3), nn.Sequential(nn.SiLU(), nn.Linear(4, 2))

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = F.leaky_relu(self.bn(self.fc1(x)), 0.2)
        return torch.log_softmax(self.tail(self.drop(self.fc2(F.dropout(x, training=self.training)))), 1)


class Skip(Net):
    def forward(self, x):
        y = self.fc1(x)
        return self.fc2(y + F.relu(y))


class Random(Net):
    def forward(self, x):
        return F.dropout(self.fc1(x), 0.5)


class Asks(Net):
    def forward(self, x):
        return self.fc1(x) if x.sum() > 0 else x


def ready(module, seed=1):
    """The module with trained statistics, for inference."""
    torch.manual_seed(seed)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm1d):
            nn.init.uniform_(each.running_mean, -1, 1)
            nn.init.uniform_(each.running_var, 0.5, 2)
            if each.weight is not None:
                nn.init.uniform_(each.weight, 0.5, 2)
                nn.init.uniform_(each.bias, -1, 1)
    return module.eval()


def modules():
    for activation in ACTIVATIONS:
        yield nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), activation, nn.Linear(8, 5))
        yield nn.Sequential(nn.Linear(12, 8), activation, nn.BatchNorm1d(8, eps=1e-3, momentum=0.03), nn.Linear(8, 5))
    yield nn.Linear(12, 3)
    shared, square = nn.ELU(), nn.Linear(12, 12)
    block = nn.Sequential(square, nn.Tanh())
    yield nn.Sequential(nn.Linear(12, 12), shared, square, shared, square, shared, nn.Linear(12, 2))
    yield nn.Sequential(block, nn.BatchNorm1d(12), block, nn.Linear(12, 3))
    yield nn.Sequential(nn.BatchNorm1d(12, affine=False), nn.Linear(12, 3, bias=False), nn.Softmax(dim=1))
    yield nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3), nn.Tanh(), nn.ReLU())
    yield nn.Sequential(nn.Sequential(nn.Linear(12, 30), nn.ELU()), nn.Sequential(nn.Linear(30, 1), nn.Sigmoid()))
    deep = [nn.Linear(12, 40)]
    for _ in range(11):
        deep += [nn.BatchNorm1d(40), nn.ELU(), nn.Linear(40, 40)]
    yield nn.Sequential(*deep)
    yield Net()


def parameters(module):
    return [(name.rsplit('.', 1)[-1], value) for name, value in module.state_dict().items()
            if not name.endswith('num_batches_tracked')]


class Torch(support.Case):
    def test_outputs_and_parameters(self):
        for i, module in enumerate(modules()):
            ready(module, i)
            x = torch.randn(33, 12)
            with torch.no_grad():
                expected = module.double()(x.double()).numpy()
            module.float()
            model = lanefold.from_torch(module)
            back = model.to_torch()
            y = model.network()(x)
            self.assertLess(numpy.abs(y - expected).max() / max(1, numpy.abs(expected).max()), 2e-6, module)
            with torch.no_grad():
                self.assertLess(numpy.abs(back(x).numpy() - expected).max(), 1e-5, module)
            affine = all(each.weight is not None for each in module.modules() if isinstance(each, nn.BatchNorm1d))
            if not affine:
                continue
            for (name, one), (other_name, other) in zip(parameters(module), parameters(back)):
                self.assertEqual(name, other_name)
                self.assertTrue(torch.equal(one, other), module)
            self.assertEqual(len(parameters(module)), len(parameters(back)))
            norms = [[(each.eps, each.momentum) for each in of.modules() if isinstance(each, nn.BatchNorm1d)]
                     for of in (module, back)]
            self.assertEqual(*norms)

    def test_a_training_goes_on(self):
        """One step of SGD, here and there, leaves nearly the same parameters: bias, eps, momentum, unbiased variance."""
        module = ready(nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ELU(), nn.Linear(8, 5))).train()
        layers = lanefold.from_torch(module).layers
        x, labels = torch.randn(40, 12), torch.randint(0, 5, (40,))
        optimizer = torch.optim.SGD(module.parameters(), 0.1)
        F.cross_entropy(module(x), labels).backward()
        optimizer.step()
        self.assertIsNotNone(layers[0].bias)
        lanefold.Trainer(layers, learning_rate=0.1).step(x, labels.int())
        for ours, theirs in ((layers[0].w.T, module[0].weight), (layers[0].batch_norm.gamma, module[1].weight),
                             (layers[0].batch_norm.running_var, module[1].running_var),
                             (layers[0].batch_norm.running_mean, module[1].running_mean), (layers[1].bias, module[3].bias)):
            self.assertLess(numpy.abs(ours - theirs.detach().numpy()).max(), 1e-6)

    def test_what_is_not_a_chain_is_refused(self):
        for module, message in (
                (nn.Sequential(nn.Linear(3, 3), nn.Mish()), 'from_torch: 1: Mish is not supported; supported are'),
                (nn.Sequential(nn.ReLU(), nn.Linear(3, 3)), 'from_torch: 0: an activation cannot be the first'),
                (nn.Sequential(nn.Linear(3, 3), nn.Softmax(1), nn.Linear(3, 3)), 'from_torch: 2: Linear follows a softmax'),
                (nn.Sequential(nn.Linear(3, 3), nn.Softplus(2)), 'from_torch: 1: Softplus has beta 2 and threshold 20'),
                (nn.Sequential(nn.Linear(3, 3), nn.Softplus(threshold=1)), 'Softplus has beta 1 and threshold 1'),
                (nn.Sequential(nn.Flatten(0), nn.Linear(3, 3)), 'Flatten has start_dim 0 and end_dim -1'),
                (nn.Sequential(nn.Linear(3, 3), nn.Softmax(0)), 'from_torch: 1: Softmax has dim 0; expected 1 or -1'),
                (nn.utils.weight_norm(nn.Linear(3, 3)), 'from_torch: module: it has a hook'),
                (Random(), 'dropout with training=True'),
                (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False)), 'no running statistics'),
                (nn.Sequential(), 'from_torch: module: it has no layers'),
                (Skip(), 'Skip.forward calls .* with another value than the one before it'),
                (Asks(), 'the calls of Asks.forward cannot be followed')):
            with self.assertRaisesRegex(ValueError, message):
                lanefold.from_torch(module)

    def test_doubles_are_rounded_and_it_is_told(self):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter('always')
            lanefold.from_torch(nn.Linear(3, 2).double())  # made of floats
            self.assertEqual(told, [])
            module = nn.Linear(3, 2).double()
            nn.init.uniform_(module.weight)
            lanefold.from_torch(module)
        self.assertIn('rounded to 32-bit floats', str(told[0].message))

    def test_a_cumulative_average_is_told(self):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter('always')
            lanefold.from_torch(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, momentum=None)))
        self.assertIn('cumulative average', str(told[0].message))


support.main()
