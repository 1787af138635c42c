"""Random numbers that are the same on every machine, and the same as those of `lanefold train`.

They come from Philox4x32-10 (Salmon et al. 2011), a counter-based generator, with our own logarithm and trigonometry.
docs/numerics.md fixes each operation, and NumPy rounds each one as IEEE 754 prescribes.
"""
from __future__ import annotations

from typing import Optional, Tuple

import numpy
import numpy.typing

from . import _lanefold
from ._lanefold import _seed, _whole, _word
from .results import FloatArray

Doubles = numpy.typing.NDArray[numpy.float64]
Bits = numpy.typing.NDArray[numpy.uint32]

WEIGHTS, SHUFFLE = 1, 2  # what a stream is for
WORD = 2**32 - 1  # the largest purpose and index

# name: scale, usual fan, distribution.  The variance of the weights is scale / fan.
INITIALIZERS = {
    'he-truncated': (2, 'in', 'truncated'),
    'he-normal': (2, 'in', 'normal'),
    'he-uniform': (2, 'in', 'uniform'),
    'xavier-normal': (1, 'avg', 'normal'),
    'xavier-uniform': (1, 'avg', 'uniform'),
    'xavier-tanh-normal': (16, 'avg', 'normal'),
    'xavier-tanh-uniform': (16, 'avg', 'uniform'),
    'lecun-normal': (1, 'in', 'normal'),
}
WIDENED = 1.3  # a truncated normal distribution has this much more variance before it is truncated


def bits(count: int, *, seed: int, purpose: int, index: int, first: int = 0) -> Bits:
    """Returns `count` random 32-bit numbers of the stream (seed, purpose, index), beginning with number `first`.

    >>> lanefold.random.bits(2, seed=1, purpose=2, index=1).dtype
    dtype('uint32')
    """
    call = 'bits'
    count, first = _whole(call, 'count', count, 0), _whole(call, 'first', first, 0)
    purpose, index = _whole(call, 'purpose', purpose, 0, WORD), _whole(call, 'index', index, 0, WORD)
    return _bits(count, seed=_seed(call, seed), purpose=purpose, index=index, first=first)


def _bits(count: int, *, seed: int, purpose: int, index: int, first: int = 0) -> Bits:
    begin, end = first // 4, (first + count + 3) // 4
    # Arrays of 32 KB stay in cache, and in memory that the process keeps.
    pieces = [_philox(numpy.arange(i, min(i + 4096, end), dtype=numpy.uint64), seed, purpose, index)
              for i in range(begin, end, 4096)]
    numbers: Bits = numpy.concatenate(pieces) if pieces else numpy.zeros(0, numpy.uint32)
    return numbers[first % 4:first % 4 + count]


def _philox(block: numpy.typing.NDArray[numpy.uint64], seed: int, purpose: int, index: int) -> Bits:
    """Returns the four numbers of each of these blocks, by ten rounds of Philox4x32."""
    low = numpy.uint64(0xFFFFFFFF)
    half = numpy.uint64(32)
    counter = [block & low, block >> half, numpy.full_like(block, purpose), numpy.full_like(block, index)]
    key = [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]
    for _ in range(10):
        one = numpy.uint64(0xD2511F53) * counter[0]
        two = numpy.uint64(0xCD9E8D57) * counter[2]
        counter = [(two >> half) ^ counter[1] ^ numpy.uint64(key[0]), two & low,
                   (one >> half) ^ counter[3] ^ numpy.uint64(key[1]), one & low]
        key = [key[0] + 0x9E3779B9 & 0xFFFFFFFF, key[1] + 0xBB67AE85 & 0xFFFFFFFF]
    numbers: Bits = numpy.stack(counter, axis=1).astype(numpy.uint32).ravel()
    return numbers


def permutation(n: int, *, seed: int, epoch: int) -> Bits:
    """Returns the numbers 0 to n - 1 in the order in which `lanefold train` takes samples in this epoch.

    Epochs count from 1.

    >>> sorted(lanefold.random.permutation(4, seed=1, epoch=1).tolist())
    [0, 1, 2, 3]
    """
    call = 'permutation'
    n, seed, epoch = _whole(call, 'n', n, 0, WORD), _seed(call, seed), _whole(call, 'epoch', epoch, 0, WORD)
    if n < 1:
        return numpy.zeros(0, numpy.uint32)
    limits = numpy.arange(n, 1, -1, dtype=numpy.uint32)  # draw i is below limits[i]
    least = (numpy.uint64(1 << 32) % limits).astype(numpy.uint32)
    numbers = _bits(n - 1, seed=seed, purpose=SHUFFLE, index=epoch)
    taken = n - 1
    while True:
        # 2^32 need not be a multiple of a limit.  A number below the remainder is skipped, and all later ones move up.
        skipped = numpy.flatnonzero(numbers < least)
        if len(skipped) == 0:
            return _lanefold._shuffle(numbers % limits)
        following = _bits(1, seed=seed, purpose=SHUFFLE, index=epoch, first=taken)
        numbers = numpy.concatenate([numpy.delete(numbers, skipped[0]), following])
        taken += 1


