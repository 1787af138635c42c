// The one thing that the library does when a program loads it.
#include "runtime/forks.hpp"

#include <atomic>
#include <pthread.h>

namespace lanefold::runtime {
namespace {

constinit std::atomic<uint32_t> count{0};

[[maybe_unused]] const int registered =
    pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1, std::memory_order_relaxed); });

} // namespace

uint32_t forks() noexcept { return count.load(std::memory_order_relaxed); }

} // namespace lanefold::runtime
