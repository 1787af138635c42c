/* beside LIBRARY [ISA]: opens the library by this path, leaves the current folder, makes a context and prints its
 * instruction set.  With ISA, says why this plugin is or is not used. */
#include <lanefold/lanefold.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *wanted;

static void see(void *self, const lf_plugin_candidate *candidate) {
  (void)self;
  if (strcmp(candidate->name, wanted) == 0) printf("%s: %s\n", candidate->path, candidate->reason);
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (library == NULL) return puts(dlerror()), 1;
  lf_status (*create)(const lf_context_options *, lf_context **) = dlsym(library, "lf_context_create");
  const char *(*isa)(const lf_context *) = dlsym(library, "lf_context_isa");
  lf_status (*enumerate)(const lf_context_options *, lf_plugin_visitor, void *) =
      dlsym(library, "lf_enumerate_plugins");
  lf_context *context;
  if (chdir("/") != 0 || create(NULL, &context) != LF_OK) return puts("no context"), 1;
  if (count == 2) return puts(isa(context)), 0;
  wanted = arguments[2];
  return enumerate(NULL, see, NULL);
}
