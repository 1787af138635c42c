// The registers of interrupted code, as a signal handler finds them.  Sources: Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 1, chapter 13 (the XSAVE area, in which the kernel leaves a handler the registers).
#pragma once

#include "instruction.hpp"

#include <array>
#include <cpuid.h>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ucontext.h>

namespace lanefold::bench {

using GeneralRegisters = std::array<uint64_t, 16>; // by the numbers of instruction.hpp

class Registers {
public:
  explicit Registers(const mcontext_t &from) : from_(from) {}
  static void prepare() { offset_of<upper_ymm>(), offset_of<opmasks>(); } // before a handler needs it

  GeneralRegisters general() const {
    constexpr int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    GeneralRegisters all;
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint64_t>(from_.gregs[places[i]]);
    return all;
  }
  uint64_t next() const { return static_cast<uint64_t>(from_.gregs[REG_RIP]); }
  uint64_t flags() const { return static_cast<uint64_t>(from_.gregs[REG_EFL]); }
  uint64_t opmask(int number) const {
    uint64_t mask = 0;
    if (has(opmasks)) std::memcpy(&mask, saved() + offset_of<opmasks>() + 8 * number, sizeof mask);
    return mask;
  }
  // The sign bits of the elements of a vector register of up to 32 bytes.
  uint64_t signs(int number, int elements, int element_bytes) const {
    unsigned char vector[32] = {};
    std::memcpy(vector, saved() + offsetof(_libc_fpstate, _xmm) + 16 * number, 16);
    if (has(upper_ymm)) std::memcpy(vector + 16, saved() + offset_of<upper_ymm>() + 16 * number, 16);
    uint64_t mask = 0;
    for (int i = 0; i < elements; ++i) mask |= uint64_t{vector[(i + 1) * element_bytes - 1]} >> 7 << i;
    return mask;
  }

private:
  static constexpr uint32_t upper_ymm = 2, opmasks = 5; // components of the XSAVE area

  const char *saved() const { return reinterpret_cast<const char *>(from_.fpregs); }
  // A component that is not in the area has its initial value, 0.
  bool has(uint32_t component) const {
    uint64_t present = 0;
    std::memcpy(&present, saved() + sizeof(_libc_fpstate), sizeof present);
    return (present >> component & 1) != 0;
  }
  template <uint32_t component> static uint32_t offset_of() {
    static const uint32_t place = [] {
      uint32_t size = 0, offset = 0, unused = 0;
      __get_cpuid_count(0xD, component, &size, &offset, &unused, &unused);
      return offset;
    }();
    return place;
  }

  const mcontext_t &from_;
};

} // namespace lanefold::bench
