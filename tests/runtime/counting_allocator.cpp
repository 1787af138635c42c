// The executable's own malloc.  The dynamic linker prefers it to the C library's malloc for every shared object: Lanefold,
// its plugins, oneTBB, and the C++ library, whose operator new calls it.  It counts, and then calls glibc's allocator by
// the names that glibc exports for it.  They allocate nothing themselves, as dlsym would.
// mmap counts too, because oneTBB's allocator gets its memory there.  This file includes no header that declares mmap:
// with large files <sys/mman.h> gives mmap the name mmap64.
#include "counting_allocator.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>

#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::atomic<int64_t> count{0}; // constant-initialized, because the first malloc comes before any constructor

std::atomic<int64_t> until_failure{-1};
std::atomic<bool> all_fail{false};

void note() noexcept { count.fetch_add(1, std::memory_order_relaxed); }

// Whether this request is one that fails.
bool fails() noexcept {
  note();
  if (until_failure.load(std::memory_order_relaxed) < 0) return false;
  const int64_t left = until_failure.fetch_sub(1, std::memory_order_relaxed);
  if (left == 0 && all_fail) until_failure = 0;
  if (left == 0) errno = ENOMEM;
  return left == 0;
}

} // namespace

int64_t lanefold::test::allocations() noexcept { return count; }

void lanefold::test::fail_allocation(int64_t at, bool all) noexcept {
  all_fail = all;
  until_failure = at;
}

extern "C" {

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t elements, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) { return fails() ? nullptr : __libc_malloc(bytes); }

void *calloc(size_t elements, size_t bytes) { return fails() ? nullptr : __libc_calloc(elements, bytes); }

void *realloc(void *memory, size_t bytes) { return fails() ? nullptr : __libc_realloc(memory, bytes); }

void *memalign(size_t alignment, size_t bytes) { return fails() ? nullptr : __libc_memalign(alignment, bytes); }

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  void *const made = memalign(alignment, bytes);
  if (made == nullptr) return ENOMEM;
  *memory = made;
  return 0;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int file, long offset) {
  note();
  return reinterpret_cast<void *>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int file, long offset) {
  return mmap(at, bytes, protection, flags, file, offset);
}

} // extern "C"
