"""Reads a results.json of `lanefold bench`.  It needs no matplotlib, because table.py uses it too.

A name such as "gemm/nn/isa:avx512/m:1/n:300/k:784/threads:1/peer:blis" has words for the operation, and keys with
values.  Missing entries become empty, and a value that is not a number becomes NaN.
"""
import json
import math
from collections import namedtuple

Interval = namedtuple('Interval', 'value low high')
Variant = namedtuple('Variant', 'name label operation keys isa threads peer time flops bytes elements case')
Ratio = namedtuple('Ratio', 'name operation isa threads interval sense target verdict')
Case = namedtuple('Case', 'name operation isa threads variants samples discarded noisy converged')

UNKNOWN_NUMBER = float('nan')
PEER_NAMES = {'openblas': 'OpenBLAS', 'blis': 'BLIS', 'onednn': 'oneDNN', 'eigen': 'Eigen', 'numpy': 'NumPy',
              'pytorch': 'PyTorch', 'onnxruntime': 'ONNX Runtime'}


def as_number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return UNKNOWN_NUMBER
    return float(value)


def as_count(value):
    number = as_number(value)
    return int(number) if math.isfinite(number) else 0


def interval(value, low=None, high=None):
    """An end that is unknown equals the value."""
    value, low, high = as_number(value), as_number(low), as_number(high)
    return Interval(value, low if math.isfinite(low) else value, high if math.isfinite(high) else value)


def split_name(name):
    """("gemm/nn", {"isa": "avx512", "m": "1"...})"""
    words = name.split('/')
    keys = dict(word.split(':', 1) for word in words if ':' in word)
    return '/'.join(word for word in words if ':' not in word), keys


def dictionaries(holder, key):
    """The entries of a list that are dictionaries."""
    found = holder.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts_of(holder, key):
    found = holder.get(key)
    return [str(item) for item in found] if isinstance(found, list) else []


def inner(holder, key):
    found = holder.get(key)
    return found if isinstance(found, dict) else {}


def read_report(path):
    """The part "lanefold" of the file, with the date of the other part.  Raises ValueError for any other file."""
    with open(path, encoding='utf-8') as file:
        try:
            whole = json.load(file)
        except ValueError as error:
            raise ValueError('%s: this file is not JSON: %s' % (path, error)) from None
    report = whole.get('lanefold') if isinstance(whole, dict) else None
    if not isinstance(report, dict) or report.get('format') != 'lanefold-bench-2':
        raise ValueError('%s: this file is not a results.json of this version of `lanefold bench`' % path)
    return dict(report, date=str(inner(whole, 'context').get('date', ''))[:16].replace('T', ' '))


def variant_of(entry, case):
    name = str(entry.get('name', ''))
    operation, keys = split_name(name)
    times = entry.get('seconds')
    time = interval(*times[:3]) if isinstance(times, list) and times else interval(None)
    return Variant(name, str(entry.get('label', '')), operation, keys, case.get('isa', ''),
                   as_count(case.get('threads')), keys.get('peer', ''), time,
                   *(as_number(entry.get(key)) for key in ('flops', 'bytes', 'elements')), str(case.get('case', '')))


def cases_of(report):
    """Variants without a time are left out."""
    found = []
    for entry in dictionaries(report, 'cases'):
        variants = [variant_of(variant, entry) for variant in dictionaries(entry, 'variants')]
        name = str(entry.get('case', ''))
        found.append(Case(name, split_name(name)[0], str(entry.get('isa', '')), as_count(entry.get('threads')),
                          [one for one in variants if one.time.value > 0 and math.isfinite(one.time.value)],
                          as_count(entry.get('samples')), as_count(entry.get('discarded')),
                          as_count(entry.get('noisy')), entry.get('converged') is True))
    return found


def variants_of(cases):
    """Each name once, from the first case that has it."""
    found = {}
    for case in cases:
        for variant in case.variants:
            found.setdefault((variant.isa, variant.threads, variant.name), variant)
    return list(found.values())


def ratios_of(report):
    found = []
    for entry in dictionaries(report, 'ratios'):
        name = str(entry.get('name', ''))
        operation, keys = split_name(name)
        threads = keys.get('threads', '')
        found.append(Ratio(name, operation, keys.get('isa', ''), int(threads) if threads.isdigit() else 1,
                           interval(*(entry.get(key) for key in ('value', 'low', 'high'))), str(entry.get('sense', '')),
                           as_number(entry.get('target')), str(entry.get('verdict', ''))))
    return found


def in_order(wanted, known):
    """Each wanted item once: first those in `known`, in its order, then the rest."""
    there = dict.fromkeys(wanted)
    return [item for item in known if item in there] + [item for item in there if item not in known]


def shape_of(keys):
    """"200x300x784", or the part of it that the name has."""
    return '\u00d7'.join(keys[key] for key in ('m', 'n', 'k') if key in keys)


def rate_of(amount, time):
    """A rate and its interval.  An amount of 0 is unknown."""
    if not amount > 0:
        return interval(None)
    return Interval(amount / time.value, amount / time.high if time.high > 0 else amount / time.value,
                    amount / time.low if time.low > 0 else amount / time.value)


def scaled(of, factor):
    return Interval(*(factor * end for end in of))


def rounded(of):
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


def peer_name(peer):
    return PEER_NAMES.get(peer, peer)


def short_cpu(report):
    return str(inner(report, 'environment').get('cpu', '')).split(':')[0].strip() or 'unknown CPU'
