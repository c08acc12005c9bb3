/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_INTERNAL_H
#define SAMPLE_INTERNAL_H

/* What the files of sample/ share: the sampler, its targets, its ticks. */

#include "sample.h"
#include "stacks.h"

#include <pthread.h>
#include <uthash.h>

/* A thread of a target, by its TID in our namespace. */
struct member {
        pid_t tid;
        struct pystack_thread *thread; /* NULL: no Python thread, or not yet */
        profile_id id;                 /* in the target's present profile; 0: not yet there */
        char name[16];
        uint64_t retry_ns;   /* thread NULL: when to look again (CLOCK_MONOTONIC) */
        uint64_t cpu_ns;     /* timer tick: time spent on a CPU when last looked at */
        UT_hash_handle hh;
};

/* A process being sampled. */
struct target {
        pid_t pid;
        pthread_mutex_t lock; /* guards all below */
        struct pystack *py;
        struct member *members;
        struct profile *profile;
        struct stacks stacks; /* which stack of the profile a raw one is */
        uint64_t since_ns;    /* CLOCK_REALTIME at which the profile began */
        uint64_t since_mono_ns;
        uint64_t members_ns; /* timer tick: when the members were last listed */
        int *events;         /* perf tick: descriptors of its own events */
        size_t n_events;
        UT_hash_handle hh;
};

/* An engine: says when and whom. */
struct tick {
        const char *name;
        enum sample_engine engine;
        /* Starts its threads: 0, -errno, or SAMPLE_E_ENGINE with the reason. */
        int (*start)(struct sampler *sampler, void **ret, char *reason, size_t reason_size);
        void (*stop)(void *state);
        /* Prepares for @target, which is in nobody's hands yet. NULL: nothing to prepare. */
        int (*add)(void *state, struct target *target);
};

extern const struct tick tick_perf;
extern const struct tick tick_timer;

struct sampler {
        struct sample_config config;
        uint64_t period_ns;
        pthread_rwlock_t lock; /* guards the table, not the targets in it */
        struct target *targets;
        const struct tick *tick;
        void *tick_state;
        char description[160];
};

/* That a thread is to be read. */
struct tick_event {
        pid_t pid, tid;
        uint64_t ticks; /* that this reading stands for */
        bool late;
        int cpu; /* on which the caller is pinned, and on which the thread was running */
};

/* Reads the thread if its process is a target: false if not. Called from ticks. */
bool sampler_tick(struct sampler *sampler, const struct tick_event *event);

int target_new(pid_t pid, struct pystack *py, struct target **ret);
void target_free(struct target *target); /* accepts NULL */

/* All of these expect target->lock to be held. */
void target_read(struct target *target, const struct sampler *sampler, const struct tick_event *event,
                 enum profile_state state);
void target_add_pseudo(struct target *target, const struct sampler *sampler, const char *name, uint64_t ticks,
                       enum profile_state state);
int target_take(struct target *target, const struct sampler *sampler, struct profile **ret);
struct member *target_member(struct target *target, pid_t tid);

/* Pins the calling thread to @cpu and asks for SCHED_FIFO: whether each was granted. */
bool reader_pin(int cpu);
bool reader_realtime(void);

/*
 * Reads a thread that may be running on another CPU: goes where it runs, so that
 * it is preempted, and follows it if it is moved. Leaves the caller pinned there;
 * true if that is another CPU than @cpu. @ret_error: of pystack_sample().
 */
bool reader_pursue(struct pystack *py, struct pystack_thread *thread, pid_t tid, int cpu, struct pystack_stack *ret,
                   int *ret_error);

uint64_t clock_ns(clockid_t clock);

#endif
