"""Reads a results.json of `lanefold bench`.  It needs no matplotlib, because the tables use it too.

A name such as "gemm/nn/isa:avx512/m:1/n:300/k:784/threads:1/peer:blis" has words for the operation, and keys with
values.  What a run that did not finish lacks is empty; a number becomes NaN.
"""
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional, TypeVar

from bench.report.shape import check_shape
from cli.program import Problem, read_file

Report = dict[str, Any]  # an object of the file


class Interval(NamedTuple):
    value: float
    low: float
    high: float


class Variant(NamedTuple):
    name: str
    label: str
    operation: str
    keys: dict[str, str]
    isa: str
    threads: int
    peer: str
    time: Interval  # in seconds
    flops: float
    bytes: float
    elements: float
    case: str


class Ratio(NamedTuple):
    name: str
    operation: str
    isa: str
    threads: int
    interval: Interval
    sense: str
    target: float
    verdict: str


class Case(NamedTuple):
    name: str
    operation: str
    isa: str
    threads: int
    variants: list[Variant]
    samples: int
    discarded: int
    noisy: int
    converged: bool


class Results(NamedTuple):
    report: Report
    isas: list[str]
    threads: list[int]
    cases: list[Case]
    variants: list[Variant]
    ratios: list[Ratio]


Item = TypeVar('Item')
UNKNOWN_NUMBER = float('nan')
UNKNOWN_INTERVAL = Interval(UNKNOWN_NUMBER, UNKNOWN_NUMBER, UNKNOWN_NUMBER)
PEER_NAMES = {'openblas': 'OpenBLAS', 'blis': 'BLIS', 'onednn': 'oneDNN', 'eigen': 'Eigen', 'numpy': 'NumPy',
              'pytorch': 'PyTorch', 'onnxruntime': 'ONNX Runtime'}


def as_number(value: Optional[float]) -> float:
    return UNKNOWN_NUMBER if value is None else float(value)


def as_count(value: Optional[float]) -> int:
    return int(value or 0)


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """("gemm/nn", {"isa": "avx512", "m": "1"...})"""
    words = name.split('/')
    keys = dict(word.split(':', 1) for word in words if ':' in word)
    return '/'.join(word for word in words if ':' not in word), keys


def objects(holder: Report, key: str) -> list[Report]:
    found: list[Report] = holder.get(key, [])
    return found


def texts_of(holder: Report, key: str) -> list[str]:
    found: list[str] = holder.get(key, [])
    return found


def inner(holder: Report, key: str) -> Report:
    found: Report = holder.get(key, {})
    return found


def read_report(path: str) -> Report:
    """The part "lanefold" of the file, with the date of the other part.  Raises Problem for any other file."""
    try:
        whole = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise Problem('%s: is not JSON: %s' % (path, error)) from None
    try:
        check_shape(whole)
    except Problem as problem:
        raise Problem('%s: %s' % (path, problem)) from None
    return dict(whole['lanefold'], date=inner(whole, 'context').get('date', '')[:16].replace('T', ' '))


@contextmanager
def figures_of(path: str) -> Iterator[None]:
    """Blames this file where its figures, whose types are right, still cannot be shown."""
    try:
        yield
    except (ArithmeticError, LookupError, ValueError) as error:
        raise Problem('%s: its figures cannot be shown: %s: %s' % (path, type(error).__name__, error)) from None


def variant_of(entry: Report, case: Report) -> Variant:
    operation, keys = split_name(entry['name'])
    return Variant(entry['name'], entry.get('label', ''), operation, keys, case['isa'], as_count(case['threads']),
                   keys.get('peer', ''), Interval(*entry['seconds']), as_number(entry.get('flops')),
                   as_number(entry.get('bytes')), as_number(entry.get('elements')), case['case'])


def cases_of(report: Report) -> list[Case]:
    return [Case(entry['case'], split_name(entry['case'])[0], entry['isa'], as_count(entry['threads']),
                 [variant_of(variant, entry) for variant in entry['variants']], as_count(entry.get('samples')),
                 as_count(entry.get('discarded')), as_count(entry.get('noisy')), entry.get('converged', False))
            for entry in objects(report, 'cases')]


def results_of(report: Report) -> Results:
    cases = cases_of(report)
    isas = in_order([case.isa for case in cases], texts_of(report, 'isas'))
    threads = sorted({case.threads for case in cases})
    return Results(report, isas, threads, cases, variants_of(cases), ratios_of(report))


def variants_of(cases: Iterable[Case]) -> list[Variant]:
    """Each name once, from the first case that has it."""
    found: dict[tuple[str, int, str], Variant] = {}
    for case in cases:
        for variant in case.variants:
            found.setdefault((variant.isa, variant.threads, variant.name), variant)
    return list(found.values())


def ratios_of(report: Report) -> list[Ratio]:
    found = []
    for entry in objects(report, 'ratios'):
        operation, keys = split_name(entry['name'])
        threads = keys.get('threads', '')
        found.append(Ratio(entry['name'], operation, keys.get('isa', ''), int(threads) if threads.isdecimal() else 1,
                           Interval(entry['value'], entry['low'], entry['high']), entry.get('sense', ''),
                           as_number(entry.get('target')), entry.get('verdict', '')))
    return found


def in_order(wanted: Iterable[str], known: Sequence[str]) -> list[str]:
    """Each wanted item once: first those in `known`, in its order, then the rest."""
    there = dict.fromkeys(wanted)
    return [item for item in known if item in there] + [item for item in there if item not in known]


def unique(items: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(items))


def shape_of(keys: dict[str, str]) -> str:
    """"200x300x784", or the part of it that the name has."""
    return '\u00d7'.join(keys[key] for key in ('m', 'n', 'k') if key in keys)


def peak_of(cases: Iterable[Case], isa: str) -> float:
    """The highest FLOP/s of one thread.  Most cases measure it too, and some of them are noisy."""
    return max((variant.flops / variant.time.value for case in cases if case.isa == isa for variant in case.variants
                if variant.label == 'peak' and variant.flops > 0), default=UNKNOWN_NUMBER)


def rate_of(amount: float, time: Interval) -> Interval:
    """A rate and its interval.  An amount of 0 is unknown."""
    if not amount > 0:
        return UNKNOWN_INTERVAL
    return Interval(amount / time.value, amount / time.high if time.high > 0 else amount / time.value,
                    amount / time.low if time.low > 0 else amount / time.value)


def scaled(of: Interval, factor: float) -> Interval:
    return Interval(*(factor * end for end in of))


def rounded(of: Interval) -> str:
    """The value with at most 3 digits, and without digits that its interval does not support."""
    half = max(of.high - of.value, of.value - of.low, abs(of.value) * 1e-9)
    if not math.isfinite(of.value) or not math.isfinite(half):
        return 'unknown'
    if of.value == 0:
        return '0'
    largest = math.floor(math.log10(abs(of.value)))
    digits = min(max(1, largest - math.floor(math.log10(half)) + 1), 3)
    value = round(of.value, digits - 1 - largest)
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return '%.*f' % (places, value)


def on_threads(count: int) -> str:
    return '%d thread%s' % (count, '' if count == 1 else 's')


def peer_name(peer: str) -> str:
    return PEER_NAMES.get(peer, peer)


def short_cpu(report: Report) -> str:
    return str(inner(report, 'environment').get('cpu', '')).split(':')[0].strip() or 'unknown CPU'
