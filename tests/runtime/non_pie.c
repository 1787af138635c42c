/* A program that is not position-independent and holds the address of a public function of the library still finds the
 * plugins beside the library: its folder is not taken for that of the program. */
#include <lanefold/lanefold.h>
#include <stdio.h>
#include <string.h>

static void count_modules(void *self, const lf_plugin_candidate *candidate) {
  if (strcmp(candidate->path, "built in") != 0) ++*(int *)self;
}

int main(void) {
  int32_t (*volatile version)(void) = lf_version;
  int modules = 0;
  lf_enumerate_plugins(NULL, count_modules, &modules);
  printf("version %d, %d plugins beside the library\n", version(), modules);
  return modules == 0;
}
