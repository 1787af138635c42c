/* Forks while another thread makes the first product of the process.  No child waits for that thread. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc);

static int multiply(void) {
  const float a[4] = {1, 2, 3, 4}, b[4] = {1, 0, 0, 1};
  float c[4];
  cblas_sgemm(101, 111, 111, 2, 2, 2, 1, a, 2, b, 2, 0, c, 2);
  return c[3] == 4;
}

static void *first_product(void *nothing) {
  multiply();
  return nothing;
}

/* One attempt, in a process of its own: the child may be forked at any moment of the first product. */
static int attempt(int microseconds) {
  pthread_t thread;
  int status = 1;
  if (pthread_create(&thread, NULL, first_product, NULL) != 0) return 1;
  usleep((useconds_t)microseconds);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(multiply() ? 0 : 1);
  }
  waitpid(child, &status, 0);
  pthread_join(thread, NULL);
  return status != 0;
}

int main(void) {
  int wrong = 0;
  for (int i = 0; i < 300; ++i) {
    const pid_t process = fork();
    if (process == 0) _exit(attempt(i % 30 * 20));
    int status = 1;
    waitpid(process, &status, 0);
    wrong += status != 0;
  }
  printf("%d of 300 children did not multiply\n", wrong);
  return wrong != 0;
}
