/* SPDX-License-Identifier: Apache-2.0 */
/* Sorts by what threads have in common, then by their numbers: the first of a run of equal ones is the first of all. */
#include "alike.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int order_by_kind(const struct alike *x, const struct alike *y)
{
        if (x->apart != y->apart)
                return x->apart ? 1 : -1;
        if (x->len != y->len)
                return x->len < y->len ? -1 : 1;
        int r = memcmp(x->stack, y->stack, x->len);

        return r ? r : strcmp(x->words, y->words);
}

static int order_alike(const void *a, const void *b)
{
        const struct alike *x = *(struct alike *const *)a, *y = *(struct alike *const *)b;
        int r = order_by_kind(x, y);

        return r ? r : (x > y) - (x < y);
}

int alike_find(struct alike *items, size_t n)
{
        struct alike **sorted = malloc((n + 1) * sizeof *sorted);
        struct alike *first = NULL;

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                sorted[i] = &items[i];
        qsort(sorted, n, sizeof *sorted, order_alike);
        for (size_t i = 0; i < n; i++) {
                if (!first || sorted[i]->apart || order_by_kind(first, sorted[i]) != 0)
                        first = sorted[i];
                sorted[i]->n = 0;
                sorted[i]->first = (size_t)(first - items);
                first->n++;
        }
        free(sorted);
        return 0;
}
