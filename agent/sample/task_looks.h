/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_TASK_LOOKS_H
#define SAMPLE_TASK_LOOKS_H

/*
 * Mode wall: the tasks of asyncio that wait, as threads that wait are sampled. A thread of ordinary priority, the looker,
 * looks at all tasks of a target now and then, as often as a 200th of the time allows. What waits then has waited since
 * the look before, on average: each task counts for that time. The profile's last look is that of whoever takes it.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pystack;
struct sampler;
struct target;

struct looker {
        struct sampler *sampler;
        pthread_t thread;
        bool running;
        sem_t stopped; /* wakes it up to end */
        _Atomic bool stop;
};

/* What a target knows of looks at its tasks. */
struct task_looks {
        bool wanted;
        pthread_mutex_t turn;    /* guards the next four */
        struct pystack *py;      /* reads tasks, and nothing else; NULL: not opened yet */
        bool ready;              /* it is known where the tasks are */
        bool has_greenlets;      /* and where the greenlets are */
        uint64_t since_ns;       /* the last look, or when the target was added (CLOCK_MONOTONIC) */
        int64_t excess_ns;       /* time that samples have counted too little, or if negative too much */
        _Atomic uint64_t due_ns; /* the next look (CLOCK_MONOTONIC) */
        uint64_t pause_ns;       /* while there are no tasks */
};

/* Starts the thread. 0 or -errno. */
int looker_open(struct looker *looker, struct sampler *sampler);
/* Ends the thread. Accepts one that looker_open() has not started. */
void looker_close(struct looker *looker);
/* Frees what looker_open() has made. */
void looker_deinit(struct looker *looker);

void task_looks_open(struct target *target, bool wanted);
void task_looks_close(struct target *target);

/*
 * Looks at the target's tasks now, if there are any. May hang as all reading may: it is for errands. The target's lock is
 * not held.
 */
void task_looks_take(struct target *target, const struct sampler *sampler);

/* In errand.c: an errand that does that. */
void errand_look_at_tasks(struct sampler *sampler, struct target *target);

#endif
