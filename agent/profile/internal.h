/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_INTERNAL_H
#define PROFILE_INTERNAL_H

/* What the files of profile share: the profile itself. */

#include "profile.h"
#include "table.h"

/*
 * Limits of one profile. A hostile target can make up a new function or stack for every sample. Each limit is far above
 * what honest programs reach (the largest have some 10^5 functions and, in an hour, some 10^5 stacks).
 */
#define STRINGS_MAX (1u << 21)
#define STRING_BYTES_MAX (64u << 20) /* bytes of all strings */
#define FUNCTIONS_MAX (1u << 20)
#define FRAMES_MAX (1u << 22)
#define STACKS_MAX (1u << 20)
#define STACK_FRAMES_MAX (1u << 24) /* frame ids of all stacks, 64 MiB */
#define THREADS_MAX (1u << 20)
#define SAMPLES_MAX (1u << 22)
#define RESERVED_MAX (1u << 20)

struct block;

/* Interned strings. Their addresses stay the same for the life of the profile. */
struct strings {
        struct table table;
        struct block *blocks; /* newest first */
        size_t bytes;
};

/* Interns a string. Equal strings have equal addresses. -ENOMEM, or -ENOSPC if the profile is full. */
int profile_strings_intern(struct strings *strings, const char *text, uint64_t seed, const char **ret);

/* Finds an interned string. NULL if it was not interned. */
const char *profile_strings_find(const struct strings *strings, const char *text, uint64_t seed);
void profile_strings_deinit(struct strings *strings);

struct stack {
        uint32_t offset; /* index of its first frame in profile.stack_frames */
        uint32_t n;
};

struct thread {
        uint64_t tid;
        const char *name;  /* by which it was interned */
        const char *shown; /* the name that profile_name_thread() has given it; NULL: @name */
        bool ended;        /* nothing is equal to it any more */
};

struct attribute {
        char *key;
        char *value;
};

struct timeline {
        struct profile_moment *moments;
        size_t n, settled; /* the first @settled ones have neither reserved ids nor marks */
        size_t capacity, max;
        uint64_t dropped;
};

struct profile {
        uint64_t seed; /* of all hashes: a target must not be able to guess it */
        struct strings strings;
        struct table functions; /* struct profile_function, its strings interned */
        struct table frames;    /* struct profile_frame */
        struct table stacks;    /* struct stack */
        struct table threads;   /* struct thread */
        struct table samples;   /* struct profile_sample */
        profile_id *reserved;   /* the stack of each reserved id; 0: not known yet */
        size_t reserved_n, reserved_capacity;
        struct table unsettled; /* struct profile_sample, with reserved ids */
        profile_id *stack_frames;
        size_t stack_frames_n;
        size_t stack_frames_capacity;
        uint64_t total;
        struct timeline timeline;
        size_t bytes_max; /* see profile_limit(); 0: no bound */

        struct attribute *attributes;
        size_t attributes_n;
        bool have_settings;
        struct profile_settings settings;
        struct profile_counters counters;
};

/* Whether the profile accepts nothing new: see profile_limit(). */
bool profile_is_full(const struct profile *p);

/* The bit that marks reserved ids. No table has this many rows. */
#define RESERVED_BIT (1u << 31)

/* Whether @stack may be counted: the profile has given or reserved its id. */
bool profile_has_stack(const struct profile *p, profile_id stack);

/* The bytes of reserved ids and of their samples. One place of code may have many reserved ids. */
size_t profile_reserved_bytes(const struct profile *p);

void profile_attributes_deinit(struct profile *p);

/* What the samples of a stack are together. */
struct weight {
        uint64_t count;
        uint64_t nanoseconds;
};

/*
 * The weight of each stack, by its id, for all threads and states together, so that a deep stack is walked only once.
 * Allocated; NULL if memory ran out.
 */
struct weight *profile_weigh_stacks(const struct profile *p);

/*
 * The stack that a sample of @stack with @mark belongs to once it is settled. 0: it is not known, or the sample is left
 * out.
 */
profile_id profile_settled_stack(struct profile *p, profile_id stack, uint32_t mark, const struct profile_marks *marks);

/* Gives each moment its settled stack. Those that have none are removed. */
void profile_timeline_settle(struct profile *p, const struct profile_marks *marks);
void profile_timeline_deinit(struct profile *p);

/* Adds what is known of @from beside its samples: attributes that @to lacks, counters, settings, and the time covered. */
int profile_add_circumstances(struct profile *to, const struct profile *from);

#endif
