/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Visits every stack of a set. Everything else that is known about a stack becomes frames. One array of frames is
 * reused for all stacks.
 */
#include "walk.h"

#include "format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT_MAX 2         /* container, process */
#define AROUND_STACK_MAX 4    /* frames around a stack: the context, thread, idle */
#define CONTAINER_ID_SHOWN 12 /* as container tools show it */

struct walk {
        const struct profile *profile;
        char *context[CONTEXT_MAX];
        size_t context_n;
        char **threads; /* label by thread id */
        struct walk_frame *frames;
        size_t capacity;
};

static const char *text_or_empty(const char *text)
{
        return text ? text : "";
}

static int add_context(struct walk *walk, char *label)
{
        if (!label)
                return -ENOMEM;
        walk->context[walk->context_n++] = label;
        return 0;
}

static int add_container(struct walk *walk)
{
        const char *name = profile_attribute(walk->profile, "container.name");
        const char *id = profile_attribute(walk->profile, "container.id");

        if (name)
                return add_context(walk, strdup(name));
        if (id)
                return add_context(walk, strndup(id, CONTAINER_ID_SHOWN));
        return 0;
}

static int add_process(struct walk *walk)
{
        const char *name = profile_attribute(walk->profile, "podflame.program");
        const char *pid = profile_attribute(walk->profile, "process.pid");
        char *label;

        if (!pid && !name && walk->context_n > 0)
                return 0;
        if (!name)
                name = profile_attribute(walk->profile, "process.executable.name");
        if (!name)
                name = profile_attribute(walk->profile, "service.name");
        if (!name)
                name = "process";
        if (!pid)
                return add_context(walk, strdup(name));
        if (asprintf(&label, "%s (pid %s)", name, pid) < 0)
                return -ENOMEM;
        return add_context(walk, label);
}

static int label_threads(struct walk *walk)
{
        size_t n = profile_threads(walk->profile);

        walk->threads = calloc(n + 1, sizeof(*walk->threads));
        if (!walk->threads)
                return -ENOMEM;
        for (size_t i = 1; i <= n; i++) {
                const char *name;
                uint64_t tid;

                profile_thread(walk->profile, (profile_id)i, &tid, &name);
                if (!name || !*name)
                        name = "thread";
                if (asprintf(&walk->threads[i], "%s (tid %" PRIu64 ")", name, tid) < 0) {
                        walk->threads[i] = NULL;
                        return -ENOMEM;
                }
        }
        return 0;
}

static void free_labels(struct walk *walk)
{
        for (size_t i = 0; i < walk->context_n; i++)
                free(walk->context[i]);
        walk->context_n = 0;
        for (size_t i = 1; walk->threads && i <= profile_threads(walk->profile); i++)
                free(walk->threads[i]);
        free(walk->threads);
        walk->threads = NULL;
}

static int reserve_frames(struct walk *walk, size_t n)
{
        if (n <= walk->capacity)
                return 0;
        struct walk_frame *frames = reallocarray(walk->frames, n, sizeof(*frames));
        if (!frames)
                return -ENOMEM;
        walk->frames = frames;
        walk->capacity = n;
        return 0;
}

static void push_label(struct walk *walk, size_t *n, const char *name)
{
        walk->frames[(*n)++] = (struct walk_frame){ .name = name, .file = "" };
}

/*
 * Whether "(idle)" must be added: the leaf does not say why the thread does not run. A sampler that knows only that
 * nothing ran reports "(idle)" as the function itself.
 */
static bool needs_idle_label(const struct walk *walk, size_t n, enum profile_state state)
{
        const struct walk_frame *leaf = n > 0 ? &walk->frames[n - 1] : NULL;

        return state == PROFILE_IDLE &&
               (!leaf || (strcmp(leaf->name, WALK_IDLE) != 0 && !profile_reason_kind(leaf->name, leaf->file)));
}

static int build_stack(struct walk *walk, const struct profile_sample *sample, size_t *ret_n)
{
        size_t depth, n = 0;
        const profile_id *stack = profile_stack(walk->profile, sample->stack, &depth);
        int r = reserve_frames(walk, depth + AROUND_STACK_MAX);

        if (r)
                return r;
        for (size_t i = 0; i < walk->context_n; i++)
                push_label(walk, &n, walk->context[i]);
        if (sample->thread)
                push_label(walk, &n, walk->threads[sample->thread]);
        for (size_t i = depth; i-- > 0;) {
                const struct profile_frame *frame = profile_frame(walk->profile, stack[i]);
                const struct profile_function *function = profile_function(walk->profile, frame->function);

                walk->frames[n++] = (struct walk_frame){
                        .name = text_or_empty(function->name),
                        .file = text_or_empty(function->file),
                        .line = frame->line,
                        .first_line = function->first_line,
                        .kind = function->kind,
                };
        }
        if (needs_idle_label(walk, n, sample->state))
                push_label(walk, &n, WALK_IDLE);
        *ret_n = n;
        return 0;
}

uint64_t walk_sample_ns(const struct profile *p, const struct profile_sample *sample)
{
        uint64_t ns;

        if (sample->nanoseconds || __builtin_mul_overflow(sample->count, profile_settings(p)->period_ns, &ns))
                return sample->nanoseconds;
        return ns;
}

static int walk_profile(struct walk *walk, int (*each)(void *ctx, const struct walk_stack *stack), void *ctx)
{
        int r = label_threads(walk);

        for (size_t i = 0; r == 0 && i < profile_samples(walk->profile); i++) {
                const struct profile_sample *sample = profile_sample(walk->profile, i);
                struct walk_stack stack = { .count = sample->count,
                                            .nanoseconds = walk_sample_ns(walk->profile, sample) };

                r = build_stack(walk, sample, &stack.n);
                stack.frames = walk->frames;
                if (r == 0)
                        r = each(ctx, &stack);
        }
        return r;
}

int walk_samples(const struct profile_set *set, int (*each)(void *ctx, const struct walk_stack *stack), void *ctx)
{
        struct walk walk = { 0 };
        int r = 0;

        for (size_t i = 0; r == 0 && i < set->n; i++) {
                walk.profile = set->items[i];
                if (set->n > 1)
                        r = add_container(&walk);
                if (r == 0 && set->n > 1)
                        r = add_process(&walk);
                if (r == 0)
                        r = walk_profile(&walk, each, ctx);
                free_labels(&walk);
        }
        free(walk.frames);
        return r;
}

bool format_has_times(const struct profile_set *set)
{
        for (size_t i = 0; i < set->n; i++)
                for (size_t k = 0; k < profile_samples(set->items[i]); k++)
                        if (walk_sample_ns(set->items[i], profile_sample(set->items[i], k)) == 0)
                                return false;
        return true;
}
