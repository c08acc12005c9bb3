/* SPDX-License-Identifier: Apache-2.0 */
/* The text of the view. Shares are of one CPU (in mode wall: of one thread's time), so their sum can exceed 100 %. */
#include "view.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1e9

static const char *const columns_of_code[TOTALS_ORDERS] = {
        [TOTALS_SELF] = "SELF%",
        [TOTALS_TOTAL] = "TOTAL%",
        [TOTALS_SELF_TIME] = "SELF s",
        [TOTALS_TOTAL_TIME] = "TOTAL s",
};

/* Of threads and processes: what ran, and all that was sampled. */
static const char *const columns_of_threads[TOTALS_ORDERS] = {
        [TOTALS_SELF] = "RUN%",
        [TOTALS_TOTAL] = "ALL%",
        [TOTALS_SELF_TIME] = "RUN s",
        [TOTALS_TOTAL_TIME] = "ALL s",
};

/* Where there are fewer columns, only the figures of the order's kind are shown: shares or seconds. */
#define WIDTH_OF_ALL 70

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

/* Whether a column is shown. */
static bool has_room_for(const struct view *v, enum totals_order column)
{
        return v->width == 0 || v->width >= WIDTH_OF_ALL ||
               (column >= TOTALS_SELF_TIME) == (v->order >= TOTALS_SELF_TIME);
}

static int width_of(enum totals_order column)
{
        return column < TOTALS_SELF_TIME ? 8 : 10;
}

static bool tells_waits(const struct view *v)
{
        return v->width > 0 && waits_are_told(&v->waits);
}

static void write_capitals(const char *word, FILE *out)
{
        for (; *word; word++)
                putc(toupper((unsigned char)*word), out);
}

static void write_column_names(const struct view *v, FILE *out)
{
        const char *const *names = tables_are_of_threads(v->kind) ? columns_of_threads : columns_of_code;

        for (enum totals_order i = 0; i < TOTALS_ORDERS; i++)
                if (has_room_for(v, i))
                        fprintf(out, "%*s%s", width_of(i), names[i], i == v->order ? "*" : " ");
        putc(' ', out);
        write_capitals(tables_row_name(v->kind), out);
        if (v->kind == TABLES_CALLERS)
                fprintf(out, " of %s", tables_chosen(v->tables));
        if (*v->filter)
                fprintf(out, "  /%s", v->filter);
        putc('\n', out);
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
        if (tells_waits(v))
                waits_write(&v->waits, out);
        write_column_names(v, out);
}

size_t view_head_lines(const struct view *v)
{
        return tells_waits(v) ? 4 : 3;
}

static void write_figure(const struct view *v, const struct totals_row *row, enum totals_order column, FILE *out)
{
        uint64_t ns = row->figures[column];

        if (column < TOTALS_SELF_TIME)
                fprintf(out, "%*.1f ", width_of(column), percentage_of(ns, v->interval_ns));
        else
                fprintf(out, "%*.2f ", width_of(column), (double)ns / NS_PER_S);
}

/* A path is cut to not less than this. */
#define FILE_WIDTH_MIN 12

/* Writes a path. Where there is no room for all of it, its end tells most: the file and the line. */
static void write_file(const char *file, size_t room, FILE *out)
{
        size_t len = strlen(file), skip;

        room = room > FILE_WIDTH_MIN ? room : FILE_WIDTH_MIN;
        if (len <= room) {
                fputs(file, out);
                return;
        }
        for (skip = len - room + 2; ((unsigned char)file[skip] & 0xc0) == 0x80; skip++)
                ; /* not into a character */
        fprintf(out, "..%s", file + skip);
}

static void write_table_row(const struct view *v, const struct totals_row *row, FILE *out)
{
        char waits[TOTALS_WAITS_SIZE + 16] = "";
        size_t used = 0;

        for (enum totals_order i = 0; i < TOTALS_ORDERS; i++)
                if (has_room_for(v, i)) {
                        write_figure(v, row, i, out);
                        used += (size_t)width_of(i) + 1;
                }
        if (row->waits_ns > 0)
                snprintf(waits, sizeof waits, "  %.0f %% %s", percentage_of(row->waits_ns, row->figures[TOTALS_SELF]),
                         row->waits);
        fprintf(out, "  %s", row->name);
        if (*row->file) {
                used += strlen(row->name) + strlen(waits) + 4;
                fputs("  ", out);
                write_file(row->file, v->width == 0 ? SIZE_MAX : v->width > used ? v->width - used : 0, out);
        }
        fprintf(out, "%s\n", waits);
}

size_t view_rows(const struct view *v, struct totals_row ret[static VIEW_ROWS_MAX])
{
        return totals_rows(tables_get(v->tables, v->kind), v->order, v->filter, VIEW_ROWS_MAX, ret);
}

size_t view_find_chosen(const struct view *v, const struct totals_row *rows, size_t n)
{
        for (size_t i = 0; (*v->chosen_name || *v->chosen_file) && i < n; i++)
                if (strcmp(rows[i].name, v->chosen_name) == 0 && strcmp(rows[i].file, v->chosen_file) == 0)
                        return i;
        return SIZE_MAX;
}

size_t view_write(const struct view *v, size_t rows, FILE *out)
{
        struct totals_row shown[VIEW_ROWS_MAX];
        size_t n = view_rows(v, shown), chosen = view_find_chosen(v, shown, n), first = 0;

        write_head(v, out);
        if (chosen != SIZE_MAX && chosen >= rows)
                first = rows > 0 ? chosen - rows + 1 : chosen;
        for (size_t i = first; i < n && i - first < rows; i++)
                write_table_row(v, &shown[i], out);
        return chosen == SIZE_MAX || rows == 0 ? SIZE_MAX : chosen - first;
}
