// What happens to a call with a bad argument.
#pragma once

#include <cstring>

namespace lanefold::cblas {

constexpr int row_major = 101, column_major = 102, no_transpose = 111, transpose = 112, conjugate_transpose = 113;

// The caller's view: Fortran, or CBLAS with one of its layouts.
enum class Face { fortran, column_major, row_major };

struct Routine {
  const char *fortran; // six characters
  const char *cblas;
};

// The first bad argument of a call.
struct Mistake {
  int position = 0;        // in the list of arguments, from 1, as Netlib counts for handlers; 0: there is none
  const char *format = ""; // what is wrong with `value`, if the position does not say it
  int value = 0;
};

// position: that in Fortran's list of arguments, 0 if none.  A row-major call counts as the equivalent column-major call,
// in which m and n are exchanged, and in sgemm also A and B.
Mistake mistake_at(Face face, int position);

// The mistake in the layout or the transposition of a CBLAS call. Its position is 0 if there is none.
Mistake layout_mistake(int layout);
Mistake transposition_mistake(int position, int transposition);

// Calls the program's handler.  Without one it prints the mistake, with the position as the caller counts, and ends the
// program, as Netlib's BLAS does.
void report(const Routine &routine, Face face, const Mistake &mistake);

// The routine of this name that a call from this address would reach without this library; NULL if there is none.
// A bad call goes there, because that BLAS finds the handler of its caller, even one whose symbol is not global.
void *find_behind(const char *name, const void *own, const void *caller);

// The routine whose call is on its way there. What is behind may be another copy of this library, which looks for a BLAS
// behind itself, and finds the first copy.
struct Forwarding {
  explicit Forwarding(const char *name) : outer(current) { current = name; }
  ~Forwarding() { current = outer; }
  const char *const outer;
  static constinit thread_local const char *current;
};

// Makes the call there. Returns whether there is such a BLAS.
template <class... Parameters, class... Arguments>
bool forward(const char *name, void (*own)(Parameters...), const void *caller, Arguments... arguments) {
  if (Forwarding::current != nullptr && std::strcmp(Forwarding::current, name) == 0) return false;
  void *found = find_behind(name, reinterpret_cast<const void *>(own), caller);
  if (found == nullptr) return false;
  const Forwarding forwarding(name);
  reinterpret_cast<void (*)(Parameters...)>(found)(arguments...);
  return true;
}

// 'N', 'T' or 'C', in either case.
bool is_transposition(char letter);
bool is_transposed(char letter);

} // namespace lanefold::cblas
