/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions, frames, stacks and threads, each kept once. A stack is a run of frame ids in one growing array. Ids that
 * callers pass are checked when something new is made of them. What is found was checked before.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STACK_FRAMES_FIRST 256

/* ---- bytes --------------------------------------------------------------- */

/* The bytes of a row in its table: the item, and two slots of the index. */
static size_t row_bytes(const struct table *table, size_t size)
{
        return table->n * (size + 16);
}

/* Samples and threads are not counted: each of them needs a stack, or a thread of the process. */
size_t profile_bytes(const struct profile *p)
{
        return p->strings.bytes + p->stack_frames_n * sizeof(profile_id) + row_bytes(&p->strings.table, 16) +
               row_bytes(&p->functions, sizeof(struct profile_function)) +
               row_bytes(&p->frames, sizeof(struct profile_frame)) + row_bytes(&p->stacks, sizeof(struct stack)) +
               profile_reserved_bytes(p);
}

bool profile_is_full(const struct profile *p)
{
        return p->bytes_max && profile_bytes(p) >= p->bytes_max;
}

void profile_limit(struct profile *p, size_t bytes)
{
        p->bytes_max = bytes;
}

/* ---- functions ----------------------------------------------------------- */

static bool is_equal_function(const void *item, const void *key)
{
        const struct profile_function *a = item;
        const struct profile_function *b = key;

        return a->name == b->name && a->file == b->file && a->first_line == b->first_line && a->kind == b->kind &&
               a->build_id == b->build_id;
}

static const struct table_kind function_kind = {
        .size = sizeof(struct profile_function),
        .max = FUNCTIONS_MAX,
        .equal = is_equal_function,
};

static int intern_text(struct profile *p, const char *text, const char **ret)
{
        text = text ? text : "";
        if (!profile_is_full(p))
                return profile_strings_intern(&p->strings, text, p->seed, ret);
        *ret = profile_strings_find(&p->strings, text, p->seed);
        return *ret ? 0 : -ENOSPC;
}

int profile_copy_function(struct profile *p, const struct profile_function *function, profile_id *ret)
{
        struct profile_function key = { .first_line = function->first_line, .kind = function->kind, .build_id = "" };
        int r = function->kind < PROFILE_KINDS ? intern_text(p, function->name, &key.name) : -EINVAL;

        if (r == 0)
                r = intern_text(p, function->file, &key.file);
        if (r == 0 && key.kind != PROFILE_PYTHON)
                r = intern_text(p, function->build_id, &key.build_id);
        if (r < 0)
                return r;

        uint64_t parts[] = { (uintptr_t)key.name, (uintptr_t)key.file, (uintptr_t)key.build_id,
                             (uint64_t)key.kind << 32 | key.first_line };
        uint64_t hash = profile_table_hash(parts, sizeof(parts), p->seed);
        profile_id id = profile_table_find(&p->functions, &function_kind, hash, &key);

        if (id == 0)
                return profile_is_full(p) ? -ENOSPC : profile_table_add(&p->functions, &function_kind, hash, &key, ret);
        *ret = id;
        return 0;
}

int profile_intern_function(struct profile *p, const char *name, const char *file, uint32_t first_line, profile_id *ret)
{
        struct profile_function function = { .name = name, .file = file, .first_line = first_line };

        return profile_copy_function(p, &function, ret);
}

/* ---- frames -------------------------------------------------------------- */

static bool is_equal_frame(const void *item, const void *key)
{
        const struct profile_frame *a = item;
        const struct profile_frame *b = key;

        return a->function == b->function && a->line == b->line && a->address == b->address;
}

static const struct table_kind frame_kind = {
        .size = sizeof(struct profile_frame),
        .max = FRAMES_MAX,
        .equal = is_equal_frame,
};

static int get_or_add_frame(struct profile *p, profile_id function, uint32_t line, uint64_t address, profile_id *ret)
{
        struct profile_frame key = { .function = function, .line = line, .address = address };
        uint64_t parts[] = { (uint64_t)function << 32 | line, address };
        uint64_t hash = profile_table_hash(parts, address ? sizeof(parts) : sizeof(parts[0]), p->seed);
        profile_id id = profile_table_find(&p->frames, &frame_kind, hash, &key);

        if (id != 0) {
                *ret = id;
                return 0;
        }
        if (function == 0 || function > p->functions.n)
                return -EINVAL;
        if (profile_is_full(p))
                return -ENOSPC;
        return profile_table_add(&p->frames, &frame_kind, hash, &key, ret);
}

