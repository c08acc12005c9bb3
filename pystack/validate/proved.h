/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PROVED_H
#define PYSTACK_PROVED_H

/* Code objects of frames that are read by a trail, one after the other: those of tasks and greenlets that are suspended. */

#include "pystack/internal.h"
#include "pystack/memory/trail.h"

/* Where such frames are read. */
struct proved_reading {
        struct pystack *py;
        struct trail *trail;
        uint64_t interp;
        uint64_t generation; /* the interpreter's at this moment; 0: not known */
};

/*
 * Finds, reads and proves the code object at @addr. It is of one moment with the trail if the trail is confirmed
 * afterwards. Valid until the next code_cache_sweep(). Errors of reading.
 */
int proved_code(const struct proved_reading *reading, uint64_t addr, struct code_entry **ret);

/* Makes the frame of @raw. Errors as above. */
int proved_frame(const struct proved_reading *reading, const struct raw_frame *raw, struct pystack_frame *ret);

#endif
