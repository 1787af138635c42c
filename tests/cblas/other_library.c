/* A BLAS of another make, with a bad call inside and a handler of its own for it. */
#include <stdio.h>
#include <stdlib.h>

void cblas_xerbla(int position, const char *routine, const char *format, ...);
void other_mistake(void);

void cblas_xerbla(int position, const char *routine, const char *format, ...) {
  (void)format;
  printf("the other library's handler: %s %d\n", routine, position);
  exit(3);
}

void other_mistake(void) { cblas_xerbla(6, "cblas_ssymm", ""); }
