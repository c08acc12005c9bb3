/* SPDX-License-Identifier: Apache-2.0 */
/* From counted lines to rows: lines by file and number, with what their threads wait for, and functions. */
#include "lines_counting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Samples that wait at a line. */
struct pause {
        uint32_t line;
        const char *reason;
        uint64_t samples;
};

/* ---- waits ---------------------------------------------------------------------------- */

static int order_pauses_by_reason(const void *a, const void *b)
{
        const struct pause *x = a, *y = b;
        int r = (x->line > y->line) - (x->line < y->line);

        return r || x->reason == y->reason ? r : strcmp(x->reason, y->reason);
}

static int order_pauses_by_samples(const void *a, const void *b)
{
        const struct pause *x = a, *y = b;
        int r = (x->line > y->line) - (x->line < y->line);

        if (r == 0)
                r = (x->samples < y->samples) - (x->samples > y->samples);
        return r ? r : strcmp(x->reason, y->reason);
}

static size_t list_pauses(const struct profile_line_counting *c, struct pause *ret)
{
        const struct profile *p = c->profile;
        size_t found = 0;

        for (profile_id id = 1; id <= profile_stacks(p); id++) {
                size_t n;
                const profile_id *frames = profile_stack(p, id, &n);

                if (c->weights[id].count == 0 || profile_lines_innermost(p, frames, n) == 0 ||
                    c->line_of[frames[1]] == 0)
                        continue;
                ret[found++] = (struct pause){ c->line_of[frames[1]],
                                               profile_function(p, profile_frame(p, frames[0])->function)->name,
                                               c->weights[id].count };
        }
        return found;
}

/* Puts equal pauses together. */
static size_t unite_pauses(struct pause *pauses, size_t n)
{
        size_t kept = 0;

        qsort(pauses, n, sizeof(*pauses), order_pauses_by_reason);
        for (size_t i = 0; i < n; i++)
                if (kept > 0 && order_pauses_by_reason(&pauses[kept - 1], &pauses[i]) == 0)
                        pauses[kept - 1].samples += pauses[i].samples;
                else
                        pauses[kept++] = pauses[i];
        return kept;
}

/* Gives each row its waits. @row_of is indexed by lines. */
static int tell_waits(struct profile_line_counting *c, struct profile_line *const *row_of)
{
        struct pause *pauses = malloc((profile_stacks(c->profile) + 1) * sizeof(*pauses));

        if (!pauses)
                return -ENOMEM;
        size_t n = unite_pauses(pauses, list_pauses(c, pauses));
        qsort(pauses, n, sizeof(*pauses), order_pauses_by_samples);
        for (size_t i = 0; i < n; i++) {
                struct profile_line *row = row_of[pauses[i].line];

                c->waits[i] = (struct profile_line_wait){ pauses[i].reason, pauses[i].samples };
                if (row->n_waits++ == 0)
                        row->waits = &c->waits[i];
        }
        free(pauses);
        return 0;
}

/* ---- the result ------------------------------------------------------------------------- */

static int order_counts(const struct profile_line_count *x, const struct profile_line_count *y)
{
        int r = (x->self < y->self) - (x->self > y->self);

        return r ? r : (x->total < y->total) - (x->total > y->total);
}

static int order_files(const void *a, const void *b)
{
        const struct profile_line_file *x = a, *y = b;
        int r = order_counts(&x->count, &y->count);

        return r ? r : strcmp(x->file, y->file);
}

static int order_line_functions(const void *a, const void *b)
{
        const struct profile_line_function *x = a, *y = b;
        int r = order_counts(&x->count, &y->count);

        if (r == 0)
                r = (x->first_line > y->first_line) - (x->first_line < y->first_line);
        return r ? r : strcmp(x->name, y->name);
}

int profile_line_order(const void *a, const void *b)
{
        const struct profile_line *x = a, *y = b;
        int r = order_counts(&x->count, &y->count);

        return r ? r : (x->line > y->line) - (x->line < y->line);
}

const struct profile_line *profile_line_hottest(const struct profile_line_file *file)
{
        const struct profile_line *hottest = NULL;

        for (size_t i = 0; i < file->n_lines; i++)
                if (!hottest || profile_line_order(&file->lines[i], hottest) < 0)
                        hottest = &file->lines[i];
        return hottest;
}

/* Adds the function of a place to its file, unless it is there. A function's places need not be neighbours. */
static void list_function(struct profile_line_counting *c, struct profile_line_file *file, profile_id id)
{
        const struct profile_function *f = profile_function(c->profile, id);
        struct tally *tally = &c->functions[id];

        if (tally->seen == 0)
                return;
        tally->seen = 0;
        file->functions[file->n_functions++] = (struct profile_line_function){ f->name, f->first_line, tally->count };
}

/* Makes a row of the places from @i on that are one line. Returns the index behind them. */
static size_t list_line(struct profile_line_counting *c, struct profile_line_file *file, size_t i,
                        struct profile_line **row_of)
{
        const struct profile *p = c->profile;
        uint32_t index = c->line_of[c->places[i].frame];
        struct profile_line *row = &file->lines[file->n_lines];
        const char *name = NULL;

        for (; i < c->n_places && c->line_of[c->places[i].frame] == index; i++) {
                profile_id function = profile_frame(p, c->places[i].frame)->function;
                const struct profile_function *f = profile_function(p, function);

                list_function(c, file, function);
                *row = (struct profile_line){
                        .line = c->places[i].line,
                        .function = name && name != f->name ? NULL : f->name,
                        .count = c->lines[index].count,
                };
                if (name && !row->function)
                        name = ""; /* no function's name: several they remain */
                else
                        name = f->name;
        }
        row_of[index] = row;
        file->n_lines += row->count.total > 0;
        return i;
}

int profile_lines_fill(struct profile_line_counting *c, struct profile_lines *ret, struct profile_line **row_of)
{
        struct profile_line *rows = c->rows;
        struct profile_line_function *names = c->names;

        for (size_t i = 0; i < c->n_places;) {
                uint32_t index = c->file_of[c->places[i].frame];
                struct profile_line_file *file = &ret->files[ret->n_files];

                *file = (struct profile_line_file){ c->places[i].file, c->files[index].count, rows, 0, names, 0 };
                while (i < c->n_places && c->file_of[c->places[i].frame] == index)
                        i = list_line(c, file, i, row_of);
                qsort(file->functions, file->n_functions, sizeof(*file->functions), order_line_functions);
                rows += file->n_lines;
                names += file->n_functions;
                ret->n_files += file->count.total > 0;
        }
        int r = tell_waits(c, row_of);
        qsort(ret->files, ret->n_files, sizeof(*ret->files), order_files);
        return r;
}
