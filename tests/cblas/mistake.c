/* mistake row-major|column-major|fortran|layout|none: a call of sgemm with lda too short or a bad layout, or a call without
 * mistake.  With WITH_HANDLERS, the program has handlers of its own, which return. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc);
void sgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb, const float *beta,
            float *c, const int *ldc);

#ifdef WITH_HANDLERS
void cblas_xerbla(int position, const char *routine, const char *format, ...);
void xerbla_(const char *routine, const int *position, size_t length);
void cblas_xerbla(int position, const char *routine, const char *format, ...) {
  printf("my cblas_xerbla: %s %d %s\n", routine, position, format);
}
void xerbla_(const char *routine, const int *position, size_t length) {
  printf("my xerbla_: %.*s %d\n", (int)length, routine, *position);
}
#endif

int main(int argc, char **argv) {
  const float a[4] = {1, 2, 3, 4};
  float c[4] = {0, 0, 0, 0};
  const int two = 2, one = 1;
  const char *kind = argc > 1 ? argv[1] : "";
  if (strcmp(kind, "fortran") == 0) sgemm_("N", "N", &two, &two, &two, a, a, &one, a, &two, a, c, &two);
  else
    cblas_sgemm(strcmp(kind, "column-major") == 0 ? 102
                : strcmp(kind, "layout") == 0     ? 7
                                                  : 101,
                111, 111, 2, 2, 2, 1, a, strcmp(kind, "none") == 0 ? 2 : 1, a, 2, 0, c, 2);
  return c[0] != 0 && strcmp(kind, "none") != 0;
}
