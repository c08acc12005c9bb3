/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slice's samples are spread evenly over the time that it lasts. What lasts beyond the last step counts for the last
 * step, so that the steps hold all samples of the range.
 */
#include "agent/collect/pack.h"
#include "agent/collect/questions/timeline.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)

#define STEPS_WANTED 120

int64_t timeline_choose_step_ns(const struct store_range *range)
{
        static const int64_t seconds[] = { 1,   2,   5,    10,   15,   30,    60,    120,   300,
                                           600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400 };
        int64_t length = range->to_ns - range->from_ns, step = 0;

        for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
                step = seconds[i] * SECOND_NS;
                if (length / step < STEPS_WANTED)
                        return step;
        }
        while (length / step >= STEPS_WANTED)
                step *= 2;
        return step;
}

size_t timeline_steps(const struct store_range *range, int64_t step_ns)
{
        int64_t first = range->from_ns / step_ns, last = (range->to_ns - 1) / step_ns;

        return (size_t)(last - first + 1);
}

/* ---- cells ---------------------------------------------------------------- */

static void add_to_step(struct timeline *timeline, size_t row, int64_t step, double share,
                        const struct timeline_cell *amount)
{
        size_t at = step < (int64_t)timeline->steps ? (size_t)step : timeline->steps - 1;
        struct timeline_cell *cell = &timeline->cells[row * timeline->steps + at];

        cell->samples += share * amount->samples;
        cell->ns += share * amount->ns;
}

static void spread_amount(struct timeline *timeline, size_t row, int64_t start_ns, int64_t duration_ns,
                          const struct timeline_cell *amount)
{
        int64_t at = start_ns - timeline->start_ns, left = duration_ns, step = at / timeline->step_ns;

        if (left <= 0 || step + 1 >= (int64_t)timeline->steps) {
                add_to_step(timeline, row, step, 1, amount);
                return;
        }
        for (; left > 0 && step + 1 < (int64_t)timeline->steps; step++) {
                int64_t part = (step + 1) * timeline->step_ns - at;

                part = part < left ? part : left;
                add_to_step(timeline, row, step, (double)part / (double)duration_ns, amount);
                at += part;
                left -= part;
        }
        if (left > 0)
                add_to_step(timeline, row, step, (double)left / (double)duration_ns, amount);
}

static int order_rates(const void *a, const void *b)
{
        const struct timeline_rate *x = a, *y = b;

        return (x->slices < y->slices) - (x->slices > y->slices);
}

static void add_rate(struct timeline *timeline, uint64_t period_ns, uint64_t slices)
{
        size_t i = 0;

        if (period_ns == 0)
                return;
        timeline->rated += slices;
        while (i < timeline->rates_n && timeline->rates[i].period_ns != period_ns)
                i++;
        if (i == TIMELINE_RATES_MAX)
                return;
        timeline->rates_n = i < timeline->rates_n ? timeline->rates_n : i + 1;
        timeline->rates[i].period_ns = period_ns;
        timeline->rates[i].slices += slices;
}

static void add_slice_to_cells(struct timeline *timeline, size_t row, const struct store_total *total)
{
        const struct timeline_cell amount = {
                .samples = (double)total->count,
                .ns = (double)collect_unpack_ns(total->samples, total->len),
        };

        spread_amount(timeline, row, total->start_ns, total->duration_ns, &amount);
        add_rate(timeline, total->books.period_ns, total->slices);
}

/* A sum's stretch lies in one step; what is over, in the next one or the same. */
static void add_sum_to_cells(struct timeline *timeline, size_t row, const struct store_total *total)
{
        const struct timeline_cell over = { .samples = total->over_count, .ns = total->over_ns };
        const struct timeline_cell within = { .samples = (double)total->count - over.samples,
                                              .ns = (double)total->ns - over.ns };
        int64_t start = total->start_ns - timeline->start_ns;
        struct unpack in = collect_unpack_begin(total->periods, total->periods_len);

        add_to_step(timeline, row, start / timeline->step_ns, 1, &within);
        add_to_step(timeline, row, (start + total->duration_ns) / timeline->step_ns, 1, &over);
        while (in.at < in.end && !in.failed) {
                uint64_t period = collect_unpack(&in), slices = collect_unpack(&in);

                add_rate(timeline, period, slices);
        }
}