int profile_intern_frame(struct profile *p, profile_id function, uint32_t line, profile_id *ret)
{
        return get_or_add_frame(p, function, line, 0, ret);
}

int profile_copy_frame(struct profile *p, const struct profile_frame *frame, profile_id *ret)
{
        profile_id function = frame->function;
        bool known = function > 0 && function <= p->functions.n;
        bool native = known && profile_function(p, function)->kind != PROFILE_PYTHON;

        return get_or_add_frame(p, function, frame->line, native ? frame->address : 0, ret);
}

/* ---- stacks -------------------------------------------------------------- */

struct stack_key {
        const profile_id *all; /* profile.stack_frames */
        const profile_id *frames;
        size_t n;
};

static bool is_equal_stack(const void *item, const void *key)
{
        const struct stack *a = item;
        const struct stack_key *b = key;

        return a->n == b->n && memcmp(b->all + a->offset, b->frames, b->n * sizeof(*b->frames)) == 0;
}

static const struct table_kind stack_kind = {
        .size = sizeof(struct stack),
        .max = STACKS_MAX,
        .equal = is_equal_stack,
};

static int reserve_stack_frames(struct profile *p, size_t n)
{
        size_t capacity = p->stack_frames_capacity ? p->stack_frames_capacity : STACK_FRAMES_FIRST;

        if (n > STACK_FRAMES_MAX - p->stack_frames_n)
                return -ENOSPC;
        while (capacity < p->stack_frames_n + n)
                capacity *= 2;
        if (capacity == p->stack_frames_capacity)
                return 0;

        profile_id *grown = realloc(p->stack_frames, capacity * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        p->stack_frames = grown;
        p->stack_frames_capacity = capacity;
        return 0;
}

static int append_stack(struct profile *p, const profile_id *frames, size_t n, uint64_t hash, profile_id *ret)
{
        for (size_t i = 0; i < n; i++)
                if (frames[i] == 0 || frames[i] > p->frames.n)
                        return -EINVAL;

        int r = profile_is_full(p) ? -ENOSPC : reserve_stack_frames(p, n);

        if (r < 0)
                return r;

        struct stack stack = { .offset = (uint32_t)p->stack_frames_n, .n = (uint32_t)n };

        r = profile_table_add(&p->stacks, &stack_kind, hash, &stack, ret);
        if (r < 0)
                return r;
        memcpy(p->stack_frames + p->stack_frames_n, frames, n * sizeof(*frames));
        p->stack_frames_n += n;
        return 0;
}

int profile_intern_stack(struct profile *p, const profile_id *frames, size_t n, profile_id *ret)
{
        if (n == 0 || n > STACK_FRAMES_MAX)
                return -EINVAL;

        struct stack_key key = { .all = p->stack_frames, .frames = frames, .n = n };
        uint64_t hash = profile_table_hash(frames, n * sizeof(*frames), p->seed);
        profile_id id = profile_table_find(&p->stacks, &stack_kind, hash, &key);

        if (id == 0)
                return append_stack(p, frames, n, hash, ret);
        *ret = id;
        return 0;
}

/* ---- threads ------------------------------------------------------------- */

static bool is_equal_thread(const void *item, const void *key)
{
        const struct thread *a = item;
        const struct thread *b = key;

        return a->tid == b->tid && a->name == b->name && !a->ended;
}

static const struct table_kind thread_kind = {
        .size = sizeof(struct thread),
        .max = THREADS_MAX,
        .equal = is_equal_thread,
};

int profile_intern_thread(struct profile *p, uint64_t tid, const char *name, profile_id *ret)
{
        struct thread key = { .tid = tid };
        int r = intern_text(p, name, &key.name);

        if (r < 0)
                return r;

        uint64_t parts[] = { tid, (uintptr_t)key.name };
        uint64_t hash = profile_table_hash(parts, sizeof(parts), p->seed);
        profile_id id = profile_table_find(&p->threads, &thread_kind, hash, &key);

        if (id == 0)
                return profile_table_add(&p->threads, &thread_kind, hash, &key, ret);
        *ret = id;
        return 0;
}

int profile_name_thread(struct profile *p, profile_id id, const char *name)
{
        struct thread *thread = id && id <= p->threads.n ? profile_table_item(&p->threads, sizeof *thread, id) : NULL;

        const char *text;
        int r = thread ? intern_text(p, name, &text) : -EINVAL;

        if (r == 0)
                thread->shown = text;
        return r;
}

void profile_end_thread(struct profile *p, profile_id id)
{
        struct thread *thread = id && id <= p->threads.n ? profile_table_item(&p->threads, sizeof *thread, id) : NULL;

        if (thread)
                thread->ended = true;
}
