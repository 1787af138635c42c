"""Gates, which are ratios with a target, and what is said about them."""
from collections import Counter
from collections.abc import Iterable

from bench.report.results import Ratio, in_order
from bench.report.words import FAMILIES, VERDICTS

VERBS = {'holds': ('hold', 'holds'), 'undecided': ('are undecided', 'is undecided'), 'fails': ('fail', 'fails')}


def gates_of(ratios: Iterable[Ratio]) -> list[Ratio]:
    return [one for one in ratios if one.verdict]


def by_family(gates: Iterable[Ratio]) -> dict[str, list[Ratio]]:
    found: dict[str, list[Ratio]] = {}
    for gate in gates:
        found.setdefault(gate.fields.family, []).append(gate)
    return {family: found[family] for family in in_order(found, list(FAMILIES))}


def counted(gates: Iterable[Ratio]) -> dict[str, int]:
    return Counter(gate.verdict for gate in gates)


def counted_text(gates: Iterable[Ratio]) -> str:
    """"12 hold, 3 are undecided, 1 fails", without those that are not there."""
    counts = counted(gates)
    return ', '.join('%d %s' % (counts[verdict], VERBS[verdict][counts[verdict] == 1])
                     for verdict in reversed(VERDICTS) if counts[verdict])


def bound(gate: Ratio) -> str:
    return {'>=': 'at least', '<=': 'at most'}.get(gate.sense, gate.sense)


def target_text(gate: Ratio) -> str:
    return '%s %.12g' % (bound(gate), gate.target)
