/* SPDX-License-Identifier: Apache-2.0 */
/* Reads podflame's own lines of JSON: see jsonl.c. A line that cannot be read is named by its number. */
#include "formats.h"
#include "read.h"
#include "reading.h"

#include "agent/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct jsonl {
        struct reading *reading;
        size_t line; /* number of the line that is read */
};

static int refuse_line(struct jsonl *j, const char *what)
{
        return reading_refuse(j->reading, "jsonl: line %zu %s", j->line, what);
}

static int read_kind(struct jsonl *j, const char *text, enum profile_kind *ret)
{
        static const char *const kinds[PROFILE_KINDS] = {
                [PROFILE_PYTHON] = "",
                [PROFILE_C] = "c",
                [PROFILE_KERNEL] = "kernel",
        };

        for (*ret = 0; *ret < PROFILE_KINDS; (*ret)++)
                if (strcmp(kinds[*ret], text) == 0)
                        return 0;
        return refuse_line(j, "has a frame whose kind is neither c nor kernel");
}

static int push_line_frame(struct jsonl *j, const struct json_value *frame)
{
        struct profile_function function = { .name = reading_text(frame, "name"), .file = reading_text(frame, "file") };
        struct profile *p = j->reading->profile;
        uint64_t line = 0, first_line = 0;
        profile_id id;

        if (frame->type != JSON_VALUE_OBJECT)
                return refuse_line(j, "has a frame that is no object");
        reading_index(json_value_member(frame, "line"), UINT32_MAX, &line);
        reading_index(json_value_member(frame, "first_line"), UINT32_MAX, &first_line);
        function.first_line = (uint32_t)first_line;
        int r = read_kind(j, reading_text(frame, "kind"), &function.kind);

        if (r == 0)
                r = profile_copy_function(p, &function, &id);
        if (r == 0)
                r = profile_copy_frame(p, &(struct profile_frame){ .function = id, .line = (uint32_t)line }, &id);
        return r < 0 ? r : reading_push(j->reading, id);
}

static int read_line_thread(struct jsonl *j, const struct json_value *object, profile_id *ret)
{
        uint64_t tid;

        *ret = 0;
        if (!json_value_member(object, "tid"))
                return 0;
        if (!reading_index(json_value_member(object, "tid"), UINT64_MAX, &tid))
                return refuse_line(j, "has a tid that is no number");
        return profile_intern_thread(j->reading->profile, tid, reading_text(object, "thread"), ret);
}

static int read_stack_object(struct jsonl *j, const struct json_value *object)
{
        const struct json_value *stack = reading_array(object, "stack");
        uint64_t samples, ns = 0;
        profile_id thread;

        if (!stack || stack->n == 0)
                return refuse_line(j, "has no stack");
        if (!reading_index(json_value_member(object, "samples"), INT64_MAX, &samples))
                return refuse_line(j, "has no samples");
        if (json_value_member(object, "ns") && !reading_index(json_value_member(object, "ns"), INT64_MAX, &ns))
                return refuse_line(j, "has ns that are no whole number");
        int r = read_line_thread(j, object, &thread);

        j->reading->n = 0;
        for (size_t i = 0; r == 0 && i < stack->n; i++)
                r = push_line_frame(j, &stack->items[i]);
        return r < 0 ? r : reading_count(j->reading, thread, samples, ns);
}

static int read_object(struct jsonl *j, char *text, size_t len)
{
        struct json_value *all = NULL;
        const struct json_value *object;
        int r = json_value_read(text, len, FORMAT_OTLP_MAX_VALUES, &all, &object);

        if (r > 0)
                r = refuse_line(j, "is cut off, no JSON, or too large");
        else if (r == 0 && object->type != JSON_VALUE_OBJECT)
                r = refuse_line(j, "is no object");
        else if (r == 0 && j->line == 1)
                reading_index(json_value_member(object, "period_ns"), INT64_MAX, &j->reading->period_ns);
        else if (r == 0)
                r = read_stack_object(j, object);
        free(all);
        return r;
}

static int read_objects(struct jsonl *j, char *text, size_t len)
{
        int r = 0;

        for (char *at = text, *end = text + len, *next; r == 0 && at < end; at = next) {
                char *newline = memchr(at, '\n', (size_t)(end - at));

                j->line++;
                if (!newline)
                        return refuse_line(j, "is cut off");
                *newline = '\0'; /* a number may be the last */
                next = newline + 1;
                if (newline > at)
                        r = read_object(j, at, (size_t)(newline - at));
        }
        return r;
}

int read_jsonl(const char *text, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct jsonl j = { .reading = malloc(sizeof(*j.reading)) };
        char *copy = malloc(len + 1);
        int r = j.reading && copy ? reading_init(j.reading) : -ENOMEM;

        if (r == 0) {
                memcpy(copy, text, len);
                r = read_objects(&j, copy, len);
                if (r == 0)
                        r = reading_finish(j.reading, ret);
                if (r == -EINVAL)
                        *ret_error = j.reading->error;
                reading_deinit(j.reading);
        }
        free(copy);
        free(j.reading);
        return r;
}
