/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_H
#define PROFILE_H

/*
 * profile: counted stacks. A profile belongs to one resource (a process, or a container) and to one stretch of time.
 * Strings, functions, frames and stacks are interned: equal ones have equal ids. Ids count from 1, and 0 means none.
 *
 * Pointers into a profile are valid until something is interned, added or merged into it. Strings are valid for the
 * life of the profile. Its size is bounded against hostile targets.
 *
 * Errors: negative -errno only (-ENOMEM; -ENOSPC: the profile is full; -EINVAL: an id that it has not given). Only one
 * thread at a time may use a profile.
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
 * Bounds the bytes of interned things. Beyond the bound the profile is full: it refuses new things. 0, the default,
 * leaves only the limits that hold for every profile. Tables double when they grow, so up to twice the bound can be
 * allocated.
 */
void profile_limit(struct profile *profile, size_t bytes);

/* The bytes that profile_limit() bounds: interned things, and their rows in the tables. */
size_t profile_bytes(const struct profile *profile);

/* What kind of code a function is. */
enum profile_kind {
        PROFILE_PYTHON, /* also the frames that are no code, such as "(native)" and "[waits: GIL]": they have no file */
        PROFILE_C,      /* machine code of the process: C, C++, Rust, ... */
        PROFILE_KERNEL,
        PROFILE_KINDS,
};

/*
 * The file of native code is the mapped one, as the process names it: "/usr/lib/x86_64-linux-gnu/libc.so.6", "[vdso]",
 * "[kernel]". Functions are equal if all of this is.
 */
struct profile_function {
        const char *name;
        const char *file;
        uint32_t first_line;
        enum profile_kind kind;
        const char *build_id; /* of @file, in hexadecimal digits. "": not known, or Python */
};

struct profile_frame {
        profile_id function;
        uint32_t line;    /* 0: not known */
        uint64_t address; /* of native code, as in its file: before relocation. 0: not known, or Python */
};

/* A frame of native code. @kind is PROFILE_C or PROFILE_KERNEL. */
struct profile_native {
        enum profile_kind kind;
        const char *name; /* NULL or "": not known */
        const char *file;
        const char *build_id;
        uint64_t address;
        uint64_t start; /* where its function begins, if that has no name but its place. 0: not known */
};

/* The function of a thread that runs no Python. It has no file. Below it stands the thread's name. */
#define PROFILE_NATIVE "(native)"

/* The state of a thread when it was sampled. */
enum profile_state {
        PROFILE_RUNNING, /* on a CPU, or counted as running by the mode */
        PROFILE_IDLE,    /* off CPU: sleeping, waiting */
};

/*
 * These return 0 and the id in @ret, or -ENOMEM, -ENOSPC (the profile is full), -EINVAL (an unknown id). Strings are
 * copied. A NULL string counts as "".
 */
int profile_intern_function(struct profile *p, const char *name, const char *file, uint32_t first_line,
                            profile_id *ret);
int profile_intern_frame(struct profile *p, profile_id function, uint32_t line, profile_id *ret);

/*
 * Interns a frame of native code, and its function. A function whose name is not known gets one of the base name of its
 * file and its start: "libfoo.so+0x1f40"; or the frame's address, if the start is not known. -EINVAL also if the kind is not one of native code.
 */
int profile_intern_native(struct profile *p, const struct profile_native *native, profile_id *ret_frame);

/* The last part of a path. */
const char *profile_base_name(const char *path);

/* Whether the name of the frame's function was known: it is not made of a file and an address up to the frame's. */
bool profile_frame_is_named(const struct profile *p, profile_id frame);

/*
 * Interns a function of any kind, and a frame of a function that @p has. For what was read from elsewhere, such as
 * another profile. Python has neither build id nor address: they are dropped.
 */
int profile_copy_function(struct profile *p, const struct profile_function *function, profile_id *ret);
int profile_copy_frame(struct profile *p, const struct profile_frame *frame, profile_id *ret);

/* @frames are given leaf first; n > 0. */
int profile_intern_stack(struct profile *p, const profile_id *frames, size_t n, profile_id *ret);
int profile_intern_thread(struct profile *p, uint64_t tid, const char *name, profile_id *ret);

/*
 * From now on the thread is called @name. What it was interned by finds it all the same. Its name stays as it was if
 * that fails.
 */
