/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_H
#define SAMPLE_H

/*
 * sample: when to read which thread, on which CPU.
 *
 * A tick says when a thread is to be read, and which thread. Ticks of engine perf are software clock events of each
 * CPU: the kernel says which thread it has interrupted. Ticks of engine timer are absolute deadlines. There is one
 * reader for each CPU. It is pinned to the CPU, has SCHED_FIFO where that is granted, and reads the interrupted thread
 * while that is preempted. A target holds what is known of a process, and the profile that is being filled.
 *
 * Inside a tick, bytes are copied and known stacks are counted. A thread of ordinary priority decodes the names of a
 * new stack. sampler_take() decodes what is left.
 *
 * Errors: negative -errno, positive sample_error.
 */

#include "agent/profile/profile.h"
#include "nsutil/nsutil.h"
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
 * Which threads the kernel's clock events watch. Only events of every CPU meet threads of any length without bias. An
 * event of a single thread begins with a whole period when the thread starts, and is opened too late for a short
 * thread.
 */
enum sample_scope {
        SAMPLE_SCOPE_MACHINE, /* every CPU */
        SAMPLE_SCOPE_BEST,    /* every CPU; if that is refused, only the threads of the targets */
        SAMPLE_SCOPE_TARGETS, /* the targets' threads only */
};

/* The lowest and the highest rate, in samples per second. Others are refused. */
#define SAMPLE_RATE_MIN 1
#define SAMPLE_RATE_MAX 20000

struct sample_config {
        enum profile_mode mode;
        enum sample_engine engine;
        enum sample_scope scope;
        unsigned rate;        /* per second */
        bool threads;         /* tell threads apart in the profiles */
        bool adopts;          /* add copies of targets by itself: see sampler_adopted() */
        bool wait_detail;     /* mode wall: frames of what is waited for have addresses of peers and names of files */
        double switch_share;  /* mode wall: see SAMPLE_SWITCH_SHARE; 0: that */
        bool no_idle_workers; /* mode wall: leave out threads that wait for work; their time is still accounted */
        enum pystack_task_names tasks; /* stacks that run in a task of asyncio begin at it */
        bool native;    /* stacks have the frames of C code and of the kernel: needs engine perf of the machine */
        bool kernel;    /* with @native: frames of the kernel as well */
        int kallsyms;   /* with @kernel: /proc/kallsyms, opened by whoever may see addresses; -1: they have no names */
        bool opcodes;   /* mode cpu without @native: a leaf says at which opcode its function stands, 3.11 on */
        bool no_native; /* leave out stacks of threads that run no Python; their time is still accounted */
        /* bytes that a process's profile may take; samples that need more fail. 0: only the format's bound */
        size_t profile_bytes;
        /* bytes that the timelines of all profiles may take together: see profile_moments(). 0: there are none */
        size_t timeline_bytes;
};

/*
 * The share of one CPU that mode wall may take to read the kernel's records of switches, which are those of the whole
 * machine. If they take more, or records are lost before more than this part of looks, sampler_check() goes over to the
 * timer.
 */
#define SAMPLE_SWITCH_SHARE 0.05
#define SAMPLE_SWITCH_LOSSES 0.25

struct sampler;

/* Probes the engines and starts the readers. On failure @reason is a sentence. */
int sampler_open(const struct sample_config *config, struct sampler **ret, char *reason, size_t reason_size);

/* Stops the readers and releases all remaining targets. Accepts NULL. */
void sampler_close(struct sampler *sampler);

/* What was chosen and what was refused, in one line, e.g. "perf tick, 2 CPUs, SCHED_FIFO". */
const char *sampler_describe(const struct sampler *sampler);
/* Why a better engine was not taken; "" if there is none. */
const char *sampler_refused(const struct sampler *sampler);

/*
 * Sets another rate. Only for a sampler with events of every CPU. Each sample stands for the time between ticks at the
 * moment when it was taken.
 */
void sampler_set_rate(struct sampler *sampler, unsigned rate);

/* Frees what is known of code objects and stacks. It is read again when it is met again. */
void sampler_trim(struct sampler *sampler);

/* The memory that code objects, stacks and profiles of all targets take together, and may take. */
struct sampler_memory {
        size_t max;       /* bytes; 0: no bound */
        size_t leased;    /* bytes that targets take */
        uint64_t refused; /* samples that did not find the room that they may need, since the sampler was opened */
};

/*
 * Bounds the memory of all targets to @bytes; 0, as at first: no bound. A target that gets no room forgets its code
 * objects and reads them anew. Samples of stacks that are new to it are lost until targets free memory: by
 * sampler_trim() or sampler_take().
 */
void sampler_limit_memory(struct sampler *sampler, size_t bytes);
struct sampler_memory sampler_memory(const struct sampler *sampler);

/* The state of the readers, since the sampler was opened. */
struct sampler_health {
        uint64_t lost;    /* ticks that the kernel had no room for */
        unsigned stalled; /* checks in a row that have found ticks waiting for a reader that had not moved */
        /* If this check has gone over to the timer, what for; else 0: */
        double too_costly; /* what reading records of switches took, as a share of a CPU */
        double too_many;   /* the part of looks before which records were lost, since there were too many */
};

/*
 * Checks the readers. The thread that has opened the sampler calls this every few seconds. A CPU that has come back
 * since gets a new reader.
 */
