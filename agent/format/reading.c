/* SPDX-License-Identifier: Apache-2.0 */
/* From untrusted frames and stacks to a profile. */
#include "reading.h"

#include "agent/base/base.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int reading_init(struct reading *r)
{
        memset(r, 0, sizeof(*r));
        r->profile = profile_new();
        return r->profile ? 0 : -ENOMEM;
}

void reading_deinit(struct reading *r)
{
        profile_free(r->profile);
        free(r->spans);
        r->profile = NULL;
        r->spans = NULL;
}

int reading_refuse(struct reading *r, const char *format, ...)
{
        static _Thread_local char sentence[256];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        r->error = sentence;
        return -EINVAL;
}

int reading_push(struct reading *r, profile_id frame)
{
        if (r->n == FORMAT_OTLP_MAX_FRAMES)
                return reading_refuse(r, "a stack has more than %d frames", FORMAT_OTLP_MAX_FRAMES);
        r->frames[r->n++] = frame;
        return 0;
}

static int intern_read_stack(struct reading *r, profile_id *ret)
{
        profile_id frames[FORMAT_OTLP_MAX_FRAMES];

        r->steps += r->n;
        if (r->steps > READING_STEPS_MAX)
                return reading_refuse(r, "its stacks have more than %llu frames together",
                                      (unsigned long long)READING_STEPS_MAX);
        for (size_t i = 0; i < r->n; i++)
                frames[r->n - 1 - i] = r->frames[i];
        return profile_intern_stack(r->profile, frames, r->n, ret);
}

int reading_count(struct reading *r, profile_id thread, uint64_t count, uint64_t ns)
{
        profile_id stack;

        if (r->n == 0 || count == 0)
                return 0;
        int e = intern_read_stack(r, &stack);

        return e < 0 ? e : profile_add(r->profile, stack, thread, PROFILE_RUNNING, count, ns);
}

int reading_last(struct reading *r, profile_id thread, uint64_t ns)
{
        profile_id stack;

        if (r->n == 0 || ns == 0)
                return 0;
        int e = intern_read_stack(r, &stack);

        if (e < 0)
                return e;
        if (r->spans_n == r->spans_capacity) {
                size_t capacity = r->spans_capacity ? 2 * r->spans_capacity : 256;
                struct reading_span *spans = reallocarray(r->spans, capacity, sizeof(*spans));

                if (!spans)
                        return -ENOMEM;
                r->spans = spans;
                r->spans_capacity = capacity;
        }
        r->spans[r->spans_n++] = (struct reading_span){ .stack = stack, .thread = thread, .ns = ns };
        return 0;
}

/* Text has few digits: a time that is written in seconds or in milliseconds is a multiple of another but for this. */
#define ROUNDING 0.01

/* The time that each span is a multiple of. One microsecond if it is not known. */
static uint64_t choose_period(const struct reading *r)
{
        uint64_t least = r->period_ns ? r->period_ns : UINT64_MAX;

        for (size_t i = 0; i < r->spans_n && !r->period_ns; i++)
                least = r->spans[i].ns < least ? r->spans[i].ns : least;
        for (size_t i = 0; i < r->spans_n; i++) {
                double times = (double)r->spans[i].ns / (double)least;

                if (fabs(times - round(times)) > ROUNDING || round(times) < 1)
                        return 1000;
        }
        return least;
}

static int count_spans(struct reading *r)
{
        uint64_t period = r->spans_n > 0 ? choose_period(r) : 0;
        int e = 0;

        for (size_t i = 0; e == 0 && i < r->spans_n; i++) {
                const struct reading_span *span = &r->spans[i];
                double times = round((double)span->ns / (double)period);

                e = profile_add(r->profile, span->stack, span->thread, PROFILE_RUNNING, times < 1 ? 1 : (uint64_t)times,
                                span->ns);
        }
        if (period)
                r->period_ns = period;
        return e;
}

int reading_finish(struct reading *r, struct profile_set *ret)
{
        struct profile_set set = { 0 };
        int e = count_spans(r);

        if (e == 0 && r->period_ns)
                profile_set_settings(r->profile, &(struct profile_settings){ .period_ns = r->period_ns });
        if (e == 0)
                e = profile_set_add(&set, r->profile);
        if (e < 0)
                return e;
        r->profile = NULL;
        *ret = set;
        return 0;
}

/* ---- JSON ------------------------------------------------------------------------- */

bool reading_number(const struct json_value *value, double *ret)
{
        if (!value || value->type != JSON_VALUE_NUMBER)
                return false;
        *ret = strtod(value->text, NULL);
        return isfinite(*ret) && *ret >= 0;
}

bool reading_index(const struct json_value *value, uint64_t limit, uint64_t *ret)
{
        double number;
        char *end;

        if (!reading_number(value, &number) || number != floor(number) || number >= 0x1p64)
                return false;
        errno = 0;
        *ret = strtoull(value->text, &end, 10); /* a double has 53 bits */
        if (errno || *end == '.' || *end == 'e' || *end == 'E')
                *ret = (uint64_t)number;
        return *ret < limit;
}

const char *reading_text(const struct json_value *object, const char *key)
{
        const struct json_value *value = json_value_member(object, key);

        return value && value->type == JSON_VALUE_STRING ? value->text : "";
}

const struct json_value *reading_array(const struct json_value *object, const char *key)
{
        const struct json_value *value = json_value_member(object, key);

        return value && value->type == JSON_VALUE_ARRAY ? value : NULL;
}

uint64_t reading_ns(double value, double unit)
{
        const double most = 100.0 * 365 * 86400 * 1e9;
        double ns = value * unit;

        return (uint64_t)round(ns < most ? ns : most);
}
