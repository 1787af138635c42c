// Tells a forked child from its parent. The child has one thread, the one that forked, and none of those that would
// have run its tasks.
#pragma once

#include <cstdint>

namespace lanefold::runtime {

// How many forks lie between the first process that loaded this library and this one. A child of _Fork or of a bare
// clone is not counted. [thread-safe]
uint32_t forks() noexcept;

// While one of these lives, forks wait. Some work must not be half done in a child, where nobody would finish it: the
// loader ends a child that opens a library if its parent was opening one.
class NoFork {
public:
  NoFork() noexcept;
  ~NoFork();
  NoFork(const NoFork &) = delete;
  NoFork &operator=(const NoFork &) = delete;
};

} // namespace lanefold::runtime
