/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The perf tick: software clock events, whose interrupt records which thread was
 * running and wakes that CPU's reader, which preempts the very thread before it
 * runs another instruction, and reads it. What does not run costs nothing.
 *
 * Two scopes. The machine: one event a CPU for all processes; takes CAP_PERFMON
 * (Linux 5.8), CAP_SYS_ADMIN, or kernel.perf_event_paranoid <= 0. The targets:
 * an event for each of their threads and each CPU, which other busy processes
 * cannot wake; one's own processes need no privilege for that.
 */
#include "internal.h"
#include "perf_event.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

/* Threads that one wake-up may find ticks of. A reader is hardly ever more than one behind. */
#define BATCH_MAX 32

/* A tick read later than this after its interrupt is counted as late. */
#define LATE_NS 1000000u

struct perf_tick {
        struct sampler *sampler;
        struct reader *readers; /* by CPU */
        size_t n_readers;       /* places for them */
        uint64_t lost;          /* ticks, of readers that have ended */
        sem_t ready; /* posted by each reader */
        bool user_only; /* ticks in the kernel are refused */
};

/* One CPU's. */
struct reader {
        struct perf_tick *tick;
        pthread_t thread;
        int cpu;
        int fd;      /* of the event that has the ring */
        int stop_fd; /* an eventfd: it is to end */
        int wait_fd; /* of perf_wait_open(), for both */
        bool running;
        struct perf_ring ring;
        struct pystack_hold hold;
        uint64_t untold;               /* ticks lost since a target was last read */
        bool pinned, realtime, holds;  /* known once it is ready */

        _Atomic uint64_t lost;  /* since it was started */
        _Atomic uint64_t turns; /* how often it has emptied the ring */
        uint64_t turns_seen, count_seen; /* at the last check */
        unsigned stalled;
};

static bool machine_scope(const struct perf_tick *tick)
{
        return tick->sampler->config.scope == SAMPLE_SCOPE_MACHINE;
}

/* ---- readers --------------------------------------------------------------------- */

static void read_batch(struct reader *r, const struct perf_batch *batch, size_t n)
{
        struct sampler *s = r->tick->sampler;
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        for (size_t i = 0; i < n; i++) {
                pid_t pid = (pid_t)batch[i].pid;
                if (pid <= 0)
                        continue; /* outside our PID namespace, or ending */
                /*
                 * One stack for the newest tick: the older ones belonged to stacks that nobody has seen. Whose
                 * ticks had no room in the ring is not known; most likely they were the next one's.
                 */
                struct tick_event event = { .pid = pid, .tid = (pid_t)batch[i].tid,
                                            .ns = sampler_period_ns(s, batch[i].time),
                                            .late = batch[i].ticks - 1 + (now > batch[i].time + LATE_NS) + r->untold,
                                            .cpu = r->cpu, .hold = r->holds ? &r->hold : NULL };
                if (sampler_tick(s, &event))
                        r->untold = 0;
        }
}

static void empty_ring(struct reader *r)
{
        struct perf_batch batch[BATCH_MAX];
        uint64_t before = r->ring.lost;
        size_t n = perf_ring_drain(&r->ring, batch, BATCH_MAX);

        r->untold += r->ring.lost - before;
        atomic_store(&r->lost, r->ring.lost);
        read_batch(r, batch, n);
        atomic_fetch_add(&r->turns, 1);
}

static void *run_reader(void *arg)
{
        struct reader *r = arg;

        r->pinned = reader_pin(r->cpu);
        r->realtime = reader_realtime();
        r->holds = r->pinned && hold_open(r->cpu, &r->hold);
        if (machine_scope(r->tick))
                perf_enable(r->fd, true);
        sem_post(&r->tick->ready);
        while (perf_wait(r->wait_fd))
                empty_ring(r);
        return NULL;
}

static void release(struct reader *r)
{
        perf_ring_close(&r->ring);
        close(r->fd);
        if (r->stop_fd >= 0)
                close(r->stop_fd);
        if (r->wait_fd >= 0)
                close(r->wait_fd);
}

