// The one thing that the library does when a program loads it: it asks to be told of forks.
#include "runtime/forks.hpp"

#include <atomic>
#include <pthread.h>

namespace lanefold::runtime {
namespace {

constinit std::atomic<uint32_t> count{0};
pthread_mutex_t between_forks = PTHREAD_MUTEX_INITIALIZER;

void let_forks_go() noexcept { pthread_mutex_unlock(&between_forks); }

[[maybe_unused]] const int registered = pthread_atfork([] { pthread_mutex_lock(&between_forks); }, let_forks_go,
                                                       [] {
                                                         count.fetch_add(1, std::memory_order_relaxed);
                                                         let_forks_go();
                                                       });

} // namespace

uint32_t forks() noexcept { return count.load(std::memory_order_relaxed); }

NoFork::NoFork() noexcept { pthread_mutex_lock(&between_forks); }
NoFork::~NoFork() { let_forks_go(); }

} // namespace lanefold::runtime
