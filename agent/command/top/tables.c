/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what is not a function. The profiles of the last interval are kept: callers can be told of them at once. */
#include "tables.h"

#include "agent/command/processes/grouping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT "(no caller)"

/* More of a path than totals keep. */
#define FILE_SIZE 640

struct tables {
        struct totals *of[TABLES_KINDS];
        struct profile_set last;
        char *name, *file; /* of the chosen function; NULL: none */
};

/* ---- frames ------------------------------------------------------------------------------- */

/* Counts frames of one profile. A frame's row is looked up once. */
struct counting {
        struct totals *totals;
        const struct profile *profile;
        struct totals_entry **rows; /* by frame id; 0: that of ROOT */
        bool *chosen;               /* by function id */
        bool lines;
};

static const struct profile_function *function_of(const struct profile *p, profile_id frame)
{
        return profile_function(p, profile_frame(p, frame)->function);
}

static struct totals_entry *look_up_row(struct counting *c, profile_id frame)
{
        char file[FILE_SIZE];
        const struct profile_function *f;

        if (c->rows[frame])
                return c->rows[frame];
        if (frame == 0)
                return c->rows[0] = totals_get(c->totals, ROOT, "");
        f = function_of(c->profile, frame);
        snprintf(file, sizeof file, "%.500s", f->file);
        if (c->lines && profile_frame(c->profile, frame)->line > 0)
                snprintf(file, sizeof file, "%.500s:%" PRIu32, f->file, profile_frame(c->profile, frame)->line);
        return c->rows[frame] = totals_get(c->totals, f->name, file);
}

/* Counts the frames of a stack, or the callers of those that are chosen. A leaf that is no function is none. */
static int count_stack(struct counting *c, const struct profile_sample *sample)
{
        size_t n;
        const profile_id *stack = profile_stack(c->profile, sample->stack, &n);
        size_t first = profile_leaf(c->profile, stack, n);

        totals_begin_sample(c->totals);
        for (size_t i = first; i < n; i++) {
                profile_id frame = stack[i];
                if (c->chosen && !c->chosen[profile_frame(c->profile, frame)->function])
                        continue;
                if (c->chosen)
                        frame = i + 1 < n ? stack[i + 1] : 0;
                struct totals_entry *row = look_up_row(c, frame);
                if (!row)
                        return -ENOMEM;
                totals_count(c->totals, row, i == first ? sample->nanoseconds : 0, sample->nanoseconds);
        }
        return 0;
}

static int count_frames(struct counting *c)
{
        int e = 0;

        c->rows = calloc(profile_frames(c->profile) + 1, sizeof *c->rows);
        if (!c->rows)
                e = -ENOMEM;
        for (size_t i = 0; e == 0 && i < profile_samples(c->profile); i++)
                e = count_stack(c, profile_sample(c->profile, i));
        free(c->rows);
        return e;
}

static int count_lines(const struct tables *t, struct totals *totals, const struct profile *p)
{
        (void)t;
        return count_frames(&(struct counting){ .totals = totals, .profile = p, .lines = true });
}

/* A row has no more of a name than totals keep: names that begin alike are one function. */
static int count_callers(const struct tables *t, struct totals *totals, const struct profile *p)
{
        struct counting c = { .totals = totals, .profile = p };

        if (!t->name)
                return 0;
        c.chosen = calloc(profile_functions(p) + 1, sizeof *c.chosen);
        if (!c.chosen)
                return -ENOMEM;
        for (profile_id id = 1; id <= profile_functions(p); id++) {
                const struct profile_function *f = profile_function(p, id);
                c.chosen[id] = totals_is_row(t->name, t->file, f->name, f->file);
        }
        int e = count_frames(&c);
        free(c.chosen);
        return e;
}

/* ---- threads and processes ------------------------------------------------------------------ */

static int count_whole(struct totals *totals, const struct profile_sample *sample, const char *name, const char *of)
{
        struct totals_entry *row = totals_get(totals, name, of);

        if (!row)
                return -ENOMEM;
        totals_begin_sample(totals);
        totals_count(totals, row, sample->state == PROFILE_RUNNING ? sample->nanoseconds : 0, sample->nanoseconds);
        return 0;
}

static int count_threads(const struct tables *t, struct totals *totals, const struct profile *p)
{
        char program[GROUPING_NAME_SIZE], of[GROUPING_NAME_SIZE + 32];
        int e = 0;

        (void)t;
        grouping_name(p, GROUPING_PROGRAM, program);
        for (size_t i = 0; e == 0 && i < profile_samples(p); i++) {
                const struct profile_sample *sample = profile_sample(p, i);
                const char *name = NULL;
                uint64_t tid = 0;
                if (sample->thread == 0)
                        continue;
                profile_thread(p, sample->thread, &tid, &name);
                snprintf(of, sizeof of, "tid %" PRIu64 " of %s", tid, program);
                e = count_whole(totals, sample, name ? name : "", of);
        }
        return e;
}

