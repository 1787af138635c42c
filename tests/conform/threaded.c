/* A library that starts a thread when it is opened. */
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

extern int thread_of_library;
int thread_of_library;

static void *idle(void *arg) {
  pause();
  return arg;
}

__attribute__((constructor)) static void start(void) {
  pthread_t thread;
  thread_of_library = pthread_create(&thread, NULL, idle, NULL) == 0;
}
