/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_FRAME_H
#define SYMBOL_FRAME_H

/* A part of symbol.h: names of frames that pystack has found. */

#include "pystack/pystack.h"

#include <stdint.h>
#include <sys/types.h>

struct symbols;
struct symbol;

/*
 * Looks up @value of @image, as pystack gives them for a frame of C code. @pid and @start_time as of struct symbol_place.
 * Returns what symbols_look_up() does.
 */
int symbols_look_up_frame(struct symbols *symbols, pid_t pid, uint64_t start_time, const struct pystack_image *image,
                          uint64_t value, struct symbol *ret);

#endif
