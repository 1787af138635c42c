"""Twenty steps of training, here and in PyTorch, from the same weights and batches: parameters within 1e-5."""
import ctypes
import sys
from ctypes import POINTER, c_float, c_int32, c_int64, c_uint32, c_void_p

import torch

WIDTHS, BATCH, STEPS, RATE, EPS, MOMENTUM = (784, 300, 100, 10), 200, 20, 0.1, 1e-3, 0.9
TRAINING, UNBIASED_RUNNING_VAR, ELU, IDENTITY = 4, 8, 3, 0


def struct(name, fields):
    """A struct of the C interface: its size, its flags, and the fields."""
    members = [("struct_size", c_uint32), ("flags", c_uint32)] + [(n, t) for t, names in fields for n in names.split()]
    return type(name, (ctypes.Structure,), {"_fields_": members})


BatchNorm = struct("lf_batch_norm", [
    (c_float, "eps momentum"), (c_void_p, "gamma beta running_mean running_var mean inv_std")])
Forward = struct("lf_dense_forward_args", [
    (c_int64, "m n k"), (c_void_p, "x"), (c_int64, "ldx"), (c_void_p, "w"), (c_int64, "ldw"), (c_void_p, "packed bias"),
    (POINTER(BatchNorm), "batch_norm"), (c_int32, "activation"), (c_float, "alpha"), (c_void_p, "z"), (c_int64, "ldz"),
    (c_void_p, "y"), (c_int64, "ldy")])
Backward = struct("lf_dense_backward_args", [
    (c_int64, "m n k"), (c_void_p, "x"), (c_int64, "ldx"), (c_void_p, "w"), (c_int64, "ldw"),
    (c_void_p, "packed"), (POINTER(BatchNorm), "batch_norm"), (c_int32, "activation"), (c_float, "alpha"),
    (c_void_p, "z"), (c_int64, "ldz"), (c_void_p, "y"), (c_int64, "ldy"), (c_void_p, "dy"), (c_int64, "lddy"),
    (c_void_p, "dw"), (c_int64, "lddw"), (c_void_p, "dbias dx"), (c_int64, "lddx"), (c_void_p, "dgamma dbeta updated_w"), (c_float, "learning_rate"),
    (c_uint32, "reserved")])
Loss = struct("lf_softmax_cross_entropy_args", [
    (c_int64, "m n"), (c_void_p, "x"), (c_int64, "ldx"), (c_void_p, "labels loss dx"), (c_int64, "lddx")])
Step = struct("lf_optimizer_step_args", [
    (c_int32, "optimizer"), (c_float, "weight_decay"), (c_int64, "n"), (c_void_p, "w g m v"),
    (c_float, "learning_rate momentum beta2 eps"), (c_int64, "step")])


class Lanefold:
    def __init__(self, library):
        self.library = ctypes.CDLL(library)
        self.library.lf_last_error.restype = ctypes.c_char_p
        self.context = c_void_p()
        self.check(self.library.lf_context_create(None, ctypes.byref(self.context)))

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.library.lf_last_error(self.context).decode())

    def call(self, name, kind, **fields):
        pointers = {k: v.data_ptr() if isinstance(v, torch.Tensor) else v for k, v in fields.items()}
        args = kind(struct_size=ctypes.sizeof(kind), **pointers)
        self.check(getattr(self.library, name)(self.context, ctypes.byref(args)))


class Layer:
    """A dense layer with batch normalization, as tensors that both sides begin from."""

    def __init__(self, k, n, activation, generator):
        self.k, self.n, self.activation = k, n, activation
        self.w = torch.randn(k, n, generator=generator) * (2 / k) ** 0.5
        self.gamma, self.running_var = torch.ones(n), torch.ones(n)
        self.beta, self.running_mean = torch.zeros(n), torch.zeros(n)
        self.mean, self.inv_std, self.dgamma, self.dbeta = (torch.zeros(n) for _ in range(4))
        self.z, self.y, self.dy = (torch.zeros(BATCH, n) for _ in range(3))
        pointers = {name: getattr(self, name).data_ptr()
                    for name in "gamma beta running_mean running_var mean inv_std".split()}
        self.norm = BatchNorm(struct_size=ctypes.sizeof(BatchNorm), flags=UNBIASED_RUNNING_VAR, eps=EPS,
                              momentum=MOMENTUM, **pointers)

    def state(self):
        return [self.w, self.gamma, self.beta, self.running_mean, self.running_var]


