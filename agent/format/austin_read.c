/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads Austin's text: lines "# KEY: VALUE", and lines "P<pid>;T<thread>;file:function:line;… METRIC" with the stack's time
 * in microseconds. Austin's own marks (":GC:") become frames that are no code. The samples of a line are its time by the
 * interval, at least one.
 */
#include "read.h"
#include "reading.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AUSTIN_HEAD "# austin:"

bool is_austin(const char *text, size_t len)
{
        return len >= strlen(AUSTIN_HEAD) && memcmp(text, AUSTIN_HEAD, strlen(AUSTIN_HEAD)) == 0;
}

struct austin {
        struct reading *reading;
        size_t line;
        uint64_t interval_us; /* 0: not told */
};

static int refuse_austin(struct austin *a, const char *what)
{
        return reading_refuse(a->reading, "austin: line %zu %s", a->line, what);
}

static int read_metadata(struct austin *a, const char *line)
{
        static const char interval[] = "# interval: ", mode[] = "# mode: ";

        if (strncmp(line, interval, strlen(interval)) == 0)
                a->interval_us = strtoull(line + strlen(interval), NULL, 10);
        if (strncmp(line, mode, strlen(mode)) == 0) {
                if (strcmp(line + strlen(mode), "memory") == 0 || strcmp(line + strlen(mode), "full") == 0)
                        return refuse_austin(a, "says that the mode is memory or full: only times can be read");
        }
        a->reading->period_ns = a->interval_us < UINT32_MAX ? a->interval_us * 1000 : 0;
        return 0;
}

/* Cuts the number off that @text ends with behind a colon. False if there is none. */
static bool cut_number(char *text, uint64_t *ret)
{
        char *colon = strrchr(text, ':');

        if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
                return false;
        *ret = strtoull(colon + 1, NULL, 10);
        *colon = '\0';
        return true;
}

/* Pushes "file:function:line", or with three numbers more: the end of the line, and columns. ":GC:" is a mark. */
static int push_austin_frame(struct austin *a, char *text)
{
        size_t len = strlen(text);
        uint64_t line = 0;
        profile_id frame;
        char *colon;

        if (len > 2 && text[0] == ':' && text[len - 1] == ':') {
                text[len - 1] = '\0';
                int r = read_named_frame(a->reading->profile, text + 1, "", 0, &frame);
                return r < 0 ? r : reading_push(a->reading, frame);
        }
        while (cut_number(text, &line))
                ;
        colon = strrchr(text, ':');
        if (!colon)
                return refuse_austin(a, "has a frame that is not file:function:line");
        *colon = '\0';
        int r = read_named_frame(a->reading->profile, colon + 1, text, line < UINT32_MAX ? (uint32_t)line : 0, &frame);

        return r < 0 ? r : reading_push(a->reading, frame);
}

static int read_austin_thread(struct austin *a, const char *text, profile_id *ret)
{
        const char *colon = strchr(text, ':');

        return profile_intern_thread(a->reading->profile, strtoull(colon ? colon + 1 : text + 1, NULL, 10), text, ret);
}

static int count_austin_stack(struct austin *a, profile_id thread, uint64_t us)
{
        double times = a->interval_us ? round((double)us / (double)a->interval_us) : 1;

        return reading_count(a->reading, thread, times < 1 ? 1 : (uint64_t)times, reading_ns((double)us, 1e3));
}

static int read_austin_stack(struct austin *a, char *line)
{
        char *metric = strrchr(line, ' '), *at, *next = NULL, *end;
        profile_id thread = 0;
        int r = 0;

        if (!metric || !isdigit((unsigned char)metric[1]) || *line != 'P')
                return refuse_austin(a, "is not \"P<pid>;T<thread>;… METRIC\"");
        *metric = '\0';
        uint64_t us = strtoull(metric + 1, &end, 10);
        if (*end)
                return refuse_austin(a, "has a metric that is no number");
        a->reading->n = 0;
        at = strchr(line, ';');
        if (!at || at[1] != 'T')
                return refuse_austin(a, "has no thread");
        for (at++; r == 0 && at; at = next) {
                next = strchr(at, ';');
                if (next)
                        *next++ = '\0';
                r = thread ? push_austin_frame(a, at) : read_austin_thread(a, at, &thread);
        }
        return r < 0 || us == 0 ? r : count_austin_stack(a, thread, us);
}

static int read_austin_lines(struct austin *a, char *text)
{
        int r = 0;

        for (char *line = text, *next; r == 0 && line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                a->line++;
                if (*line == '#')
                        r = read_metadata(a, line);
                else if (*line)
                        r = read_austin_stack(a, line);
        }
        return r;
}

int read_austin(const char *text, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct austin a = { .reading = malloc(sizeof(*a.reading)) };
        char *copy = strndup(text, len);
        int r = a.reading && copy ? reading_init(a.reading) : -ENOMEM;

        if (r == 0) {
                r = read_austin_lines(&a, copy);
                if (r == 0)
                        r = reading_finish(a.reading, ret);
                if (r == -EINVAL)
                        *ret_error = a.reading->error;
                reading_deinit(a.reading);
        }
        free(copy);
        free(a.reading);
        return r;
}
