// A matrix beside an inaccessible page.  The first access beyond the matrix ends the test.
#pragma once

#include "matrix.hpp"

#include <sstream>
#include <stdexcept>
#include <string>

#include <csignal>
#include <sys/mman.h>
#include <unistd.h>

namespace lanefold::test {

enum class Side {
  begins, // an access before the first element faults
  ends,   // an access after the last element faults
};

//   | no access | accessible pages       | no access |
//               |a00 a01 . a10 a11 ......|              Side::begins
//               |...... a00 a01 . a10 a11|              Side::ends: no gap after the last row
//
// The accessible memory outside of the elements holds canaries.
class Guarded {
public:
  Guarded(int64_t rows, int64_t columns, int64_t stride, Side side) : rows_(rows), columns_(columns), stride_(stride) {
    const int64_t span = rows > 0 && columns > 0 ? (rows - 1) * stride + columns : 0;
    const int64_t page = sysconf(_SC_PAGESIZE), bytes = span * static_cast<int64_t>(sizeof(float));
    const int64_t inside = (bytes + page - 1) / page * page;
    mapped_ = static_cast<size_t>(inside + 2 * page);
    map_ = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map_ == MAP_FAILED) throw std::runtime_error("no pages for a guarded matrix");
    begin_ = reinterpret_cast<float *>(static_cast<char *>(map_) + page);
    end_ = begin_ + inside / static_cast<int64_t>(sizeof(float));
    if (inside > 0 && mprotect(begin_, static_cast<size_t>(inside), PROT_READ | PROT_WRITE) != 0)
      throw std::runtime_error("the pages of a guarded matrix cannot be made accessible");
    std::fill(begin_, end_, std::bit_cast<float>(canary_bits));
    data_ = side == Side::begins ? begin_ : end_ - span;
  }
  ~Guarded() { munmap(map_, mapped_); }
  Guarded(const Guarded &) = delete;
  Guarded &operator=(const Guarded &) = delete;

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t stride() const { return stride_; }
  float *data() { return data_; }
  const float *data() const { return data_; }
  operator Matrix() { return {data(), rows_, columns_, stride_}; }
  operator ConstMatrix() const { return {data(), rows_, columns_, stride_}; }
  operator Operand() const { return ConstMatrix(*this); }
  float &operator()(int64_t i, int64_t j) { return data_[i * stride_ + j]; }
  float operator()(int64_t i, int64_t j) const { return data_[i * stride_ + j]; }

  template <class Make> Guarded &fill(Make make) {
    for (int64_t i = 0; i < rows_; ++i)
      for (int64_t j = 0; j < columns_; ++j) (*this)(i, j) = make(i, j);
    return *this;
  }
  Guarded &random(Random &random) {
    return fill([&](int64_t, int64_t) { return random.uniform(-1, 1); });
  }

  // True if no write went beyond the elements.
  bool gaps_untouched() const { return canaries_alive(begin_, end_, data_, rows_, columns_, stride_); }

private:
  int64_t rows_, columns_, stride_;
  void *map_;
  size_t mapped_;
  float *begin_, *end_, *data_;
};

// While it lives, a fault prints the case, because doctest's report of a crash shows nothing that CAPTURE holds.  Only one
// may live at a time.
class FaultNote {
public:
  template <class... Parts> explicit FaultNote(const Parts &...parts) {
    std::ostringstream line;
    ((line << parts << ' '), ...);
    text_ = line.str() + "crosses a guard page\n";
    struct sigaction action = {};
    action.sa_handler = say;
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGSEGV, &action, &previous_);
  }
  ~FaultNote() { sigaction(SIGSEGV, &previous_, nullptr); }
  FaultNote(const FaultNote &) = delete;
  FaultNote &operator=(const FaultNote &) = delete;

private:
  // After the handler returns, the access faults again, and doctest reports it.
  static void say(int) {
    [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, text_.data(), text_.size());
    sigaction(SIGSEGV, &previous_, nullptr);
  }
  static inline std::string text_;
  static inline struct sigaction previous_;
};

} // namespace lanefold::test
