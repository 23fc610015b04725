/* What the driver calls of libFuzzer (compiler-rt): the runtime without a main of its own. */
#ifndef CFUZZER_H
#define CFUZZER_H

#include <stddef.h>
#include <stdint.h>

/* Does not return before the runs are done; ends the process with an error when an input fails. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *bytes, size_t count));

#endif
