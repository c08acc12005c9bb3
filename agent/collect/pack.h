/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_PACK_H
#define COLLECT_PACK_H

/* Rows of numbers as bytes: LEB128, seven bits a byte, the lowest first. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
        uint8_t *data; /* malloc; the owner's to free */
        size_t len, size;
        bool failed; /* out of memory: data is incomplete */
};

void collect_pack(struct pack *pack, uint64_t value);

struct unpack {
        const uint8_t *at, *end;
        bool failed; /* the bytes end within a number, or it is too long */
};

/* Of @len bytes at @data, which may be NULL for none: SQLite gives that for an empty blob. */
struct unpack collect_unpack_begin(const void *data, size_t len);

/* 0 after a failure. */
uint64_t collect_unpack(struct unpack *unpack);

#endif
