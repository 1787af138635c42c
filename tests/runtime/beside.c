/* beside LIBRARY [ISA | why | log | quiet]: opens the library by this path, leaves the current folder, makes two contexts
 * and prints their instruction set.  With an ISA, says why this plugin is or is not used; with "why", says why the
 * context's plugin is used.  With "log" warnings go to a log, which is printed; with "quiet" nowhere. */
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

static void print_warning(void *self, int32_t level, const char *message) {
  (void)self;
  if (level == LF_LOG_WARNING) printf("log: %s\n", message);
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (library == NULL) return puts(dlerror()), 1;
  lf_status (*create)(const lf_context_options *, lf_context **) = dlsym(library, "lf_context_create");
  const char *(*isa)(const lf_context *) = dlsym(library, "lf_context_isa");
  lf_status (*enumerate)(const lf_context_options *, lf_plugin_visitor, void *) =
      dlsym(library, "lf_enumerate_plugins");
  const char *(*reason)(const lf_context *) = dlsym(library, "lf_context_isa_reason");
  lf_context_options options = {.struct_size = sizeof options};
  wanted = count > 2 ? arguments[2] : "";
  if (strcmp(wanted, "quiet") == 0) options.flags = LF_QUIET;
  if (strcmp(wanted, "log") == 0) options.log = print_warning;
  lf_context *context, *second;
  if (chdir("/") != 0 || create(&options, &context) != LF_OK) return puts("no context"), 1;
  if (count == 2 && create(&options, &second) != LF_OK) return puts("no second context"), 1;
  if (strcmp(wanted, "why") == 0) return puts(reason(context)), 0;
  if (count == 2 || options.flags != 0 || options.log != NULL) return puts(isa(context)), 0;
  return enumerate(NULL, see, NULL);
}
