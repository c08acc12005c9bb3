/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_H
#define PROFILE_H

/*
 * profile: stacks, counted. A profile belongs to one resource (a process, or a
 * container) and one span of time. Strings, functions, frames and stacks are
 * interned: equal ones have equal ids, ids count from 1, and 0 means none.
 *
 * Pointers into a profile are valid until it is next interned, added or merged
 * into; strings, for its life. Its size is bounded against hostile targets.
 *
 * Errors: negative -errno only (-ENOMEM; -ENOSPC: the profile is full; -EINVAL:
 * an id that it has not given). A profile is for one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile;
typedef uint32_t profile_id;

/* ---- making -------------------------------------------------------------- */

struct profile *profile_new(void);          /* NULL: out of memory */
void profile_free(struct profile *profile); /* accepts NULL */

/*
 * Bounds the bytes of what is interned: beyond, what is new is refused as in a full profile. 0, as at first: only by
 * what any profile may hold. Tables double when they grow, so up to twice as much can be allocated.
 */
void profile_limit(struct profile *profile, size_t bytes);

/* The bytes that are interned, with their share of the tables: what profile_limit() bounds. */
size_t profile_bytes(const struct profile *profile);

struct profile_function {
        const char *name;
        const char *file;
        uint32_t first_line;
};

struct profile_frame {
        profile_id function;
        uint32_t line; /* 0: not known */
};

/* What a thread was doing when it was sampled. */
enum profile_state {
        PROFILE_RUNNING, /* on a CPU, or counted as such by the mode */
        PROFILE_IDLE,    /* off CPU: sleeping, waiting */
};

/*
 * 0 and the id in @ret; -ENOMEM, -ENOSPC (the profile is full), -EINVAL (an unknown id).
 * Strings are copied; NULL is taken as "".
 */
int profile_intern_function(struct profile *p, const char *name, const char *file, uint32_t first_line,
                            profile_id *ret);
int profile_intern_frame(struct profile *p, profile_id function, uint32_t line, profile_id *ret);
/* @frames leaf first; n > 0. */
int profile_intern_stack(struct profile *p, const profile_id *frames, size_t n, profile_id *ret);
int profile_intern_thread(struct profile *p, uint64_t tid, const char *name, profile_id *ret);

/*
 * Reserves an id for a stack whose frames will be known later, so that it can be counted now; 0 on failure. Several of
 * them may turn out to be one stack. profile_link_stack() says which stack of @p it is, and profile_linked() answers that:
 * 0, if nobody has said so; an id that is none of them itself. Their samples are no samples of the profile until
 * profile_settle() puts each to its stack, equal ones together, and counts those whose stack nobody has said as failed
 * instead of ok. After that no reserved id is valid any more. It takes time linear in what was reserved.
 */
profile_id profile_reserve_stack(struct profile *p);
void profile_link_stack(struct profile *p, profile_id reserved, profile_id stack);
profile_id profile_linked(const struct profile *p, profile_id stack);
size_t profile_reserved(const struct profile *p); /* ids */
void profile_settle(struct profile *p);

/*
 * Counts @count samples of @stack, standing for @nanoseconds in all.
 * @thread may be 0: not told apart.
 */
int profile_add(struct profile *p, profile_id stack, profile_id thread, enum profile_state state, uint64_t count,
                uint64_t nanoseconds);

/*
 * Ids of one profile translated to those of another, which takes over what they stand for when they are first asked
 * for. Both profiles outlive the map, and nothing is added to @from meanwhile. {0} is empty.
 */
struct profile_map {
        struct profile *to;
        const struct profile *from;
        profile_id *functions, *frames, *stacks, *threads; /* of @to, by id of @from; 0: not asked for yet */
        profile_id *path;                                  /* room for a stack */

