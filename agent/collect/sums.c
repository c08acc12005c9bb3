/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking and adding up: the inner loop of every page. If a slice breaks off within a number (in a damaged database),
 * the part before it counts.
 */
#include "agent/collect/sums.h"
#include "agent/collect/pack.h"

#include <errno.h>
#include <stdlib.h>

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

static struct sum *get_or_add_sum(struct sums *sums, struct part *part, uint64_t key)
{
        struct sum *sum;

        HASH_FIND(hh, part->sums, &key, sizeof(key), sum);
        if (sum)
                return sum;
        sum = calloc(1, sizeof(*sum));
        if (!sum)
                return NULL;
        sum->key = key;
        HASH_ADD(hh, part->sums, key, sizeof(sum->key), sum);
        if (sum->lost) {
                free(sum);
                return NULL;
        }
        sums->n++;
        return sum;
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
                if (in.failed)
                        break;

                struct sum *sum = get_or_add_sum(sums, part, stack << 1 | (state == PROFILE_IDLE));
                if (!sum)
                        return -ENOMEM;
                sum->count += count;
                sum->ns += ns;
        }
        sums->slices++;
        return 0;
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
                const struct sum *sum, *next_sum;

                HASH_ITER(hh, part->sums, sum, next_sum)
                        counts[n++] = sum->count;
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
                struct sum *sum, *next_sum;

                HASH_ITER(hh, part->sums, sum, next_sum) {
                        HASH_DEL(part->sums, sum);
                        free(sum);
                }
                HASH_DEL(sums->parts, part);
                free(part);
        }
}
