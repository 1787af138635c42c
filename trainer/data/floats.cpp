// Anonymous memory, which mremap() enlarges.
#include "trainer/data/floats.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace lanefold::trainer {

GrowingFloats::~GrowingFloats() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

void GrowingFloats::swap(GrowingFloats &other) noexcept {
  std::swap(data_, other.data_), std::swap(size_, other.size_), std::swap(bytes_, other.bytes_);
}

void GrowingFloats::resize(size_t size) {
  constexpr size_t page = 4096, most = SIZE_MAX / 16;
  if (size > most) throw std::bad_alloc();
  size_t wanted = (size * sizeof(float) + page - 1) / page * page;
  if (wanted > bytes_ && data_ != nullptr) wanted = std::max(wanted, bytes_ + bytes_ / 2 / page * page);
  if (wanted > bytes_) {
    void *memory = data_ == nullptr ? mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                    : mremap(data_, bytes_, wanted, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<float *>(memory), bytes_ = wanted;
  }
  if (size > size_) std::memset(data_ + size_, 0, (size - size_) * sizeof(float)); // it may have been used before
  size_ = size;
}

void GrowingFloats::append(const float *values, size_t count) {
  if (count == 0) return; // there may be no memory yet
  const size_t before = size_;
  resize(before + count);
  std::memcpy(data_ + before, values, count * sizeof(float));
}

} // namespace lanefold::trainer
