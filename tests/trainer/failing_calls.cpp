// Replaces the C library's functions of these names.
#include "failing_calls.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace lanefold::test {
namespace {

int countdown = -1, error_code = 0, made = 0;
const char *failed = "";

// True if this call is the one that fails.
bool fails(const char *name) {
  const bool here = made++ == countdown;
  if (here) failed = name, errno = error_code;
  return here;
}

template <class Function> Function *next(const char *name) {
  return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

} // namespace

void fail_call(int n, int error) { countdown = n, error_code = error, made = 0, failed = ""; }
int calls_made() { return made; }
const char *failed_call() { return failed; }

} // namespace lanefold::test

using namespace lanefold::test;

extern "C" {

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return fails("open") ? -1 : next<int(const char *, int, ...)>("open")(path, flags, mode);
}
// The name that <stdlib.h> gives mkostemp with large files.
int mkostemp64(char *pattern, int flags) {
  return fails("mkostemp") ? -1 : next<int(char *, int)>("mkostemp")(pattern, flags);
}
ssize_t write(int file, const void *bytes, size_t count) {
  static auto *real = next<ssize_t(int, const void *, size_t)>("write");
  if (!fails("write")) return real(file, bytes, count);
  return error_code == 0 ? real(file, bytes, (count + 1) / 2) : -1;
}
int fsync(int file) { return fails("fsync") ? -1 : next<int(int)>("fsync")(file); }
int close(int file) {
  static auto *real = next<int(int)>("close");
  const bool bad = fails("close");
  const int code = real(file); // close fails, but the file is closed
  return bad ? (errno = error_code, -1) : code;
}
int rename(const char *from, const char *to) noexcept {
  return fails("rename") ? -1 : next<int(const char *, const char *)>("rename")(from, to);
}
}
