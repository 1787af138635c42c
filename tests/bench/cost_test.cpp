// What `lanefold bench cost` counts: single instructions, and the masked tail of an operation.
#include "cost/counter.hpp"
#include "cost/instruction.hpp"

#include <lanefold/lanefold.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace lanefold;
using namespace lanefold::bench;

namespace {

Instruction decoded(std::vector<unsigned char> code) {
  code.resize(15, 0x90);
  return decode(code.data());
}

Counts relu(const std::string &isa, int64_t n) {
  auto options = args<lf_context_options>();
  options.isa = isa.c_str(), options.threads = 1;
  const Context context(options);
  alignas(64) static float x[64], y[64];
  auto call = args<lf_activation_forward_args>();
  call.m = 1, call.n = n, call.activation = LF_RELU, call.x = x, call.ldx = n, call.y = y, call.ldy = n;
  const auto run = [&] { context.activation_forward(call); };
  run();
  return count_call(run);
}

} // namespace

TEST_CASE("an instruction has the kind of what it computes, and the bytes of its operands") {
  const Instruction fma = decoded({0xC4, 0xE2, 0x75, 0xB8, 0x00}); // vfmadd231ps ymm0, ymm1, [rax]
  CHECK(fma.is_known);
  CHECK(fma.kind == InstructionKind::multiply_add);
  CHECK(fma.lanes * fma.flops_of_a_lane == 16);
  REQUIRE(fma.operands == 1);
  CHECK(fma.memory[0].reads);
  CHECK_FALSE(fma.memory[0].writes);
  CHECK(fma.memory[0].elements * fma.memory[0].element_bytes == 32);

  const Instruction repeated = decoded({0x62, 0xF2, 0x7D, 0x58, 0xB8, 0x00}); // vfmadd231ps zmm0, zmm0, [rax]{1to16}
  CHECK(repeated.lanes * repeated.flops_of_a_lane == 32);
  CHECK(repeated.memory[0].elements * repeated.memory[0].element_bytes == 4);

  const Instruction masked = decoded({0x62, 0xF1, 0x7C, 0x49, 0x11, 0x00}); // vmovups [rax]{k1}, zmm0
  CHECK(masked.kind == InstructionKind::store);
  CHECK(masked.mask == Instruction::Mask::opmask);
  CHECK(masked.mask_register == 1);

  const Instruction maskmov = decoded({0xC4, 0xE2, 0x75, 0x2E, 0x00}); // vmaskmovps [rax], ymm1, ymm0
  CHECK(maskmov.kind == InstructionKind::store);
  CHECK(maskmov.mask == Instruction::Mask::vector);
  CHECK(maskmov.mask_register == 1);

  CHECK(decoded({0xC4, 0xE2, 0x79, 0x18, 0x00}).kind == InstructionKind::load);    // vbroadcastss xmm0, [rax]
  CHECK(decoded({0xC4, 0xE2, 0x79, 0x18, 0xC1}).kind == InstructionKind::shuffle); // vbroadcastss xmm0, xmm1
  CHECK(decoded({0x48, 0x89, 0xC8}).kind == InstructionKind::rest);                // mov rax, rcx
  CHECK(decoded({0xF3, 0x0F, 0x51, 0xC1}).kind == InstructionKind::division);      // sqrtss xmm0, xmm1
  CHECK(decoded({0xC3}).kind == InstructionKind::branch);                          // ret
  CHECK(decoded({0x48, 0x8D, 0x00}).operands == 0);                                // lea rax, [rax]
  CHECK(decoded({0x0F, 0x18, 0x08}).operands == 0);                                // prefetcht0 [rax]
}

TEST_CASE("PUSH and CALL write below the stack pointer") {
  CHECK(decoded({0x55}).memory[0].displacement == -8);             // push rbp
  CHECK(decoded({0xE8, 0, 0, 0, 0}).memory[0].displacement == -8); // call
  CHECK(decoded({0x58}).memory[0].displacement == 0);              // pop rax
}

TEST_CASE("an instruction whose cost would be a guess is not known") {
  CHECK_FALSE(decoded({0xC4, 0xE2, 0x75, 0x92, 0x04, 0x10}).is_known); // vgatherdps ymm0, [rax + ymm2], ymm1
  CHECK_FALSE(decoded({0xF3, 0x48, 0xAB}).is_known);                   // rep stosq
  CHECK_FALSE(decoded({0x06}).is_known);                               // no instruction
}

TEST_CASE("the masked tail of an operation reads and writes only its elements") {
  for (const std::string &isa : usable_plugins()) {
    CAPTURE(isa);
    for (const int64_t n : {33, 36, 38}) {
      const Counts counts = relu(isa, n), longer = relu(isa, n + 1);
      CHECK(longer.bytes_written - counts.bytes_written == 4);
    }
  }
}
