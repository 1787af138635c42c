"""Writes ONNX files of many architectures into a folder, each with rows x and outputs y.  NumPy computes y in double
precision.  NAME.x and NAME.y hold little-endian doubles.  The weights are random, but the same in each run.

python3 make_onnx.py FOLDER [--small]
"""

import argparse
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = Any  # numpy.ndarray; Debian's NumPy has no types for its values
ROWS = 5


def erf(x: Array) -> Array:
    """The error function; NumPy has none."""
    import math

    return np.vectorize(math.erf)(x)


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x))"""
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    """Of each row."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Case:
    """A graph, and the value of its last node for all rows."""

    def __init__(self, name: str, shape: Sequence[int], opset: int = 13, rows: int | None = None,
                 element: int = TensorProto.FLOAT) -> None:
        self.name, self.opset = name, opset
        self.random = np.random.default_rng(hash_of(name))
        self.rows, self.shape, self.element = rows, list(shape), element
        count = rows or ROWS
        x = self.random.normal(size=(count, *shape))
        self.x = np.rint(x * 4) if element == TensorProto.INT64 else x.astype(np.float32).astype(np.float64)
        self.y = self.x
        self.value = "x"
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.outputs = ["y"]
        self.domains = {"": opset}
        self.metadata: dict[str, str] = {}

    def constant(self, value: Array, element: Any = np.float32) -> str:
        """The name of an initializer."""
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, element), name))
        return name

    def node(self, operation: str, *inputs: str, y: Array = None, domain: str = "", **attributes: Any) -> str:
        """Adds a node.  Unless y is None, its output becomes the value of the case."""
        name = f"v{len(self.nodes)}"
        label = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], name=label, domain=domain, **attributes))
        if domain:
            self.domains[domain] = 1
        if y is not None:
            self.value, self.y = name, y
        return name

    def numbers(self, *shape: int, scale: float = 1.0, shift: float = 0.0) -> Array:
        """Random floats as doubles."""
        return (self.random.normal(size=shape) * scale + shift).astype(np.float32).astype(np.float64)

    def width(self) -> int:
        """The columns of the value."""
        return int(self.y.shape[1])

    def gemm(self, n: int, transposed: bool = True, bias: bool = True, **attributes: Any) -> "Case":
        """A dense layer as PyTorch exports it."""
        k = self.width()
        w, b = self.numbers(k, n, scale=k ** -0.5), self.numbers(n)
        alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
        y = alpha * (self.y @ w) + (beta * b if bias else 0)
        inputs = [self.value, self.constant(w.T if transposed else w)] + ([self.constant(b)] if bias else [])
        self.node("Gemm", *inputs, y=y, transB=int(transposed), **attributes)
        return self

    def matmul(self, n: int, bias: bool = True, transposed: bool = False, leading_one: bool = False) -> "Case":
        """A dense layer as scikit-learn's converter and TensorFlow's write it."""
        k = self.width()
        w, b = self.numbers(k, n, scale=k ** -0.5), self.numbers(n)
        name = self.node("Transpose", self.constant(w.T), perm=[1, 0]) if transposed else self.constant(w)
        self.node("MatMul", self.value, name, y=self.y @ w)
        if bias:
            self.node("Add", self.value, self.constant(b[None] if leading_one else b), y=self.y + b)
        return self

    def batch_norm(self, **attributes: Any) -> "Case":
        """With statistics of its own."""
        n = self.width()
        gamma, beta, mean = self.numbers(n, shift=1, scale=0.2), self.numbers(n), self.numbers(n)
        var = np.abs(self.numbers(n)) + 0.5
        var = var.astype(np.float32).astype(np.float64)
        eps = float(np.float32(attributes.get("epsilon", 1e-5)))
        y = gamma * (self.y - mean) / np.sqrt(var + eps) + beta
        self.node("BatchNormalization", self.value, *map(self.constant, (gamma, beta, mean, var)), y=y, **attributes)
        return self

    def apply(self, operation: str, function: Callable[[Array], Array], *inputs: str, **attributes: Any) -> "Case":
        """A node that is a function of the value."""
        self.node(operation, self.value, *inputs, y=function(self.y), **attributes)
        return self

    def with_constant(self, operation: str, value: Array, constant_first: bool = False) -> "Case":
        """Add, Sub, Mul or Div, with a constant."""
        value = np.asarray(value, np.float32).astype(np.float64)
        functions: dict[str, Callable[[Array, Array], Array]] = {
            "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
        name, function = self.constant(value), functions[operation]
        if constant_first:
            self.node(operation, name, self.value, y=function(value, self.y))
        else:
            self.node(operation, self.value, name, y=function(self.y, value))
        return self

    def gelu(self, form: str = "erf") -> "Case":
        """The pattern of nodes that PyTorch writes for GELU."""
        x, value = self.y, self.value
        if form == "erf":
            inner = self.node("Erf", self.node("Div", value, self.constant(np.sqrt(2))))
            y = x / 2 * (1 + erf(x / np.sqrt(2)))
        else:
            cube = self.node("Pow", value, self.constant(3))
            total = self.node("Add", value, self.node("Mul", self.constant(0.044715), cube))
            inner = self.node("Tanh", self.node("Mul", self.constant(np.sqrt(2 / np.pi)), total))
            y = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
        product = self.node("Mul", value, self.node("Add", inner, self.constant(1)))
        self.node("Mul", product, self.constant(0.5), y=y)
        return self

    def silu(self) -> "Case":
        """x * sigmoid(x)"""
        gate = self.node("Sigmoid", self.value)
        self.node("Mul", self.value, gate, y=self.y * logistic(self.y))
        return self

    def save(self, folder: pathlib.Path, external: bool = False) -> None:
        """Writes the graph, the rows and the outputs."""
        if self.value == "x":
            self.apply("Identity", lambda x: x)
        for node in self.nodes:
            node.output[:] = ["y" if name == self.value else name for name in node.output]
            node.input[:] = ["y" if name == self.value else name for name in node.input]
        inputs = [helper.make_tensor_value_info("x", self.element, [self.rows or "N", *self.shape])]
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs]
        graph = helper.make_graph(self.nodes, self.name, inputs, infos, self.initializers)
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.domains.items()]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="make_onnx.py", ir_version=7)
        helper.set_model_props(model, self.metadata)
        path = str(folder / f"{self.name}.onnx")
        if external:
            onnx.save_model(model, path, save_as_external_data=True, all_tensors_to_one_file=True, size_threshold=0,
                            location=f"{self.name}.data", convert_attribute=False)
        else:
            onnx.save_model(model, path)
        self.x.astype("<f8").tofile(folder / f"{self.name}.x")
        self.y.astype("<f8").tofile(folder / f"{self.name}.y")


