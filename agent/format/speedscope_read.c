/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads speedscope's format: profiles of samples with weights, or of frames that open and close. podflame's own files
 * have the counts of samples as well. Weights without a unit are counts; those in units of time become samples as
 * reading_finish() says. If a file has several profiles, each is a thread.
 */
#include "read.h"
#include "reading.h"

#include "agent/base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct speedscope {
        struct reading *reading;
        profile_id *frames; /* by index */
        size_t frames_n;
        size_t at; /* the profile that is read */
        const struct json_value *in;
        profile_id thread;
        double unit; /* nanoseconds; 0: none, weights are counts */
};

static const struct {
        const char *name;
        double ns;
} units[] = {
        { "none", 0 }, { "nanoseconds", 1 }, { "microseconds", 1e3 }, { "milliseconds", 1e6 }, { "seconds", 1e9 },
};

static int read_frames(struct speedscope *s, const struct json_value *document)
{
        const struct json_value *frames = reading_array(json_value_member(document, "shared"), "frames");
        int r = 0;

        if (!frames)
                return reading_refuse(s->reading, "speedscope: shared.frames is no array");
        s->frames = calloc(frames->n + 1, sizeof(*s->frames));
        if (!s->frames)
                return -ENOMEM;
        for (; r == 0 && s->frames_n < frames->n; s->frames_n++) {
                const struct json_value *frame = &frames->items[s->frames_n];
                uint64_t line = 0;

                if (frame->type != JSON_VALUE_OBJECT)
                        return reading_refuse(s->reading, "speedscope: shared.frames[%zu] is no object", s->frames_n);
                reading_index(json_value_member(frame, "line"), UINT32_MAX, &line);
                r = read_named_frame(s->reading->profile, reading_text(frame, "name"), reading_text(frame, "file"),
                                     (uint32_t)line, &s->frames[s->frames_n]);
        }
        return r;
}

static int push_frame(struct speedscope *s, const struct json_value *value, const char *list, size_t i)
{
        uint64_t index;

        if (!reading_index(value, s->frames_n, &index))
                return reading_refuse(s->reading, "speedscope: profiles[%zu].%s[%zu] names no frame of the %zu", s->at,
                                      list, i, s->frames_n);
        return reading_push(s->reading, s->frames[index]);
}

static int refuse_item(struct speedscope *s, const char *list, size_t i, const char *is_not)
{
        return reading_refuse(s->reading, "speedscope: profiles[%zu].%s[%zu] is no %s", s->at, list, i, is_not);
}

/* ---- samples ------------------------------------------------------------------------- */

static int count_weighted_sample(struct speedscope *s, size_t i, const struct json_value *weights,
                                 const struct json_value *counts)
{
        double weight;
        uint64_t count;

        if (!reading_number(&weights->items[i], &weight))
                return refuse_item(s, "weights", i, "number that is 0 or more");
        if (counts) {
                if (!reading_index(&counts->items[i], INT64_MAX, &count))
                        return refuse_item(s, "counts", i, "count");
                return reading_count(s->reading, s->thread, count, reading_ns(weight, s->unit));
        }
        if (s->unit > 0)
                return reading_last(s->reading, s->thread, reading_ns(weight, s->unit));
        if (!reading_index(&weights->items[i], INT64_MAX, &count))
                return refuse_item(s, "weights", i, "count, and its unit is none");
        return reading_count(s->reading, s->thread, count, 0);
}

static int read_samples(struct speedscope *s)
{
        const struct json_value *samples = reading_array(s->in, "samples"), *weights = reading_array(s->in, "weights"),
                                *counts = reading_array(s->in, "counts");
        int r = 0;

        if (!samples || !weights || samples->n != weights->n || (counts && counts->n != samples->n))
                return reading_refuse(s->reading,
                                      "speedscope: profiles[%zu] has not as many samples as weights, or as counts",
                                      s->at);
        for (size_t i = 0; r == 0 && i < samples->n; i++) {
                const struct json_value *sample = &samples->items[i];

                if (sample->type != JSON_VALUE_ARRAY)
                        return refuse_item(s, "samples", i, "array");
                s->reading->n = 0;
                for (size_t k = 0; r == 0 && k < sample->n; k++)
                        r = push_frame(s, &sample->items[k], "samples", i);
                if (r == 0)
                        r = count_weighted_sample(s, i, weights, counts);
        }
        return r;
}

