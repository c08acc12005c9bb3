/* SPDX-License-Identifier: Apache-2.0 */
/* /proc is read twice, at the beginning and at the end. In between nothing disturbs the processes. */
#include "children.h"

#include <errno.h>
#include <stdlib.h>

struct child {
        pid_t pid, parent;
        uint64_t start_time;
        uint64_t ticks; /* CPU time used, in clock ticks */
        bool chosen;    /* it is recorded itself */
        bool ours;      /* it is chosen, or descends from a chosen process */
};

static int add_child(pid_t pid, void *ctx)
{
        struct children *c = ctx;
        struct nsutil_stat stat;
        struct child *items;

        if (nsutil_stat_read(pid, &stat) != 0)
                return 0;
        items = reallocarray(c->items, c->n + 1, sizeof *items);
        if (!items)
                return -ENOMEM;
        c->items = items;
        items[c->n++] = (struct child){ .pid = pid,
                                        .parent = stat.ppid,
                                        .start_time = stat.start_time,
                                        .ticks = stat.user_ticks + stat.system_ticks };
        return 0;
}

static int by_pid(const void *a, const void *b)
{
        const struct child *left = a, *right = b;

        return (left->pid > right->pid) - (left->pid < right->pid);
}

int children_read(struct children *ret)
{
        struct children c = { 0 };
        int r = nsutil_each_pid(add_child, &c);

        if (r != 0)
                children_deinit(&c);
        else if (c.n > 0)
                qsort(c.items, c.n, sizeof *c.items, by_pid);
        *ret = c;
        return r;
}

void children_deinit(struct children *c)
{
        free(c->items);
        *c = (struct children){ 0 };
}

static struct child *get_child(const struct children *c, pid_t pid)
{
        const struct child key = { .pid = pid };

        return c->n > 0 ? bsearch(&key, c->items, c->n, sizeof *c->items, by_pid) : NULL;
}

static void mark_descendants(const struct children *c, const struct choice *choice)
{
        bool changed = true;

        for (size_t i = 0; i < choice->n; i++) {
                struct child *child = get_child(c, choice->items[i].process.pid);
                if (child)
                        child->chosen = child->ours = true;
        }
        while (changed) {
                changed = false;
                for (size_t i = 0; i < c->n; i++) {
                        const struct child *parent = get_child(c, c->items[i].parent);
                        if (!c->items[i].ours && parent && parent->ours)
                                c->items[i].ours = changed = true;
                }
        }
}

size_t children_that_ran(const struct choice *choice, const struct children *before, const struct children *after)
{
        size_t n = 0;

        mark_descendants(after, choice);
        for (size_t i = 0; i < after->n; i++) {
                const struct child *now = &after->items[i], *then = get_child(before, now->pid);
                uint64_t had = then && then->start_time == now->start_time ? then->ticks : 0;
                n += now->ours && !now->chosen && now->ticks > had;
        }
        return n;
}
