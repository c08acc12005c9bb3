/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_FOLDED_H
#define FORMAT_FOLDED_H

#include "walk.h"

#include <stdio.h>

/* What follows the name of a kernel's function, as flamegraph.pl knows it. Such a frame has no file. */
#define FOLDED_KERNEL "_[k]"

/* Whether a file is a shared object by its name: "libc.so.6", "_json.cpython-311-x86_64-linux-gnu.so". */
bool folded_is_shared_object(const char *file);

/* Writes a frame of a folded stack. */
void folded_frame(const struct walk_frame *frame, FILE *out);

#endif
