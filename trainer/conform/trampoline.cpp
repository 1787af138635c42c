// The calling convention says which registers a function preserves.  A few instructions fill them with patterns, call,
// and compare; only assembly can do that.
#include "trainer/conform/trampoline.hpp"

#include "trainer/conform/single_steps.hpp"

extern "C" {
struct LanefoldPreserved {
  uint64_t result, changed; // a bit for each register
};
LanefoldPreserved lanefold_conform_call(void (*function)(), const uint64_t *arguments);
}

#if defined(__x86_64__)
// rdi: the function; rsi: its arguments.  Seven pushes align the stack to 16 bytes.
__asm__(R"(
  .text
  .p2align 4
  .type lanefold_conform_call, @function
lanefold_conform_call:
  .cfi_startproc
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  sub $8, %rsp
  .cfi_adjust_cfa_offset 56
  mov %rdi, %rax
  mov %rsi, %r10
  mov (%r10), %rdi
  mov 8(%r10), %rsi
  mov 16(%r10), %rdx
  mov 24(%r10), %rcx
  mov 32(%r10), %r8
  mov $0x5a5a5a5a, %ebx
  mov $0x5b5b5b5b, %ebp
  mov $0x5c5c5c5c, %r12d
  mov $0x5d5d5d5d, %r13d
  mov $0x5e5e5e5e, %r14d
  mov $0x5f5f5f5f, %r15d
  call *%rax
  xor %edx, %edx
  cmp $0x5a5a5a5a, %rbx
  je 1f
  or $1, %edx
1: cmp $0x5b5b5b5b, %rbp
  je 1f
  or $2, %edx
1: cmp $0x5c5c5c5c, %r12
  je 1f
  or $4, %edx
1: cmp $0x5d5d5d5d, %r13
  je 1f
  or $8, %edx
1: cmp $0x5e5e5e5e, %r14
  je 1f
  or $16, %edx
1: cmp $0x5f5f5f5f, %r15
  je 1f
  or $32, %edx
1: pushf
  pop %rcx
  and $0x400, %ecx
  or %rcx, %rdx
  cld
  add $8, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  .cfi_adjust_cfa_offset -56
  ret
  .cfi_endproc
  .size lanefold_conform_call, .-lanefold_conform_call
)");

namespace {
constexpr const char *names[] = {"rbx", "rbp", "r12", "r13", "r14", "r15", "", "", "", "", "the direction flag"};

void read_controls(uint64_t (&controls)[2]) {
  controls[0] = __builtin_ia32_stmxcsr() & ~0x3fu; // without the status flags
  // Control, status, tags, and so on.  The tags say which registers hold something: a function that uses MMX, and forgets
  // emms, leaves them full.
  uint16_t x87[14];
  __asm__ volatile("fnstenv %0\n\tfldenv %0" : "=m"(x87));
  controls[1] = uint64_t{x87[4]} << 16 | x87[0];
}
void write_controls(const uint64_t (&controls)[2]) {
  __builtin_ia32_ldmxcsr(static_cast<uint32_t>(controls[0]));
  const auto x87 = static_cast<uint16_t>(controls[1]);
  __asm__ volatile("emms\n\tfldcw %0" : : "m"(x87));
}
} // namespace
#else
// x0: the function; x1: its arguments.  x19 to x28 and the low halves of v8 to v15 are preserved, so they get numbers
// from 0x5a00 on.  lanefold_compare sets a bit of x1 if the register differs from x9, and then increments x9.
__asm__(R"(
  .macro lanefold_compare register, bit
  cmp \register, x9
  cset x10, ne
  orr x1, x1, x10, lsl #\bit
  add x9, x9, #1
  .endm
  .text
  .p2align 4
  .type lanefold_conform_call, %function
lanefold_conform_call:
  stp x29, x30, [sp, #-176]!
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, x0
  mov x10, x1
  ldp x0, x1, [x10]
  ldp x2, x3, [x10, #16]
  ldr x4, [x10, #32]
  mov x19, #0x5a00
  .irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28
  add x\n, x19, #\n-19
  .endr
  .irp n, 8, 9, 10, 11, 12, 13, 14, 15
  add x11, x19, #\n-8
  fmov d\n, x11
  .endr
  blr x9
  mov x1, #0
  mov x9, #0x5a00
  .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
  lanefold_compare x\n, \n-19
  .endr
  mov x9, #0x5a00
  .irp n, 8, 9, 10, 11, 12, 13, 14, 15
  fmov x11, d\n
  lanefold_compare x11, \n-8+10
  .endr
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x29, x30, [sp], #176
  ret
  .size lanefold_conform_call, .-lanefold_conform_call
)");

namespace {
constexpr const char *names[] = {"x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
                                 "x28", "d8",  "d9",  "d10", "d11", "d12", "d13", "d14", "d15"};

void read_controls(uint64_t (&controls)[2]) {
  __asm__ volatile("mrs %0, fpcr" : "=r"(controls[0]));
  controls[1] = 0;
}
void write_controls(const uint64_t (&controls)[2]) { __asm__ volatile("msr fpcr, %0" : : "r"(controls[0])); }
} // namespace
#endif

namespace lanefold::trainer::conform {

void read_float_controls(uint64_t (&controls)[2]) { read_controls(controls); }

Called call_and_compare(void (*function)(), const uint64_t (&arguments)[5]) {
  uint64_t before[2], after[2];
  read_controls(before);
  const LanefoldPreserved preserved = [&] {
    const Steps steps(true);
    return lanefold_conform_call(function, arguments);
  }();
  read_controls(after);
  write_controls(before);
  Called called{preserved.result, ""};
  if (before[0] != after[0] || before[1] != after[1]) called.changed = "the floating-point controls";
  for (uint64_t i = 0; i < sizeof names / sizeof *names; ++i)
    if ((preserved.changed >> i & 1) != 0)
      called.changed += (called.changed.empty() ? "" : ", ") + std::string(names[i]);
  return called;
}

} // namespace lanefold::trainer::conform
