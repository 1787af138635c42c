/* The matrix product C = alpha op(A) op(B) + beta C: plain, of transposes, and on a part of a larger matrix.  The last
 * call has a mistake, which the library explains.
 * Compile it against an installed Lanefold: cc gemm.c -llanefold -o gemm */
#include <lanefold/lanefold.h>
#include <stdio.h>

static int wrong = 0;

/* Whole numbers are exact in every order of summation, so the results must be equal. */
static void expect(const char *what, const float *c, int64_t ldc, const float expected[2][2]) {
  printf("%-26s %4g %4g / %4g %4g\n", what, c[0], c[1], c[ldc], c[ldc + 1]);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) wrong += c[i * ldc + j] != expected[i][j];
}

int main(void) {
  lf_context *context;
  if (lf_context_create(NULL, &context) != LF_OK) return fputs(lf_last_error(NULL), stderr), 1;

  const float a[2][3] = {{1, 2, 3}, {4, 5, 6}}, b[3][2] = {{1, -1}, {0, 2}, {3, 1}};
  float c[2][2];
  /* op(A) is m x k, op(B) is k x n, and C is m x n.  A stride is the distance from one row to the next. */
  lf_sgemm_args product = {.struct_size = sizeof product, .m = 2, .n = 2, .k = 3, .alpha = 1};
  product.a = a[0], product.lda = 3;
  product.b = b[0], product.ldb = 2;
  product.c = c[0], product.ldc = 2;
  if (lf_sgemm(context, &product) != LF_OK) return fputs(lf_last_error(context), stderr), 1;
  expect("A B", c[0], 2, (const float[2][2]){{10, 6}, {22, 12}});

  /* With beta = 2, the product is added to twice the old C. */
  product.alpha = -1, product.beta = 2;
  if (lf_sgemm(context, &product) != LF_OK) return fputs(lf_last_error(context), stderr), 1;
  expect("2 C - A B", c[0], 2, (const float[2][2]){{10, 6}, {22, 12}});

  /* The same matrices, stored transposed: A as k x m, B as n x k.  C is the middle of a larger matrix with rows of five. */
  const float at[3][2] = {{1, 4}, {2, 5}, {3, 6}}, bt[2][3] = {{1, 0, 3}, {-1, 2, 1}};
  float large[4][5] = {{0}};
  product.flags = LF_TRANSPOSE_A | LF_TRANSPOSE_B, product.alpha = 1, product.beta = 0;
  product.a = at[0], product.lda = 2;
  product.b = bt[0], product.ldb = 3;
  product.c = &large[1][2], product.ldc = 5;
  if (lf_sgemm(context, &product) != LF_OK) return fputs(lf_last_error(context), stderr), 1;
  expect("A B of stored transposes", &large[1][2], 5, (const float[2][2]){{10, 6}, {22, 12}});
  wrong += large[1][1] != 0 || large[1][4] != 0 || large[3][2] != 0;

  /* A row of bt has three elements, so the call refuses this stride, says so, and leaves C as it was. */
  product.ldb = 1;
  wrong += lf_sgemm(context, &product) != LF_INVALID_ARGUMENT || large[1][2] != 10;
  printf("a mistake: %s\n", lf_last_error(context));

  lf_context_destroy(context);
  return wrong != 0;
}
