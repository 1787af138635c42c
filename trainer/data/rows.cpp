#include "trainer/data/rows.hpp"

#include <cstring>

namespace lanefold::trainer {

void StoredRows::copy(int64_t index, float *to) const {
  std::memcpy(to, values_.data() + index * columns(), static_cast<size_t>(columns()) * sizeof(float));
}

} // namespace lanefold::trainer