int profile_name_thread(struct profile *p, profile_id thread, const char *name);

/* The thread has ended: one that is interned later is another one, also if it has the same tid and name. */
void profile_end_thread(struct profile *p, profile_id thread);

/*
 * Reserves an id for a stack that can be counted now, while its frames are still unknown; 0 on failure. Several
 * reserved ids may turn out to be one stack.
 *
 * profile_link_stack() says which stack of @p a reserved id stands for. profile_linked() gives that stack; it gives 0
 * if nobody has said so yet, and an id that is not reserved itself.
 *
 * Samples of reserved ids are no samples of the profile before profile_settle(). That adds each of them to its stack,
 * equal ones together. Those without a linked stack are then counted as failed, not as ok. After that no reserved id is
 * valid. It takes time linear in the number of reserved ids and their samples.
 */
profile_id profile_reserve_stack(struct profile *p);
void profile_link_stack(struct profile *p, profile_id reserved, profile_id stack);
profile_id profile_linked(const struct profile *p, profile_id stack);
size_t profile_reserved(const struct profile *p); /* ids */

/*
 * Says what becomes of a marked sample, once its stack is known. @leaf is called by profile_settle() for each stack and
 * mark, and may intern into @p. It returns true and a frame in @ret, which becomes the leaf of the sample's stack, or 0
 * in @ret if the stack stays as it is. False: the sample is left out, and its time is counted as left out.
 */
struct profile_marks {
        bool (*leaf)(void *ctx, struct profile *p, profile_id stack, uint32_t mark, profile_id *ret);
        void *ctx;
};

/* @marks: NULL if no sample is marked. If there is no room for a longer stack, the stack stays as it is. */
void profile_settle(struct profile *p, const struct profile_marks *marks);

/*
 * Counts @count samples of @stack that stand for @nanoseconds together. @thread may be 0 if threads are not told apart.
 */
int profile_add(struct profile *p, profile_id stack, profile_id thread, enum profile_state state, uint64_t count,
                uint64_t nanoseconds);

/*
 * The same for a sample that has @mark, a number of the caller's. As those of reserved ids, marked samples are no
 * samples of the profile before profile_settle(). 0: it has no mark.
 */
int profile_add_marked(struct profile *p, profile_id stack, profile_id thread, enum profile_state state, uint32_t mark,
                       uint64_t count, uint64_t nanoseconds);

/*
 * Translates ids of profile @from to ids of profile @to. When an id is first asked for, @to interns what it stands for.
 * Both profiles must outlive the map, and nothing may be added to @from meanwhile. {0} is an empty map.
 */
struct profile_map {
        struct profile *to;
        const struct profile *from;
        /* ids of @to, indexed by ids of @from; 0: not asked for yet */
        profile_id *functions, *frames, *stacks, *threads;
        profile_id *path; /* room for a stack */

        /* The caller may set these after profile_map_init(). */
        bool no_lines; /* functions and frames lose what changes with each build: lines, addresses and build ids */
        /* changes a function's names before it is interned; NULL: no change */
        void (*rename)(void *ctx, struct profile_function *function);
        void *ctx;
};
int profile_map_init(struct profile_map *map, struct profile *to, const struct profile *from);
void profile_map_deinit(struct profile_map *map);

/* The id in @to of a frame, of a stack, and of a thread. 0 stays 0. */
int profile_map_frame(struct profile_map *map, profile_id id, profile_id *ret);
int profile_map_stack(struct profile_map *map, profile_id id, profile_id *ret);
int profile_map_thread(struct profile_map *map, profile_id id, profile_id *ret);

/*
 * The first translates all frames. The second translates all functions, frames, stacks and, if @threads, all threads.
 * Both go in the order of ids.
 */
int profile_map_frames(struct profile_map *map);
int profile_map_all(struct profile_map *map, bool threads);

/*
 * Adds all of @from to @to: samples, counters, and the time covered. Attributes and settings of @to stay; those that it
 * lacks are taken from @from. If @keep_threads is false, all threads of @from become one: thread 0. It takes time
 * linear in @from. On failure @to holds a part of @from.
 */
int profile_merge(struct profile *to, const struct profile *from, bool keep_threads);

/* ---- the resource --------------------------------------------------------- */

