/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/series: all series of the range, the busiest first. */
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"

#include <errno.h>
#include <stdlib.h>

/* As many as a page can show. */
#define SERIES_MAX 2000

/* A series and the mode whose samples it is listed with: counts of different modes cannot be added. */
struct listed {
        const struct asked_series *series;
        enum profile_mode mode;
};

static enum profile_mode first_mode_of(const struct asked_series *series)
{
        unsigned mode = 0;

        while (mode + 1 < PROFILE_MODES && !(series->modes & 1u << mode))
                mode++;
        return (enum profile_mode)mode;
}

static int order_listed(const void *a, const void *b)
{
        const struct listed *x = a, *y = b;
        uint64_t m = x->series->by[x->mode].count, n = y->series->by[y->mode].count;

        if (m != n)
                return m < n ? 1 : -1;
        return (x->series->id > y->series->id) - (x->series->id < y->series->id);
}

static int add_listed(const struct asked *asked, const struct listed *listed, struct json_object *list)
{
        const struct asked_series *series = listed->series;
        const struct asked_sum *sum = &series->by[listed->mode];
        struct collect_found found = {
                .id = series->id,
                .labels = &series->labels,
                .first_seen_ns = series->first_seen_ns,
                .last_seen_ns = series->last_seen_ns,
                .samples = sum->count,
                .cpu_ns = sum->running_ns,
                .modes = series->modes,
                .books = sum->books,
        };
        int r = store_read_series(asked->store, series->id, &found.attributes);

        return r < 0 ? r : collect_json_list_add(list, &found);
}

static int list_series(const struct asked *asked, struct json_object *list)
{
        struct listed *listed = calloc(asked->n + 1, sizeof(*listed));
        size_t n = 0;
        int r = 0;

        if (!listed)
                return -ENOMEM;
        for (size_t i = 0; i < asked->n; i++) {
                if (asked->series[i].modes)
                        listed[n++] = (struct listed){ &asked->series[i], first_mode_of(&asked->series[i]) };
        }
        qsort(listed, n, sizeof(*listed), order_listed);
        for (size_t i = 0; r == 0 && i < n && i < SERIES_MAX; i++)
                r = add_listed(asked, &listed[i], list);
        free(listed);
        return r;
}

void question_series(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct collect_api *api = ctx;
        struct json_object *list = NULL;
        struct question question;
        struct asked asked;
        int r;

        if (!question_read(request, &question, ret))
                return;
        r = collect_asked_begin(api->store, &question.selection, false, &asked);
        if (r == 0) {
                list = collect_json_list();
                r = list ? list_series(&asked, list) : -ENOMEM;
                collect_asked_end(&asked);
        }
        if (r == 0) {
                collect_answer_json(ret, collect_json_list_text(list));
        } else {
                collect_json_list_free(list);
                collect_answer_error(ret, r);
        }
}
