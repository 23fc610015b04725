/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Set by the loader before the verifier runs, so that it removes what a node does not need. */
#ifndef MYELIN_CONSTANTS_H
#define MYELIN_CONSTANTS_H

#include "base.h"

const volatile struct myelin_capture_constants constants SEC(".rodata.constants");

#endif
