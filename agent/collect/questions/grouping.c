/* SPDX-License-Identifier: Apache-2.0 */
/* Series are sorted by the label's value, then by instance. Groups and instances are then neighbours. */
#include "agent/collect/questions/grouping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int order_series(const void *a, const void *b, void *ctx)
{
        const struct asked_series *x = *(struct asked_series *const *)a, *y = *(struct asked_series *const *)b;
        enum label by = *(const enum label *)ctx;
        int r = strcmp(x->labels.values[by], y->labels.values[by]);

        if (r == 0)
                r = strcmp(x->labels.instance, y->labels.instance);
        return r ? r : (x->id > y->id) - (x->id < y->id);
}

static int order_groups(const void *a, const void *b)
{
        const struct group *x = a, *y = b;

        if (x->sum.ns != y->sum.ns)
                return x->sum.ns < y->sum.ns ? 1 : -1;
        return strcmp(x->value, y->value);
}

/* Whether series @i of a group begins another instance than the one before it. */
static bool is_other_instance(const struct group *group, size_t i)
{
        return i == 0 || !*group->series[i]->labels.instance ||
               strcmp(group->series[i - 1]->labels.instance, group->series[i]->labels.instance) != 0;
}

static void add_member(struct group *group, const struct asked_series *series, enum profile_mode mode)
{
        group->n++;
        group->instances += is_other_instance(group, group->n - 1);
        collect_asked_add(&group->sum, &series->by[mode]);
        if (group->n == 1 || series->first_seen_ns < group->first_seen_ns)
                group->first_seen_ns = series->first_seen_ns;
        if (group->n == 1 || series->last_seen_ns > group->last_seen_ns)
                group->last_seen_ns = series->last_seen_ns;
}

int grouping_make(const struct asked *asked, enum label by, struct grouping *ret)
{
        struct grouping grouping = {
                .groups = calloc(asked->n + 1, sizeof(*grouping.groups)),
                .series = calloc(asked->n + 1, sizeof(struct asked_series *)),
        };
        size_t n = 0;

        if (!grouping.groups || !grouping.series) {
                grouping_deinit(&grouping);
                return -ENOMEM;
        }
        for (size_t i = 0; i < asked->n; i++) {
                if (asked->series[i].modes & 1u << asked->mode)
                        grouping.series[n++] = &asked->series[i];
        }
        qsort_r(grouping.series, n, sizeof(*grouping.series), order_series, &by);
        for (size_t i = 0; i < n; i++) {
                const char *value = grouping.series[i]->labels.values[by];

                if (grouping.n == 0 || strcmp(grouping.groups[grouping.n - 1].value, value) != 0)
                        grouping.groups[grouping.n++] = (struct group){ .value = value, .series = &grouping.series[i] };
                add_member(&grouping.groups[grouping.n - 1], grouping.series[i], asked->mode);
        }
        qsort(grouping.groups, grouping.n, sizeof(*grouping.groups), order_groups);
        *ret = grouping;
        return 0;
}

void grouping_deinit(struct grouping *grouping)
{
        free(grouping->groups);
        free(grouping->series);
        *grouping = (struct grouping){ 0 };
}

void grouping_each_start(const struct asked *asked, const struct group *group, size_t max,
                         void (*each)(void *ctx, const struct group *group, int64_t at_ns), void *ctx)
{
        for (size_t i = 0, next; i < group->n && max > 0; i = next) {
                int64_t first = group->series[i]->first_seen_ns;

                for (next = i + 1; next < group->n && !is_other_instance(group, next); next++) {
                        if (group->series[next]->first_seen_ns < first)
                                first = group->series[next]->first_seen_ns;
                }
                if (first < asked->range.from_ns || first >= asked->range.to_ns)
                        continue;
                each(ctx, group, first);
                max--;
        }
}
