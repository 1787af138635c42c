/* The environment variable VARIABLE bounds the threads of the products.  With 1, the process has no second thread. */
#define _DEFAULT_SOURCE
#include "../support/threads.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc);

enum { size = 512 };
static float a[size * size], c[size * size];

/* How many threads a new process has after its first product. */
static int threads_of_child(void) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) {
    cblas_sgemm(101, 111, 111, size, size, size, 1, a, size, a, size, 0, c, size);
    _exit(threads_of_process());
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void) {
  unsetenv(VARIABLE);
  const int without = threads_of_child();
  if (without == 1) return puts("SKIPPED: this process may use one CPU alone"), 77;
  setenv(VARIABLE, "1", 1);
  const int with_one = threads_of_child();
  printf("%d threads, and with " VARIABLE "=1 %d\n", without, with_one);
  return without < 2 || with_one != 1;
}