def hash_of(text: str) -> int:
    """The same in each process, unlike hash()."""
    result = 0
    for character in text:
        result = (result * 31 + ord(character)) % (1 << 31)
    return result


def activation_cases() -> list[Case]:
    """A network for each activation."""
    functions: dict[str, tuple[str, int, dict[str, float], Callable[[Array], Array]]] = {
        "relu": ("Relu", 13, {}, lambda x: np.maximum(x, 0)),
        "leaky_relu": ("LeakyRelu", 7, {"alpha": 0.125}, lambda x: np.where(x > 0, x, 0.125 * x)),
        "elu": ("Elu", 7, {"alpha": 0.75}, lambda x: np.where(x > 0, x, 0.75 * np.expm1(x))),
        "celu": ("Celu", 12, {"alpha": 2.0}, lambda x: np.where(x > 0, x, 2 * np.expm1(x / 2))),
        "selu": ("Selu", 10, {}, lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
        "tanh": ("Tanh", 13, {}, np.tanh),
        "sigmoid": ("Sigmoid", 8, {}, logistic),
        "softplus": ("Softplus", 13, {}, lambda x: np.log1p(np.exp(x))),
        "hard_sigmoid": ("HardSigmoid", 13, {}, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
        "hard_swish": ("HardSwish", 14, {}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        "gelu_node": ("Gelu", 20, {}, lambda x: x / 2 * (1 + erf(x / np.sqrt(2)))),
    }
    cases = []
    for name, (operation, opset, attributes, function) in functions.items():
        case = Case(name, [9], opset).gemm(17).apply(operation, function, **attributes).gemm(4)
        cases.append(case.apply(operation, function, **attributes))
    for form in ("erf", "tanh"):
        cases.append(Case("gelu_" + form, [9]).matmul(17).gelu(form).gemm(4).gelu(form).gemm(3))
    cases.append(Case("silu", [9]).gemm(17).silu().gemm(4).silu())
    relu6 = Case("relu6", [9], 11).gemm(17)
    relu6.apply("Clip", lambda x: np.clip(x, 0, 6), relu6.constant(0), relu6.constant(6))
    cases.append(relu6.gemm(4))
    old = Case("relu6_of_opset_7", [9], 7).gemm(17)
    cases.append(old.apply("Clip", lambda x: np.clip(x, 0, 6), min=0.0, max=6.0).gemm(4))
    return cases


def normalization_cases() -> list[Case]:
    """Batch normalization in every place, and normalized inputs."""
    def relu(x: Array) -> Array:
        return np.maximum(x, 0)

    after = Case("bn_after_activation", [7]).gemm(12).apply("Relu", relu).batch_norm().gemm(3)
    before = Case("bn_before_activation", [7]).gemm(12).batch_norm(epsilon=1e-3).apply("Relu", relu).gemm(3)
    first = Case("bn_first", [7]).batch_norm().gemm(12).apply("Relu", relu).gemm(3)
    twice = Case("bn_twice", [7], 15).gemm(12).batch_norm().batch_norm(momentum=0.5).apply("Relu", relu).gemm(3)
    last = Case("bn_last", [7], 9).matmul(12, bias=False).batch_norm()
    scaled = Case("scaled_input", [7]).with_constant("Sub", np.arange(7)).with_constant("Div", np.arange(1, 8)).gemm(4)
    image = Case("scaled_image", [1, 4, 4]).with_constant("Mul", 1 / 255).with_constant("Sub", [[[0.13]]])
    image.with_constant("Div", [0.31])
    image.node("Flatten", image.value, y=image.y.reshape(ROWS, -1))
    image.gemm(6)
    reversed_ = Case("constant_minus_rows", [7]).with_constant("Sub", 1.0, constant_first=True).gemm(4)
    reversed_.with_constant("Mul", np.arange(1, 5), constant_first=True).apply("Tanh", np.tanh)
    scaler = Case("scaler", [7], element=TensorProto.INT64)
    offset, scale = scaler.numbers(7), scaler.numbers(7)
    scaler.node("Scaler", "x", y=(scaler.y - offset) * scale, domain="ai.onnx.ml", offset=offset.tolist(),
                scale=scale.tolist())
    return [after, before, first, twice, last, scaled, image.apply("Relu", relu).gemm(2), reversed_, scaler.gemm(4)]


def shape_cases() -> list[Case]:
    """Depths, widths, and numbers of rows."""
    def relu(x: Array) -> Array:
        return np.maximum(x, 0)

    cases = [Case("depth_0", [5]), Case("depth_0_softmax", [5]).apply("Softmax", softmax)]
    deep = Case("depth_12", [6])
    for i in range(12):
        deep.gemm(5 + i % 3).apply("Elu", lambda x: np.where(x > 0, x, np.expm1(x)), alpha=1.0)
    cases += [deep, Case("width_1", [1]).gemm(1).apply("Tanh", np.tanh).gemm(1)]
    cases.append(Case("width_4096", [31]).gemm(4096).apply("Relu", relu).matmul(3))
    cases.append(Case("fixed_batch", [8], rows=1).gemm(5).apply("Relu", relu).gemm(2))
    fixed = Case("fixed_batch_reshape", [2, 4], rows=3)
    fixed.node("Reshape", "x", fixed.constant([3, 8], np.int64), y=fixed.y.reshape(3, 8))
    cases.append(fixed.matmul(5, transposed=True).apply("Relu", relu))
    dynamic = Case("dynamic_flatten", [1, 3, 4])
    count = dynamic.node("Gather", dynamic.node("Shape", "x"), dynamic.constant(0, np.int64), axis=0)
    count = dynamic.node("Unsqueeze", count, dynamic.constant([0], np.int64))
    target = dynamic.node("Concat", count, dynamic.constant([-1], np.int64), axis=0)
    dynamic.node("Reshape", "x", target, y=dynamic.y.reshape(ROWS, 12))
    cases.append(dynamic.gemm(5).apply("Relu", relu))
    scaled = Case("gemm_factors", [6]).gemm(5, transposed=False, alpha=0.5, beta=2.0)
    cases.append(scaled.apply("Dropout", lambda x: x).gemm(3, bias=False))
    double = Case("cast_double", [6], element=TensorProto.DOUBLE).apply("Cast", lambda x: x, to=TensorProto.FLOAT)
    cases.append(double.matmul(4, leading_one=True).apply("LogSoftmax", lambda x: np.log(softmax(x)), axis=-1))
    half = Case("half_weights", [6])
    w = half.numbers(6, 4).astype(np.float16).astype(np.float64)
    name = half.node("Cast", half.constant(w, np.float16), to=TensorProto.FLOAT)
    half.node("MatMul", "x", name, y=half.y @ w)
    return cases + [half] + axis_cases()


def axis_cases() -> list[Case]:
    """Rows with several axes, which become features in their order."""
    image = Case("bn_of_image", [3, 2, 2])
    gamma, beta, mean, var = (image.numbers(3, shift=shift) for shift in (1, 0, 0, 9))
    per_channel = [value.reshape(3, 1, 1) for value in (gamma, beta, mean, var)]
    y = per_channel[0] * (image.y - per_channel[2]) / np.sqrt(per_channel[3] + 1e-5) + per_channel[1]
    image.node("BatchNormalization", "x", *map(image.constant, (gamma, beta, mean, var)), y=y)
    image.node("Flatten", image.value, y=y.reshape(ROWS, -1))
    column = Case("squeezed", [1, 6, 1])
    column.node("Squeeze", "x", column.constant([1, -1], np.int64), y=column.y.reshape(ROWS, 6))
    column.gemm(4)
    column.node("Unsqueeze", column.value, column.constant([1], np.int64), y=column.y.reshape(ROWS, 1, 4))
    w = column.numbers(4, 3)
    column.node("MatMul", column.value, column.constant(w), y=column.y @ w)
    column.node("Reshape", column.value, column.constant([0, 3], np.int64), y=column.y.reshape(ROWS, 3))
    moved = Case("moved_channel", [6, 1])
    moved.node("Transpose", "x", y=moved.y.reshape(ROWS, 1, 6), perm=[0, 2, 1])
    shape = moved.node("Shape", moved.value)
    rows = moved.node("Slice", shape, *(moved.constant([i], np.int64) for i in (0, 1)))
    target = moved.node("Concat", rows, moved.constant([6], np.int64), axis=0)
    moved.node("Reshape", moved.value, target, y=moved.y.reshape(ROWS, 6))
    vector = Case("vector_of_weights", [6])
    w = vector.numbers(6)
    vector.node("MatMul", "x", vector.constant(w), y=vector.y @ w)
    vector.with_constant("Add", [0.5])
    vector.node("Unsqueeze", vector.value, vector.constant([1], np.int64), y=vector.y.reshape(ROWS, 1))
    return [image.gemm(2), column, moved.gemm(3), vector.apply("Sigmoid", logistic)]


def scikit_case(name: str, classes: list[str] | list[int], end: str) -> Case:
    """The graph that scikit-learn's converter makes of an MLPClassifier."""
    case = Case(name, [6], 15)
    case.apply("Cast", lambda x: x, to=TensorProto.FLOAT)
    case.matmul(8, leading_one=True).apply("Tanh", np.tanh)
    case.matmul(1 if len(classes) == 2 else len(classes), leading_one=True)
    if len(classes) == 2:
        case.apply("Sigmoid", logistic)
        negative = case.node("Sub", case.constant(1), case.value)
        probabilities = case.node("Concat", negative, case.value, axis=1)
    else:
        case.apply("Softmax", softmax)
        probabilities = case.node("Identity", case.value)
    chosen = case.node("ArgMax", probabilities, axis=1)
    if isinstance(classes[0], str):
        case.initializers.append(helper.make_tensor("classes", TensorProto.STRING, [len(classes)],
                                                    [str(name).encode() for name in classes]))
    else:
        case.initializers.append(helper.make_tensor("classes", TensorProto.INT32, [len(classes)], classes))
    label = case.node("ArrayFeatureExtractor", "classes", chosen, domain="ai.onnx.ml")
    label = case.node("Reshape", label, case.constant([-1], np.int64))
    if not isinstance(classes[0], str):
        label = case.node("Cast", label, to=TensorProto.INT64)
    if end == "zipmap":
        key = "classlabels_strings" if isinstance(classes[0], str) else "classlabels_int64s"
        probabilities = case.node("ZipMap", probabilities, domain="ai.onnx.ml", **{key: classes})
    case.outputs = [label, probabilities]
    if end == "columns":
        columns = []
        for i in range(len(classes)):
            bounds = [case.constant([number], np.int64) for number in (i, i + 1, 1)]
            column = case.node("Slice", probabilities, *bounds)
            columns.append(case.node("Reshape", column, case.constant([-1], np.int64)))
        case.outputs = [label, *columns]
    case.value = "none"  # Both outputs keep their names.
    return case


def ending_cases() -> list[Case]:
    """scikit-learn's labels, and other ends."""
    classes: dict[str, list[str] | list[int]] = {
        "2_text": ["no", "yes"], "2_integer": [3, 7], "3_text": ["a", "b", "c"], "3_integer": [0, 1, 2]}
    cases = [scikit_case(f"scikit_{name}_{end}", names, end)
             for name, names in classes.items() for end in ("zipmap", "tensor", "columns")]
    regressor = Case("scikit_regressor", [6], 15).matmul(8, leading_one=True).apply("Relu", lambda x: np.maximum(x, 0))
    regressor.matmul(1, leading_one=True).apply("Identity", lambda x: x)
    regressor.node("Reshape", regressor.value, regressor.constant([-1, 1], np.int64), y=regressor.y)
    old = Case("softmax_of_opset_7", [6], 7).gemm(4).apply("Softmax", softmax)
    return cases + [regressor, old]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--small", action="store_true", help="leave out what has more than 20 kB, to seed a fuzzer")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for case in activation_cases() + normalization_cases() + shape_cases() + ending_cases():
        if not arguments.small or "4096" not in case.name:
            case.save(arguments.folder)
    external = Case("external_data", [6]).gemm(5).apply("Relu", lambda x: np.maximum(x, 0)).matmul(3)
    if not arguments.small:
        external.save(arguments.folder, external=True)


if __name__ == "__main__":
    main()
