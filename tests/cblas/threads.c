/* The variable VARIABLE bounds the threads of the products: with 1 there is no thread but this one. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc);

enum { size = 512 };
static float a[size * size], c[size * size];

static int threads(void) {
  char line[256];
  int count = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status) != NULL) sscanf(line, "Threads: %d", &count);
  fclose(status);
  return count;
}

/* Without an argument, runs itself with and without the variable. */
int main(int count, char **arguments) {
  if (count == 2) {
    cblas_sgemm(101, 111, 111, size, size, size, 1, a, size, a, size, 0, c, size);
    const int found = threads(), expected = atoi(arguments[1]);
    printf("%d threads, expected %d\n", found, expected);
    return found != expected;
  }
  char command[4200];
  unsetenv(VARIABLE);
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) return puts("SKIPPED: there is one CPU"), 77;
  int wrong = 0;
  for (int bound = 0; bound < 2; ++bound) {
    if (bound == 1) setenv(VARIABLE, "1", 1);
    snprintf(command, sizeof command, "%s'%s' %d", bound == 1 ? "" : "taskset -c 0,1 ", arguments[0],
             bound == 1 ? 1 : 2);
    wrong += system(command) != 0;
  }
  return wrong;
}
