"""PyTorch's tensors, and its results as a reference."""
import sys

import lanefold
import numpy

import support

try:
    import torch
except ImportError:
    print('SKIPPED: no PyTorch (python3-torch of Debian)')
    sys.exit(77)


class Torch(support.Case):
    def test_tensors_are_read_and_written_in_place(self):
        x, w = torch.randn(5, 4), torch.randn(4, 3)
        bound = 8 * support.EPS * (abs(x.double()) @ abs(w.double())).numpy()
        self.assert_within(lanefold.sgemm(x, w), (x.double() @ w.double()).numpy(), bound)
        self.assert_same_bits(lanefold.sgemm(x.T.contiguous().T, w), lanefold.sgemm(x, w))
        out = torch.zeros(5, 3)
        lanefold.sgemm(x, w, out=out)
        self.assert_same_bits(out.numpy(), lanefold.sgemm(x, w))
        self.assert_same_bits(torch.from_numpy(lanefold.sgemm(x, w)).numpy(), out.numpy())

    def test_a_tensor_that_needs_a_gradient_is_refused(self):
        with self.assertRaisesRegex(ValueError, 'sgemm: a does not give its memory: .*require'):
            lanefold.sgemm(torch.zeros(2, 2, requires_grad=True), torch.zeros(2, 2))

    def test_a_layer(self):
        layer = torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.ELU())
        x = torch.randn(50, 40)
        weight, bias = layer[0].weight.detach(), layer[0].bias.detach()
        got = lanefold.dense_infer(x, lanefold.pack_weights(weight.T), bias=bias, activation='elu')
        size = (abs(x) @ abs(weight.T) + abs(bias)).numpy()
        self.assert_within(got, layer(x).detach().numpy().astype(numpy.float64), 2 * 45 * support.EPS * size)

    def test_a_training_step(self):
        """The loss and all gradients of a normalized layer."""
        torch.manual_seed(1)
        linear, norm = torch.nn.Linear(20, 10, bias=False), torch.nn.BatchNorm1d(10, eps=1e-3, momentum=0.1)
        x, labels = torch.randn(64, 20), torch.randint(0, 10, (64,))
        ours = lanefold.BatchNorm(10, unbiased_running_var=True)
        w = linear.weight.detach().T.contiguous()
        z = numpy.empty((64, 10), numpy.float32)
        y = lanefold.dense_forward(x, w, batch_norm=ours, activation='elu', training=True, z=z)
        dy = numpy.empty_like(y)
        loss = lanefold.softmax_cross_entropy(y, labels.int(), dx=dy)
        got = lanefold.dense_backward(x, w, dy, y=y, z=z, batch_norm=ours, activation='elu')
        theirs = torch.nn.functional.cross_entropy(torch.nn.functional.elu(norm(linear(x))), labels)
        theirs.backward()
        self.assertLess(abs(loss - theirs.item()), 1e-5)
        for mine, other in ((got.dw.T, linear.weight.grad), (got.dgamma, norm.weight.grad), (got.dbeta, norm.bias.grad),
                            (ours.running_mean, norm.running_mean), (ours.running_var, norm.running_var)):
            self.assert_within(mine, other.numpy().astype(numpy.float64), 1e-5)

    def test_losses(self):
        x = torch.from_numpy(3 * support.arrays(5)(60, 9))
        targets, weights = torch.from_numpy(support.arrays(6)(60, 9)).abs(), torch.from_numpy(support.arrays(7)(60, 1)).abs()
        losses = {'squared': torch.nn.MSELoss(), 'absolute': torch.nn.L1Loss(), 'huber': torch.nn.HuberLoss(delta=0.7),
                  'logistic': torch.nn.BCEWithLogitsLoss()}
        for function, theirs in losses.items():
            for w in (None, weights):
                theirs.reduction = 'mean' if w is None else 'none'
                given = x.clone().requires_grad_()
                expected = theirs(given, targets) if w is None else (theirs(given, targets) * w).mean()
                expected.backward()
                dx = numpy.empty((60, 9), numpy.float32)
                loss = lanefold.elementwise_loss(x, targets, function=function, delta=0.7, dx=dx,
                                                 weights=None if w is None else w[:, 0].contiguous())
                self.assertLess(abs(loss - expected.item()), 1e-5, function)
                self.assert_within(dx, given.grad.numpy().astype(numpy.float64), 1e-8)
        labels = torch.arange(60) % 9
        given = x.clone().requires_grad_()
        expected = (torch.nn.CrossEntropyLoss(reduction='none')(given, labels) * weights[:, 0]).mean()
        expected.backward()
        dx = numpy.empty((60, 9), numpy.float32)
        loss = lanefold.softmax_cross_entropy(x, labels.int(), weights=weights[:, 0].contiguous(), dx=dx)
        self.assertLess(abs(loss - expected.item()), 1e-5)
        self.assert_within(dx, given.grad.numpy().astype(numpy.float64), 1e-8)


support.main()
