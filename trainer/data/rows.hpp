// Rows of floats, in memory or in a file.
#pragma once

#include "trainer/data/floats.hpp"

#include <cstdint>

namespace lanefold::trainer {

class Rows {
public:
  virtual ~Rows() = default;
  int64_t count() const { return count_; }
  int64_t columns() const { return columns_; }

  // Copies row number `index`.  Throws DataError if a file cannot be read any more.  [thread-safe]
  virtual void copy(int64_t index, float *to) const = 0;

protected:
  Rows(int64_t count, int64_t columns) : count_(count), columns_(columns) {}

private:
  int64_t count_, columns_;
};

// In memory.
class StoredRows : public Rows {
public:
  // values: count x columns.
  StoredRows(GrowingFloats values, int64_t count, int64_t columns)
      : Rows(count, columns), values_(static_cast<GrowingFloats &&>(values)) {}
  void copy(int64_t index, float *to) const override;

private:
  GrowingFloats values_;
};

} // namespace lanefold::trainer
