"""What a results.json of `lanefold bench` holds.  Needs no matplotlib: table.py reads with it, too.

Names are "gemm/nn/isa:avx512/m:1/n:300/k:784/threads:1/peer:blis": words of the operation, and keys with values.
What is missing in a file is empty here, and a number that is none is NaN.
"""
import json
import math
from collections import namedtuple

Interval = namedtuple('Interval', 'value low high')
Lane = namedtuple('Lane', 'name label operation keys isa threads peer time flops bytes elements race')
Ratio = namedtuple('Ratio', 'name operation isa threads interval sense target verdict')
Race = namedtuple('Race', 'name operation isa threads lanes batches spoiled disturbed settled')

UNKNOWN_NUMBER = float('nan')
PEER_NAMES = {'openblas': 'OpenBLAS', 'blis': 'BLIS', 'onednn': 'oneDNN', 'eigen': 'Eigen', 'pytorch': 'PyTorch',
              'onnxruntime': 'ONNX Runtime'}


def as_number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return UNKNOWN_NUMBER
    return float(value)


def as_count(value):
    number = as_number(value)
    return int(number) if math.isfinite(number) else 0


def interval(value, low=None, high=None):
    """Ends that are not known are the value."""
    value, low, high = as_number(value), as_number(low), as_number(high)
    return Interval(value, low if math.isfinite(low) else value, high if math.isfinite(high) else value)


def parted(name):
    """("gemm/nn", {"isa": "avx512", "m": "1"...})"""
    words = name.split('/')
    keys = dict(word.split(':', 1) for word in words if ':' in word)
    return '/'.join(word for word in words if ':' not in word), keys


def dictionaries(holder, key):
    """The dictionaries of a list."""
    found = holder.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts_of(holder, key):
    found = holder.get(key)
    return [str(item) for item in found] if isinstance(found, list) else []


def inner(holder, key):
    found = holder.get(key)
    return found if isinstance(found, dict) else {}


def read_report(path):
    """The part of Lanefold, with the date of the other one.  Throws ValueError, where the file is no such one."""
    with open(path, encoding='utf-8') as file:
        try:
            whole = json.load(file)
        except ValueError as error:
            raise ValueError('%s: no JSON: %s' % (path, error)) from None
    report = whole.get('lanefold') if isinstance(whole, dict) else None
    if not isinstance(report, dict) or report.get('format') != 'lanefold-bench-1':
        raise ValueError('%s: not the results.json of a `lanefold bench`' % path)
    return dict(report, date=str(inner(whole, 'context').get('date', ''))[:16].replace('T', ' '))


def lane_of(entry, race):
    name = str(entry.get('name', ''))
    operation, keys = parted(name)
    times = entry.get('seconds')
    time = interval(*times[:3]) if isinstance(times, list) and times else interval(None)
    return Lane(name, str(entry.get('label', '')), operation, keys, race.get('isa', ''), as_count(race.get('threads')),
                keys.get('peer', ''), time, *(as_number(entry.get(key)) for key in ('flops', 'bytes', 'elements')),
                str(race.get('race', '')))


def races_of(report):
    """Lanes without a time are left out."""
    found = []
    for entry in dictionaries(report, 'races'):
        lanes = [lane_of(lane, entry) for lane in dictionaries(entry, 'lanes')]
        name = str(entry.get('race', ''))
        found.append(Race(name, parted(name)[0], str(entry.get('isa', '')), as_count(entry.get('threads')),
                          [lane for lane in lanes if lane.time.value > 0 and math.isfinite(lane.time.value)],
                          as_count(entry.get('batches')), as_count(entry.get('spoiled')),
                          as_count(entry.get('disturbed')), entry.get('settled') is True))
    return found


def lanes_of(races):
    """Each name once, as it was measured first."""
    found = {}
    for race in races:
        for lane in race.lanes:
            found.setdefault((lane.isa, lane.threads, lane.name), lane)
    return list(found.values())


def ratios_of(report):
    found = []
    for entry in dictionaries(report, 'ratios'):
        name = str(entry.get('name', ''))
        operation, keys = parted(name)
        threads = keys.get('threads', '')
        found.append(Ratio(name, operation, keys.get('isa', ''), int(threads) if threads.isdigit() else 1,
                           interval(*(entry.get(key) for key in ('value', 'low', 'high'))), str(entry.get('sense', '')),
                           as_number(entry.get('target')), str(entry.get('verdict', ''))))
    return found


def in_order(wanted, known):
    """Each once of those that are there: first as in `known`, then the rest."""
    there = dict.fromkeys(wanted)
    return [item for item in known if item in there] + [item for item in there if item not in known]


def shape_of(keys):
    """"200x300x784", of what the name has of it."""
    return '\u00d7'.join(keys[key] for key in ('m', 'n', 'k') if key in keys)


def per(amount, time):
    """Of a rate: slower is lower.  Amounts of 0 are not known."""
    if not amount > 0:
        return interval(None)
    return Interval(amount / time.value, amount / time.high if time.high > 0 else amount / time.value,
                    amount / time.low if time.low > 0 else amount / time.value)


def scaled(of, factor):
    return Interval(*(factor * end for end in of))


def rounded(of):
    """The value without digits that its interval does not support; at most 3."""
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
