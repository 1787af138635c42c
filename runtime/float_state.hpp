// The floating-point state that Lanefold's results need: round to nearest, keep denormals, mask exceptions.
// A caller or a thread pool that has set another state gets it back.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace lanefold::runtime {

// Sets the state as long as the object lives. If the state is right already, this costs one read and one comparison.
class FloatState {
public:
  FloatState() noexcept : found_(read()) {
    if ((found_ & ~sticky_flags) != wanted) write(wanted);
  }
  ~FloatState() {
    if ((found_ & ~sticky_flags) != wanted) write(found_);
  }
  FloatState(const FloatState &) = delete;
  FloatState &operator=(const FloatState &) = delete;

private:
#if defined(__x86_64__)
  using Register = uint32_t;
  static constexpr Register sticky_flags = 0x3f;
  static constexpr Register wanted = 0x1f80;
  static Register read() noexcept { return _mm_getcsr(); }
  static void write(Register state) noexcept { _mm_setcsr(state); }
#else
  using Register = uint64_t;
  static constexpr Register sticky_flags = 0; // they are in FPSR
  static constexpr Register wanted = 0;
  static Register read() noexcept {
    Register state;
    asm volatile("mrs %0, fpcr" : "=r"(state)::"memory");
    return state;
  }
  static void write(Register state) noexcept { asm volatile("msr fpcr, %0" ::"r"(state) : "memory"); }
#endif

  Register found_;
};

} // namespace lanefold::runtime