void sampler_check(struct sampler *sampler, struct sampler_health *ret);

/* A target of a sampler. The start time tells it from a later process that has the same PID. */
struct sample_target {
        pid_t pid;           /* 0: none */
        uint64_t start_time; /* in clock ticks since boot: field 22 of /proc/PID/stat, proc_pid_stat(5) */
};

/*
 * Adds a process. @ret names it until it is removed. @py is consumed on success. -EEXIST if the process is a target
 * already: then @ret names that. -EBUSY while an earlier process of that PID is a target.
 */
int sampler_add(struct sampler *sampler, pid_t pid, struct pystack *py, struct sample_target *ret);

/* Likewise, but its stacks are those of Python alone, and so are those of its copies, whatever the configuration says. */
int sampler_add_python_only(struct sampler *sampler, pid_t pid, struct pystack *py, struct sample_target *ret);

/*
 * A copy of a target is a process that the target has forked, and that has executed no other program. If the
 * configuration says so, and ticks meet every thread of the machine, the first tick that meets a copy adds it. So its
 * time is met like that of others, and none of it is from before it was opened. @ret is a copy that was added since the
 * last call; false if there is none. It may have ended or executed a program by now. The caller removes it.
 */
bool sampler_adopted(struct sampler *sampler, struct sample_target *ret);

/* Whether this sampler adds copies by itself. */
bool sampler_adopts(const struct sampler *sampler);

/* Removes a target. Hands its unfinished profile over as sampler_take() does. SAMPLE_E_GONE if it is no target. */
int sampler_remove(struct sampler *sampler, const struct sample_target *target, struct profile **ret);

/*
 * Takes the target's profile so far and begins a new one. Settings and counters of the profile are set; it has no
 * attributes. In mode blame its samples say who waits for whom, and profile_blame() makes the profile of that. The
 * caller owns it.
 */
int sampler_take(struct sampler *sampler, const struct sample_target *target, struct profile **ret);

/*
 * Whether mode gil finds no GIL in the process, and so samples every thread that runs. That can change: see
 * pystack_has_gil(). False in other modes, and if the process is no target.
 */
bool sampler_lacks_gil(struct sampler *sampler, const struct sample_target *target);

/* Whether opcodes are wanted and the process's Python has none to tell: it is older than 3.11. */
bool sampler_lacks_opcodes(struct sampler *sampler, const struct sample_target *target);

/* Whether reasons are unknown in mode wall, since the process's system calls cannot be read. */
bool sampler_misses_calls(struct sampler *sampler, const struct sample_target *target);

/* Whether the kernel does not say how long the process's threads wait for a CPU, so that mode wall cannot tell that. */
bool sampler_misses_times(struct sampler *sampler, const struct sample_target *target);

/*
 * Whether the process is sampled less often than others, since its stacks kept taking more than 2 ms of CPU time to
 * read. Ticks that meet it meanwhile are lost. False if the process is no target.
 */
bool sampler_is_restrained(struct sampler *sampler, const struct sample_target *target);

/*
 * Whether the memory of the process does not answer: it has held up a reader for 2 s, and perhaps for ever. The process
 * is not read any more. Its time that was not taken by then is told as failed. The caller removes it.
 */
bool sampler_is_silent(struct sampler *sampler, const struct sample_target *target);

/*
 * Reads one stack now, without a sampler. While a running thread is read, the calling thread is moved to the CPU of
 * that thread. @tid is its TID in podflame's PID namespace. 0, or an error of pystack.
 */
int sample_now(struct pystack *py, struct pystack_thread *thread, pid_t tid, struct pystack_stack *ret);

/* Stacks of which it was not certain which task of asyncio runs them: they begin at the event loop. */
uint64_t sampler_without_task(const struct sampler *sampler);

/*
 * Whether ticks tell where they have met a thread, so that stacks can be mixed: they are perf events of every CPU, and
 * readers have SCHED_FIFO. If not, @ret_reason says what is missing.
 */
bool sampler_tells_native(const struct sampler *sampler, const char **ret_reason);

/*
 * For pystack_native_ask(), of a thread that waits: its registers as far as its system call tells them (false: it tells
 * none), and whether the thread has not run since @wait was read of @files.
 */
bool sample_call_registers(const struct nsutil_wait *wait, struct elfsym_registers *ret);
bool sample_call_stands(const struct nsutil_wait_thread *files, const struct nsutil_wait *wait);

/* Ticks since the sampler was opened whose stacks are not mixed although that was wanted, by enum pystack_unmerged. */
void sampler_unmerged(const struct sampler *sampler, uint64_t ret[static PYSTACK_UNMERGED_REASONS]);

/* Which engines work here. Errors of the kernel's clock are negative errnos. */
struct sample_probe {
        unsigned cpus;     /* CPUs that are online */
        unsigned pinned;   /* online CPUs that a reader can be pinned to */
        bool realtime;     /* SCHED_FIFO */
        int perf_machine;  /* 0, or why events for all processes of a CPU are refused */
        int perf_own;      /* 0, or why events for a process of one's own are refused */
        int perf_own_user; /* the same, without the time that the process spends in the kernel */
};

/* Tries the engines. Negative errno if not even a thread can be started. */
int sample_probe(struct sample_probe *ret);

/* What descends from a process. */
#include "lineage.h"

#endif
