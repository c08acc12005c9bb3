/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of .eh_frame_hdr is sorted by address, and has up to some 600 000 entries of 8 bytes. A binary search would
 * need 20 reads of a few bytes, and a read costs as much as some KiB of bytes. So one read takes entries that are spread
 * evenly, and then one takes all between two of them.
 *
 * A table that is not sorted leads to some entry or other, whose FDE then does not cover the address.
 */
#include "table.h"

#include <errno.h>

#define HEAD 12        /* bytes before the table */
#define SPANS_MAX 512  /* entries that are read apart at a time */
#define WHOLE_MAX 2048 /* entries that are read together: 16 KiB, 5 pages */

struct table_entry {
        int32_t start; /* both are distances from .eh_frame_hdr */
        int32_t fde;
};

/* The interval of entries that is left: the one that is looked for is in it if it is anywhere. */
struct interval {
        uint64_t first;
        uint64_t n;
};

/* How many of @n entries, each @step further than the one before, begin at or before @distance. */
static size_t count_before(const struct table_entry *entries, size_t n, int64_t distance)
{
        size_t low = 0;

        while (n > 0) {
                size_t half = n / 2;

                if (entries[low + half].start <= distance) {
                        low += half + 1;
                        n -= half + 1;
                } else {
                        n = half;
                }
        }
        return low;
}

static int narrow_interval(const struct elfsym_memory *memory, uint64_t table, int64_t distance, struct interval *in)
{
        struct table_entry entries[SPANS_MAX];
        struct iovec spans[SPANS_MAX];
        uint64_t step = in->n <= (uint64_t)WHOLE_MAX * SPANS_MAX ? WHOLE_MAX : (in->n - 1) / SPANS_MAX + 1;
        size_t n = 0;

        for (uint64_t i = 0; i < in->n; i += step, n++)
                spans[n] = (struct iovec){ .iov_base = (void *)(uintptr_t)(table + (in->first + i) * 8), .iov_len = 8 };

        ssize_t got = memory->read(memory->ctx, entries, spans, n);

        if (got < 0 && got != -EFAULT)
                return (int)got;
        if (got != (ssize_t)(n * 8))
                return ELFSYM_E_RANGE;

        size_t before = count_before(entries, n, distance);

        if (before == 0)
                return ELFSYM_E_NOT_FOUND;

        uint64_t skipped = (before - 1) * step;

        in->first += skipped;
        in->n = in->n - skipped < step ? in->n - skipped : step;
        return 0;
}

int elfsym_table_search(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                        uint64_t *ret_fde)
{
        struct table_entry entries[WHOLE_MAX];
        struct interval in = { .n = frames->entries };
        int64_t distance = (int64_t)(pc - frames->hdr);
        int r = frames->hdr == 0 || in.n == 0 ? ELFSYM_E_NOT_FOUND : 0;

        /* 2^32 entries, which is all that there can be, take three rounds. */
        while (r == 0 && in.n > WHOLE_MAX)
                r = narrow_interval(memory, frames->hdr + HEAD, distance, &in);
        if (r == 0)
                r = elfsym_table_read(memory, frames->hdr + HEAD + in.first * 8, entries, in.n * 8);
        if (r != 0)
                return r;

        size_t before = count_before(entries, in.n, distance);

        if (before == 0)
                return ELFSYM_E_NOT_FOUND;
        *ret_fde = frames->hdr + (uint64_t)(int64_t)entries[before - 1].fde;
        return 0;
}
