// Error exits like Netlib's, and the default handlers for a program that defines none.
#include "errors.hpp"

#include "blas.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace lanefold::cblas {
namespace {

// What this thread is reporting: nothing, a call as its caller wrote it, or the column-major equivalent of a row-major
// call.  Netlib keeps this in global variables; a handler needs it to count arguments as the caller does.
enum class Report { none, as_called, exchanged };
constinit thread_local Report current = Report::none;

template <class... Values>
void call_handler(const Routine &routine, Report report, int position, const char *format, Values... values) {
  current = report;
  cblas_xerbla(position, routine.cblas, format, values...);
  current = Report::none;
}

// Converts a position in the exchanged call to the position in the caller's call.
int row_major_position(int position, const char *routine) {
  const bool gemm = std::strstr(routine, "gemm") != nullptr;
  switch (position) {
  case 3: return gemm ? 3 : 4;
  case 4: return gemm ? 5 : 3;
  case 5: return gemm ? 4 : 5;
  case 9: return gemm ? 11 : 9;
  case 11: return gemm ? 9 : 11;
  default: return position;
  }
}

} // namespace

void report(const Routine &routine, Face face, int position) {
  if (face != Face::fortran) {
    const Report report = face == Face::row_major ? Report::exchanged : Report::as_called;
    call_handler(routine, report, position + 1, "%s", "");
    return;
  }
  current = Report::as_called;
  xerbla_(routine.fortran, &position, std::strlen(routine.fortran));
  current = Report::none;
}

bool has_layout(const Routine &routine, int layout) {
  if (layout == row_major || layout == column_major) return true;
  call_handler(routine, Report::as_called, 1, "Illegal layout setting, %d\n", layout);
  return false;
}

bool has_transposition(const Routine &routine, int position, int transposition) {
  if (transposition >= no_transpose && transposition <= conjugate_transpose) return true;
  call_handler(routine, Report::as_called, position, "Illegal transposition setting, %d\n", transposition);
  return false;
}

bool is_transposition(char letter) { return letter != 0 && std::strchr("NnTtCc", letter) != nullptr; }
bool is_transposed(char letter) { return letter != 'N' && letter != 'n'; }

} // namespace lanefold::cblas

using namespace lanefold::cblas;

// A handler that another library calls gives way to that library's own, which it hides when it is loaded before it.
void cblas_xerbla(int position, const char *routine, const char *format, ...) {
  char text[256];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  if (current == Report::none) {
    if (void *hidden = dlsym(RTLD_NEXT, "cblas_xerbla"))
      return reinterpret_cast<decltype(&cblas_xerbla)>(hidden)(position, routine, "%s", text);
  }
  if (current == Report::exchanged) position = row_major_position(position, routine);
  if (position != 0) std::fprintf(stderr, "Parameter %d to routine %s was incorrect\n", position, routine);
  std::fputs(text, stderr);
  std::exit(EXIT_FAILURE);
}

void xerbla_(const char *routine, const int *position, std::size_t routine_length) {
  if (current == Report::none) {
    if (void *hidden = dlsym(RTLD_NEXT, "xerbla_"))
      return reinterpret_cast<decltype(&xerbla_)>(hidden)(routine, position, routine_length);
  }
  while (routine_length > 0 && routine[routine_length - 1] == ' ') --routine_length;
  std::fprintf(stderr, " ** On entry to %.*s parameter number %d had an illegal value\n",
               static_cast<int>(routine_length), routine, *position);
  std::exit(EXIT_FAILURE);
}
