/* The package manager wants a source file; what the header declares is in the toolchain's runtime. */
#include "CFuzzer.h"
