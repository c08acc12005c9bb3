/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the Firefox Profiler's processed profile format, as podflame and CPython's profiling.sampling write it. Strings
 * are those of the thread or of all threads; names of files those of functions or, from version 58 on, of the table of
 * sources. The weights are the samples. Without them each sample is one.
 */
#include "read.h"
#include "reading.h"

#include "agent/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A thread's columns. Each may be missing, but for those that lead from a sample to a name. */
static const struct gecko_column {
        const char *table, *name;
        bool needed;
} columns[] = {
        { "samples", "stack", true },     { "samples", "weight", false },   { "samples", "ns", false },
        { "stackTable", "frame", true },  { "stackTable", "prefix", true }, { "frameTable", "func", true },
        { "frameTable", "line", false },  { "funcTable", "name", true },    { "funcTable", "fileName", false },
        { "funcTable", "source", false },
};
enum { STACK, WEIGHT, NS, FRAME, PREFIX, FUNC, LINE, NAME, FILE_NAME, SOURCE, COLUMNS };
_Static_assert(sizeof(columns) / sizeof(*columns) == COLUMNS, "each column has a number");

struct gecko_thread {
        struct reading *reading;
        size_t at; /* its number */
        const struct json_value *strings, *sources;
        const struct json_value *columns[COLUMNS];
        profile_id *frames; /* by index of frameTable; 0: not interned yet */
        profile_id thread;
        uint64_t period_ns; /* 0: not known */
};

static int refuse_column(struct gecko_thread *t, int column, uint64_t i, const char *what)
{
        return reading_refuse(t->reading, "gecko: threads[%zu].%s.%s[%llu] %s", t->at, columns[column].table,
                              columns[column].name, (unsigned long long)i, what);
}

/* The value of a column as an index below @limit. False: it is null, or the column is missing. Refused: r < 0. */
static int get_cell(struct gecko_thread *t, int column, uint64_t i, uint64_t limit, bool *ret_is, uint64_t *ret)
{
        const struct json_value *cells = t->columns[column];

        *ret_is = cells && i < cells->n && cells->items[i].type != JSON_VALUE_NULL;
        if (!*ret_is)
                return 0;
        return reading_index(&cells->items[i], limit, ret) ? 0 : refuse_column(t, column, i, "is out of range");
}

static int get_string(struct gecko_thread *t, const struct json_value *strings, int column, uint64_t i,
                      const char **ret)
{
        uint64_t index;
        bool is;
        int r = get_cell(t, column, i, strings->n, &is, &index);

        if (r < 0 || !is)
                return r;
        if (strings->items[index].type != JSON_VALUE_STRING)
                return refuse_column(t, column, i, "names no string");
        *ret = strings->items[index].text;
        return 0;
}

/* The name of a function's file: by a string, or by a source whose "filename" is a string. */
static int get_file(struct gecko_thread *t, uint64_t function, const char **ret)
{
        const struct json_value *names = reading_array(t->sources, "filename");
        uint64_t source, index;
        bool is = false;
        int r = get_string(t, t->strings, FILE_NAME, function, ret);

        if (r == 0 && names)
                r = get_cell(t, SOURCE, function, names->n, &is, &source);
        if (r < 0 || !is)
                return r;
        if (!reading_index(&names->items[source], t->strings->n, &index) ||
            t->strings->items[index].type != JSON_VALUE_STRING)
                return refuse_column(t, SOURCE, function, "names no file");
        *ret = t->strings->items[index].text;
        return 0;
}

static int intern_gecko_frame(struct gecko_thread *t, uint64_t frame)
{
        const char *name = "", *file = "";
        uint64_t function = 0, line = 0;
        bool is;
        int r = get_cell(t, FUNC, frame, t->columns[NAME]->n, &is, &function);

        if (r == 0 && !is)
                r = refuse_column(t, FUNC, frame, "is no function");
        if (r == 0)
                r = get_string(t, t->strings, NAME, function, &name);
        if (r == 0)
                r = get_file(t, function, &file);
        if (r == 0)
                r = get_cell(t, LINE, frame, UINT32_MAX, &is, &line);
        return r < 0 ? r
                     : read_named_frame(t->reading->profile, name, file, is ? (uint32_t)line : 0, &t->frames[frame]);
}