static int open_reader(struct perf_tick *tick, int cpu)
{
        struct reader *r = &tick->readers[cpu];
        uint64_t period = atomic_load(&tick->sampler->period_ns);
        int fd = machine_scope(tick) ? perf_open_cpu(cpu, period) : perf_open_ring_only(cpu);

        if (fd < 0)
                return fd;
        *r = (struct reader){ .tick = tick, .cpu = cpu, .fd = fd, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
        r->wait_fd = r->stop_fd < 0 ? -errno : perf_wait_open(fd, r->stop_fd);
        int e = r->wait_fd < 0 ? r->wait_fd : perf_ring_open(fd, &r->ring);
        if (e == 0)
                e = -pthread_create(&r->thread, NULL, run_reader, r);
        if (e != 0) {
                release(r);
                return e;
        }
        r->running = true;
        return 0;
}

static void stop_reader(struct reader *r)
{
        uint64_t one = 1;

        if (!r->running)
                return;
        if (write(r->stop_fd, &one, sizeof one) < 0)
                abort(); /* an eventfd that was just made takes a write */
        pthread_join(r->thread, NULL);
        r->tick->lost += atomic_load(&r->lost);
        r->running = false;
        release(r);
}

static void stop(void *state)
{
        struct perf_tick *tick = state;

        for (size_t i = 0; i < tick->n_readers; i++)
                stop_reader(&tick->readers[i]);
        sem_destroy(&tick->ready);
        free(tick->readers);
        free(tick);
}

/* ---- looking after them ------------------------------------------------------------ */

/* The clock of a CPU that goes offline stops, and stays so when the CPU is back. */
static bool has_stopped(struct reader *r)
{
        uint64_t before = r->count_seen;

        return read(r->fd, &r->count_seen, sizeof r->count_seen) < 0 || r->count_seen == before;
}

static void check_reader(struct reader *r)
{
        uint64_t turns = atomic_load(&r->turns);
        bool stands = turns == r->turns_seen && !perf_ring_is_empty(&r->ring);

        r->stalled = stands ? r->stalled + 1 : 0;
        r->turns_seen = turns;
}

static void check(void *state, struct sampler_health *ret)
{
        struct perf_tick *tick = state;

        *ret = (struct sampler_health){ 0 };
        for (size_t i = 0; i < tick->n_readers; i++) {
                struct reader *r = &tick->readers[i];
                if (r->running && machine_scope(tick) && has_stopped(r))
                        stop_reader(r);
                if (!r->running && open_reader(tick, (int)i) != 0)
                        continue; /* offline, most likely */
                check_reader(r);
                ret->lost += atomic_load(&r->lost);
                ret->stalled = r->stalled > ret->stalled ? r->stalled : ret->stalled;
        }
        ret->lost += tick->lost;
}

static void set_period(void *state)
{
        struct perf_tick *tick = state;

        for (size_t i = 0; i < tick->n_readers; i++)
                if (tick->readers[i].running)
                        perf_set_period(tick->readers[i].fd, atomic_load(&tick->sampler->period_ns));
}

/* ---- a target's own events --------------------------------------------------------- */

static int add_event(struct perf_tick *tick, struct target *t, pid_t tid, const struct reader *r)
{
        int *fds = realloc(t->events, (t->n_events + 1) * sizeof *fds);
        uint64_t period = atomic_load(&tick->sampler->period_ns);

        if (!fds)
                return -ENOMEM;
        t->events = fds;
        int fd = perf_open_thread(tid, r->cpu, period, tick->user_only);
        if (fd == -EACCES && !tick->user_only) {
                tick->user_only = true;
                fd = perf_open_thread(tid, r->cpu, period, true);
        }
        if (fd < 0)
                return fd == -ESRCH ? 0 : fd; /* the thread has ended */
        t->events[t->n_events++] = fd;
        return perf_redirect(fd, r->fd);
}

static int add_thread(struct perf_tick *tick, struct target *t, pid_t tid)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < tick->n_readers; i++)
                if (tick->readers[i].running)
                        e = add_event(tick, t, tid, &tick->readers[i]);
        return e;
}