static int add_to_cells(void *ctx, const struct store_total *total)
{
        struct timeline *timeline = ctx;
        const struct asked *asked = timeline->asked;
        const struct asked_series *series = collect_asked_find(asked, total->series);

        if (!series || total->mode != asked->mode)
                return 0;

        if (total->summed)
                add_sum_to_cells(timeline, timeline->row_of[series - asked->series], total);
        else
                add_slice_to_cells(timeline, timeline->row_of[series - asked->series], total);
        return 0;
}

/* ---- gaps ----------------------------------------------------------------- */

static void note_gap(struct timeline *timeline, int64_t until_ns)
{
        const struct store_range *range = &timeline->asked->range;
        int64_t from = timeline->covered_until_ns;

        if (!timeline->covered || until_ns - from < TIMELINE_GAP_NS || timeline->gaps_n == TIMELINE_GAPS_MAX)
                return;
        from = from > range->from_ns ? from : range->from_ns;
        until_ns = until_ns < range->to_ns ? until_ns : range->to_ns;
        if (from < until_ns)
                timeline->gaps[timeline->gaps_n++] = (struct timeline_gap){ from, until_ns };
}

static int look_for_gap(void *ctx, int64_t start, int64_t end)
{
        struct timeline *timeline = ctx;

        note_gap(timeline, start);
        if (!timeline->covered || end > timeline->covered_until_ns)
                timeline->covered_until_ns = end;
        timeline->covered = true;
        return 0;
}

/* A gap is nobody's: slices of all series and modes are looked at, in the order of their starts. */
static int look_for_gaps(struct timeline *timeline)
{
        const struct asked *asked = timeline->asked;
        struct store_range all = { .from_ns = asked->range.from_ns, .to_ns = asked->range.to_ns };
        struct store_edges edges;
        int r = store_read_edges(asked->store, &all, &edges);

        if (r < 0)
                return r;
        timeline->covered = edges.has_before;
        timeline->covered_until_ns = edges.before_end_ns;
        r = store_each_cover(asked->store, &all, timeline->step_ns, look_for_gap, timeline);
        if (r == 0 && edges.has_after)
                note_gap(timeline, edges.after_start_ns);
        return r;
}

/* ---- making --------------------------------------------------------------- */

static void assign_rows(struct timeline *timeline)
{
        for (size_t i = 0; i < timeline->grouping.n; i++) {
                const struct group *group = &timeline->grouping.groups[i];

                for (size_t j = 0; j < group->n; j++)
                        timeline->row_of[group->series[j] - timeline->asked->series] = i < timeline->shown
                                                                                               ? i
                                                                                               : timeline->shown;
        }
}

int timeline_make(const struct asked *asked, enum label by, int64_t step_ns, size_t limit, struct timeline *ret)
{
        const struct store_how how = { .samples = true, .step_ns = step_ns };
        int r;

        *ret = (struct timeline){ .asked = asked, .step_ns = step_ns };
        ret->start_ns = asked->range.from_ns / step_ns * step_ns;
        ret->steps = timeline_steps(&asked->range, step_ns);
        r = grouping_make(asked, by, &ret->grouping);
        if (r < 0)
                return r;
        ret->shown = ret->grouping.n < limit ? ret->grouping.n : limit;
        ret->row_of = calloc(asked->n + 1, sizeof(*ret->row_of));
        ret->cells = calloc((ret->shown + 1) * ret->steps, sizeof(*ret->cells));
        r = ret->row_of && ret->cells ? 0 : -ENOMEM;
        if (r == 0) {
                assign_rows(ret);
                r = store_each_total(asked->store, &asked->range, &how, add_to_cells, ret);
        }
        if (r == 0)
                r = look_for_gaps(ret);
        qsort(ret->rates, ret->rates_n, sizeof(*ret->rates), order_rates);
        return r;
}

void timeline_deinit(struct timeline *timeline)
{
        grouping_deinit(&timeline->grouping);
        free(timeline->row_of);
        free(timeline->cells);
}
