/* unload LIBRARY: a host that loads the library as a plugin of its own, multiplies on two threads and unloads it, a
 * hundred times, from its main thread and from threads of its own.  The number of threads must not grow, and the threads
 * must not run code that is gone. */
#include "../support/threads.h"

#include <lanefold/lanefold.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { size = 256 };
static float a[size * size], b[size * size], c[size * size];
static const char *path;

static void *round_of_calls(void *keeps_context) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) puts(dlerror()), exit(1);
  lf_status (*create)(const lf_context_options *, lf_context **) = dlsym(library, "lf_context_create");
  lf_status (*multiply)(lf_context *, const lf_sgemm_args *) = dlsym(library, "lf_sgemm");
  void (*destroy)(lf_context *) = dlsym(library, "lf_context_destroy");
  const lf_context_options options = {.struct_size = sizeof options, .threads = 2};
  const lf_sgemm_args call = {sizeof call, 0, size, size, size, 1, 0, a, size, b, size, c, size};
  lf_context *context;
  if (create(&options, &context) != LF_OK || multiply(context, &call) != LF_OK) puts("a call fails"), exit(1);
  for (int i = 0; i < size * size; ++i)
    if (c[i] != 2 * size) puts("a result is wrong"), exit(1);
  if (keeps_context == NULL) destroy(context);
  dlclose(library);
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  path = arguments[1];
  for (int i = 0; i < size * size; ++i) a[i] = 1, b[i] = 2;
  int first = 0;
  for (int i = 0; i < 100; ++i) {
    pthread_t thread;
    void *keeps_context = i % 4 >= 2 ? c : NULL;
    if (i % 2 == 0) round_of_calls(keeps_context);
    else if (pthread_create(&thread, NULL, round_of_calls, keeps_context) == 0) pthread_join(thread, NULL);
    if (i == 3) first = threads_of_process();
  }
  printf("%d threads after 4 rounds, %d after 100\n", first, threads_of_process());
  return threads_of_process() > first;
}
