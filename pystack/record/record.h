/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_RECORD_H
#define PYSTACK_RECORD_H

/* A recording in memory: the pieces of the target that were read, and where its runtime lies. */

#include "pystack/internal.h"
#include "pystack/locate/locate.h"

/*
 * Memory is kept in aligned blocks of this many bytes. So the bytes beside those that were read are kept, too, and a
 * later podflame that reads a little more finds them.
 */
#define RECORD_BLOCK 256

/* 16 MiB. A deep stack of a large program takes less than 1 MiB. */
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
 * Copies the spans out of the blocks. If a block is missing, @fetch is asked for it, and an error ends the copying.
 * If @fetch is NULL, a missing block reads as zeros if its page has another block, and ends the copying if it has
 * none. Returns what a pystack_read_fn does.
 */
ssize_t record_copy(struct record *record, void *buf, const struct iovec *remote, size_t n,
                    int (*fetch)(void *ctx, struct record_block *block), void *ctx);

int record_write(const struct record *record, FILE *file);
int record_parse(FILE *file, struct record *ret);

#endif
