/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a recording: blocks by address. */
#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void record_deinit(struct record *record)
{
        free(record->blocks);
        record->blocks = NULL;
        record->n = record->cap = 0;
}

/* Index of the first block at or behind @addr. */
static size_t lower_bound(const struct record *record, uint64_t addr)
{
        size_t low = 0, high = record->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (record->blocks[middle].addr < addr)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const struct record_block *record_find(const struct record *record, uint64_t addr)
{
        size_t i = lower_bound(record, addr);

        return i < record->n && record->blocks[i].addr == addr ? &record->blocks[i] : NULL;
}

int record_add(struct record *record, const struct record_block *block)
{
        size_t i = lower_bound(record, block->addr);

        if (i < record->n && record->blocks[i].addr == block->addr)
                return -EEXIST;
        if (record->n == RECORD_BLOCKS_MAX)
                return -ENOSPC;
        if (record->n == record->cap) {
                size_t cap = record->cap ? 2 * record->cap : 64;
                struct record_block *blocks = realloc(record->blocks, cap * sizeof *blocks);
                if (!blocks)
                        return -ENOMEM;
                record->blocks = blocks;
                record->cap = cap;
        }
        memmove(record->blocks + i + 1, record->blocks + i, (record->n - i) * sizeof *record->blocks);
        record->blocks[i] = *block;
        record->n++;
        return 0;
}

/* Whether a part of the page was read: then the page was mapped, so its other parts have some value. */
static bool is_in_known_page(const struct record *record, uint64_t addr)
{
        uint64_t page = remote_page(addr);
        size_t i = lower_bound(record, page);

        return i < record->n && record->blocks[i].addr - page < REMOTE_PAGE;
}

static const struct record_block *get_or_fetch_block(struct record *record, uint64_t addr,
                                                     int (*fetch)(void *ctx, struct record_block *block), void *ctx)
{
        const struct record_block *block = record_find(record, addr);
        struct record_block fetched = { .addr = addr };

        if (block || !fetch || fetch(ctx, &fetched) != 0 || record_add(record, &fetched) != 0)
                return block;
        return record_find(record, addr);
}

ssize_t record_copy(struct record *record, void *buf, const struct iovec *remote, size_t n,
                    int (*fetch)(void *ctx, struct record_block *block), void *ctx)
{
        size_t done = 0;

        for (size_t i = 0; i < n; i++) {
                uint64_t addr = (uint64_t)(uintptr_t)remote[i].iov_base;
                size_t left = remote[i].iov_len;
                while (left > 0) {
                        size_t offset = addr % RECORD_BLOCK;
                        size_t part = left < RECORD_BLOCK - offset ? left : RECORD_BLOCK - offset;
                        const struct record_block *block = get_or_fetch_block(record, addr - offset, fetch, ctx);
                        if (!block && (fetch || !is_in_known_page(record, addr)))
                                return done > 0 ? (ssize_t)done : -EFAULT;
                        if (block)
                                memcpy((char *)buf + done, block->bytes + offset, part);
                        else
                                memset((char *)buf + done, 0, part);
                        done += part;
                        addr += part;
                        left -= part;
                }
        }
        return (ssize_t)done;
}
