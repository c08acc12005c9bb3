/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_PACK_H
#define COLLECT_PACK_H

/* Rows of numbers as bytes: LEB128, with seven bits in each byte, the lowest first. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
        uint8_t *data; /* allocated; the owner frees it */
        size_t len, size;
        bool failed; /* memory ran out: data is incomplete */
};

void collect_pack(struct pack *pack, uint64_t value);

struct unpack {
        const uint8_t *at, *end;
        bool failed; /* the bytes end within a number, or it is too long */
};

/* Begins to unpack @len bytes at @data. @data may be NULL: SQLite gives that for an empty blob. */
struct unpack collect_unpack_begin(const void *data, size_t len);

/* Unpacks the next number. 0 after a failure. Most numbers are short. */
uint64_t collect_unpack_long(struct unpack *unpack);
static inline uint64_t collect_unpack(struct unpack *unpack)
{
        if (unpack->at < unpack->end && *unpack->at < 0x80 && !unpack->failed)
                return *unpack->at++;
        return collect_unpack_long(unpack);
}

/* The nanoseconds of all of a slice's packed samples, up to where they may break off. */
uint64_t collect_unpack_ns(const void *samples, size_t len);

#endif