static int count_group(struct totals *totals, const struct profile *p, enum grouping by)
{
        const char *container = by == GROUPING_CONTAINER ? NULL : profile_attribute(p, "container.name");
        char name[GROUPING_NAME_SIZE];
        int e = 0;

        grouping_name(p, by, name);
        for (size_t i = 0; e == 0 && i < profile_samples(p); i++)
                e = count_whole(totals, profile_sample(p, i), name, container ? container : "");
        return e;
}

static int count_processes(const struct tables *t, struct totals *totals, const struct profile *p)
{
        (void)t;
        return count_group(totals, p, GROUPING_PROCESS);
}

static int count_programs(const struct tables *t, struct totals *totals, const struct profile *p)
{
        (void)t;
        return count_group(totals, p, GROUPING_PROGRAM);
}

static int count_containers(const struct tables *t, struct totals *totals, const struct profile *p)
{
        (void)t;
        return count_group(totals, p, GROUPING_CONTAINER);
}

static int count_functions(const struct tables *t, struct totals *totals, const struct profile *p)
{
        (void)t;
        return totals_add(totals, p);
}

/* ---- all tables ----------------------------------------------------------------------------- */

static const struct {
        const char *row;
        bool of_threads;
        int (*count)(const struct tables *tables, struct totals *totals, const struct profile *profile);
} kinds[TABLES_KINDS] = {
        [TABLES_FUNCTIONS] = { "function", false, count_functions },
        [TABLES_LINES] = { "line", false, count_lines },
        [TABLES_THREADS] = { "thread", true, count_threads },
        [TABLES_PROCESSES] = { "process", true, count_processes },
        [TABLES_PROGRAMS] = { "program", true, count_programs },
        [TABLES_CONTAINERS] = { "container", true, count_containers },
        [TABLES_CALLERS] = { "caller", false, count_callers },
};

const char *tables_row_name(enum tables_kind kind)
{
        return kinds[kind].row;
}

bool tables_parse(const char *word, enum tables_kind *ret)
{
        for (int i = 0; i < TABLES_CALLERS; i++)
                if (strcmp(kinds[i].row, word) == 0) {
                        *ret = (enum tables_kind)i;
                        return true;
                }
        return false;
}

bool tables_are_of_threads(enum tables_kind kind)
{
        return kinds[kind].of_threads;
}

struct tables *tables_new(void)
{
        struct tables *t = calloc(1, sizeof *t);
        bool whole = t != NULL;

        for (int i = 0; whole && i < TABLES_KINDS; i++)
                whole = (t->of[i] = totals_new()) != NULL;
        if (whole)
                return t;
        tables_free(t);
        return NULL;
}

void tables_free(struct tables *t)
{
        if (!t)
                return;
        for (int i = 0; i < TABLES_KINDS; i++)
                totals_free(t->of[i]);
        profile_set_deinit(&t->last);
        free(t->name);
        free(t->file);
        free(t);
}

void tables_reset(struct tables *t)
{
        for (int i = 0; i < TABLES_KINDS; i++)
                totals_reset(t->of[i]);
}

const struct totals *tables_get(const struct tables *t, enum tables_kind kind)
{
        return t->of[kind];
}

static int count_last(struct tables *t, int kind)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < t->last.n; i++)
                e = kinds[kind].count(t, t->of[kind], t->last.items[i]);
        return e;
}

int tables_turn(struct tables *t, struct profile_set *set)
{
        int e = 0;

        profile_set_deinit(&t->last);
        t->last = *set;
        *set = (struct profile_set){ 0 };
        for (int i = 0; i < TABLES_KINDS; i++) {
                totals_turn(t->of[i]);
                if (e == 0)
                        e = count_last(t, i);
        }
        return e;
}

/* ---- callers -------------------------------------------------------------------------------- */

bool tables_choose(struct tables *t, enum tables_kind kind, const struct totals_row *row, int *ret)
{
        char *name = strdup(row->name), *file = strdup(row->file), *colon;

        *ret = name && file ? 0 : -ENOMEM;
        if (*ret != 0 || kinds[kind].of_threads || strcmp(row->name, ROOT) == 0) {
                free(name);
                free(file);
                return *ret != 0;
        }
        colon = kind == TABLES_LINES ? strrchr(file, ':') : NULL;
        if (colon && colon[1 + strspn(colon + 1, "0123456789")] == '\0')
                *colon = '\0';
        free(t->name);
        free(t->file);
        t->name = name;
        t->file = file;
        totals_reset(t->of[TABLES_CALLERS]);
        *ret = count_last(t, TABLES_CALLERS);
        return true;
}

const char *tables_chosen(const struct tables *t)
{
        return t->name ? t->name : "";
}
