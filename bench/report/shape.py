"""The shape of a results.json.  A file that `lanefold bench` cannot have written is refused in one line that names the
field.  A run that did not finish may lack parts, but what is there has the types below."""
from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

from bench.report.fields import TYPES
from bench.report.words import VERDICTS
from cli.program import Problem

FORMAT = 'lanefold-bench-3'
MOST_CHARACTERS = 500  # of a name, as in bench/session/read_results.cpp
KINDS = {dict: 'object', list: 'array'}

Check = Callable[[Any, str], None]  # raises Problem if the value of this field is not valid


def refuse(value: object, field: str, expected: str) -> NoReturn:
    text = 'this ' + KINDS[type(value)] if isinstance(value, (dict, list)) else json.dumps(value)
    raise Problem('%s: %s is not %s' % (field, text if len(text) <= 60 else text[:57] + '...', expected))


def is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no double holds
        return False


def number(value: object, field: str) -> None:
    if not is_number(value):
        refuse(value, field, 'a number')


def positive(value: Any, field: str) -> None:
    if not is_number(value) or value <= 0:
        refuse(value, field, 'a positive number')


def count(value: Any, field: str) -> None:
    if not is_number(value) or value < 0 or value != int(value):
        refuse(value, field, 'a whole number from 0')


def share(value: Any, field: str) -> None:
    if not is_number(value) or not 0 <= value <= 1:
        refuse(value, field, 'a number from 0 to 1')


def truth(value: object, field: str) -> None:
    if not isinstance(value, bool):
        refuse(value, field, 'true or false')


def text(value: object, field: str) -> None:
    if not isinstance(value, str):
        refuse(value, field, 'a string')


def word(value: Any, field: str) -> None:
    text(value, field)
    if len(value) > MOST_CHARACTERS:
        raise Problem('%s: has %d characters; a name has at most %d' % (field, len(value), MOST_CHARACTERS))


def verdict(value: object, field: str) -> None:
    if value not in VERDICTS:
        refuse(value, field, 'one of ' + ', '.join(sorted(VERDICTS)))


def form(value: object, field: str) -> None:
    if value != FORMAT:
        refuse(value, field, '"%s", the format of this version' % FORMAT)


def times(value: Any, field: str) -> None:
    several(positive)(value, field)
    if len(value) != 3:
        refuse(value, field, 'a time and the two ends of its interval')


def several(check: Check) -> Check:
    def check_each(value: object, field: str) -> None:
        if not isinstance(value, list):
            refuse(value, field, 'an array')
        for at, item in enumerate(value):
            check(item, '%s[%d]' % (field, at))
    return check_each


def values(check: Check) -> Check:
    """An object with any keys."""
    def check_each(value: object, field: str) -> None:
        if not isinstance(value, dict):
            refuse(value, field, 'an object')
        for key, item in value.items():
            check(item, '%s.%s' % (field, json.dumps(key)[1:-1][:60]))
    return check_each


def parts(required: dict[str, Check], **optional: Check) -> Check:
    """An object with these keys, and perhaps others that the report does not read."""
    def check_each(value: object, field: str) -> None:
        if not isinstance(value, dict):
            refuse(value, field or 'the file', 'an object')
        for key, check in {**required, **optional}.items():
            place = '%s.%s' % (field, key) if field else key
            if key in value:
                check(value[key], place)
            elif key in required:
                raise Problem('%s: is missing' % place)
    return check_each


CHECKS = {str: word, int: count, bool: truth}
FIELDS = {name: CHECKS[kind] for name, kind in TYPES.items()}
SUBJECT: dict[str, Check] = {'name': word, 'family': word, 'op': word, 'isa': word, 'threads': count}


def described(required: dict[str, Check], **optional: Check) -> Check:
    """An object with a name and fields, and with these keys."""
    return parts({**SUBJECT, **required}, **{**FIELDS, **optional})


def ratio(value: Any, field: str) -> None:
    """Only a difference of times may be negative, and only a share of cases may be 0."""
    ANY_RATIO(value, field)
    check = {'excess-ns': number}.get(value['quantity'], number if value.get('set') == 'share' else positive)
    for end in ('value', 'low', 'high'):
        check(value[end], '%s.%s' % (field, end))


VARIANT = described({'seconds': times}, label=word, flops=number, bytes=number, elements=number)
CASE = described({'variants': several(VARIANT)}, rounds=count, samples=count, discarded=count,
                 shared_core=share)
ANY_RATIO = described({'quantity': word, 'value': number, 'low': number, 'high': number}, numerator=word, sense=word,
                      target=number, verdict=verdict)
COST = described({'instructions': count})
PROCESS = parts({'isa': word}, peers=several(parts({'name': word}, version=text, how=text)),
                missing=several(parts({'name': word}, reason=text)))
ENVIRONMENT = parts({}, cpu=text, cpus=count, caches=values(count), level_bytes=values(count), kernel=text, libc=text,
                    compiler=text, lanefold=text, revision=text)
POINT = parts({'cores': count, 'seconds': positive, 'speedup': positive}, work=number, imbalance=number,
              overhead=number, transfer=number, serial=number, bandwidth=number)
OPERATION = parts({'name': word, 'points': several(POINT)},
                  measured=several(parts({'threads': count, 'seconds': positive})))
SCALING = parts({}, isa=word, assumptions=several(text), operations=several(OPERATION))
LANEFOLD = parts({'format': form}, command=text, environment=ENVIRONMENT, warnings=several(text), isas=several(word),
                 threads=several(count), where=text, filter=text, processes=several(PROCESS), cases=several(CASE),
                 ratios=several(ratio), costs=several(COST),
                 failures=several(parts({'failed': text, 'reason': text})), interrupted=truth,
                 confidence=positive, scaling=SCALING, seconds=positive)
WHOLE = parts({'lanefold': LANEFOLD}, context=parts({}, date=text))


def check_shape(whole: object) -> None:
    WHOLE(whole, '')
