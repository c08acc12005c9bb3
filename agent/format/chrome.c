/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Trace Event Format of Chrome, which Perfetto, chrome://tracing and speedscope read: each frame begins (B) and ends
 * (E), at microseconds. A frame goes on from one moment to the next as long as all frames outside of it do. An E event's
 * own "samples" are those that had the frame as leaf. Merged stacks whose times are not known take 1 us a sample.
 */
#include "agent/base/base.h"
#include "formats.h"
#include "tracks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* A frame that has begun. */
struct begun {
        profile_id frame;
        uint64_t samples;
};

struct chrome {
        const struct tracks *tracks;
        const struct track *track;
        uint64_t tid;       /* its number here */
        struct begun *open; /* root first */
        size_t n, capacity;
        FILE *out;
};

static void write_event(struct chrome *c, char phase, uint64_t at)
{
        uint64_t ns = c->tracks->timed ? at : at * 1000;

        fprintf(c->out, ",\n{\"ph\":\"%c\",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64 ",\"ts\":%" PRIu64 ".%03u", phase,
                c->track->pid, c->tid, ns / 1000, (unsigned)(ns % 1000));
}

/* What an event says of its frame. An end repeats it: readers compare it with the beginning. */
static void write_event_frame(struct chrome *c, profile_id id)
{
        const struct profile_frame *frame = profile_frame(c->tracks->all, id);
        const struct profile_function *function = profile_function(c->tracks->all, frame->function);

        fprintf(c->out,
                ",\"cat\":\"%s\",\"name\":", profile_reason_kind(function->name, function->file) ? "wait" : "frame");
        escape_json(function->name, c->out);
        if (*function->file) {
                fputs(",\"args\":{\"filename\":", c->out);
                escape_json(function->file, c->out);
                fprintf(c->out, ",\"line\":%" PRIu32 "}", frame->line);
        }
        putc('}', c->out);
}

static void begin_frame(struct chrome *c, profile_id id, uint64_t at)
{
        c->open[c->n++] = (struct begun){ .frame = id };
        write_event(c, 'B', at);
        write_event_frame(c, id);
}

static void end_frames(struct chrome *c, size_t keep, uint64_t at)
{
        while (c->n > keep) {
                const struct begun *begun = &c->open[--c->n];

                write_event(c, 'E', at);
                fprintf(c->out, ",\"samples\":%" PRIu64, begun->samples);
                write_event_frame(c, begun->frame);
        }
}

static int reserve_open(struct chrome *c, size_t n)
{
        if (n <= c->capacity)
                return 0;
        struct begun *open = reallocarray(c->open, n, sizeof(*open));

        if (!open)
                return -ENOMEM;
        c->open = open;
        c->capacity = n;
        return 0;
}

static int write_next(struct chrome *c, const struct track_moment *moment, uint64_t end_before)
{
        size_t n, keep = 0;
        const profile_id *frames = profile_stack(c->tracks->all, moment->stack, &n);

        if (moment->start > end_before)
                end_frames(c, 0, end_before);
        if (reserve_open(c, n))
                return -ENOMEM;
        while (keep < c->n && keep < n && c->open[keep].frame == frames[n - 1 - keep])
                keep++;
        end_frames(c, keep, moment->start);
        while (c->n < n)
                begin_frame(c, frames[n - 1 - c->n], moment->start);
        c->open[n - 1].samples += moment->count;
        return 0;
}

/* Names a track's process ("process_name") or thread. */
static void write_track_label(struct chrome *c, const char *what, const char *name)
{
        write_event(c, 'M', 0);
        fprintf(c->out, ",\"name\":\"%s\",\"args\":{\"name\":", what);
        escape_json(name, c->out);
        fputs("}}", c->out);
}

/* The number of a track. Two tracks with one would be one track: that of a further one is out of the range of TIDs. */
static uint64_t number_track(const struct tracks *tracks, size_t i)
{
        const struct track *track = &tracks->items[i];

        for (size_t k = 0; k < i; k++)
                if (tracks->items[k].pid == track->pid && tracks->items[k].tid == track->tid)
                        return ((uint64_t)1 << 32) + i;
        return track->tid;
}

static int write_track(struct chrome *c, size_t index)
{
        const struct track *track = &c->tracks->items[index];
        uint64_t end = 0;
        int r = 0;

        c->track = track;
        c->tid = number_track(c->tracks, index);
        if (*track->process)
                write_track_label(c, "process_name", track->process);
        write_track_label(c, "thread_name", track->name);
        for (size_t i = 0; r == 0 && i < track->n; i++) {
                r = write_next(c, &track->moments[i], end);
                end = track->moments[i].start + track->moments[i].length;
        }
        end_frames(c, 0, end);
        return r;
}

static int chrome_write(const struct profile_set *set, FILE *out)
{
        struct tracks tracks;
        struct chrome c = { .tracks = &tracks, .out = out };
        char what[96];
        int r = tracks_init(&tracks, set);

        if (r)
                return r;
        tracks_describe(&tracks, what, sizeof(what));
        fprintf(out,
                "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"producer\":\"podflame %s\",\"order\":\"%s\","
                "\"timed\":%s,\"period_ns\":%" PRIu64 "},\n\"traceEvents\":[{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"ts\":0,"
                "\"name\":\"process_name\",\"args\":{\"name\":\"podflame: %s\"}}",
                PODFLAME_VERSION, what, tracks.timed ? "true" : "false", tracks.period_ns, what);
        for (size_t i = 0; r == 0 && i < tracks.n; i++)
                r = write_track(&c, i);
        fputs("\n]}\n", out);
        free(c.open);
        tracks_deinit(&tracks);
        return r ? r : escape_finish(out);
}

const struct format format_chrometrace = {
        .name = "chrometrace",
        .endings = { ".trace.json", ".perfetto.json" },
        .summary = "Chrome's trace events, for Perfetto",
        .timeline = true,
        .write = chrome_write,
};
