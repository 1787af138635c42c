// Counts what this process asks of the C library's allocator, on all threads.
#pragma once

#include <cstdint>

namespace lanefold::test {

// Calls of malloc and its kin, and of mmap, so far.
int64_t allocations() noexcept;

} // namespace lanefold::test
