/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set too large for one body is halved until its parts fit: sizes are known
 * only once it is encoded, and most sets fit at once. The recursion is as deep
 * as numbers of profiles and stacks have bits.
 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"

#include <errno.h>
#include <stdlib.h>

/* ---- a part of a profile ------------------------------------------------- */

struct slice {
        const struct profile *from;
        struct profile *to;
        profile_id *frames; /* of @to by those of @from; 0: not there yet */
        profile_id *buffer; /* one stack */
        size_t capacity;
};

static int slice_frame(struct slice *s, profile_id id, profile_id *ret)
{
        if (s->frames[id] == 0) {
                const struct profile_frame *frame = profile_frame(s->from, id);
                const struct profile_function *f = profile_function(s->from, frame->function);
                profile_id function;
                int r = profile_intern_function(s->to, f->name, f->file, f->first_line, &function);

                if (r == 0)
                        r = profile_intern_frame(s->to, function, frame->line, &s->frames[id]);
                if (r < 0)
                        return r;
        }
        *ret = s->frames[id];
        return 0;
}

static int slice_stack(struct slice *s, profile_id id, profile_id *ret)
{
        size_t n;
        const profile_id *frames = profile_stack(s->from, id, &n);

        if (n > s->capacity) {
                profile_id *buffer = reallocarray(s->buffer, n, sizeof(*buffer));

                if (!buffer)
                        return -ENOMEM;
                s->buffer = buffer;
                s->capacity = n;
        }
        for (size_t i = 0; i < n; i++) {
                int r = slice_frame(s, frames[i], &s->buffer[i]);

                if (r < 0)
                        return r;
        }
        return profile_intern_stack(s->to, s->buffer, n, ret);
}

static int slice_sample(struct slice *s, const struct profile_sample *sample)
{
        profile_id stack, thread = 0;
        int r = slice_stack(s, sample->stack, &stack);

        if (r == 0 && sample->thread) {
                const char *name;
                uint64_t tid;

                profile_thread(s->from, sample->thread, &tid, &name);
                r = profile_intern_thread(s->to, tid, name, &thread);
        }
        return r < 0 ? r : profile_add(s->to, stack, thread, sample->state, sample->count, sample->nanoseconds);
}

static int slice_resource(struct slice *s)
{
        int r = 0;

        profile_set_settings(s->to, profile_settings(s->from));
        for (size_t i = 0; r == 0 && i < profile_attributes(s->from); i++) {
                const char *key, *value;

                profile_attribute_at(s->from, i, &key, &value);
                r = profile_set_attribute(s->to, key, value);
        }
        return r;
}

/* The first slice has the counters, so that their sum stays what it was. */
static int make_slice(const struct profile *from, size_t first, size_t n, struct profile **ret)
{
        struct slice s = {
                .from = from,
                .to = profile_new(),
                .frames = calloc(profile_frames(from) + 1, sizeof(profile_id)),
        };
        int r = s.to && s.frames ? slice_resource(&s) : -ENOMEM;

        for (size_t i = first; r == 0 && i < first + n; i++)
                r = slice_sample(&s, profile_sample(from, i));
        if (r == 0 && first == 0)
                *profile_counters(s.to) = *profile_counters_of(from);
        free(s.frames);
        free(s.buffer);
        if (r < 0) {
                profile_free(s.to);
                return r;
        }
        *ret = s.to;
        return 0;
}

/* ---- a part of a set ----------------------------------------------------- */

static int split_profile(const struct send_split *split, const struct profile *p)
{
        size_t n = profile_samples(p), half = n / 2;

        if (n < 2) {
                split->too_large(split->ctx);
                return 0;
        }
        for (size_t first = 0; first < n; first += half, half = n - half) {
                struct profile *part;
                int r = make_slice(p, first, half, &part);

                if (r < 0)
                        return r;
                const struct profile_set one = { .items = &part, .n = 1 };
                r = send_split(split, &one);
                profile_free(part);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int split_set(const struct send_split *split, const struct profile_set *set)
{
        const struct profile_set first = { .items = set->items, .n = set->n / 2 };
        const struct profile_set second = { .items = set->items + first.n, .n = set->n - first.n };
        int r;

        if (set->n == 1)
                return split_profile(split, set->items[0]);
        r = send_split(split, &first);
        return r < 0 ? r : send_split(split, &second);
}

int send_split(const struct send_split *split, const struct profile_set *set)
{
        struct send_body body;
        int r = set->n <= split->protocol->max_profiles ? split->protocol->encode(set, &body) : -EFBIG;

        if (r == -EFBIG)
                return split_set(split, set);
        if (r < 0 || !body.text)
                return r;
        r = split->body(split->ctx, &body);
        free(body.text);
        return r;
}