#define PROFILE_ATTRIBUTES_MAX 128
/*
 * Sets an attribute of the resource, by its OpenTelemetry name: "service.name", "container.id", "process.pid". Values
 * are text. A value replaces an earlier one; NULL removes it. -ENOSPC: there are as many as there may be.
 */
int profile_set_attribute(struct profile *p, const char *key, const char *value);
const char *profile_attribute(const struct profile *p, const char *key); /* NULL: none */
size_t profile_attributes(const struct profile *p);
void profile_attribute_at(const struct profile *p, size_t i, const char **ret_key, const char **ret_value);

enum profile_mode {
        PROFILE_MODE_CPU,
        PROFILE_MODE_WALL,
        PROFILE_MODE_GIL,
        PROFILE_MODE_BLAME, /* the time for which others waited for the GIL, of who held it: see profile_blame() */
        PROFILE_MODES,
};
const char *profile_mode_name(enum profile_mode mode); /* "cpu", "wall", "gil", "blame" */
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
 * The books: what became of the ticks, and of the time.
 *
 * ok + torn + gone + failed is the number of ticks that belonged to this target. accounted_ns is the whole time. Every
 * other time is a part of it. The rest was not seen (see profile_losses()). The mode decides which time is accounted:
 * the process's CPU time as the kernel accounts it (cpu), the time for which its threads existed (wall), or the time
 * for which the process existed (gil, blame).
 */
struct profile_counters {
        uint64_t ticks;   /* moments at which a thread was to be read */
        uint64_t ok;      /* stacks reported */
        uint64_t retried; /* how many of @ok took more than one reading */
        uint64_t torn;    /* the stack kept changing while it was read: not reported */
        uint64_t late;    /* ticks that came too late or were missed */
        uint64_t gone;    /* the thread ended before it was read */
        uint64_t failed;  /* not read for another reason */

        /* Of stacks with native frames. Both are 0 if they were not asked for. */
        uint64_t mixed;    /* how many of @ok had a native stack */
        uint64_t unmerged; /* how many of @mixed are Python stacks only: the native one did not fit them */

        uint64_t accounted_ns; /* with the time of ended threads; 0: not accounted */
        uint64_t sampled_ns;   /* the time that the samples stand for */
        uint64_t native_ns;    /* the part of sampled_ns of threads that run no Python */
        uint64_t left_out_ns;  /* time of threads that are left out: those without Python, or those without work */
        uint64_t unopened_ns;  /* time before the process was opened */
        uint64_t torn_ns;      /* this and the next three: time of the ticks counted above */
        uint64_t late_ns;
        uint64_t gone_ns;
        uint64_t failed_ns;
        uint64_t unmerged_ns; /* the part of sampled_ns of the ticks in @unmerged */
};
struct profile_counters *profile_counters(struct profile *p);
const struct profile_counters *profile_counters_of(const struct profile *p);
void profile_counters_add(struct profile_counters *to, const struct profile_counters *from);

/* ---- the books ------------------------------------------------------------- */

/*
 * The share of the accounted time that is covered: by samples, or by threads that are left out. By chance it can be a
 * little more than 1. It is negative if the time was not accounted.
 */
double profile_coverage(const struct profile_counters *counters);

/*
 * Whether the coverage is below PROFILE_COVERAGE_WANTED for another reason than chance. It is if the counted losses, or
 * all that is missing, exceed what that allows by more than three standard errors. These follow from the number of
 * samples, which are @period_ns apart. False if the time was not accounted.
 */
#define PROFILE_COVERAGE_WANTED 0.98
bool profile_coverage_is_low(const struct profile_counters *counters, uint64_t period_ns);

/*
 * Accounted time without a sample, by reason, in the order in which it is printed. The last entry is the time without a
 * known reason.
 */
enum { PROFILE_LOSSES = 6 };
struct profile_loss {
        const char *name;   /* for programs: "unopened", "late", "torn", "gone", "failed", "unseen" */
        const char *reason; /* for people: "before it was opened", ... */
        uint64_t ns;
};
void profile_losses(const struct profile_counters *counters, struct profile_loss ret[PROFILE_LOSSES]);

/* The same, the greatest first. Returns the number of losses that are not 0. */
size_t profile_losses_by_size(const struct profile_counters *counters, struct profile_loss ret[PROFILE_LOSSES]);