static bool is_listed(const struct nsutil_thread *threads, size_t n, pid_t tid)
{
        for (size_t i = 0; i < n; i++)
                if (threads[i].tid == tid)
                        return true;
        return false;
}

/*
 * Events are inherited by what a thread starts. A thread that was started while
 * the list was made may have been missed, so it is made until it holds nothing new.
 */
static int add(void *state, struct target *t)
{
        struct perf_tick *tick = state;
        struct nsutil_thread *before = NULL, *threads;
        size_t n_before = 0, n, added = 1;
        int e = 0;

        while (e == 0 && added > 0 && !machine_scope(tick)) {
                added = 0;
                e = nsutil_threads_read(t->pid, &threads, &n);
                if (e != 0)
                        break;
                for (size_t i = 0; e == 0 && i < n; i++) {
                        if (is_listed(before, n_before, threads[i].tid))
                                continue;
                        e = add_thread(tick, t, threads[i].tid);
                        added++;
                }
                free(before);
                before = threads;
                n_before = n;
        }
        free(before);
        return e == NSUTIL_E_GONE ? 0 : e;
}

/* ---- starting -------------------------------------------------------------------- */

static void describe(struct perf_tick *tick)
{
        struct sampler *s = tick->sampler;
        bool pinned = true, realtime = true;
        size_t n = 0;

        for (size_t i = 0; i < tick->n_readers; i++) {
                while (tick->readers[i].running && sem_wait(&tick->ready) < 0)
                        ;
        }
        for (size_t i = 0; i < tick->n_readers; i++) {
                if (!tick->readers[i].running)
                        continue;
                n++;
                pinned = pinned && tick->readers[i].pinned;
                realtime = realtime && tick->readers[i].realtime;
        }
        snprintf(s->description, sizeof s->description, "perf tick on %zu CPU%s, %s%s%s", n, n == 1 ? "" : "s",
                 reader_realtime_text(realtime), pinned ? "" : ", some readers not pinned (cpuset)",
                 tick->user_only ? ", user space only (CAP_PERFMON)" : "");
}

static int refuse(int error, char *reason, size_t reason_size)
{
        if (error == -EACCES || error == -EPERM)
                snprintf(reason, reason_size, "perf events are refused: CAP_PERFMON is missing");
        else
                snprintf(reason, reason_size, "perf events are not to be had: %s", strerror(-error));
        return SAMPLE_E_ENGINE;
}

/* Whether ticks in the kernel may be had, tried on this very thread. */
static int probe_own(struct perf_tick *tick)
{
        int fd = perf_open_thread(0, 0, atomic_load(&tick->sampler->period_ns), false);

        if (fd == -EACCES || fd == -EPERM) {
                tick->user_only = true;
                fd = perf_open_thread(0, 0, atomic_load(&tick->sampler->period_ns), true);
        }
        if (fd >= 0)
                close(fd);
        return fd < 0 ? fd : 0;
}

static struct perf_tick *new_tick(struct sampler *s)
{
        struct perf_tick *tick = calloc(1, sizeof *tick);

        if (!tick)
                return NULL;
        tick->sampler = s;
        sem_init(&tick->ready, 0, 0);
        tick->n_readers = (size_t)get_nprocs_conf();
        tick->readers = calloc(tick->n_readers, sizeof *tick->readers);
        if (tick->readers)
                return tick;
        free(tick);
        return NULL;
}

static int start(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        struct perf_tick *tick = new_tick(s);
        int e;

        if (!tick)
                return -ENOMEM;
        e = machine_scope(tick) ? 0 : probe_own(tick);
        for (int cpu = 0; e == 0 && cpu < (int)tick->n_readers; cpu++) {
                e = open_reader(tick, cpu);
                if (e == -ENODEV)
                        e = 0; /* offline */
        }
        if (e < 0) {
                stop(tick);
                return refuse(e, reason, reason_size);
        }
        describe(tick);
        *ret = tick;
        return 0;
}

const struct tick tick_perf = {
        .name = "perf",
        .engine = SAMPLE_ENGINE_PERF,
        .start = start,
        .stop = stop,
        .check = check,
        .set_period = set_period,
        .add = add,
};
