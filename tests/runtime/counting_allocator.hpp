// Counts what this process asks of the C library's allocator, on all threads.
#pragma once

#include <cstdint>

namespace lanefold::test {

// The number of calls of malloc, of its relatives and of mmap so far.
int64_t allocations() noexcept;

} // namespace lanefold::test
