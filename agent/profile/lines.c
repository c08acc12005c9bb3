/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All profiles are merged into one, without native frames. Its frames are sorted by file and line, which numbers the
 * lines and the files. Then each stack is walked once. As in top.c, the last stack that counted something is
 * remembered, so that recursion counts once.
 */
#include "lines_counting.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* What a profile has for a thread that does not run, if it was read from folded stacks of a mode without reasons. */
#define IDLE_FRAME "(idle)"

/* ---- one profile ---------------------------------------------------------------- */

static int merge_all(const struct profile_set *set, struct profile **ret)
{
        struct profile *all = profile_new(), *python = NULL;
        int r = all ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < set->n; i++)
                r = profile_merge(all, set->items[i], false);
        if (r == 0 && profile_has_native(all)) {
                r = profile_view(all, PROFILE_VIEW_PYTHON, &python);
                if (r == 0) {
                        profile_free(all);
                        all = python;
                }
        }
        if (r == 0)
                *ret = all;
        else
                profile_free(all);
        return r;
}

/* ---- which lines ------------------------------------------------------------------ */

static bool fits_name(const char *wanted, const char *name)
{
        const char *dot = strrchr(name, '.');

        return strcmp(wanted, name) == 0 || (dot && strcmp(wanted, dot + 1) == 0);
}

static bool is_chosen(const struct profile_line_choice *choice, const struct profile_function *f)
{
        const char *file = choice->file && !strchr(choice->file, '/') ? profile_base_name(f->file) : f->file;

        if (!*f->file || f->kind != PROFILE_PYTHON)
                return false;
        return (!choice->file || fnmatch(choice->file, file, 0) == 0) &&
               (!choice->function || fits_name(choice->function, f->name));
}

static int order_places(const void *a, const void *b)
{
        const struct place *x = a, *y = b;
        int r = x->file == y->file ? 0 : strcmp(x->file, y->file);

        if (r == 0)
                r = (x->line > y->line) - (x->line < y->line);
        return r ? r : (x->frame > y->frame) - (x->frame < y->frame);
}

static void gather_places(struct profile_line_counting *c, const struct profile_line_choice *choice)
{
        for (profile_id id = 1; id <= profile_frames(c->profile); id++) {
                const struct profile_frame *frame = profile_frame(c->profile, id);
                const struct profile_function *f = profile_function(c->profile, frame->function);

                if (is_chosen(choice, f))
                        c->places[c->n_places++] = (struct place){ f->file, frame->line, id };
        }
        qsort(c->places, c->n_places, sizeof(*c->places), order_places);
}

/* Numbers the files and the lines, from 1 on. */
static void number_places(struct profile_line_counting *c)
{
        uint32_t line = 0, file = 0;

        for (size_t i = 0; i < c->n_places; i++) {
                const struct place *place = &c->places[i];
                bool new_file = i == 0 || place->file != c->places[i - 1].file;

                file += new_file;
                line += new_file || place->line != c->places[i - 1].line;
                c->file_of[place->frame] = file;
                c->line_of[place->frame] = line;
        }
}

/* ---- counting ----------------------------------------------------------------------- */

static void count_total(struct tally *tally, profile_id stack, uint64_t samples)
{
        if (tally->seen != stack)
                tally->count.total += samples;
        tally->seen = stack;
}

size_t profile_lines_innermost(const struct profile *p, const profile_id *frames, size_t n)
{
        const struct profile_function *f = profile_function(p, profile_frame(p, frames[0])->function);
        size_t first = profile_leaf(p, frames, n);

        return first == 0 && n > 1 && !*f->file && strcmp(f->name, IDLE_FRAME) == 0 ? 1 : first;
}

static void count_lines_of_stack(struct profile_line_counting *c, profile_id stack)
{
        size_t n;
        const profile_id *frames = profile_stack(c->profile, stack, &n);
        uint64_t samples = c->weights[stack].count;
        size_t first = profile_lines_innermost(c->profile, frames, n);

        for (size_t i = first; samples > 0 && i < n; i++) {
                struct tally *tallies[] = { &c->lines[c->line_of[frames[i]]], &c->files[c->file_of[frames[i]]],
                                            &c->functions[profile_frame(c->profile, frames[i])->function] };

                if (c->line_of[frames[i]] == 0)
                        continue;
                for (size_t t = 0; t < sizeof(tallies) / sizeof(*tallies); t++) {
                        count_total(tallies[t], stack, samples);
                        if (i == first)
                                tallies[t]->count.self += samples;
                }
        }
}

static int allocate_counting(struct profile_line_counting *c)
{
        size_t frames = profile_frames(c->profile) + 1, functions = profile_functions(c->profile) + 1;

        c->weights = profile_weigh_stacks(c->profile);
        c->places = calloc(frames, sizeof(*c->places));
        c->line_of = calloc(frames, sizeof(*c->line_of));
        c->file_of = calloc(frames, sizeof(*c->file_of));
        c->lines = calloc(frames, sizeof(*c->lines));
        c->files = calloc(frames, sizeof(*c->files));
        c->functions = calloc(functions, sizeof(*c->functions));
        c->rows = calloc(frames, sizeof(*c->rows));
        c->names = calloc(functions, sizeof(*c->names));
        c->waits = calloc(profile_stacks(c->profile) + 1, sizeof(*c->waits));
        return c->weights && c->places && c->line_of && c->file_of && c->lines && c->files && c->functions && c->rows &&
                               c->names && c->waits
                       ? 0
                       : -ENOMEM;
}

static int count_lines(struct profile_line_counting *c, const struct profile_line_choice *choice,
                       struct profile_lines *ret)
{
        int r = allocate_counting(c);

        if (r < 0)
                return r;
        gather_places(c, choice);
        number_places(c);
        for (profile_id id = 1; id <= profile_stacks(c->profile); id++)
                count_lines_of_stack(c, id);
        ret->samples = profile_total(c->profile);
        ret->files = calloc(c->n_places + 1, sizeof(*ret->files));
        struct profile_line **row_of = calloc(c->n_places + 1, sizeof(*row_of));
        r = ret->files && row_of ? profile_lines_fill(c, ret, row_of) : -ENOMEM;
        free(row_of);
        return r;
}

int profile_lines(const struct profile_set *set, const struct profile_line_choice *choice, struct profile_lines **ret)
{
        struct profile_lines *lines = calloc(1, sizeof(*lines));

        if (!lines)
                return -ENOMEM;
        lines->own = calloc(1, sizeof(*lines->own));
        int r = lines->own ? merge_all(set, &lines->own->profile) : -ENOMEM;
        if (r == 0)
                r = count_lines(lines->own, choice, lines);
        if (r == 0)
                *ret = lines;
        else
                profile_lines_free(lines);
        return r;
}

void profile_lines_free(struct profile_lines *lines)
{
        struct profile_line_counting *c = lines ? lines->own : NULL;

        if (c) {
                void *const parts[] = { c->weights, c->places, c->line_of,   c->file_of, c->lines,
                                        c->files,   c->rows,   c->functions, c->names,   c->waits };

                for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                        free(parts[i]);
                profile_free(c->profile);
        }
        if (lines)
                free(lines->files);
        free(c);
        free(lines);
}
