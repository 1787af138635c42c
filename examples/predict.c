/* Opens a network in any format, predicts one row of zeros again and again, and prints how long one prediction takes.
 *   cc predict.c -llanefold_model -llanefold -o predict
 *   ./predict model.onnx */
#define _POSIX_C_SOURCE 199309L
#include <lanefold/model.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { times = 2000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3; /* microseconds */
}

static int ascending(const void *a, const void *b) {
  const double *one = a, *other = b;
  return (*one > *other) - (*one < *other);
}

int main(int argc, char **argv) {
  char message[1000] = "";
  if (argc != 2) return fprintf(stderr, "usage: %s MODEL\n", argv[0]), 2;
  lf_context_options options = {.struct_size = sizeof options, .threads = 1};
  lf_context *context;
  if (lf_context_create(&options, &context) != LF_OK) return fprintf(stderr, "%s\n", lf_last_error(NULL)), 1;
  const double begin = now();
  lf_model *model;
  lf_model_open_args file = {
      .struct_size = sizeof file, .path = argv[1], .message = message, .message_size = sizeof message};
  if (lf_model_open(&file, &model) != LF_OK) return fprintf(stderr, "%s\n", message), 1;
  lf_network *network;
  lf_model_network_args make = {.struct_size = sizeof make, .message = message, .message_size = sizeof message};
  if (lf_model_create_network(context, model, &make, &network) != LF_OK) return fprintf(stderr, "%s\n", message), 1;
  const double ready = now();
  lf_model_info info = {.struct_size = sizeof info};
  lf_model_get_info(model, &info);
  float *x = calloc((size_t)info.features, sizeof *x), *y = calloc((size_t)info.outputs, sizeof *y);
  static double each[times];
  if (x == NULL || y == NULL) return fputs("out of memory\n", stderr), 1;
  lf_network_infer_args row = {
      .struct_size = sizeof row, .m = 1, .x = x, .ldx = info.features, .y = y, .ldy = info.outputs};
  for (int i = 0; i < times; ++i) {
    const double start = now();
    if (lf_network_infer(context, &row, network) != LF_OK) return fprintf(stderr, "%s\n", lf_last_error(context)), 1;
    each[i] = now() - start;
  }
  qsort(each, times, sizeof *each, ascending);
  printf("%s: ready after %.2f ms, one prediction in %.2f us (the median of %d)\n", argv[1], (ready - begin) / 1e3,
         each[times / 2], times);
  free(y), free(x);
  lf_network_destroy(network);
  lf_model_destroy(model);
  lf_context_destroy(context);
  return 0;
}
