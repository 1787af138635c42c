// Floats that begin as 0, and that take memory when they are first written.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include <sys/mman.h>

namespace lanefold::trainer {

// The system maps pages of zeros on demand.  So elements are not constructed.
template <class Element> struct ZeroedMemory {
  using value_type = Element;
  ZeroedMemory() = default;
  template <class Other> ZeroedMemory(const ZeroedMemory<Other> &) {}
  Element *allocate(size_t count) {
    void *const memory =
        mmap(nullptr, count * sizeof(Element), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<Element *>(memory);
  }
  void deallocate(Element *memory, size_t count) { munmap(memory, count * sizeof(Element)); }
  template <class Other> void construct(Other *) {}
  template <class Other> void destroy(Other *) {}
  friend bool operator==(const ZeroedMemory &, const ZeroedMemory &) { return true; }
};

// It must not grow again after it has shrunk: what it has then is not 0.
using LazyFloats = std::vector<float, ZeroedMemory<float>>;

} // namespace lanefold::trainer
