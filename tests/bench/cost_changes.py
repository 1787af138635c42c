"""A change of a cost by more than 0.5% fails, and is named; a smaller one does not."""
import cost_list

before = {'gemm/isa:avx2/m:1': [1000, 500, 1000, 0, 400, 7], 'gemm/isa:avx512/m:1': [1, 1, 1, 1, 1, 1]}
assert cost_list.compare(before, {'gemm/isa:avx2/m:1': [1005, 500, 995, 0, 400, 7]}, ['avx2']) == []
changed = cost_list.compare(before, {'gemm/isa:avx2/m:1': [1006, 500, 1000, 8, 400, 6]}, ['avx2'])
assert changed == ['gemm/isa:avx2/m:1: instructions 1000 -> 1006 (+0.60%), bytes_read 0 -> 8 (+800.00%), '
                   'lines 7 -> 6 (-14.29%)'], changed
assert cost_list.compare(before, {}, ['avx2']) == ['gemm/isa:avx2/m:1: was counted before, but not now']
assert cost_list.compare({}, before, ['avx2']) == ['gemm/isa:avx2/m:1: is missing from the list']
assert cost_list.compare(before, {}, []) == []
