"""Writes ONNX files of random chains of layers, activations and constants, each with rows x and outputs y.  NumPy
computes y in double precision.  The reader must take each of them.  NAME.x and NAME.y hold little-endian doubles.

python3 make_random_onnx.py FOLDER [--count COUNT] [--seed SEED]
"""

import argparse
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from make_onnx import Case, logistic


def single(value: float) -> float:
    """Rounded to a 32-bit float."""
    return float(np.float32(value))


def elu(x: Any, alpha: float) -> Any:
    """alpha * (exp(x) - 1) below 0"""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def hard_swish(x: Any) -> Any:
    """x * clip(x / 6 + 1/2)"""
    return x * np.clip(x / 6 + 0.5, 0, 1)


def add_constant(case: Case, random: Any) -> None:
    """A number, or one for each feature."""
    value = case.numbers(case.width()) if random.random() < 0.5 else np.float32(random.normal())
    operation = str(random.choice(["Add", "Sub", "Mul", "Div"]))
    if operation == "Div":
        value = np.abs(value) + 0.5
    case.with_constant(operation, value, operation != "Div" and bool(random.integers(2)))


def add_clip(case: Case, random: Any) -> None:
    """Bounds on both sides, or on one."""
    low, high = sorted(map(single, random.normal(size=2) * 2))
    if random.random() < 0.3:
        low, high = 0.0, 6.0
    kind = random.integers(3)
    if kind == 0:
        case.apply("Clip", lambda x: np.clip(x, low, high), case.constant(low), case.constant(high))
    elif kind == 1:
        case.apply("Clip", lambda x: np.maximum(x, low), case.constant(low))
    else:
        case.apply("Min", lambda x: np.minimum(x, high), case.constant(high))


def add_hard_swish(case: Case, random: Any) -> None:
    """As one node, or as the nodes that older exporters write."""
    x, y = case.value, hard_swish(case.y)
    kind = random.integers(3)
    if kind == 0:
        case.node("HardSwish", x, y=y)
        return
    gate = case.node("Clip", case.node("Add", x, case.constant(3)), case.constant(0), case.constant(6))
    if kind == 1:
        case.node("Div", case.node("Mul", x, gate), case.constant(6), y=y)
    else:
        case.node("Mul", x, case.node("Mul", gate, case.constant(1 / 6)), y=y)


def add_quick_gelu(case: Case, random: Any) -> None:
    """x * sigmoid(1.702 x)"""
    gate = case.node("Sigmoid", case.node("Mul", case.value, case.constant(1.702)))
    case.node("Mul", case.value, gate, y=case.y * logistic(single(1.702) * case.y))


def add_function(case: Case, random: Any) -> None:
    """A node that is an activation."""
    alpha, beta = single(random.random() + 0.05), single(random.random())
    functions: list[tuple[str, Callable[[Any], Any], dict[str, float]]] = [
        ("Relu", lambda x: np.maximum(x, 0), {}),
        ("Tanh", np.tanh, {}),
        ("Sigmoid", logistic, {}),
        ("Softplus", lambda x: np.logaddexp(0, x), {}),
        ("Elu", lambda x: elu(x, alpha), {"alpha": alpha}),
        ("Celu", lambda x: alpha * elu(x / alpha, 1), {"alpha": alpha}),
        ("Selu", lambda x: 1.0507009873554805 * np.where(x > 0, x, elu(x, 1.6732632423543772)), {}),
        ("LeakyRelu", lambda x: np.where(x > 0, x, alpha * x), {"alpha": alpha}),
        ("HardSigmoid", lambda x: np.clip(alpha * x + beta, 0, 1), {"alpha": alpha, "beta": beta}),
        ("Neg", lambda x: -x, {}),
    ]
    operation, function, attributes = functions[random.integers(len(functions))]
    case.apply(operation, function, **attributes)


def add_layer(case: Case, random: Any) -> None:
    """A product."""
    n, flags = int(random.integers(1, 6)), [bool(flag) for flag in random.integers(2, size=3)]
    if random.random() < 0.5:
        case.gemm(n, flags[0], flags[1])
    else:
        case.matmul(n, flags[0], flags[1], flags[2])


STEPS: list[Callable[[Case, Any], Any]] = [
    add_layer, add_layer, add_constant, add_constant, add_clip, add_hard_swish, add_quick_gelu, add_function,
    add_function,
    lambda case, random: case.batch_norm(epsilon=1e-3),
    lambda case, random: case.gelu("erf"),
    lambda case, random: case.gelu("tanh"),
    lambda case, random: case.silu(),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for i in range(arguments.count):
        random = np.random.default_rng([arguments.seed, i])
        case = Case(f"random_{arguments.seed}_{i}", [int(random.integers(1, 6))], 15)
        for _ in range(int(random.integers(1, 9))):
            STEPS[random.integers(len(STEPS))](case, random)
        if np.max(np.abs(case.y)) < 1e4:  # Larger values say nothing about an absolute error.
            case.save(arguments.folder)


if __name__ == "__main__":
    main()