def _uniform(count: int, *, seed: int, purpose: int, index: int) -> Doubles:
    """Returns doubles in [0, 1) with 24 random bits."""
    numbers = _bits(count, seed=seed, purpose=purpose, index=index)
    fractions: Doubles = (numbers >> numpy.uint32(8)).astype(numpy.float64) * 2.0**-24
    return fractions


def _normal(count: int, *, seed: int, purpose: int, index: int) -> Doubles:
    """Returns doubles of mean 0 and variance 1, by Box and Muller."""
    pairs = (count + 1) // 2
    numbers = _uniform(2 * pairs, seed=seed, purpose=purpose, index=index)
    radius = numpy.sqrt(-2.0 * _logarithm(1.0 - numbers[0::2]))
    cosine, sine = _cosine_and_sine(numbers[1::2])
    both: Doubles = numpy.stack([radius * cosine, radius * sine], axis=1).ravel()
    return both[:count]


def initial_weights(inputs: int, outputs: int, *, seed: int, layer: int, init: str = 'he-truncated',
                    fan: Optional[str] = None) -> FloatArray:
    """Returns the inputs x outputs weights with which `lanefold train` begins in this layer.

    Layers count from 0.

    init is 'he-truncated', 'he-normal', 'he-uniform', 'xavier-normal', 'xavier-uniform', 'xavier-tanh-normal',
    'xavier-tanh-uniform' or 'lecun-normal'.  fan is 'in', 'out' or 'avg'; None is the initializer's usual one.

    >>> lanefold.random.initial_weights(2, 3, seed=1, layer=0).shape
    (2, 3)
    """
    call = 'initial_weights'
    inputs, outputs = _whole(call, 'inputs', inputs, 1), _whole(call, 'outputs', outputs, 1)
    seed, layer = checked_initializer(call, seed, init, fan), _whole(call, 'layer', layer, 0, WORD)
    fans = {'in': float(inputs), 'out': float(outputs), 'avg': (inputs + outputs) / 2}
    scale, usual_fan, distribution = INITIALIZERS[init]
    variance = scale / fans[fan or usual_fan]
    count = inputs * outputs
    if distribution == 'uniform':
        numbers = _uniform(count, seed=seed, purpose=WEIGHTS, index=layer)
        weights = numpy.sqrt(3 * variance) * (-1.0 + 2.0 * numbers)
    elif distribution == 'normal':
        weights = numpy.sqrt(variance) * _normal(count, seed=seed, purpose=WEIGHTS, index=layer)
    else:
        weights = numpy.sqrt(WIDENED * variance) * _truncated(count, seed=seed, index=layer)
    rounded: FloatArray = weights.astype(numpy.float32)
    return rounded.reshape(inputs, outputs)


def checked_initializer(call: str, seed: object, init: object, fan: object) -> int:
    """Refuses arguments that initial_weights cannot take, and returns the seed."""
    _word(call, 'init', init, tuple(INITIALIZERS))
    if fan is not None:
        _word(call, 'fan', fan, ('in', 'out', 'avg'))
    return _seed(call, seed)


def _truncated(count: int, *, seed: int, index: int) -> Doubles:
    """Returns normal doubles without those beyond two standard deviations."""
    drawn = count + count // 16 + 64  # one in 22 is rejected
    while True:
        numbers = _normal(drawn, seed=seed, purpose=WEIGHTS, index=index)
        kept: Doubles = numbers[numpy.abs(numbers) <= 2]
        if len(kept) >= count:
            return kept[:count]
        drawn *= 2


def _logarithm(x: Doubles) -> Doubles:
    """Returns the natural logarithm of x > 0, to about 1e-15."""
    m, exponent = numpy.frexp(x)
    small = m < 0.70710678118654752
    m = numpy.where(small, m * 2, m)
    exponent = exponent - small
    s = (m - 1) / (m + 1)
    square = s * s
    total = numpy.zeros_like(s)
    for n in range(23, 0, -2):
        total = total * square + 1.0 / n
    result: Doubles = exponent * 0.69314718055994531 + 2 * s * total
    return result


def _cosine_and_sine(u: Doubles) -> Tuple[Doubles, Doubles]:
    """Returns cosine and sine of 2 pi u, 0 <= u < 1, to about 1e-15."""
    quarters = u * 4
    quarter = quarters.astype(numpy.int64)
    x = (quarters - quarter) * 1.57079632679489662
    square = x * x
    cosine, sine = numpy.ones_like(x), numpy.ones_like(x)
    for n in range(22, 0, -2):
        cosine = 1 - square / (n * (n - 1)) * cosine
        sine = 1 - square / (n * (n + 1)) * sine
    sine = sine * x
    choices = [quarter == 0, quarter == 1, quarter == 2]
    return (numpy.select(choices, [cosine, -sine, -cosine], sine), numpy.select(choices, [sine, cosine, -sine], -cosine))
