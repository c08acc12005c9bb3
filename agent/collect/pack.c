/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples and frames are stored packed. A row of SQLite for every sample would be ten times as large, and as slow to
 * add up. Packed bytes are checked when they are read back, since a file can be damaged.
 */
#include "agent/collect/pack.h"

#include <stdlib.h>

#define NUMBER_MAX 10 /* bytes of the longest 64-bit number */

static bool reserve_number(struct pack *pack)
{
        size_t size = pack->size > 0 ? pack->size * 2 : 256;
        uint8_t *data;

        if (pack->size - pack->len >= NUMBER_MAX)
                return true;
        data = realloc(pack->data, size);
        if (!data)
                return false;
        pack->data = data;
        pack->size = size;
        return true;
}

void collect_pack(struct pack *pack, uint64_t value)
{
        if (pack->failed || !reserve_number(pack)) {
                pack->failed = true;
                return;
        }
        for (; value >= 0x80; value >>= 7)
                pack->data[pack->len++] = (uint8_t)(value | 0x80);
        pack->data[pack->len++] = (uint8_t)value;
}

struct unpack collect_unpack_begin(const void *data, size_t len)
{
        const uint8_t *at = data;

        return (struct unpack){ .at = at, .end = at ? at + len : NULL };
}

uint64_t collect_unpack_long(struct unpack *unpack)
{
        uint64_t value = 0;

        for (unsigned shift = 0; shift < 64 && unpack->at < unpack->end && !unpack->failed; shift += 7) {
                uint8_t byte = *unpack->at++;
                value |= (uint64_t)(byte & 0x7f) << shift;
                if (!(byte & 0x80))
                        return value;
        }
        unpack->failed = true;
        return 0;
}

uint64_t collect_unpack_ns(const void *samples, size_t len)
{
        struct unpack in = collect_unpack_begin(samples, len);
        uint64_t sum = 0;

        while (in.at < in.end && !in.failed) {
                for (int skipped = 0; skipped < 3; skipped++)
                        collect_unpack(&in);
                sum += collect_unpack(&in);
        }
        return sum;
}