/* ---- events -------------------------------------------------------------------------- */

static int take_event(struct speedscope *s, const struct json_value *event, size_t i)
{
        const char *type = reading_text(event, "type");
        uint64_t index;

        if (strcmp(type, "O") == 0)
                return push_frame(s, json_value_member(event, "frame"), "events", i);
        if (strcmp(type, "C") != 0 || s->reading->n == 0 ||
            !reading_index(json_value_member(event, "frame"), s->frames_n, &index) ||
            s->reading->frames[s->reading->n - 1] != s->frames[index])
                return reading_refuse(s->reading, "speedscope: profiles[%zu].events[%zu] closes no open frame", s->at,
                                      i);
        s->reading->n--;
        return 0;
}

static int read_events(struct speedscope *s)
{
        const struct json_value *events = reading_array(s->in, "events");
        double now, before = 0;
        int r = 0;

        if (!events)
                return reading_refuse(s->reading, "speedscope: profiles[%zu].events is no array", s->at);
        s->reading->n = 0;
        for (size_t i = 0; r == 0 && i < events->n; i++) {
                if (!reading_number(json_value_member(&events->items[i], "at"), &now) || now < before)
                        return refuse_item(s, "events", i, "event at a later time");
                if (s->unit > 0)
                        r = reading_last(s->reading, s->thread, reading_ns(now - before, s->unit));
                else
                        r = reading_count(s->reading, s->thread, reading_ns(now - before, 1), 0);
                if (r == 0)
                        r = take_event(s, &events->items[i], i);
                before = now;
        }
        return r;
}

/* -------------------------------------------------------------------------------------- */

static int read_unit(struct speedscope *s)
{
        const char *unit = reading_text(s->in, "unit");

        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
                if (strcmp(units[i].name, unit) == 0) {
                        s->unit = units[i].ns;
                        return 0;
                }
        return reading_refuse(s->reading, "speedscope: profiles[%zu].unit '%.20s' is neither none nor a time", s->at,
                              unit);
}

static int choose_thread(struct speedscope *s, size_t profiles)
{
        uint64_t tid = s->at + 1;

        s->thread = 0;
        if (profiles == 1)
                return 0;
        reading_index(json_value_member(s->in, "tid"), INT64_MAX, &tid);
        return profile_intern_thread(s->reading->profile, tid, reading_text(s->in, "name"), &s->thread);
}

static int read_profiles(struct speedscope *s, const struct json_value *document)
{
        const struct json_value *profiles = reading_array(document, "profiles");
        int r = 0;

        if (!profiles)
                return reading_refuse(s->reading, "speedscope: profiles is no array");
        for (s->at = 0; r == 0 && s->at < profiles->n; s->at++) {
                s->in = &profiles->items[s->at];
                if (s->in->type != JSON_VALUE_OBJECT)
                        return reading_refuse(s->reading, "speedscope: profiles[%zu] is no object", s->at);
                r = read_unit(s);
                if (r == 0)
                        r = choose_thread(s, profiles->n);
                if (r == 0)
                        r = strcmp(reading_text(s->in, "type"), "evented") == 0 ? read_events(s) : read_samples(s);
        }
        return r;
}

int read_speedscope(const struct json_value *document, struct reading *reading)
{
        struct speedscope s = { .reading = reading };
        int r;

        reading_index(json_value_member(document, "period_ns"), INT64_MAX, &reading->period_ns);
        r = read_frames(&s, document);
        if (r == 0)
                r = read_profiles(&s, document);
        free(s.frames);
        return r;
}
