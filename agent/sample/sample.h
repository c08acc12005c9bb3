/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_H
#define SAMPLE_H

/*
 * sample: when to read which thread, on which CPU.
 *
 * Ticks say when and whom: the perf tick (a software clock event per CPU, the
 * kernel says which thread it interrupted) or the timer tick (absolute
 * deadlines). Readers, one per CPU, pinned, SCHED_FIFO where granted, read the
 * interrupted thread while it is preempted. Targets hold what is known of a
 * process and the profile being filled. Inside a tick only bytes are copied and
 * known things counted: what a new stack is called is decoded by a thread of
 * ordinary priority, and by sampler_take() where it is still to be done.
 *
 * Errors: negative -errno, positive sample_error.
 */

#include "agent/profile/profile.h"
#include "pystack/pystack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum sample_error {
        SAMPLE_E_ENGINE = 1, /* the engine asked for is refused here: see the reason */
        SAMPLE_E_GONE,       /* the process has ended */
        SAMPLE_E_SILENT,     /* its memory does not answer: see sampler_is_silent() */
};

enum sample_engine {
        SAMPLE_ENGINE_AUTO, /* the best that works here */
        SAMPLE_ENGINE_PERF,
        SAMPLE_ENGINE_TIMER,
        SAMPLE_ENGINE_BLOCKING, /* stops threads by ptrace; never chosen by itself */
};

/*
 * What the kernel's clock events are to watch. Only those of every CPU meet threads
 * of any length without bias: an event of a thread's own begins with a whole period
 * for each thread that is started, and is opened too late for a short one.
 */
enum sample_scope {
        SAMPLE_SCOPE_MACHINE, /* every CPU */
        SAMPLE_SCOPE_BEST,    /* every CPU; the targets' threads only, where that is refused */
        SAMPLE_SCOPE_TARGETS, /* the targets' threads only */
};

/* Rates outside are refused. */
#define SAMPLE_RATE_MIN 1
#define SAMPLE_RATE_MAX 20000

struct sample_config {
        enum profile_mode mode;
        enum sample_engine engine;
        enum sample_scope scope;
        unsigned rate;  /* per second */
        bool threads;   /* tell threads apart in the profiles */
        bool adopts;    /* add copies of targets by itself: see sampler_adopted() */
        bool no_native; /* leave out the stacks of threads that run no Python; their time is accounted */
        size_t profile_bytes; /* that a process's profile may take; samples that need more fail. 0: no bound but the format's */
};

struct sampler;

/* Probes the engines and starts the readers. @reason gets a sentence on failure. */
int sampler_open(const struct sample_config *config, struct sampler **ret, char *reason, size_t reason_size);

/* Stops the readers and releases all targets left. Accepts NULL. */
void sampler_close(struct sampler *sampler);

/* What was chosen and what was refused, in one line, e.g. "perf tick, 2 CPUs, SCHED_FIFO". */
const char *sampler_describe(const struct sampler *sampler);
/* Why an engine that is better was not taken, "" if none is. */
const char *sampler_refused(const struct sampler *sampler);

/*
 * Another rate from now on, of a sampler of the machine. Each sample stands for
 * the time between ticks at the moment of its own.
 */
void sampler_set_rate(struct sampler *sampler, unsigned rate);

/* Lets go of what is known of code objects and stacks; it is read again where it is met again. */
void sampler_trim(struct sampler *sampler);

/* The memory that code objects, stacks and profiles of all targets take, and may take. */
struct sampler_memory {
        size_t max;       /* bytes; 0: no bound */
        size_t leased;    /* bytes that targets take */
        uint64_t refused; /* samples that did not find the room that they may need, since the sampler was opened */
};

/*
 * Bounds that memory to @bytes; 0, as at first: no bound. A target that gets no room starts its code objects anew, and
 * samples of stacks that are new to it are lost, until targets let go: by sampler_trim(), sampler_take().
 */