        /* For the caller to set after profile_map_init(). */
        bool no_lines;                                                /* functions and frames lose their lines */
        void (*rename)(void *ctx, struct profile_function *function); /* changes names on the way; NULL: none */
        void *ctx;
};
int profile_map_init(struct profile_map *map, struct profile *to, const struct profile *from);
void profile_map_deinit(struct profile_map *map);

/* The id in @to of a stack and a thread; 0 stays 0. */
int profile_map_stack(struct profile_map *map, profile_id id, profile_id *ret);
int profile_map_thread(struct profile_map *map, profile_id id, profile_id *ret);

/* Asks for all frames; for all functions, frames, stacks and, if wanted, @threads. In the order of their ids. */
int profile_map_frames(struct profile_map *map);
int profile_map_all(struct profile_map *map, bool threads);

/*
 * Adds all of @from to @to: samples, counters, time span (united). Attributes
 * and settings of @to stay; empty ones are taken from @from.
 * @keep_threads: false merges the threads of @from into one: thread 0.
 * Takes time linear in @from. On failure @to holds a part of it.
 */
int profile_merge(struct profile *to, const struct profile *from, bool keep_threads);

/* ---- what it is of ------------------------------------------------------- */

/*
 * Attributes of the resource, by OpenTelemetry's names: "service.name",
 * "container.id", "container.name", "container.image.name", "process.pid",
 * "process.executable.name", "process.runtime.version", "host.name".
 * Values are text; setting one again replaces it, NULL removes it.
 */
int profile_set_attribute(struct profile *p, const char *key, const char *value);
const char *profile_attribute(const struct profile *p, const char *key); /* NULL: none */
size_t profile_attributes(const struct profile *p);
void profile_attribute_at(const struct profile *p, size_t i, const char **ret_key, const char **ret_value);

enum profile_mode {
        PROFILE_MODE_CPU,
        PROFILE_MODE_WALL,
        PROFILE_MODE_GIL,
};
const char *profile_mode_name(enum profile_mode mode); /* "cpu", "wall", "gil" */
bool profile_mode_parse(const char *name, enum profile_mode *ret);

struct profile_settings {
        enum profile_mode mode;
        uint64_t period_ns; /* nominal time between two samples; 0: not known */
        uint64_t start_ns;  /* CLOCK_REALTIME of the first moment covered */
        uint64_t duration_ns;
        const char *engine; /* "perf", "timer", "blocking"; static storage */
};
void profile_set_settings(struct profile *p, const struct profile_settings *settings);
const struct profile_settings *profile_settings(const struct profile *p); /* all 0: not set */
bool profile_has_settings(const struct profile *p);

/*
 * What became of the ticks, and of the time.
 *
 * ok + torn + gone + failed == ticks that were this target's. The times are the
 * books of the profile: accounted_ns is the time that there was, every other one
 * a part of it, and what is left over was not seen (see profile_losses()). Which
 * time that is depends on the mode: the process's CPU time as the kernel accounts
 * it (cpu), the time that its threads existed (wall), the time that the process
 * existed (gil).
 */
struct profile_counters {
        uint64_t ticks;   /* moments at which a thread was to be read */
        uint64_t ok;      /* stacks reported */
        uint64_t retried; /* of these, those that took more than one reading */
        uint64_t torn;    /* kept changing while read: not reported */
        uint64_t late;    /* ticks that came too late or were missed */
        uint64_t gone;    /* the thread ended first */
        uint64_t failed;  /* unreadable for another reason */

        uint64_t accounted_ns; /* ended threads included; 0: not accounted */
        uint64_t sampled_ns;   /* that the samples stand for */
        uint64_t native_ns;    /* of sampled_ns: threads that run no Python */
        uint64_t left_out_ns;  /* of threads that run no Python, where these are not wanted */
        uint64_t unopened_ns;  /* before the process was opened */
        uint64_t torn_ns;      /* of the ticks counted above, like the next three */
        uint64_t late_ns;
        uint64_t gone_ns;
        uint64_t failed_ns;
};
struct profile_counters *profile_counters(struct profile *p);
const struct profile_counters *profile_counters_of(const struct profile *p);
void profile_counters_add(struct profile_counters *to, const struct profile_counters *from);

