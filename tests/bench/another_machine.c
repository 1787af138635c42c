/* Loaded before a program, this makes it see a machine with other caches and more cores. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>

long sysconf(int name) {
  switch (name) {
  case _SC_LEVEL1_DCACHE_SIZE: return 24L << 10;
  case _SC_LEVEL2_CACHE_SIZE: return 256L << 10;
  case _SC_LEVEL3_CACHE_SIZE: return 3L << 20;
  case _SC_NPROCESSORS_CONF:
  case _SC_NPROCESSORS_ONLN: return 96;
  default: break;
  }
  static long (*real)(int) = NULL;
  if (real == NULL) real = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
  return real(name);
}
