"""Reads a results.json of `lanefold bench`.  It needs no matplotlib, because the tables use it too.  What a run that
did not finish lacks is empty; a number becomes NaN."""
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional, TypeVar

from bench.report.fields import Fields, fields_of
from bench.report.shape import check_shape
from bench.report.words import PEERS
from cli.program import Problem, read_file

Report = dict[str, Any]  # an object of the file


class Interval(NamedTuple):
    value: float
    low: float
    high: float


class Variant(NamedTuple):
    name: str
    label: str
    fields: Fields
    time: Interval  # in seconds
    flops: float
    bytes: float
    elements: float


class Ratio(NamedTuple):
    name: str
    quantity: str
    fields: Fields  # of what it is about
    numerator: str  # the name of a variant
    interval: Interval
    sense: str
    target: float
    verdict: str  # empty without a target


class Cost(NamedTuple):
    """What one warm call costs, counted."""
    name: str
    fields: Fields
    instructions: int


class Case(NamedTuple):
    name: str
    fields: Fields  # of its main variant
    variants: list[Variant]
    rounds: int
    samples: int
    discarded: int  # rounds
    shared_core: Optional[float]  # in which share of the repetitions; unknown with several threads


class Peer(NamedTuple):
    name: str
    version: str
    how: str  # it was called
    isas: list[str]


class Results(NamedTuple):
    report: Report
    isas: list[str]
    threads: list[int]
    cases: list[Case]
    variants: list[Variant]
    ratios: list[Ratio]
    costs: list[Cost]


Item = TypeVar('Item')
UNKNOWN_NUMBER = float('nan')
UNKNOWN_INTERVAL = Interval(UNKNOWN_NUMBER, UNKNOWN_NUMBER, UNKNOWN_NUMBER)


def as_number(value: Optional[float]) -> float:
    return UNKNOWN_NUMBER if value is None else float(value)


def as_count(value: Optional[float]) -> int:
    return int(value or 0)


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


def variant_of(entry: Report) -> Variant:
    return Variant(entry['name'], entry.get('label', ''), fields_of(entry), Interval(*entry['seconds']),
                   as_number(entry.get('flops')), as_number(entry.get('bytes')), as_number(entry.get('elements')))


def cases_of(report: Report) -> list[Case]:
    return [Case(entry['name'], fields_of(entry), [variant_of(variant) for variant in entry['variants']],
                 as_count(entry.get('rounds')), as_count(entry.get('samples')),
                 as_count(entry.get('discarded')), entry.get('shared_core'))
            for entry in objects(report, 'cases')]


def results_of(report: Report) -> Results:
    cases = cases_of(report)
    isas = in_order([case.fields.isa for case in cases], texts_of(report, 'isas'))
    threads = sorted({case.fields.threads for case in cases})
    return Results(report, isas, threads, cases, variants_of(cases), ratios_of(report), costs_of(report))


def variants_of(cases: Iterable[Case]) -> list[Variant]:
    """Each name once, from the first case that has it."""
    found: dict[str, Variant] = {}
    for case in cases:
        for variant in case.variants:
            found.setdefault(variant.name, variant)
    return list(found.values())


def ratios_of(report: Report) -> list[Ratio]:
    return [Ratio(entry['name'], entry['quantity'], fields_of(entry), entry.get('numerator', ''),
                  Interval(entry['value'], entry['low'], entry['high']), entry.get('sense', ''),
                  as_number(entry.get('target')), entry.get('verdict', ''))
            for entry in objects(report, 'ratios')]


def costs_of(report: Report) -> list[Cost]:
    return [Cost(entry['name'], fields_of(entry), as_count(entry['instructions'])) for entry in objects(report, 'costs')]


def rank_of(peer: str) -> int:
    return list(PEERS).index(peer) if peer in PEERS else len(PEERS)


def peers_of(report: Report) -> list[Peer]:
    """The other libraries in their order, each version once, with the instruction sets on which it was measured."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for process in objects(report, 'processes'):
        for entry in objects(process, 'peers'):
            key = (entry['name'], entry.get('version', ''), entry.get('how', ''))
            found.setdefault(key, []).append(process['isa'])
    return [Peer(*key, unique(found[key])) for key in sorted(found, key=lambda key: rank_of(key[0]))]


def missing_of(report: Report) -> list[Peer]:
    """The other libraries that were not measured.  Instead of their version, it gives the reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for process in objects(report, 'processes'):
        for entry in objects(process, 'missing'):
            found.setdefault((entry['name'], entry.get('reason', '')), []).append(process['isa'])
    return [Peer(name, reason, '', unique(isas)) for (name, reason), isas in found.items()]


def in_order(wanted: Iterable[str], known: Sequence[str]) -> list[str]:
    """Each wanted item once: first those in `known`, in its order, then the rest."""
    there = dict.fromkeys(wanted)
    return [item for item in known if item in there] + [item for item in there if item not in known]


def unique(items: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(items))


def peak_of(cases: Iterable[Case], isa: str) -> float:
    """The highest FLOP/s of one thread.  Many cases measure it too, and some of them were disturbed."""
    return max((variant.flops / variant.time.value for case in cases for variant in case.variants
                if variant.fields.has(op='peak', isa=isa) and variant.flops > 0), default=UNKNOWN_NUMBER)


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


def confidence_text(report: Report) -> str:
    """"intervals of 99.9%"."""
    confidence = as_number(report.get('confidence'))
    return 'intervals of %g%%' % (100 * confidence) if math.isfinite(confidence) else 'intervals'


def short_cpu(report: Report) -> str:
    return str(inner(report, 'environment').get('cpu', '')).split(':')[0].strip() or 'unknown CPU'
