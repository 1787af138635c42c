// Reports a bad argument to the handler that the caller expects.
#pragma once

namespace lanefold::cblas {

constexpr int row_major = 101, column_major = 102, no_transpose = 111, transpose = 112, conjugate_transpose = 113;

// The caller's view: Fortran, or CBLAS with one of its layouts.
enum class Face { fortran, column_major, row_major };

struct Routine {
  const char *fortran; // six characters
  const char *cblas;
};

// position: that in Fortran's list of arguments, from 1.  A row-major call counts as the equivalent column-major call,
// in which m and n are exchanged, and in sgemm also A and B.
void report(const Routine &routine, Face face, int position);

// Whether a CBLAS call names a layout and transpositions; reports the first that it does not.
bool has_layout(const Routine &routine, int layout);
bool has_transposition(const Routine &routine, int position, int transposition);

// 'N', 'T' or 'C', in either case.
bool is_transposition(char letter);
bool is_transposed(char letter);

} // namespace lanefold::cblas
