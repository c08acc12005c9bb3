/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_FOLDED_H
#define FORMAT_FOLDED_H

#include "walk.h"

#include <stdio.h>

/* Writes a frame of a folded stack. */
void folded_frame(const struct walk_frame *frame, FILE *out);

#endif
