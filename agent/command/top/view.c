/* SPDX-License-Identifier: Apache-2.0 */
/* The text of the view. Shares are of one CPU (in mode wall: of one thread's time), so their sum can exceed 100 %. */
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>

#define NS_PER_S 1e9

static const char *const columns[TOTALS_ORDERS] = {
        [TOTALS_SELF] = "SELF%",
        [TOTALS_TOTAL] = "TOTAL%",
        [TOTALS_SELF_TIME] = "SELF s",
        [TOTALS_TOTAL_TIME] = "TOTAL s",
};

static double percentage_of(uint64_t part, uint64_t whole)
{
        return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* Writes the coverage. If it is low, the largest loss follows. */
static void write_coverage_part(const struct view *v, FILE *out)
{
        struct profile_loss losses[PROFILE_LOSSES];
        double coverage = profile_coverage(&v->counters);

        if (coverage < 0)
                return;
        fprintf(out, ", coverage %.1f %%", 100 * coverage);
        if (profile_coverage_is_low(&v->counters, v->period_ns) && profile_losses_by_size(&v->counters, losses) > 0)
                fprintf(out, " (%s %.2f s)", losses[0].reason, (double)losses[0].ns / NS_PER_S);
}

static void write_head(const struct view *v, FILE *out)
{
        const struct profile_counters *c = &v->counters;

        fprintf(out, "%.0f %% running, %.0f s%s, %s\n", percentage_of(v->running_ns, v->interval_ns),
                (double)v->elapsed_ns / NS_PER_S, v->paused ? ", paused" : "", v->subject);
        fprintf(out, "%zu process%s, %" PRIu64 " samples (%s)", v->processes, v->processes == 1 ? "" : "es", c->ok,
                v->engine);
        write_coverage_part(v, out);
        fprintf(out, "; torn %" PRIu64 ", late %" PRIu64 ", lost %" PRIu64 "\n", c->torn, c->late, c->gone + c->failed);
        for (size_t i = 0; i < TOTALS_ORDERS; i++)
                fprintf(out, "%*s%s", i < TOTALS_SELF_TIME ? 8 : 10, columns[i], i == v->order ? "*" : " ");
        fputs(" FUNCTION\n", out);
}

static void write_table_row(const struct totals_row *row, uint64_t interval_ns, FILE *out)
{
        fprintf(out, "%8.1f %8.1f %10.2f %10.2f   %s", percentage_of(row->figures[TOTALS_SELF], interval_ns),
                percentage_of(row->figures[TOTALS_TOTAL], interval_ns),
                (double)row->figures[TOTALS_SELF_TIME] / NS_PER_S, (double)row->figures[TOTALS_TOTAL_TIME] / NS_PER_S,
                row->name);
        if (*row->file)
                fprintf(out, "  %s", row->file);
        if (row->waits_ns > 0)
                fprintf(out, "  %.0f %% %s", percentage_of(row->waits_ns, row->figures[TOTALS_SELF]), row->waits);
        putc('\n', out);
}

void view_write(const struct view *v, size_t rows, FILE *out)
{
        struct totals_row shown[VIEW_ROWS_MAX];
        size_t n = totals_rows(v->totals, v->order, rows < VIEW_ROWS_MAX ? rows : VIEW_ROWS_MAX, shown);

        write_head(v, out);
        for (size_t i = 0; i < n; i++)
                write_table_row(&shown[i], v->interval_ns, out);
}
