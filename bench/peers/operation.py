"""What a peer does: operations on arrays in shared memory, and the package that has them."""
import math
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from mmap import mmap
from typing import TYPE_CHECKING, Any, Optional

Array = Any  # of NumPy or PyTorch
Call = Callable[[], object]
RELU, ELU = 1, 3  # as in lanefold/activation.h


class Missing(Exception):
    """The package cannot be used; the message says why."""


class Operation:
    """The arrays are attributes, by their names."""

    def __init__(self, arrays: Mapping[str, Array], values: Mapping[str, str]) -> None:
        self.arrays, self.values = arrays, values
        self.__dict__.update(arrays)
        self.call = self.make()

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Array: ...

    def make(self) -> Call:
        """Makes what lives as long as the operation.  Returns the function that computes the results once."""
        return self.compute

    def compute(self) -> None:
        """Computes the results once, where there is only one way to do it."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Reads the inputs once, before the timed calls."""

    def finish(self) -> Optional[float]:
        """Copies the results to shared memory if the call leaves them elsewhere.  Returns the loss, if there is one."""
        return None


class Product(Operation):
    a: Array
    b: Array

    def make(self) -> Call:
        if self.values['transposed_a'] == '1':
            self.a = self.a.T
        if self.values['transposed_b'] == '1':
            self.b = self.b.T
        return self.compute


class Package:
    version: str
    kernels: Mapping[str, str]  # by library
    how: str  # how the package is called, in sentences
    operations: Mapping[str, type[Operation]]

    def array(self, kind: str, memory: mmap, count: int, offset: int) -> Array:
        """An array on memory.  kind: float32 or int32."""
        raise NotImplementedError

    def mode(self, operation: Operation) -> AbstractContextManager[Any]:
        """The context in which an operation is called."""
        return nullcontext()

    def speed(self) -> float:
        """The seconds of some loops, to compare settings."""
        raise NotImplementedError


fastest_ways: dict[Hashable, int] = {}  # numbers, by key


def seconds_of(function: Call) -> float:
    """The fastest of 60 calls."""
    times = []
    for _ in range(60):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def fastest(key: Hashable, ways: int, make: Callable[[int], Optional[Call]]) -> Call:
    """The fastest of so many ways to do the same.  make: the call for the way of this number, if it can be made.  The
    fastest is found once for each key, because trials take a while."""
    if key not in fastest_ways:
        times = [math.inf if call is None else seconds_of(call) for call in map(make, range(ways))]
        fastest_ways[key] = times.index(min(times))
    call = make(fastest_ways[key])
    assert call is not None
    return call
