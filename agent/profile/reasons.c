/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaf frames that are no functions, but say how a thread was met: why it does not run, or at which opcode it stands.
 * They have no file, and their names stand in brackets. Those of reasons are made by agent/reason: what is none of the
 * words here is a descriptor of some kind.
 */
#include "profile.h"

#include <string.h>

/* What a name begins with, and the kind. */
struct word {
        const char *begin, *kind;
};

static const struct word states[] = {
        { "sleeps]", "sleep" },
        { "throttled]", "throttled" },
        { "stopped]", "stopped" },
        { "frozen]", "frozen" },
};

static const struct word things[] = {
        { "GIL]", "gil" },
        { "CPU]", "cpu" },
        { "child]", "child" },
        { "signal]", "signal" },
        { "page]", "page" },
        { "sleep]", "sleep" },
        { "unknown]", "unknown" },
        { "lock or GIL]", "unknown" },
        { "lock", "lock" },
        { "event]", "lock" },
        { "event or condition]", "lock" },
        { "barrier]", "lock" },
        { "condition]", "lock" },
        { "semaphore]", "lock" },
        { "thread]", "lock" },
        { "queue]", "lock" },
        { "future]", "lock" },
        { "task", "task" },
        { "event loop]", "loop" },
        { "switch]", "loop" },
};

static const char *skip_beginning(const char *text, const char *begin)
{
        size_t n = strlen(begin);

        return strncmp(text, begin, n) == 0 ? text + n : NULL;
}

static const char *kind_of_words(const char *text, const struct word *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (skip_beginning(text, words[i].begin))
                        return words[i].kind;
        return NULL;
}

static bool is_in_brackets(const char *name, const char *file)
{
        return !(file && *file) && name && *name == '[' && name[strlen(name) - 1] == ']';
}

const char *profile_reason_kind(const char *name, const char *file)
{
        const char *thing;

        if (!is_in_brackets(name, file))
                return NULL;
        if ((thing = skip_beginning(name + 1, "waits for work: ")) || (thing = skip_beginning(name + 1, "waits: "))) {
                const char *kind = kind_of_words(thing, things, sizeof things / sizeof *things);
                return kind ? kind : "io";
        }
        return kind_of_words(name + 1, states, sizeof states / sizeof *states);
}

bool profile_is_opcode(const char *name, const char *file)
{
        return is_in_brackets(name, file) && skip_beginning(name + 1, "opcode: ");
}

size_t profile_leaf(const struct profile *p, const profile_id *frames, size_t n)
{
        const struct profile_function *f = profile_function(p, profile_frame(p, frames[0])->function);

        return n > 1 && (profile_reason_kind(f->name, f->file) || profile_is_opcode(f->name, f->file)) ? 1 : 0;
}

const char *profile_sample_reason(const struct profile *p, const struct profile_sample *sample)
{
        size_t n;
        const profile_id *stack = profile_stack(p, sample->stack, &n);

        if (sample->state != PROFILE_IDLE || n == 0)
                return NULL;
        const struct profile_function *leaf = profile_function(p, profile_frame(p, stack[0])->function);
        return profile_reason_kind(leaf->name, leaf->file);
}
