// Counts what this process asks of the C library's allocator, on all threads, and makes requests fail.
#pragma once

#include <cstdint>

namespace lanefold::test {

// The number of calls of malloc, of its relatives and of mmap so far.
int64_t allocations() noexcept;

// From now on the next requests are numbered from 0, and number `at` fails; with `all`, those after it fail, too.
// at < 0: none fails.  mmap never fails.
void fail_allocation(int64_t at, bool all) noexcept;

} // namespace lanefold::test
