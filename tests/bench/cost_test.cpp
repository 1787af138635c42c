// What `lanefold bench cost` counts: single instructions, and the masked tail of an operation.
#include "cost/counter.hpp"
#include "cost/instruction.hpp"

#include <lanefold/lanefold.hpp>

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace lanefold;
using namespace lanefold::bench;

namespace {

Instruction decoded(std::vector<unsigned char> code) {
  code.resize(15, 0x90);
  return decode(code.data());
}

// One context for all calls: how many cache lines a call reads depends on where its context lies.
const Context &context_of(const std::string &isa) {
  static std::map<std::string, std::unique_ptr<const Context>> contexts;
  std::unique_ptr<const Context> &context = contexts[isa];
  if (context) return *context;
  auto options = args<lf_context_options>();
  options.isa = isa.c_str(), options.threads = 1;
  context = std::make_unique<const Context>(options);
  return *context;
}

// Counts of the same function compare only when their arguments and stacks lie alike: on how many cache lines they lie
// depends on it.  So it is not inlined, and the tests call it outside of macros.
[[gnu::noinline]] Counts relu(const std::string &isa, int64_t n) {
  const Context &context = context_of(isa);
  alignas(64) static float x[16384], y[16384];
  alignas(64) auto call = args<lf_activation_forward_args>();
  call.m = 1, call.n = n, call.activation = LF_RELU, call.x = x, call.ldx = n, call.y = y, call.ldy = n;
  const auto run = [&] { context.activation_forward(call); };
  run();
  return count_call(run);
}

[[gnu::noinline]] Counts product(const std::string &isa) {
  const Context &context = context_of(isa);
  alignas(64) static float a[19 * 40], b[40 * 70], c[19 * 70];
  alignas(64) auto call = args<lf_sgemm_args>();
  call.flags = LF_TRANSPOSE_A;
  call.m = 19, call.n = 70, call.k = 40, call.alpha = 1;
  call.a = a, call.lda = call.m, call.b = b, call.ldb = call.n, call.c = c, call.ldc = call.n;
  const auto run = [&] { context.sgemm(call); };
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

TEST_CASE("a conditional jump is known by its condition and its target") {
  const Instruction jump = decoded({0x75, 0xF0}); // jne, 16 bytes back from the next instruction
  CHECK(jump.ends_block);
  CHECK(jump.is_conditional);
  CHECK(jump.jump == -16);
  constexpr uint64_t carry = 1, parity = 4, zero = 0x40, sign = 0x80, overflow = 0x800;
  CHECK_FALSE(is_taken(jump.condition, zero));
  CHECK(is_taken(jump.condition, carry));
  const auto taken_if = [](unsigned char opcode, uint64_t flags) {
    return is_taken(decoded({0x0F, opcode, 0, 0, 0, 0}).condition, flags); // jumps of 32 bits
  };
  CHECK(taken_if(0x80, overflow));                                   // jo
  CHECK(taken_if(0x82, carry));                                      // jb
  CHECK((taken_if(0x86, zero) && taken_if(0x86, carry)));            // jbe
  CHECK_FALSE(taken_if(0x87, carry));                                // ja
  CHECK(taken_if(0x88, sign));                                       // js
  CHECK(taken_if(0x8A, parity));                                     // jp
  CHECK((taken_if(0x8C, sign) && !taken_if(0x8C, sign | overflow))); // jl
  CHECK((taken_if(0x8E, zero) && taken_if(0x8E, overflow)));         // jle
  CHECK((taken_if(0x8F, 0) && !taken_if(0x8F, zero)));               // jg
  CHECK_FALSE(decoded({0xE3, 0xF0}).is_conditional);                 // jrcxz
  CHECK_FALSE(decoded({0xEB, 0xF0}).is_conditional);                 // jmp
}

TEST_CASE("what an instruction adds to a register is known") {
  CHECK(decoded({0x48, 0x83, 0xC0, 0x40}).added_to == 0);    // add rax, 64
  CHECK(decoded({0x48, 0xFF, 0xC9}).added_to == 1);          // dec rcx
  const Instruction sum = decoded({0x48, 0x8D, 0x04, 0x98}); // lea rax, [rax + rbx * 4]
  CHECK(sum.added_to == 0);
  CHECK(sum.added_registers == 1 << 3);
  CHECK(decoded({0x48, 0x8D, 0x43, 0x08}).added_to == no_register); // lea rax, [rbx + 8]
  CHECK(decoded({0x83, 0xC0, 0x40}).added_to == no_register);       // add eax, 64
  CHECK(decoded({0x48, 0x03, 0x03}).added_to == no_register);       // add rax, [rbx]
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

// For messages.
std::string text_of(const Counts &counts) {
  std::string text;
  for (const int64_t count : counts.instructions) text += std::to_string(count) + " ";
  return text + "calls " + std::to_string(counts.calls) + ", FLOP " + std::to_string(counts.flops) + ", read " +
         std::to_string(counts.bytes_read) + ", written " + std::to_string(counts.bytes_written) + ", lines " +
         std::to_string(counts.lines);
}

TEST_CASE("blocks and loops cost what single steps cost") {
  for (const std::string &isa : usable_plugins()) {
    CAPTURE(isa);
    relu(isa, 1); // what the first count allocates moves the cache lines of later ones
    for (const int64_t n : {1, 31, 100, 1000}) {
      const Counts at_once = relu(isa, n);
      let_blocks_run(false);
      const Counts one_by_one = relu(isa, n);
      let_blocks_run(true);
      const Counts again = relu(isa, n);
      CHECK(text_of(at_once) == text_of(one_by_one));
      CHECK(text_of(again) == text_of(at_once));
    }
    const Counts at_once = product(isa);
    let_blocks_run(false);
    const Counts one_by_one = product(isa);
    let_blocks_run(true);
    CHECK(text_of(one_by_one) == text_of(at_once));
  }
}

TEST_CASE("a loop costs its passes, however many they are") {
  for (const std::string &isa : usable_plugins()) {
    CAPTURE(isa);
    const Counts one = relu(isa, 1024), two = relu(isa, 2048), many = relu(isa, 16384);
    for (size_t kind = 0; kind < kind_count; ++kind) {
      const int64_t more = two.instructions[kind] - one.instructions[kind];
      CHECK(many.instructions[kind] - one.instructions[kind] == 15 * more);
    }
    CHECK(many.bytes_written - one.bytes_written == (16384 - 1024) * 4);
    CHECK(many.lines - one.lines == 2 * (16384 - 1024) / 16);
  }
}

TEST_CASE("the masked tail of an operation reads and writes only its elements") {
  for (const std::string &isa : usable_plugins()) {
    CAPTURE(isa);
    for (const int64_t n : {33, 36, 38}) {
      const Counts counts = relu(isa, n), longer = relu(isa, n + 1);
      // A tail of another length may call one function more, which stores the address of its return.
      const uint64_t more = longer.bytes_written - counts.bytes_written;
      CHECK((more == 4 || (isa == "portable" && more == 12)));
    }
  }
}
