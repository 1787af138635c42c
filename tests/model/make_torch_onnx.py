"""Exports PyTorch modules to ONNX files in a folder, each with rows x and outputs y.  The module computes y in double
precision.  NAME.x and NAME.y hold little-endian doubles.

python3 make_torch_onnx.py FOLDER
"""

import argparse
import copy
import pathlib
import warnings

import torch
from torch import nn

ROWS = 6


class TanhGelu(nn.Module):
    """Many networks spell the approximation of GELU in this way."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * torch.pow(x, 3.0))))


class ByShape(nn.Module):
    """Flattens by the size of the batch, as old code does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.size(0), -1)


class Scaled(nn.Module):
    """Normalizes its input with buffers."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.randn(features))
        self.register_buffer("std", torch.rand(features) + 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


ACTIVATIONS: dict[str, nn.Module] = {
    "elu": nn.ELU(), "relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.1), "selu": nn.SELU(), "celu": nn.CELU(1.5),
    "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "softplus": nn.Softplus(), "softplus_2": nn.Softplus(beta=2),
    "gelu": nn.GELU(), "gelu_tanh": nn.GELU(approximate="tanh"), "own_gelu_tanh": TanhGelu(), "silu": nn.SiLU(),
    "hard_sigmoid": nn.Hardsigmoid(), "hard_swish": nn.Hardswish(), "relu6": nn.ReLU6(), "hard_tanh": nn.Hardtanh(),
    "prelu": nn.PReLU(), "identity": nn.Identity(),
}


def modules() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """By name: a module and the shape of a row."""
    result: dict[str, tuple[nn.Module, tuple[int, ...]]] = {}
    for name, activation in ACTIVATIONS.items():
        norm = nn.BatchNorm1d(11)
        result[name] = nn.Sequential(nn.Linear(7, 11), norm, activation, nn.Linear(11, 3), activation), (7,)
    result["flatten"] = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Softmax(dim=1)), (1, 3, 4)
    result["by_shape"] = nn.Sequential(ByShape(), nn.Linear(12, 5), nn.ReLU(), nn.LogSoftmax(dim=-1)), (3, 4)
    result["after"] = nn.Sequential(nn.Linear(7, 9, bias=False), nn.ReLU(), nn.BatchNorm1d(9), nn.Linear(9, 2)), (7,)
    result["first"] = nn.Sequential(nn.BatchNorm1d(7), nn.BatchNorm1d(7), nn.Linear(7, 2), nn.Dropout()), (7,)
    result["plain"] = nn.Sequential(nn.BatchNorm1d(7, affine=False), nn.Linear(7, 2), nn.Sigmoid()), (7,)
    scaled = nn.Sequential(Scaled(7), nn.Linear(7, 4), nn.GELU(), nn.GELU(), nn.Linear(4, 1), nn.Sigmoid())
    result["scaled"] = scaled, (7,)
    result["unbatched_bias"] = nn.Sequential(nn.Linear(7, 1, bias=False), nn.Tanh(), nn.SiLU()), (7,)
    return result


def export(name: str, module: nn.Module, shape: tuple[int, ...], opset: int, dynamic: bool,
           folder: pathlib.Path) -> None:
    """Writes the file, the rows and the outputs."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm1d):
            child.running_mean = torch.randn(child.num_features)
            child.running_var = torch.rand(child.num_features) + 0.5
            if child.affine:
                nn.init.normal_(child.weight)
                nn.init.normal_(child.bias)
    module.eval()
    x = torch.randn(ROWS, *shape)
    torch.onnx.export(module, x, str(folder / f"{name}.onnx"), opset_version=opset, input_names=["x"],
                      output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}} if dynamic else None)
    y = copy.deepcopy(module).double()(x.double())
    x.double().numpy().astype("<f8").tofile(folder / f"{name}.x")
    y.detach().numpy().astype("<f8").tofile(folder / f"{name}.y")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    for name, (module, shape) in modules().items():
        for opset, dynamic in [(9, True), (13, False), (16, True)]:
            if opset == 9 and name in ("celu", "hard_swish"):
                continue
            export(f"torch_{name}_{opset}", module, shape, opset, dynamic, folder)


if __name__ == "__main__":
    main()
