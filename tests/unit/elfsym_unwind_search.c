/* SPDX-License-Identifier: Apache-2.0 */
/* The search in tables of any size: right in few reads, and soon over where a table is forged. */
#include "elfsym/table.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(elfsym_unwind_search);

#define HDR UINT64_C(0x7f0000000000)
#define STEP 16 /* bytes of each function */

/* A table that is made as it is read: function i begins at HDR + STEP * (i + 1), and its FDE is at HDR + i. */
struct endless {
        uint64_t entries;
        unsigned reads;
        size_t spans_max;
        size_t bytes;
        bool shuffled;
};

static uint32_t mix_bits(uint32_t i)
{
        return (i * UINT32_C(2654435761)) ^ i >> 7;
}

static ssize_t read_table(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct endless *table = ctx;
        size_t done = 0;

        table->reads++;
        table->spans_max = n > table->spans_max ? n : table->spans_max;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < remote[i].iov_len; k += 4, done += 4) {
                        uint64_t at = ((uintptr_t)remote[i].iov_base - HDR - 12 + k) / 4;
                        uint32_t word = (uint32_t)(at % 2 ? at / 2 : (at / 2 + 1) * STEP);

                        if (at / 2 >= table->entries)
                                return done > 0 ? (ssize_t)done : -EFAULT;
                        word = table->shuffled ? mix_bits(word) : word;
                        memcpy((char *)buf + done, &word, sizeof(word));
                }
        table->bytes += done;
        return (ssize_t)done;
}

static int search_for(struct endless *table, uint64_t pc, uint64_t *ret)
{
        const struct elfsym_memory memory = { read_table, table };
        const struct elfsym_frames frames = { .hdr = HDR, .entries = table->entries };

        table->reads = 0;
        table->bytes = 0;
        return elfsym_table_search(&memory, &frames, pc, ret);
}

Test(elfsym_unwind_search, tables_of_any_size)
{
        static const uint64_t sizes[] = { 1, 2, 3, 2047, 2048, 2049, 4096, 4097, 600000, 1048576, 1048577, 1 << 26 };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                struct endless table = { .entries = sizes[i] };
                uint64_t step = sizes[i] / 500 + 1;
                uint64_t fde;

                cr_expect_eq(search_for(&table, HDR + STEP - 1, &fde), ELFSYM_E_NOT_FOUND);
                for (uint64_t k = 0; k < sizes[i]; k += step) {
                        cr_assert_eq(search_for(&table, HDR + (k + 1) * STEP, &fde), 0);
                        cr_expect_eq(fde, HDR + k, "first of %lu of %lu", k, sizes[i]);
                        cr_assert_eq(search_for(&table, HDR + (k + 1) * STEP + STEP - 1, &fde), 0);
                        cr_expect_eq(fde, HDR + k, "last of %lu of %lu", k, sizes[i]);
                        cr_expect_leq(table.reads, sizes[i] <= 2048 ? 1u : sizes[i] <= 512 * 2048 ? 2u : 3u);
                }
                cr_expect_leq(table.spans_max, 512);
        }
}

Test(elfsym_unwind_search, tables_that_are_not_sorted)
{
        struct endless table = { .entries = UINT32_MAX, .shuffled = true };

        for (uint64_t pc = HDR - (1u << 31); pc < HDR + (1u << 31); pc += 999999) {
                uint64_t fde;
                int r = search_for(&table, pc, &fde);

                cr_expect(r == 0 || r == ELFSYM_E_NOT_FOUND);
                cr_expect_leq(table.reads, 4);
                cr_expect_leq(table.bytes, 3 * 512 * 8 + 2048 * 8);
        }
}