void sampler_limit_memory(struct sampler *sampler, size_t bytes);
struct sampler_memory sampler_memory(const struct sampler *sampler);

/* How it goes, since it was opened. */
struct sampler_health {
        uint64_t lost;    /* ticks that the kernel had no room for */
        unsigned stalled; /* checks in a row that have found ticks waiting for a reader that had not moved */
};

/*
 * Looks after the readers: to be called every few seconds by the thread that has
 * opened the sampler. CPUs that have come back since get a new one.
 */
void sampler_check(struct sampler *sampler, struct sampler_health *ret);

/* A target of a sampler. The start time tells it from a later process that has the same PID. */
struct sample_target {
        pid_t pid;           /* 0: none */
        uint64_t start_time; /* in clock ticks since boot: field 22 of /proc/PID/stat, proc_pid_stat(5) */
};

/*
 * Adds a process, which @ret names until it is removed. @py is consumed on success. -EEXIST if the process is a target
 * already, which @ret names then; -EBUSY while an earlier process of that PID is one.
 */
int sampler_add(struct sampler *sampler, pid_t pid, struct pystack *py, struct sample_target *ret);

/*
 * A process that was forked by a target, and has executed no other program, is a copy of it: where the
 * configuration says so, and ticks meet every thread of the machine, it is added by the first tick that meets it.
 * Then all of its time is met alike, and none of it is from before it was opened. @ret is one that was added since the
 * last call; false if there is none. It may have ended, or executed a program, by now: it is the caller's to remove.
 */
bool sampler_adopted(struct sampler *sampler, struct sample_target *ret);

/* Whether it does that here. */
bool sampler_adopts(const struct sampler *sampler);

/* Removes it; its unfinished profile is handed over like sampler_take()'s. SAMPLE_E_GONE if it is no target. */
int sampler_remove(struct sampler *sampler, const struct sample_target *target, struct profile **ret);

/*
 * Takes the target's profile so far and begins a new one. The profile has its
 * settings and counters set, and no attributes; the caller owns it.
 */
int sampler_take(struct sampler *sampler, const struct sample_target *target, struct profile **ret);

/*
 * Whether mode gil finds no GIL in the process, and so samples every thread of it that
 * runs. It can change: see pystack_has_gil(). False in the other modes, or without such a target.
 */
bool sampler_lacks_gil(struct sampler *sampler, const struct sample_target *target);

/*
 * Whether the process has been sampled less than others, since its stacks kept taking more than 2 ms of CPU time to
 * read: then ticks that met it are lost to it. False without such a target.
 */
bool sampler_is_restrained(struct sampler *sampler, const struct sample_target *target);

/*
 * Whether the process's memory does not answer: a reader of it was held up for 2 s, and hangs for all that is known. It
 * is not read any more. All of its time that was not taken by then is told as failed, and it is the caller's to remove.
 */
bool sampler_is_silent(struct sampler *sampler, const struct sample_target *target);

/*
 * One stack, now, without a sampler: for a running thread the caller is moved to
 * that thread's CPU while it reads. @tid is the thread's TID in our namespace.
 * 0, or pystack's errors.
 */
int sample_now(struct pystack *py, struct pystack_thread *thread, pid_t tid, struct pystack_stack *ret);

/* What engines can be had here. Errors of the kernel's clock are negative errnos. */
struct sample_probe {
        unsigned cpus;     /* that are online */
        unsigned pinned;   /* of these, those that a reader can go to */
        bool realtime;     /* SCHED_FIFO */
        int perf_machine;  /* for all processes of a CPU */
        int perf_own;      /* for a process of one's own */
        int perf_own_user; /* likewise, without the time it spends in the kernel */
};

/* Tries it out. -errno if not even a thread can be made. */
int sample_probe(struct sample_probe *ret);

/* What descends from a process. */
#include "lineage.h"

#endif
