/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

#include "native.h"
#include "tasks.h"

#include <stdlib.h>
#include <string.h>

/*
 * The bounds of a turn. 1024 frames of an ordinary program take 1 ms; one frame of the longest names and tables does.
 */
#define TURN_FRAMES 1024
#define TURN_NS 2000000u
#define FRAMES_PER_CLOCK 8

/*
 * A recording of hours meets some million new stacks, and most of them turn out to be equal to others. When this number
 * of ids is reserved, they are replaced by the ids of their stacks. That takes 1 ms.
 */
#define RENUMBER_AT 8192

/* From this many frames on, those of Python are remembered as well. */
#define MEMORABLE 4096

#define IDS_BYTES (BACKLOG_FRAMES_MAX * sizeof(profile_id))

void decoding_deinit(struct decoding *d)
{
        free(d->batch.frames);
        free(d->batch.stacks);
        free(d->ids);
        free(d->named);
}

void decode_forget_names(struct target *t)
{
        t->decoding.named_of = NULL;
}

/* The place for the frame @key of @p. NULL: there is no memory for it. */
static struct decode_named *place_for_name(struct decoding *d, const struct profile *p, uint64_t key)
{
        if (!d->named)
                d->named = calloc(DECODE_NAMED, sizeof *d->named);
        else if (d->named_of != p)
                memset(d->named, 0, DECODE_NAMED * sizeof *d->named);
        d->named_of = p;
        return d->named ? &d->named[(key * 0x9e3779b97f4a7c15u) >> 52] : NULL;
}

/* 0: out of memory, or full. */
static profile_id intern_decoded(struct profile *p, const struct pystack_text *text, uint32_t first_line, uint32_t line)
{
        profile_id function, frame;

        if (profile_intern_function(p, text->name, text->file, first_line, &function) < 0 ||
            profile_intern_frame(p, function, line, &frame) < 0)
                return 0;
        return frame;
}

/* Locks the target, and bounds its profile, as readers do for each sample. False: the target is silent. */
static bool lock_profile(struct target *t, const struct sampler *s, const struct profile *p)
{
        if (target_lock(t) == TARGET_SILENT)
                return false;
        if (p != t->profile)
                return true;
        memory_prepare(t);
        memory_bound_profile(t, s->config.profile_bytes);
        return true;
}

/* Stacks that share what could not be interned would all be lost. */
static void unlock_profile(struct target *t, const struct profile *p, profile_id interned)
{
        if (p == t->profile) {
                if (!interned)
                        backlog_restart(&t->stacks.backlog);
                memory_return(t);
        }
        target_unlock(t);
}

/*
 * The place for a frame of Python. Only a target of many new stacks has places, since they take 64 KiB. Without a line the same
 * frame is another one.
 */
static struct decode_named *place_for_python(struct decoding *d, const struct profile *p,
                                             const struct backlog_frame *frame)
{
        if (frame->without_line || d->n_python++ < MEMORABLE)
                return NULL;
        return place_for_name(d, p, backlog_key(frame));
}

/* Lets the code go whose frame is known. False: the target is silent. */
static bool let_go_known(struct target *t, const struct backlog_frame *frame)
{
        if (target_lock(t) == TARGET_SILENT)
                return false;
        pystack_let_go(t->py, frame->code);
        target_unlock(t);
        return true;
}

/* These return false if the target is silent: then the rest stays undecoded. */
static bool decode_python(struct target *t, const struct sampler *s, struct profile *p,
                          const struct backlog_frame *frame, profile_id *ret)
{
        const struct pystack_frame place = { .code = frame->code, .instruction = frame->instruction };
        struct decode_named *named = place_for_python(&t->decoding, p, frame);
        struct pystack_text text;

        if (named && named->id && named->key == backlog_key(frame)) {
                *ret = named->id;
                return let_go_known(t, frame);
        }
        pystack_text(frame->code, &text);
        uint32_t line = frame->without_line ? 0 : pystack_line_apart(t->py, &place);
        if (!lock_profile(t, s, p))
                return false;
        *ret = intern_decoded(p, &text, frame->code->first_line, line);
        pystack_let_go(t->py, frame->code);
        if (named)
                *named = (struct decode_named){ backlog_key(frame), *ret };
        unlock_profile(t, p, *ret);
        return true;
}

static bool decode_native(struct target *t, const struct sampler *s, struct profile *p,
                          const struct backlog_frame *frame, profile_id *ret)
{
        uint64_t key = backlog_key(frame);
        struct decode_named *named = place_for_name(&t->decoding, p, key);
        struct native_name name;

        if (named && named->id && named->key == key) {
                *ret = named->id;
                return true;
        }
        native_name(t, s, frame, &name);
        if (!lock_profile(t, s, p))
                return false;
        if (profile_intern_native(p, &name.frame, ret) < 0)
                *ret = 0;
        unlock_profile(t, p, *ret);
        if (named && *name.frame.file) /* code that is made at run time may be replaced */
                *named = (struct decode_named){ key, *ret };
        return true;
}

