/* Compiles only with flags that Lanefold accepts. */
#include "compiler_flags.h"

int main(void) { return 0; }
