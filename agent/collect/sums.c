/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking and adding up: the inner loop of every page. If a slice breaks off within a number (in a damaged database),
 * the part before it counts.
 */
#include "agent/collect/sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256

static struct part *get_or_add_part(struct sums *sums, int64_t id)
{
        struct part *part = sums->last;

        if (part && part->id == id)
                return part;
        HASH_FIND(hh, sums->parts, &id, sizeof(id), part);
        if (!part) {
                part = calloc(1, sizeof(*part));
                if (!part)
                        return NULL;
                part->id = id;
                HASH_ADD(hh, sums->parts, id, sizeof(part->id), part);
                if (part->lost) {
                        free(part);
                        return NULL;
                }
        }
        sums->last = part;
        return part;
}

/* The place of a key, or the free one where it belongs. Ids of stacks are dense: the factor spreads them. */
static struct sum *place_of(const struct part *part, uint64_t key)
{
        size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20);

        for (;; at++) {
                struct sum *sum = &part->sums[at & (part->size - 1)];

                if (sum->key == key || sum->key == 0)
                        return sum;
        }
}

/* Keeps a quarter of the places free. */
static bool reserve_place(struct part *part)
{
        struct part larger = { .size = part->size > 0 ? part->size * 2 : FIRST_SIZE };

        if (part->n < part->size / 4 * 3)
                return true;
        larger.sums = calloc(larger.size, sizeof(*larger.sums));
        if (!larger.sums)
                return false;
        for (size_t i = 0; i < part->size; i++) {
                if (part->sums[i].key)
                        *place_of(&larger, part->sums[i].key) = part->sums[i];
        }
        free(part->sums);
        part->sums = larger.sums;
        part->size = larger.size;
        return true;
}

int collect_sums_add(struct sums *sums, const struct store_slice *slice, int64_t part_id)
{
        struct unpack in = collect_unpack_begin(slice->samples, slice->len);
        struct part *part = get_or_add_part(sums, part_id);
        uint64_t stack = 0;

        if (!part)
                return -ENOMEM;
        while (in.at < in.end) {
                stack += collect_unpack(&in);
                uint64_t state = collect_unpack(&in), count = collect_unpack(&in), ns = collect_unpack(&in);
                uint64_t key = stack << 1 | (state == PROFILE_IDLE);
                if (in.failed)
                        break;
                if (key <= 1)
                        continue; /* no stack has the id 0: the database is damaged */
                if (!reserve_place(part))
                        return -ENOMEM;

                struct sum *sum = place_of(part, key);
                part->n += sum->key == 0;
                sums->n += sum->key == 0;
                sum->key = key;
                sum->count += count;
                sum->ns += ns;
        }
        return 0;
}

/* ---- reading -------------------------------------------------------------- */

static int order_sums(const void *a, const void *b)
{
        const struct sum *x = a, *y = b;

        return (x->key > y->key) - (x->key < y->key);
}

void collect_sums_sort(struct part *part)
{
        size_t n = 0;

        for (size_t i = 0; i < part->size; i++) {
                if (part->sums[i].key)
                        part->sums[n++] = part->sums[i];
        }
        if (n > 0)
                qsort(part->sums, n, sizeof(*part->sums), order_sums);
        part->size = n;
}

int collect_sums_pack(struct sums *sums, int64_t id, struct pack *ret, uint64_t *ret_ns)
{
        struct part *part;
        int64_t before = 0;

        *ret_ns = 0;
        HASH_FIND(hh, sums->parts, &id, sizeof(id), part);
        if (!part)
                return 0;
        collect_sums_sort(part);
        for (size_t i = 0; i < part->n; i++) {
                const struct sum *sum = &part->sums[i];

                collect_pack(ret, (uint64_t)(sum_stack(sum) - before));
                collect_pack(ret, sum_state(sum));
                collect_pack(ret, sum->count);
                collect_pack(ret, sum->ns);
                before = sum_stack(sum);
                *ret_ns += sum->ns;
        }
        return ret->failed ? -ENOMEM : 0;
}

static int order_keys_descending(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x < y) - (x > y);
}

int collect_sums_threshold(const struct sums *sums, size_t max, uint64_t *ret)
{
        const struct part *part, *next_part;
        uint64_t *counts;
        size_t n = 0;

        if (sums->n <= max) {
                *ret = 0;
                return 0;
        }
        counts = calloc(sums->n, sizeof(*counts));
        if (!counts)
                return -ENOMEM;
        HASH_ITER(hh, sums->parts, part, next_part) {
                for (size_t i = 0; i < part->size; i++) {
                        if (part->sums[i].key)
                                counts[n++] = part->sums[i].count;
                }
        }
        qsort(counts, n, sizeof(*counts), order_keys_descending);
        *ret = counts[max] + 1;
        free(counts);
        return 0;
}

void collect_sums_deinit(struct sums *sums)
{
        struct part *part, *next_part;

        HASH_ITER(hh, sums->parts, part, next_part) {
                HASH_DEL(sums->parts, part);
                free(part->sums);
                free(part);
        }
}
