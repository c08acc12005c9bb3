/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of the log, in two formats, and bounded in number. A node with a thousand processes, or a collector that
 * refuses everything, would fill the log with the same event. Lines that are left out are counted, and their number is
 * logged.
 */
#include "log.h"

#include "log_json.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* At most LINES_MAX lines of one kind in INTERVAL_S seconds. */
#define LINES_MAX 20
#define INTERVAL_S 10

/* There are some dozens of kinds. Kinds beyond this number share the last place. */
#define KINDS_MAX 64

struct kind {
        const char *name; /* the address of a format string, which is unique */
        time_t since;
        unsigned lines;
        uint64_t left_out;
        char example[96]; /* the last line that was left out */
};

static struct {
        pthread_mutex_t lock;
        bool json, limited;
        struct kind kinds[KINDS_MAX];
        size_t n;
        uint64_t suppressed;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static time_t coarse_clock_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return now.tv_sec;
}

/* Writes a line by a single write, so that lines of several threads do not mix. */
static void write_line(const char *level, const char *text)
{
        char *json = state.json ? log_json(level, text) : NULL;

        if (json)
                fprintf(stderr, "%s\n", json);
        else
                fprintf(stderr, "podflame: %s\n", text);
        free(json);
}

/* ---- the bound ---------------------------------------------------------------------- */

static void begin_interval(struct kind *kind, time_t now)
{
        char line[160];

        if (kind->left_out > 0) {
                snprintf(line, sizeof line, "%llu more like this were left out: %s", (unsigned long long)kind->left_out,
                         kind->example);
                write_line("info", line);
        }
        kind->since = now;
        kind->lines = 0;
        kind->left_out = 0;
}

static struct kind *get_or_add_kind(const char *name)
{
        for (size_t i = 0; i < state.n; i++)
                if (state.kinds[i].name == name)
                        return &state.kinds[i];
        if (state.n < KINDS_MAX)
                state.kinds[state.n++] = (struct kind){ .name = name, .since = coarse_clock_s() };
        return &state.kinds[state.n - 1];
}

static bool suppress_line(const char *name, const char *text)
{
        struct kind *kind = get_or_add_kind(name);
        time_t now = coarse_clock_s();

        if (now - kind->since >= INTERVAL_S)
                begin_interval(kind, now);
        if (++kind->lines <= LINES_MAX)
                return false;
        kind->left_out++;
        state.suppressed++;
        snprintf(kind->example, sizeof kind->example, "%s", text);
        return true;
}

/* ---- public functions ----------------------------------------------------------------- */

void log_begin(bool json)
{
        state.json = json;
        state.limited = true;
}

void log_line(const char *level, const char *kind, const char *text)
{
        pthread_mutex_lock(&state.lock);
        if (!state.limited || !suppress_line(kind, text))
                write_line(level, text);
        pthread_mutex_unlock(&state.lock);
}

void log_flush(bool all)
{
        time_t now = coarse_clock_s();

        pthread_mutex_lock(&state.lock);
        for (size_t i = 0; i < state.n; i++)
                if (all || now - state.kinds[i].since >= INTERVAL_S)
                        begin_interval(&state.kinds[i], now);
        pthread_mutex_unlock(&state.lock);
}

uint64_t log_suppressed(void)
{
        pthread_mutex_lock(&state.lock);
        uint64_t n = state.suppressed;
        pthread_mutex_unlock(&state.lock);
        return n;
}