static bool decode_frame(struct target *t, const struct sampler *s, struct profile *p)
{
        struct decoding *d = &t->decoding;
        const struct backlog_frame *frame = &d->batch.frames[d->frame++];
        profile_id id;

        if (!(frame->code ? decode_python : decode_native)(t, s, p, frame, &id))
                return false;
        if (d->ids)
                d->ids[d->batch.stacks[d->stack].shared + d->done] = id;
        d->done++;
        return true;
}

static bool decode_stack(struct target *t, const struct sampler *s, struct profile *p)
{
        struct decoding *d = &t->decoding;
        const struct backlog_stack *stack = &d->batch.stacks[d->stack++];
        size_t n = stack->shared + stack->own;
        profile_id ids[STACKS_FRAMES_MAX];

        for (size_t i = 0; i < n; i++)
                ids[n - 1 - i] = d->ids ? d->ids[i] : 0; /* no stack has such a frame */
        if (!lock_profile(t, s, p))
                return false;
        n = stacks_add_pseudo_frames(p, ids, n, stack->truncated, stack->gc, stack->gc_at);
        for (size_t i = 0; i < BACKLOG_OUTSIDE && stack->outside[i]; i++)
                ids[n++] = stack->outside[i];
        profile_id id;
        if (profile_intern_stack(p, ids, n, &id) < 0)
                id = 0;
        profile_link_stack(p, stack->reserved, id);
        unlock_profile(t, p, id);
        d->done = 0;
        return true;
}

bool decode_has_ended(const struct target *t)
{
        return t->decoding.stack == t->decoding.batch.n_stacks;
}

/* Decodes the next frame, or ends a stack. False: what was taken over is decoded, or the target is silent. */
static bool decode_next(struct target *t, const struct sampler *s, struct profile *p)
{
        struct decoding *d = &t->decoding;

        if (decode_has_ended(t))
                return false;
        if (d->done < d->batch.stacks[d->stack].own)
                return decode_frame(t, s, p);
        return decode_stack(t, s, p);
}

void decode_rest(struct target *t, const struct sampler *s, struct profile *p)
{
        while (decode_next(t, s, p))
                ;
}

bool decode_fetch(struct target *t)
{
        struct decoding *d = &t->decoding;
        struct batch *waiting = &t->stacks.backlog.batch, empty;

        batch_clear(&d->batch);
        empty = d->batch;
        d->batch = *waiting;
        *waiting = empty;
        d->stack = d->frame = d->done = 0;
        if (!d->ids && d->batch.n_stacks > 0)
                d->ids = calloc(1, IDS_BYTES);
        t->stacks.lent = batch_bytes(&d->batch) + (d->ids ? IDS_BYTES : 0) +
                         (d->named ? DECODE_NAMED * sizeof *d->named : 0);
        return d->batch.n_stacks > 0;
}

/* False: nothing waits to be decoded, or the target is silent. @ret_nameless: sockets wait for their addresses. */
static bool fetch_under_lock(struct target *t, const struct sampler *s, bool *ret_nameless)
{
        *ret_nameless = false;
        if (!decode_has_ended(t) || target_lock(t) == TARGET_SILENT)
                return false;
        bool any = decode_fetch(t);
        *ret_nameless = !any && t->waits.nameless > 0;
        t->asked = t->asked && (any || *ret_nameless);
        if (!any && profile_reserved(t->profile) >= RENUMBER_AT)
                target_renumber(t, s);
        target_unlock(t);
        return any;
}

void decode_waiting(struct target *t, const struct sampler *s)
{
        decode_rest(t, s, t->profile);
        if (!decode_has_ended(t) || target_lock(t) == TARGET_SILENT)
                return;
        decode_fetch(t);
        target_unlock(t);
        decode_rest(t, s, t->profile);
}

bool decode_some(struct target *t, const struct sampler *s)
{
        uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + TURN_NS;
        bool nameless;

        tasks_refresh_when_due(t);
        frees_refresh_when_due(t, s);
        if (target_is_mixed(t, s))
                native_refresh_when_due(t);

        for (unsigned i = 1; i <= TURN_FRAMES; i++) {
                if (!decode_next(t, s, t->profile) && !fetch_under_lock(t, s, &nameless)) {
                        if (nameless)
                                waits_look_up(t);
                        return nameless;
                }
                if (i % FRAMES_PER_CLOCK == 0 && clock_ns(CLOCK_THREAD_CPUTIME_ID) > end)
                        break;
        }
        return true;
}
