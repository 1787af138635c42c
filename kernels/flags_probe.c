/* Compiles only with flags that Lanefold accepts. */
#include "flags.h"

int main(void) { return 0; }