def step(lanefold, layers, x, labels, loss):
    inputs = [x] + [layer.y for layer in layers[:-1]]
    for layer, given in zip(layers, inputs):
        lanefold.call("lf_dense_forward", Forward, flags=TRAINING, m=BATCH, n=layer.n, k=layer.k, x=given, ldx=layer.k,
                      w=layer.w, ldw=layer.n, batch_norm=ctypes.pointer(layer.norm), activation=layer.activation, alpha=1,
                      z=layer.z, ldz=layer.n, y=layer.y, ldy=layer.n)
    last = layers[-1]
    lanefold.call("lf_softmax_cross_entropy", Loss, m=BATCH, n=last.n, x=last.y, ldx=last.n, labels=labels, loss=loss,
                  dx=last.dy, lddx=last.n)
    for i in reversed(range(len(layers))):
        layer = layers[i]
        lanefold.call("lf_dense_backward", Backward, m=BATCH, n=layer.n, k=layer.k, x=inputs[i], ldx=layer.k, w=layer.w,
                      ldw=layer.n, batch_norm=ctypes.pointer(layer.norm), activation=layer.activation, alpha=1,
                      z=layer.z, ldz=layer.n, y=layer.y, ldy=layer.n, dy=layer.dy, lddy=layer.n,
                      dx=layers[i - 1].dy if i > 0 else None, lddx=layer.k, dgamma=layer.dgamma, dbeta=layer.dbeta,
                      updated_w=layer.w, learning_rate=RATE)
    for layer in layers:
        for values, gradient in ((layer.gamma, layer.dgamma), (layer.beta, layer.dbeta)):
            lanefold.call("lf_optimizer_step", Step, n=layer.n, w=values, g=gradient, learning_rate=RATE)


def torch_twin(layers):
    modules = []
    for layer in layers:
        linear = torch.nn.Linear(layer.k, layer.n, bias=False)
        norm = torch.nn.BatchNorm1d(layer.n, eps=EPS, momentum=1 - MOMENTUM)
        with torch.no_grad():
            linear.weight.copy_(layer.w.t())
        modules += [linear, norm] + ([torch.nn.ELU()] if layer.activation == ELU else [])
    return torch.nn.Sequential(*modules)


def torch_state(twin):
    state = []
    for module in twin:
        if isinstance(module, torch.nn.Linear):
            state.append(module.weight.detach().t())
        elif isinstance(module, torch.nn.BatchNorm1d):
            state += [module.weight.detach(), module.bias.detach(), module.running_mean, module.running_var]
    return state


def main():
    lanefold = Lanefold(sys.argv[1])
    generator = torch.Generator().manual_seed(1)
    shapes = list(zip(WIDTHS, WIDTHS[1:]))
    layers = [Layer(k, n, ELU if i < len(shapes) - 1 else IDENTITY, generator) for i, (k, n) in enumerate(shapes)]
    twin = torch_twin(layers)
    before = [t.clone() for layer in layers for t in layer.state()]
    descent = torch.optim.SGD(twin.parameters(), lr=RATE)
    loss = torch.zeros(1)
    for _ in range(STEPS):
        x = torch.rand(BATCH, WIDTHS[0], generator=generator)
        labels = torch.randint(0, WIDTHS[-1], (BATCH,), generator=generator)
        step(lanefold, layers, x, labels.to(torch.int32), loss)
        descent.zero_grad()
        torch.nn.functional.cross_entropy(twin(x), labels).backward()
        descent.step()
    ours = [t for layer in layers for t in layer.state()]
    distance = max((a - b).abs().max().item() for a, b in zip(ours, torch_state(twin)))
    moved = min((a - b).abs().max().item() for a, b in zip(ours, before))
    print(f"PyTorch {torch.__version__}: after {STEPS} steps parameters and running statistics differ by at most "
          f"{distance:.2g}; each array has moved by {moved:.2g} or more")
    return 0 if distance <= 1e-5 and moved > 1e-3 else 1


sys.exit(main())
