"""Runs ONNX files in ONNX Runtime, through its C interface, and compares their output y with the expected one.  Files
that Lanefold wrote must also pass ONNX's checker.

python3 onnx_runtime.py LIBRARY CASES [WRITTEN]

CASES is a folder that make_onnx.py or make_torch_onnx.py filled.  WRITTEN has files of the same names that Lanefold
wrote.
"""

import argparse
import ctypes
import pathlib
from typing import Any

import numpy as np
import onnx

FLOAT = 1  # ONNXTensorElementDataType
API_VERSION = 10
# Indices of functions in OrtApi, which never change.
GET_ERROR_MESSAGE, CREATE_ENV, CREATE_SESSION, RUN, CREATE_OPTIONS = 2, 3, 8, 9, 10
CREATE_TENSOR, CREATE_MEMORY_INFO, RELEASE_SESSION, RELEASE_VALUE = 49, 69, 95, 96


class ApiBase(ctypes.Structure):
    """OrtApiBase"""

    _fields_ = [("get_api", ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint32)),
                ("get_version", ctypes.CFUNCTYPE(ctypes.c_char_p))]


class Runtime:
    """The part of ONNX Runtime that runs one network on one batch."""

    def __init__(self, library: str) -> None:
        get_base = ctypes.CDLL(library).OrtGetApiBase
        get_base.restype = ctypes.POINTER(ApiBase)
        self.functions = get_base().contents.get_api(API_VERSION)
        self.environment = self.make(CREATE_ENV, ctypes.c_int(3), ctypes.c_char_p(b"lanefold"))
        self.options = self.make(CREATE_OPTIONS)
        self.memory = self.make(CREATE_MEMORY_INFO, ctypes.c_int(1), ctypes.c_int(0))

    def call(self, index: int, *arguments: Any) -> None:
        """Raises an exception if the function returns an error."""
        status = ctypes.CFUNCTYPE(ctypes.c_void_p, *map(type, arguments))(self.functions[index])(*arguments)
        if status:
            text = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(self.functions[GET_ERROR_MESSAGE])(status)
            raise RuntimeError(text.decode())

    def make(self, index: int, *arguments: Any) -> ctypes.c_void_p:
        """The object that the function stores in its last argument."""
        result = ctypes.c_void_p()
        self.call(index, *arguments, ctypes.pointer(result))
        return result

    def release(self, index: int, thing: ctypes.c_void_p) -> None:
        """Frees an object."""
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.functions[index])(thing)

    def tensor(self, values: Any) -> ctypes.c_void_p:
        """A tensor on the memory of an array of floats."""
        shape = (ctypes.c_int64 * values.ndim)(*values.shape)
        data, address = ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(ctypes.addressof(shape))
        return self.make(CREATE_TENSOR, self.memory, data, ctypes.c_size_t(values.nbytes), address,
                         ctypes.c_size_t(values.ndim), ctypes.c_int(FLOAT))

    def run(self, model: bytes, x: Any, y: Any) -> None:
        """Computes y of x."""
        session = self.make(CREATE_SESSION, self.environment, ctypes.c_char_p(model), ctypes.c_size_t(len(model)),
                            self.options)
        inputs, outputs = (ctypes.c_void_p * 1)(self.tensor(x)), (ctypes.c_void_p * 1)(self.tensor(y))
        names = (ctypes.c_char_p * 2)(b"x", b"y")
        address = ctypes.addressof(names)
        self.call(RUN, session, ctypes.c_void_p(), ctypes.c_void_p(address), ctypes.c_void_p(ctypes.addressof(inputs)),
                  ctypes.c_size_t(1), ctypes.c_void_p(address + 8), ctypes.c_size_t(1),
                  ctypes.c_void_p(ctypes.addressof(outputs)))
        for value in (*inputs, *outputs):
            self.release(RELEASE_VALUE, ctypes.c_void_p(value))
        self.release(RELEASE_SESSION, session)


def compare(runtime: Runtime, model: bytes, x: Any, y: Any, name: str) -> bool:
    """Whether ONNX Runtime computes y up to one part in 10^5."""
    computed = np.zeros(y.shape, np.float32)
    runtime.run(model, x, computed)
    difference = float(np.max(np.abs(computed - y) / np.maximum(np.abs(y), 1)))
    if difference > 1e-5:
        print(f"{name}: differs by {difference}")
    return difference <= 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("written", type=pathlib.Path, nargs="?")
    arguments = parser.parse_args()
    runtime = Runtime(arguments.library)
    good, count = 0, 0
    for path in sorted((arguments.written or arguments.cases).glob("*.onnx")):
        graph = onnx.load(path, load_external_data=False).graph
        element = graph.input[0].type.tensor_type
        shape = [dimension.dim_value for dimension in element.shape.dim[1:]]
        if element.elem_type != FLOAT or [output.name for output in graph.output] != ["y"]:
            continue
        x = np.fromfile(arguments.cases / f"{path.stem}.x").astype(np.float32).reshape(-1, *shape)
        y = np.fromfile(arguments.cases / f"{path.stem}.y").reshape(x.shape[0], -1)
        if arguments.written:
            onnx.checker.check_model(onnx.load(path), full_check=True)
        elif any(initializer.external_data for initializer in graph.initializer):
            continue
        count += 1
        good += compare(runtime, path.read_bytes(), x, y, path.stem)
    print(f"ONNX Runtime agrees on {good} of {count} files")
    raise SystemExit(good != count or count < 10)


if __name__ == "__main__":
    main()
