/* A minimal program. It runs one dense layer, y = ELU(x w), on two samples of three numbers.
 * Compile it against an installed Lanefold: cc minimal.c -llanefold -o minimal */
#include <lanefold/lanefold.h>
#include <stdio.h>

int main(void) {
  const float x[2][3] = {{1, 2, 3}, {-1, -2, -3}}, w[3][2] = {{1, -1}, {0, 1}, {2, 0}};
  float y[2][2];
  lf_context *context;
  if (lf_context_create(NULL, &context) != LF_OK) return fputs(lf_last_error(NULL), stderr), 1;
  lf_dense_forward_args layer = {.struct_size = sizeof layer, .m = 2, .n = 2, .k = 3, .activation = LF_ELU, .alpha = 1};
  layer.x = x[0], layer.ldx = 3;
  layer.w = w[0], layer.ldw = 2;
  layer.y = y[0], layer.ldy = 2;
  const lf_status status = lf_dense_forward(context, &layer);
  if (status == LF_OK) printf("%s: %g %g, %g %g\n", lf_context_isa(context), y[0][0], y[0][1], y[1][0], y[1][1]);
  else fprintf(stderr, "%s\n", lf_last_error(context));
  lf_context_destroy(context);
  return status != LF_OK;
}
