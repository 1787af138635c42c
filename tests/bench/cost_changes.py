"""A change of a cost by more than 0.5% fails, and is named; a smaller one does not.  Cache lines may change by four more."""
import cost_list


def row(**costs):
    return [costs.get(column, 1) for column in cost_list.COLUMNS]


name, other = 'gemm/isa:avx2/m:1', 'gemm/isa:avx512/m:1'
before = {name: row(instructions=1000, divisions=0, flops=1000, bytes_read=0, lines=200), other: row()}
assert cost_list.compare(before, {name: row(instructions=1005, divisions=0, flops=995, bytes_read=0, lines=205)}, ['avx2']) == []
changed = cost_list.compare(before, {name: row(instructions=1006, divisions=1, flops=1000, bytes_read=8, lines=194)}, ['avx2'])
assert changed == [name + ': instructions 1000 -> 1006 (+0.60%), divisions 0 -> 1 (+100.00%), '
                   'bytes_read 0 -> 8 (+800.00%), lines 200 -> 194 (-3.00%)'], changed
assert cost_list.compare(before, {}, ['avx2']) == [name + ': was counted before, but not now']
assert cost_list.compare({}, before, ['avx2']) == [name + ': is missing from the list']
assert cost_list.compare(before, {}, []) == []
