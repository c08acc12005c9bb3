/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads trace events of samplers, such as podflame's and py-spy's: frames that begin (B) and end (E), in the order of
 * time in each thread. The time between two events is that of the innermost frame. podflame's E events have its samples
 * as well. Other events are ignored; complete events (X) are a tracer's, and not read.
 */
#include "read.h"
#include "reading.h"

#include "agent/base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define TRACE_THREADS_MAX 65536

struct frame_begun {
        profile_id frame;
        uint64_t ns; /* its own time so far */
};

struct trace_thread {
        uint64_t key[2]; /* pid, tid */
        profile_id id;
        double at; /* of the last event, in microseconds */
        struct frame_begun *open;
        size_t n, capacity;
        UT_hash_handle hh;
};

struct trace {
        struct reading *reading;
        struct trace_thread *threads;
        size_t begun; /* B events so far */
        size_t i;     /* the event that is read */
};

static int refuse_event(struct trace *t, const char *what)
{
        return reading_refuse(t->reading, "trace: traceEvents[%zu] %s", t->i, what);
}

static int get_or_add_thread(struct trace *t, const struct json_value *event, struct trace_thread **ret)
{
        uint64_t key[2] = { 0, 0 };

        if ((json_value_member(event, "pid") && !reading_index(json_value_member(event, "pid"), UINT64_MAX, &key[0])) ||
            (json_value_member(event, "tid") && !reading_index(json_value_member(event, "tid"), UINT64_MAX, &key[1])))
                return refuse_event(t, "has a pid or tid that is no number");
        HASH_FIND(hh, t->threads, key, sizeof(key), *ret);
        if (*ret)
                return 0;
        if (HASH_COUNT(t->threads) == TRACE_THREADS_MAX)
                return refuse_event(t, "is of one thread too many");
        *ret = calloc(1, sizeof(**ret));
        if (!*ret)
                return -ENOMEM;
        memcpy((*ret)->key, key, sizeof(key));
        HASH_ADD(hh, t->threads, key, sizeof((*ret)->key), *ret);
        return 0;
}

/* Gives the time since the thread's last event to its innermost frame. */
static int pass_time(struct trace *t, struct trace_thread *thread, const struct json_value *event)
{
        double at;

        if (!reading_number(json_value_member(event, "ts"), &at))
                return refuse_event(t, "has no time (ts)");
        if (at < thread->at)
                return refuse_event(t, "is earlier than the one before it of its thread");
        if (thread->n > 0)
                thread->open[thread->n - 1].ns += reading_ns(at - thread->at, 1e3);
        thread->at = at;
        return 0;
}

static int begin_event(struct trace *t, struct trace_thread *thread, const struct json_value *event)
{
        const struct json_value *args = json_value_member(event, "args");
        struct frame_begun begun = { 0 };
        uint64_t line = 0;

        t->begun++;
        if (thread->n == FORMAT_OTLP_MAX_FRAMES)
                return refuse_event(t, "is one frame too deep");
        if (thread->n == thread->capacity) {
                size_t capacity = thread->capacity ? 2 * thread->capacity : 16;
                struct frame_begun *open = reallocarray(thread->open, capacity, sizeof(*open));

                if (!open)
                        return -ENOMEM;
                thread->open = open;
                thread->capacity = capacity;
        }
        reading_index(json_value_member(args, "line"), UINT32_MAX, &line);
        int r = read_named_frame(t->reading->profile, reading_text(event, "name"), reading_text(args, "filename"),
                                 (uint32_t)line, &begun.frame);

        thread->open[thread->n++] = begun;
        return r;
}

/* Counts the innermost frame's own time, and ends the frame. */
static int end_frame(struct trace *t, struct trace_thread *thread, const struct json_value *event)
{
        const struct json_value *samples = json_value_member(event, "samples");
        uint64_t ns = thread->open[thread->n - 1].ns, count;
        int r = 0;

        t->reading->n = 0;
        for (size_t i = 0; r == 0 && i < thread->n; i++)
                r = reading_push(t->reading, thread->open[i].frame);
        thread->n--;
        if (r < 0)
                return r;
        if (!samples)
                return reading_last(t->reading, thread->id, ns);
        if (!reading_index(samples, INT64_MAX, &count))
                return refuse_event(t, "has samples, and they are no count");
        return reading_count(t->reading, thread->id, count, ns);
}

/* If there are several threads, each has its name, which comes in an event of its own before all others. */
static int name_trace_thread(struct trace *t, struct trace_thread *thread, const char *name)
{
        if (HASH_COUNT(t->threads) < 2 || thread->id)
                return 0;
        return profile_intern_thread(t->reading->profile, thread->key[1], name, &thread->id);
}

/* Finds the threads that have frames. */
static int list_trace_threads(struct trace *t, const struct json_value *events)
{
        struct trace_thread *thread;
        int r = 0;

        for (t->i = 0; r == 0 && t->i < events->n; t->i++)
                if (strcmp(reading_text(&events->items[t->i], "ph"), "B") == 0)
                        r = get_or_add_thread(t, &events->items[t->i], &thread);
        return r;
}

static int read_event(struct trace *t, const struct json_value *event)
{
        const char *phase = reading_text(event, "ph");
        struct trace_thread *thread;

        if (event->type != JSON_VALUE_OBJECT)
                return refuse_event(t, "is no object");
        if (strlen(phase) != 1 || !strchr("BEM", *phase))
                return 0;
        if (*phase == 'M' && strcmp(reading_text(event, "name"), "thread_name") != 0)
                return 0;
        int r = get_or_add_thread(t, event, &thread);

        if (r == 0)
                r = name_trace_thread(t, thread, reading_text(json_value_member(event, "args"), "name"));
        if (r < 0 || *phase == 'M')
                return r;
        r = pass_time(t, thread, event);
        if (r < 0)
                return r;
        if (*phase == 'B')
                return begin_event(t, thread, event);
        return thread->n > 0 ? end_frame(t, thread, event) : refuse_event(t, "ends a frame, and none is open");
}

static void free_threads(struct trace *t)
{
        struct trace_thread *thread, *next;

        HASH_ITER(hh, t->threads, thread, next) {
                HASH_DEL(t->threads, thread);
                free(thread->open);
                free(thread);
        }
}

int read_chrome(const struct json_value *document, struct reading *reading)
{
        const struct json_value *events = document->type == JSON_VALUE_ARRAY ? document
                                                                             : reading_array(document, "traceEvents");
        struct trace t = { .reading = reading };
        int r;

        if (!events)
                return reading_refuse(reading, "trace: traceEvents is no array");
        reading_index(json_value_member(json_value_member(document, "otherData"), "period_ns"), INT64_MAX,
                      &reading->period_ns);
        r = list_trace_threads(&t, events);
        for (t.i = 0; r == 0 && t.i < events->n; t.i++)
                r = read_event(&t, &events->items[t.i]);
        for (struct trace_thread *thread = t.threads; r == 0 && thread; thread = thread->hh.next)
                while (r == 0 && thread->n > 0)
                        r = end_frame(&t, thread, NULL);
        if (r == 0 && t.begun == 0)
                r = reading_refuse(reading, "trace: no frame begins (events B and E of a sampler)");
        free_threads(&t);
        return r;
}
