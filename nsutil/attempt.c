/* SPDX-License-Identifier: Apache-2.0 */
/* The worker that does what may hang, and its successors. */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The time between two looks at a worker that does not answer. */
#define LOOK_MS 100

struct worker {
        pthread_mutex_t lock;           /* guards all below */
        pthread_cond_t changed;         /* a job has come, or is done */
        const struct nsutil_work *work; /* NULL: nothing to do */
        void *job;
        pid_t tid;
        bool left;           /* the caller has given up; this thread ends when it wakes up */
        struct worker *next; /* guarded by @list */
};

/*
 * Workers without a job. A caller takes one for itself: the work of one may wait for a lock that another caller holds
 * until its own work is done. So there are as many as callers were at work at a time.
 */
static struct worker *spare;
static pthread_mutex_t list = PTHREAD_MUTEX_INITIALIZER; /* guards @spare */
static _Atomic int hanging;
static _Thread_local bool is_worker;

/* ---- the thread ----------------------------------------------------------------------- */

static void free_worker(struct worker *w)
{
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
        free(w);
}

/* Waits for a job and does it. False if the caller has given it up. */
static bool do_next_job(struct worker *w)
{
        pthread_mutex_lock(&w->lock);
        while (!w->work)
                pthread_cond_wait(&w->changed, &w->lock);
        pthread_mutex_unlock(&w->lock);
        w->work->run(w->job);
        pthread_mutex_lock(&w->lock);
        bool left = w->left;
        if (!left) {
                w->work = NULL;
                pthread_cond_signal(&w->changed);
        }
        pthread_mutex_unlock(&w->lock);
        return !left;
}

static void *run_worker(void *arg)
{
        struct worker *w = arg;

        is_worker = true;
        pthread_mutex_lock(&w->lock);
        w->tid = gettid();
        pthread_mutex_unlock(&w->lock);
        while (do_next_job(w))
                ;
        w->work->discard(w->job);
        free_worker(w);
        nsutil_count_hanging(-1);
        return NULL;
}

/* Blocks all signals in the thread: other threads wait for them, now or later. */
static int start_thread(struct worker *w)
{
        sigset_t all, before;
        pthread_t thread;

        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        int e = pthread_create(&thread, NULL, run_worker, w);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (e == 0)
                pthread_detach(thread);
        return e;
}

static struct worker *new_worker(void)
{
        struct worker *w = calloc(1, sizeof *w);
        pthread_condattr_t clock;

        if (!w)
                return NULL;
        pthread_condattr_init(&clock);
        pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
        pthread_cond_init(&w->changed, &clock);
        pthread_condattr_destroy(&clock);
        pthread_mutex_init(&w->lock, NULL);
        if (start_thread(w) == 0)
                return w;
        free_worker(w);
        return NULL;
}

/* ---- whether it hangs ------------------------------------------------------------------- */

/*
 * A number that changes whenever the thread runs: how often it was put on a CPU and its CPU time, plus its clock ticks
 * in case the kernel does not count the former.
 */
static uint64_t beats_of(pid_t tid, const struct nsutil_stat *stat)
{
        struct nsutil_times times = { 0 };
        int fd;

        if (nsutil_times_open(getpid(), tid, &fd) == 0) {
                nsutil_times_read(fd, &times);
                close(fd);
        }
        return times.slices + times.cpu_ns + stat->user_ticks + stat->system_ticks;
}

static uint64_t read_monotonic_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool nsutil_pulse_stands(struct nsutil_pulse *pulse, pid_t tid)
{
        struct nsutil_stat stat;
        int fd;

        if (nsutil_stat_open(getpid(), tid, &fd) != 0)
                return false;
        int r = nsutil_stat_reread(fd, &stat);
        close(fd);
        if (r != 0)
                return false;
        uint64_t beats = beats_of(tid, &stat);
        bool asleep = stat.state == 'S' || stat.state == 'D';
        uint64_t now = read_monotonic_ns();
        if (!asleep || beats != pulse->beats || pulse->since_ns == 0)
                pulse->since_ns = asleep ? now : 0;
        pulse->beats = beats;
        return pulse->since_ns != 0 && now - pulse->since_ns >= NSUTIL_STILL_MS * 1000000ull;
}

static struct timespec after_ms(unsigned ms)
{
        struct timespec at;

        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += ms / 1000;
        at.tv_nsec += (long)(ms % 1000) * 1000000;
        if (at.tv_nsec >= 1000000000) {
                at.tv_sec++;
                at.tv_nsec -= 1000000000;
        }
        return at;
}

/* Waits until the job is done (true) or the worker hangs (false). w->lock is held. */
static bool wait_until_done(struct worker *w)
{
        struct timespec look = after_ms(NSUTIL_SUSPECT_MS);
        struct nsutil_pulse pulse = { 0 };

        while (w->work)
                if (pthread_cond_timedwait(&w->changed, &w->lock, &look) == ETIMEDOUT && w->work) {
                        if (nsutil_pulse_stands(&pulse, w->tid))
                                return false;
                        look = after_ms(LOOK_MS);
                }
        return true;
}

void nsutil_count_hanging(int change)
{
        atomic_fetch_add(&hanging, change);
}

/* ---- attempts ----------------------------------------------------------------------------- */

static bool is_refused(pid_t pid, bool known)
{
        int n = known ? 0 : atomic_load(&hanging);

        return nsutil_is_given_up(pid) || n >= NSUTIL_HANGING_LAST ||
               (n >= NSUTIL_HANGING_MAX && nsutil_has_mount_that_may_hang(pid));
}

/* Gives the worker a job. Returns whether it is done. If not, the worker keeps it. */
static bool try_work(struct worker *w, const struct nsutil_work *work, void *job)
{
        pthread_mutex_lock(&w->lock);
        w->work = work;
        w->job = job;
        pthread_cond_signal(&w->changed);
        bool done = wait_until_done(w);
        w->left = !done;
        if (!done)
                nsutil_count_hanging(1);
        pthread_mutex_unlock(&w->lock);
        return done;
}

/* A worker without a job. NULL: none can be started. */
static struct worker *take_worker(void)
{
        pthread_mutex_lock(&list);
        struct worker *w = spare;
        if (w)
                spare = w->next;
        pthread_mutex_unlock(&list);
        return w ? w : new_worker();
}

static void return_worker(struct worker *w)
{
        pthread_mutex_lock(&list);
        w->next = spare;
        spare = w;
        pthread_mutex_unlock(&list);
}

int nsutil_attempt(pid_t pid, const struct nsutil_work *work, void *job)
{
        if (!is_worker && is_refused(pid, work->known)) {
                work->discard(job);
                return NSUTIL_E_HANGS;
        }
        struct worker *w = is_worker ? NULL : take_worker();
        if (!w) {
                work->run(job);
                return 0;
        }
        if (try_work(w, work, job)) {
                return_worker(w);
                return 0;
        }
        nsutil_give_up(pid);
        return NSUTIL_E_HANGS;
}
