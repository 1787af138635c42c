"""Trains networks of scikit-learn, and writes them as its ONNX converter does, each with rows x and outputs y.  NAME.x
and NAME.y hold little-endian doubles.  For two classes, y is the probability of the second one.

python3 make_scikit_onnx.py FOLDER
"""

import argparse
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from make_onnx import ROWS, Case, logistic, softmax
from onnx import TensorProto, helper
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

FEATURES = 6
ACTIVATIONS = {"identity": "Identity", "logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "softmax": "Softmax"}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x, "logistic": logistic, "tanh": np.tanh, "relu": lambda x: np.maximum(x, 0),
    "softmax": softmax}


def add_network(case: Case, network: Any) -> None:
    """The products, biases and activations."""
    count = network.n_layers_ - 1
    for i, (w, b) in enumerate(zip(network.coefs_, network.intercepts_)):
        name = network.out_activation_ if i == count - 1 else network.activation
        case.node("MatMul", case.value, case.constant(w), y=case.y @ w)
        case.node("Add", case.value, case.constant(b.reshape(1, -1)), y=case.y + b)
        case.apply(ACTIVATIONS[name], FUNCTIONS[name])


def add_scaler(case: Case, scaler: Any) -> None:
    """StandardScaler as Scaler of ai.onnx.ml."""
    case.node("Scaler", case.value, y=(case.y - scaler.mean_) / scaler.scale_, domain="ai.onnx.ml",
              offset=scaler.mean_.tolist(), scale=(1 / scaler.scale_).tolist())


def add_labels(case: Case, classes: Any) -> None:
    """Two outputs: the label, and a dictionary of probabilities."""
    if len(classes) == 2:
        probabilities = case.node("Concat", case.node("Sub", case.constant(1), case.value), case.value, axis=1)
    else:
        probabilities = case.node("Identity", case.value)
    chosen = case.node("ArgMax", probabilities, axis=1)
    texts = [str(name) for name in classes]
    case.initializers.append(helper.make_tensor("classes", TensorProto.STRING, [len(texts)],
                                                [text.encode() for text in texts]))
    label = case.node("ArrayFeatureExtractor", "classes", chosen, domain="ai.onnx.ml")
    label = case.node("Reshape", label, case.constant([-1], np.int64))
    zipmap = case.node("ZipMap", probabilities, domain="ai.onnx.ml", classlabels_strings=texts)
    case.outputs, case.value = [label, zipmap], "none"


def make_case(name: str, network: Any, labels: Any) -> Case:
    """A trained pipeline."""
    case = Case(name, [FEATURES], 15)
    data = case.random.normal(size=(200, FEATURES)) * 3 + 2
    scaler = StandardScaler().fit(data)
    network.fit(scaler.transform(data), labels(data))
    case.x[:] = data[:ROWS].astype(np.float32)
    add_scaler(case, scaler)
    case.apply("Cast", lambda x: x, to=TensorProto.FLOAT)
    add_network(case, network)
    if hasattr(network, "classes_"):
        expected = network.predict_proba(scaler.transform(case.x))
        expected = expected[:, 1:] if expected.shape[1] == 2 else expected
        add_labels(case, network.classes_)
    else:
        expected = network.predict(scaler.transform(case.x)).reshape(ROWS, -1)
        case.node("Reshape", case.value, case.constant([-1, expected.shape[1]], np.int64), y=case.y)
    case.y = expected
    return case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for activation in ("identity", "logistic", "tanh", "relu"):
        for sizes in ((8,), (8, 5, 3)):
            options = {"hidden_layer_sizes": sizes, "activation": activation, "max_iter": 20, "random_state": 1}
            end = f"{activation}_{len(sizes)}"
            make_case(f"scikit_two_{end}", MLPClassifier(**options),
                      lambda x: np.where(x[:, 0] > 2, "yes", "no")).save(folder)
            make_case(f"scikit_three_{end}", MLPClassifier(**options),
                      lambda x: np.array(["a", "b", "c"])[np.digitize(x[:, 1], [0, 3])]).save(folder)
            make_case(f"scikit_{end}_regressor", MLPRegressor(**options), lambda x: x[:, 0] * x[:, 1]).save(folder)
            make_case(f"scikit_wide_{end}_regressor", MLPRegressor(**options), lambda x: x[:, :2] ** 2).save(folder)


if __name__ == "__main__":
    main()
