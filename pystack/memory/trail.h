/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TRAIL_H
#define PYSTACK_TRAIL_H

/*
 * Reads of memory that changes meanwhile, each of which follows from the ones before. All of them are kept, and are read
 * once more at the end. What both readings have was so at one moment between them.
 */

#include "remote.h"

#define TRAIL_SPANS 32
#define TRAIL_BYTES 4096

struct trail {
        const struct pystack_memory *memory; /* borrowed */
        size_t n, used;
        struct iovec spans[TRAIL_SPANS];
        uint8_t bytes[TRAIL_BYTES];
};

/* Begins a trail that has no reads yet. */
void trail_begin(struct trail *trail, const struct pystack_memory *memory);

/* Reads, and keeps what was read in @trail: @ret points to it. PYSTACK_E_COSTLY: it has no room. Errors of reading. */
int trail_read(struct trail *trail, uint64_t addr, size_t len, const uint8_t **ret);

/* The same for a word. */
int trail_word(struct trail *trail, uint64_t addr, uint64_t *ret);

/* Reads all once more, by one system call. 0: it was the same. PYSTACK_E_TORN: it was not. Errors of reading. */
int trail_confirm(const struct trail *trail);

#endif
