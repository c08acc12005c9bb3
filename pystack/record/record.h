/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_RECORD_H
#define PYSTACK_RECORD_H

/* What recorder and replay have in common: pieces of memory, and what a recording says besides. */

#include "pystack/internal.h"
#include "pystack/locate/locate.h"

/*
 * Memory is kept in aligned blocks: what stands beside what was read is kept, too,
 * so that a later podflame that reads a little more finds it.
 */
#define RECORD_BLOCK 256

/* 16 MiB: a deep stack of a large program takes less than one. */
#define RECORD_BLOCKS_MAX 65536

struct record_block {
        uint64_t addr;
        uint8_t bytes[RECORD_BLOCK];
};

struct record {
        struct pystack_location location;
        uint64_t inner_pid;
        uint64_t abi;
        struct record_block *blocks; /* ascending */
        size_t n, cap;
};

void record_deinit(struct record *record);

/* The block that begins at @addr, NULL if there is none. */
const struct record_block *record_find(const struct record *record, uint64_t addr);

/* Adds a block; -EEXIST if its address has one, -ENOSPC if there are too many. */
int record_add(struct record *record, const struct record_block *block);

/*
 * Copies the spans out of the blocks. Where one is missing, @fetch is asked for it;
 * an error ends the copying. If @fetch is NULL, what is missing of a page reads as
 * zeros, and a page without a block ends it. Returns as a pystack_read_fn does.
 */
ssize_t record_copy(struct record *record, void *buf, const struct iovec *remote, size_t n,
                    int (*fetch)(void *ctx, struct record_block *block), void *ctx);

int record_write(const struct record *record, FILE *file);
int record_parse(FILE *file, struct record *ret);

#endif