/* ---- the books ------------------------------------------------------------- */

/*
 * The share of the accounted time that samples stand for, or would stand for if
 * threads without Python had been wanted. Chance makes it a little more than 1 at
 * times. Negative: the time was not accounted.
 */
double profile_coverage(const struct profile_counters *counters);

/*
 * Whether the coverage is below PROFILE_COVERAGE_WANTED for a reason other than chance:
 * the losses that were counted, or all that is missing, are more than three standard
 * errors of so few samples, @period_ns apart, beyond it. False where the time was not accounted.
 */
#define PROFILE_COVERAGE_WANTED 0.98
bool profile_coverage_is_low(const struct profile_counters *counters, uint64_t period_ns);

/* Accounted time without a sample, by reason, in an order fit for print. The last one is what no reason is known for. */
enum { PROFILE_LOSSES = 6 };
struct profile_loss {
        const char *name;   /* for machines: "unopened", "late", "torn", "gone", "failed", "unseen" */
        const char *reason; /* for people: "before it was opened", ... */
        uint64_t ns;
};
void profile_losses(const struct profile_counters *counters, struct profile_loss ret[PROFILE_LOSSES]);

/* The same, the greatest first. Returns how many of them there were at all. */
size_t profile_losses_by_size(const struct profile_counters *counters, struct profile_loss ret[PROFILE_LOSSES]);

/*
 * The coverage for people, "61.2 %: of 6.03 s of CPU time, samples stand for 3.69 s; not seen by any tick 2.20 s,
 * before it was opened 0.14 s", cut off at @size. Empty where the time was not accounted.
 */
#define PROFILE_COVERAGE_SIZE 512
void profile_coverage_tell(const struct profile_counters *counters, enum profile_mode mode, char *ret, size_t size);

/* ---- reading ------------------------------------------------------------- */

/* Ids run from 1 to the number of things, inclusive. */
size_t profile_functions(const struct profile *p);
size_t profile_frames(const struct profile *p);
size_t profile_stacks(const struct profile *p);
size_t profile_threads(const struct profile *p);

const struct profile_function *profile_function(const struct profile *p, profile_id id);
const struct profile_frame *profile_frame(const struct profile *p, profile_id id);
/* Frame ids, leaf first. */
const profile_id *profile_stack(const struct profile *p, profile_id id, size_t *ret_n);
void profile_thread(const struct profile *p, profile_id id, uint64_t *ret_tid, const char **ret_name);

struct profile_sample {
        profile_id stack;
        profile_id thread;
        enum profile_state state;
        uint64_t count;
        uint64_t nanoseconds;
};
size_t profile_samples(const struct profile *p);                                /* each (stack, thread, state) once */
const struct profile_sample *profile_sample(const struct profile *p, size_t i); /* i from 0 */
uint64_t profile_total(const struct profile *p);                                /* sum of counts */

/* ---- statistics ---------------------------------------------------------- */

struct profile_top {
        const char *name;
        const char *file;
        uint64_t self;              /* samples with it as leaf */
        uint64_t total;             /* samples with it anywhere, recursion counted once */
        uint64_t self_ns, total_ns; /* the time that these stand for */
};

/*
 * Functions by self samples, then total, descending; at most @max of them.
 * @ret is allocated; its strings live as long as @p.
 */
int profile_top(const struct profile *p, size_t max, struct profile_top **ret, size_t *ret_n);

/* ---- sets ---------------------------------------------------------------- */

/* Several profiles taken together, e.g. all processes of a recording. */
struct profile_set {
        struct profile **items;
        size_t n;
};
int profile_set_add(struct profile_set *set, struct profile *profile); /* takes ownership on success */
void profile_set_deinit(struct profile_set *set);                      /* accepts {0} */

#endif
