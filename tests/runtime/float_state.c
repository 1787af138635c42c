/* float_state LIBRARY...: loading these leaves the floating-point state alone.  Start-up code of fast mathematics would set
 * flush-to-zero for the whole thread of the program. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

static uint64_t state(void) {
#if defined(__x86_64__)
  return __builtin_ia32_stmxcsr();
#else
  uint64_t value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return value;
#endif
}

int main(int count, char **arguments) {
  for (int i = 1; i < count; ++i) {
    const uint64_t before = state();
    if (dlopen(arguments[i], RTLD_NOW) == NULL) return puts(dlerror()), 1;
    if (state() != before) return printf("%s changes the floating-point state\n", arguments[i]), 1;
  }
  return 0;
}
