/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_INTERNAL_H
#define PROFILE_INTERNAL_H

/* What the files of this room share: the profile itself. */

#include "profile.h"
#include "table.h"

/*
 * Limits of one profile. A hostile target can make up a new function or stack
 * for every sample; each of these is far above what honest programs reach
 * (the largest have some 10^5 functions and, in an hour, some 10^5 stacks).
 */
#define STRINGS_MAX (1u << 21)
#define STRING_BYTES_MAX (64u << 20) /* of all strings */
#define FUNCTIONS_MAX (1u << 20)
#define FRAMES_MAX (1u << 22)
#define STACKS_MAX (1u << 20)
#define STACK_FRAMES_MAX (1u << 24) /* frame ids of all stacks: 64 MiB */
#define THREADS_MAX (1u << 20)
#define SAMPLES_MAX (1u << 22)
#define RESERVED_MAX (1u << 20)
#define ATTRIBUTES_MAX 128

struct chunk;

/* Interned strings; their addresses stay the same for the life of the profile. */
struct strings {
        struct table table;
        struct chunk *chunks; /* newest first */
        size_t bytes;
};

/* Equal strings have equal addresses. -ENOMEM; -ENOSPC: full. */
int profile_strings_intern(struct strings *strings, const char *text, uint64_t seed, const char **ret);

/* The string as it was interned; NULL: it was not. */
const char *profile_strings_find(const struct strings *strings, const char *text, uint64_t seed);
void profile_strings_deinit(struct strings *strings);

struct stack {
        uint32_t offset; /* in profile.stack_frames */
        uint32_t n;
};

struct thread {
        uint64_t tid;
        const char *name;
};

struct attribute {
        char *key;
        char *value;
};

struct profile {
        uint64_t seed; /* of all hashes: not to be guessed by a target */
        struct strings strings;
        struct table functions; /* struct profile_function, its strings interned */
        struct table frames;    /* struct profile_frame */
        struct table stacks;    /* struct stack */
        struct table threads;   /* struct thread */
        struct table samples;   /* struct profile_sample */
        profile_id *reserved;   /* the stacks that reserved ids stand for; 0: not known yet */
        size_t reserved_n, reserved_capacity;
        struct table unsettled; /* struct profile_sample, of reserved ids */
        profile_id *stack_frames;
        size_t stack_frames_n;
        size_t stack_frames_capacity;
        uint64_t total;
        size_t bytes_max; /* see profile_limit(); 0: no bound */

        struct attribute *attributes;
        size_t attributes_n;
        bool have_settings;
        struct profile_settings settings;
        struct profile_counters counters;
};

/* Whether it takes nothing new: see profile_limit(). */
bool profile_is_full(const struct profile *p);

/* A bit that reserved ids have: more than any table has rows. */
#define RESERVED_BIT (1u << 31)

/* Whether @stack may be counted: it has been given, or reserved. */
bool profile_has_stack(const struct profile *p, profile_id stack);

/* The bytes that reserved ids take, and their samples: a known place of code may have many of them. */
size_t profile_reserved_bytes(const struct profile *p);

void profile_attributes_deinit(struct profile *p);

#endif
