// Error exits like Netlib's, for programs with no other BLAS.
#include "errors.hpp"

#include "blas.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <link.h>

namespace lanefold::cblas {
namespace {

// Converts a position in the exchanged CBLAS call to the position in the caller's call.
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

// Looks in a library that is loaded, and in what it needs.
void *find_in(const char *library, const char *name, const void *own) {
  void *handle = *library == 0 ? nullptr : dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void *found = dlsym(handle, name);
  dlclose(handle);
  return found == own ? nullptr : found;
}

} // namespace

constinit thread_local const char *Forwarding::current = nullptr;

Mistake mistake_at(Face face, int position) {
  return {position == 0 || face == Face::fortran ? position : position + 1};
}

Mistake layout_mistake(int layout) {
  if (layout == row_major || layout == column_major) return {};
  return {1, "Illegal layout setting, %d\n", layout};
}

Mistake transposition_mistake(int position, int transposition) {
  if (transposition >= no_transpose && transposition <= conjugate_transpose) return {};
  return {position, "Illegal transposition setting, %d\n", transposition};
}

void report(const Routine &routine, Face face, const Mistake &mistake) {
  if (face != Face::fortran) {
    if (cblas_xerbla != nullptr) return cblas_xerbla(mistake.position, routine.cblas, mistake.format, mistake.value);
    const int position =
        face == Face::row_major ? row_major_position(mistake.position, routine.cblas) : mistake.position;
    std::fprintf(stderr, "Parameter %d to routine %s was incorrect\n", position, routine.cblas);
    std::fprintf(stderr, mistake.format, mistake.value);
  } else {
    const std::size_t length = std::strlen(routine.fortran);
    if (xerbla_ != nullptr) return xerbla_(routine.fortran, &mistake.position, length);
    std::fprintf(stderr, " ** On entry to %.5s parameter number %d had an illegal value\n", routine.fortran,
                 mistake.position);
  }
  std::exit(EXIT_FAILURE);
}

void *find_behind(const char *name, const void *own, const void *caller) {
  if (void *next = dlsym(RTLD_NEXT, name)) return next;
  // Search libraries whose symbols are not global: first the caller's, then all. After a tail call, the return address
  // does not lie in the caller.
  Dl_info library;
  void *found = dladdr(caller, &library) != 0 ? find_in(library.dli_fname, name, own) : nullptr;
  void *program = dlopen(nullptr, RTLD_LAZY);
  const link_map *loaded = nullptr;
  if (program == nullptr || dlinfo(program, RTLD_DI_LINKMAP, &loaded) != 0) return found;
  for (; found == nullptr && loaded != nullptr; loaded = loaded->l_next) found = find_in(loaded->l_name, name, own);
  dlclose(program);
  return found;
}

bool is_transposition(char letter) { return letter != 0 && std::strchr("NnTtCc", letter) != nullptr; }
bool is_transposed(char letter) { return letter != 'N' && letter != 'n'; }

} // namespace lanefold::cblas