/* Pushes a node and all before it, then turns the stack around. A prefix comes before what it is a prefix of. */
static int push_stack(struct gecko_thread *t, uint64_t node)
{
        struct reading *reading = t->reading;
        uint64_t frame, prefix;
        bool is;
        int r;

        reading->n = 0;
        for (;; node = prefix) {
                r = get_cell(t, FRAME, node, t->columns[FUNC]->n, &is, &frame);
                if (r == 0 && !is)
                        r = refuse_column(t, FRAME, node, "is no frame");
                if (r == 0 && t->frames[frame] == 0)
                        r = intern_gecko_frame(t, frame);
                if (r == 0)
                        r = reading_push(reading, t->frames[frame]);
                if (r == 0)
                        r = get_cell(t, PREFIX, node, node, &is, &prefix);
                if (r < 0 || !is)
                        break;
        }
        for (size_t i = 0; i < reading->n / 2; i++) {
                profile_id other = reading->frames[i];

                reading->frames[i] = reading->frames[reading->n - 1 - i];
                reading->frames[reading->n - 1 - i] = other;
        }
        return r;
}

static int read_gecko_sample(struct gecko_thread *t, uint64_t i)
{
        uint64_t node, count, ns;
        bool is, weighed, timed;
        int r = get_cell(t, STACK, i, t->columns[FRAME]->n, &is, &node);

        if (r < 0 || !is)
                return r;
        r = get_cell(t, WEIGHT, i, INT64_MAX, &weighed, &count);
        if (r == 0)
                r = get_cell(t, NS, i, INT64_MAX, &timed, &ns);
        if (r == 0)
                r = push_stack(t, node);
        if (r < 0)
                return r;
        if (!weighed)
                count = 1;
        return reading_count(t->reading, t->thread, count, timed ? ns : count * t->period_ns);
}

static int choose_columns(struct gecko_thread *t, const struct json_value *thread)
{
        for (int i = 0; i < COLUMNS; i++) {
                t->columns[i] = reading_array(json_value_member(thread, columns[i].table), columns[i].name);
                if (columns[i].needed && !t->columns[i])
                        return reading_refuse(t->reading, "gecko: threads[%zu].%s.%s is no array", t->at,
                                              columns[i].table, columns[i].name);
        }
        const char *type = reading_text(json_value_member(thread, "samples"), "weightType");

        if (*type && strcmp(type, "samples") != 0)
                return reading_refuse(t->reading, "gecko: threads[%zu].samples.weightType '%.20s' is not samples",
                                      t->at, type);
        return 0;
}

static int read_gecko_thread(struct gecko_thread *t, const struct json_value *thread, size_t threads)
{
        const struct json_value *strings = reading_array(thread, "stringArray");
        const struct json_value *shared = t->strings;
        uint64_t tid = t->at + 1;
        int r = choose_columns(t, thread);

        if (r < 0)
                return r;
        if (strings)
                t->strings = strings;
        if (!t->strings)
                return reading_refuse(t->reading, "gecko: neither shared nor threads[%zu] has a stringArray", t->at);
        t->thread = 0;
        reading_index(json_value_member(thread, "tid"), INT64_MAX, &tid);
        if (threads > 1)
                r = profile_intern_thread(t->reading->profile, tid, reading_text(thread, "name"), &t->thread);
        t->frames = calloc(t->columns[FUNC]->n + 1, sizeof(*t->frames));
        if (!t->frames)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < t->columns[STACK]->n; i++)
                r = read_gecko_sample(t, i);
        free(t->frames);
        t->strings = shared;
        return r;
}

int read_gecko(const struct json_value *document, struct reading *reading)
{
        const struct json_value *threads = reading_array(document, "threads"),
                                *shared = json_value_member(document, "shared"),
                                *meta = json_value_member(document, "meta");
        struct gecko_thread t = { .reading = reading,
                                  .strings = reading_array(shared, "stringArray"),
                                  .sources = json_value_member(shared, "sources") };
        double interval;
        int r = 0;

        if (!threads || !json_value_member(meta, "preprocessedProfileVersion"))
                return reading_refuse(reading, "gecko: it has no meta.preprocessedProfileVersion, or threads is no "
                                               "array: only the processed format is read");
        if (reading_number(json_value_member(meta, "interval"), &interval))
                t.period_ns = reading_ns(interval, 1e6);
        reading->period_ns = t.period_ns;
        for (t.at = 0; r == 0 && t.at < threads->n; t.at++)
                r = read_gecko_thread(&t, &threads->items[t.at], threads->n);
        return r;
}
