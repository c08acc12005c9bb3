/* SPDX-License-Identifier: Apache-2.0 */
/* See pushed.h. */
#include "agent/send/pushed.h"
#include "agent/format/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST_MAX (((size_t)2 << 20) - 1) /* bytes of all pprofs and labels of a body */
#define BODY_WANTED ((size_t)512 << 10)   /* the same, of a body of several profiles */
#define SAMPLES_MAX 15999                 /* samples of a profile */

static void print_id(const struct profile *p, char ret[static PUSHED_ID_SIZE])
{
        uint8_t id[FORMAT_ID_SIZE];
        size_t n = 0;

        format_profile_id(p, id);
        for (size_t i = 0; i < FORMAT_ID_SIZE; i++)
                n += (size_t)snprintf(ret + n, PUSHED_ID_SIZE - n,
                                      i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
}

static int copy_without_threads(const struct profile *p, struct profile **ret)
{
        struct profile *merged = profile_new();
        int r = merged ? profile_merge(merged, p, false) : -ENOMEM;

        if (r == 0 && profile_samples(merged) > SAMPLES_MAX)
                r = -EFBIG;
        if (r < 0) {
                profile_free(merged);
                return r;
        }
        *ret = merged;
        return 0;
}

static void free_series(struct pushed *series)
{
        send_labels_deinit(&series->labels);
        free(series->pprof);
}

static int make_series(const struct profile *p, bool all_labels, struct pushed *ret)
{
        struct pushed series = { 0 };
        struct profile *merged = NULL;
        int r = copy_without_threads(p, &merged);

        if (r == 0)
                r = send_labels_make(merged, all_labels, &series.labels);
        if (r == 0)
                r = format_send_pprof(merged, all_labels, &series.pprof, &series.pprof_len);
        if (r == 0) {
                print_id(merged, series.id);
                *ret = series;
        } else {
                free_series(&series);
        }
        profile_free(merged);
        return r;
}

/* What Pyroscope counts of it, in bytes. */
static size_t size_series(const struct pushed *series)
{
        size_t size = series->pprof_len;

        for (size_t i = 0; i < series->labels.n; i++)
                size += strlen(series->labels.items[i].name) + strlen(series->labels.items[i].value);
        return size;
}

static void free_list(struct pushed_list *list)
{
        for (size_t i = 0; i < list->n; i++)
                free_series(&list->items[i]);
        free(list->items);
        *list = (struct pushed_list){ 0 };
}

/*
 * Makes the series of those profiles of @set that have samples. Each second another one comes first: if a server takes
 * only the first ones, it takes those of each service in turn. -EFBIG: that is too much for a body.
 */
static int make_list(const struct profile_set *set, bool all_labels, struct pushed_list *ret)
{
        struct pushed_list list = { .items = calloc(set->n + 1, sizeof(*list.items)) };
        size_t total = 0, first = 0;
        int r = list.items ? 0 : -ENOMEM;

        if (set->n > 0)
                first = profile_settings(set->items[0])->start_ns / 1000000000 % set->n;
        for (size_t i = 0; r == 0 && i < set->n; i++) {
                const struct profile *p = set->items[(first + i) % set->n];

                if (profile_samples(p) == 0)
                        continue;
                r = make_series(p, all_labels, &list.items[list.n]);
                if (r < 0)
                        break;
                total += size_series(&list.items[list.n]);
                if (total > (++list.n > 1 ? BODY_WANTED : BURST_MAX))
                        r = -EFBIG;
        }
        if (r < 0)
                free_list(&list);
        else
                *ret = list;
        return r;
}

int pushed_encode(const struct profile_set *set, bool all_labels, pushed_write_fn write, struct send_body *ret)
{
        struct pushed_list list;
        int r = make_list(set, all_labels, &list);

        if (r < 0)
                return r;
        if (list.n == 0 && set->n > 0)
                *ret = (struct send_body){ 0 };
        else
                r = write(&list, ret);
        free_list(&list);
        return r;
}
