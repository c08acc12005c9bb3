/* SPDX-License-Identifier: Apache-2.0 */
/* /proc is read twice, at the beginning and at the end. In between nothing disturbs the processes. */
#include "children.h"

#include <errno.h>
#include <stdlib.h>

struct child {
        pid_t pid, parent;
        uint64_t start_time;
        uint64_t ticks;    /* CPU time used, in clock ticks */
        uint64_t children; /* that of the children that it has waited for, and of theirs */
        bool chosen;       /* it is recorded itself */
        bool ours;         /* it is chosen, or descends from a chosen process */
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
                                        .ticks = stat.user_ticks + stat.system_ticks,
                                        .children = stat.children_ticks };
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

int children_list(const struct choice *choice, pid_t **ret, size_t *ret_n)
{
        struct children now;
        int e = children_read(&now);

        *ret_n = 0;
        *ret = e == 0 ? malloc((now.n + 1) * sizeof **ret) : NULL;
        if (e == 0 && !*ret)
                e = -ENOMEM;
        if (e == 0)
                mark_descendants(&now, choice);
        for (size_t i = 0; e == 0 && i < now.n; i++)
                if (now.items[i].ours && !now.items[i].chosen)
                        (*ret)[(*ret_n)++] = now.items[i].pid;
        children_deinit(&now);
        return e;
}

/* The same process at the other moment. NULL if it was not there. */
static const struct child *get_same(const struct children *c, const struct child *child)
{
        const struct child *other = get_child(c, child->pid);

        return other && other->start_time == child->start_time ? other : NULL;
}

/*
 * The time that descendants had used by the first moment and that have ended since. When they are waited for, the kernel
 * adds it to their parents' together with what they used later.
 */
static uint64_t ticks_of_ended(const struct children *before, const struct children *after)
{
        uint64_t ticks = 0;

        for (size_t i = 0; i < before->n; i++)
                if (before->items[i].ours && !get_same(after, &before->items[i]))
                        ticks += before->items[i].ticks + before->items[i].children;
        return ticks;
}

struct children_time children_time(const struct choice *choice, const struct children *before,
                                   const struct children *after)
{
        struct children_time sum = { 0 };
        uint64_t waited_for = 0;

        mark_descendants(before, choice);
        mark_descendants(after, choice);
        for (size_t i = 0; i < after->n; i++) {
                const struct child *now = &after->items[i], *then = get_same(before, now);
                uint64_t ran = now->ticks - (then ? then->ticks : 0);
                if (!now->ours)
                        continue;
                waited_for += now->children - (then ? then->children : 0);
                *(now->chosen ? &sum.own_ticks : &sum.ticks) += ran;
                sum.n += !now->chosen && ran > 0;
        }
        uint64_t known = ticks_of_ended(before, after);
        sum.ended_ticks = waited_for > known ? waited_for - known : 0;
        return sum;
}
