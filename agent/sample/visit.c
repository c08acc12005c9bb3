/* SPDX-License-Identifier: Apache-2.0 */
#include "visit.h"

#include "internal.h"

#include <stdlib.h>

bool visit_begin(struct visit *v, size_t n)
{
        v->n = 0;
        if (n <= v->cap)
                return true;
        struct visited *items = reallocarray(v->items, 2 * n, sizeof *items);
        if (!items)
                return false;
        v->items = items;
        v->cap = 2 * n;
        return true;
}

void visit_add(struct visit *v, struct target *t, uint64_t weight)
{
        target_use(t);
        atomic_init(&v->items[v->n].target, t);
        v->items[v->n++].weight = weight;
}

struct target *visit_take(struct visit *v, size_t i)
{
        return atomic_exchange(&v->items[i].target, NULL);
}

void visit_drop(struct visit *v)
{
        for (size_t i = 0; i < v->n; i++) {
                struct target *t = visit_take(v, i);
                if (t)
                        target_put(t);
        }
}

void visit_deinit(struct visit *v)
{
        free(v->items);
        *v = (struct visit){ 0 };
}