/*
 * The coverage as a sentence: "61.2 %: of 6.03 s of CPU time, samples stand for 3.69 s; not seen by any tick 2.20 s,
 * before it was opened 0.14 s". It is cut at @size, and empty if the time was not accounted.
 */
#define PROFILE_COVERAGE_SIZE 512
void profile_coverage_tell(const struct profile_counters *counters, enum profile_mode mode, char *ret, size_t size);

/* ---- reading ------------------------------------------------------------- */

/* Numbers of things. Their ids run from 1 to this number, inclusive. */
size_t profile_functions(const struct profile *p);
size_t profile_frames(const struct profile *p);
size_t profile_stacks(const struct profile *p);
size_t profile_threads(const struct profile *p);

const struct profile_function *profile_function(const struct profile *p, profile_id id);
const struct profile_frame *profile_frame(const struct profile *p, profile_id id);
/* The frame ids of a stack, leaf first. */
const profile_id *profile_stack(const struct profile *p, profile_id id, size_t *ret_n);
void profile_thread(const struct profile *p, profile_id id, uint64_t *ret_tid, const char **ret_name);

struct profile_sample {
        profile_id stack;
        profile_id thread;
        enum profile_state state;
        uint64_t count;
        uint64_t nanoseconds;
        uint32_t mark; /* 0 once it is settled */
};
size_t profile_samples(const struct profile *p);                                /* each (stack, thread, state) once */
const struct profile_sample *profile_sample(const struct profile *p, size_t i); /* i from 0 */
uint64_t profile_total(const struct profile *p);                                /* sum of counts */

/* ---- reasons ------------------------------------------------------------- */

/*
 * The leaf frame of an idle thread's stack may say why the thread does not run: "[waits: GIL]", "[sleeps]". Such frames
 * have no file. Returns the kind of the reason: "gil", "cpu", "throttled", "sleep", "io", "lock", "child", "signal",
 * "page", "stopped", "frozen", "task", "loop" or "unknown"; NULL if the frame is none of them. Static storage.
 */
const char *profile_reason_kind(const char *name, const char *file);

/* The same of a sample's leaf; NULL also if the thread is not idle. */
const char *profile_sample_reason(const struct profile *p, const struct profile_sample *sample);

/*
 * The leaf frame of a running thread's stack may say at which opcode of the bytecode its function stands:
 * "[opcode: LOAD_ATTR]", "[opcode: unknown]". Such frames have no file either. Whether the frame is one.
 */
bool profile_is_opcode(const char *name, const char *file);

/*
 * The index of the frame to which the samples of a stack belong. It is 1 behind a leaf that is no function, but says
 * how its caller was met: a reason, or an opcode. Otherwise it is 0.
 */
size_t profile_leaf(const struct profile *p, const profile_id *frames, size_t n);

/* ---- statistics ---------------------------------------------------------- */

struct profile_top {
        const char *name;
        const char *file;
        uint64_t self;              /* samples with the function as leaf */
        uint64_t total;             /* samples with the function anywhere, recursion counted once */
        uint64_t self_ns, total_ns; /* the time that those samples stand for */
        const char *waits;          /* the reason for which it waits most of the time, "[waits: GIL]"; NULL: none */
        uint64_t waits_ns;          /* the part of @self_ns in which it waits for that */
};

/*
 * Lists functions by self samples, then by total samples, descending: at most @max. A leaf that is no function has its
 * samples counted as its caller's own: see profile_leaf(). @ret is allocated; its strings live as long as @p.
 */
int profile_top(const struct profile *p, size_t max, struct profile_top **ret, size_t *ret_n);

/* ---- sets ---------------------------------------------------------------- */

/* A set of profiles, such as those of all processes of a recording. */
struct profile_set {
        struct profile **items;
        size_t n;
        struct profile_texts *texts; /* of source files; NULL: none. No profile has them, and nothing that is sent */
};
int profile_set_add(struct profile_set *set, struct profile *profile); /* takes ownership on success */
void profile_set_deinit(struct profile_set *set);                      /* accepts {0} */

/* ---- parts of it ----------------------------------------------------------- */

#include "agent/profile/gil.h"
#include "agent/profile/interval.h"
#include "agent/profile/lines.h"
#include "agent/profile/texts.h"
#include "agent/profile/timeline.h"
#include "agent/profile/view.h"
#include "agent/profile/workload.h"

#endif
