/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The perf tick: software clock events. The interrupt of an event records which thread was running, and wakes that
 * CPU's reader. The reader preempts that thread before it runs another instruction, and reads it. A thread that does
 * not run costs nothing.
 *
 * There are two scopes. For the machine, each CPU has one event for all processes. That takes CAP_PERFMON (Linux 5.8),
 * CAP_SYS_ADMIN, or kernel.perf_event_paranoid <= 0. Each tick meets the thread that runs, however young it is. For the
 * targets, each of their threads has an event for each CPU. That needs no privilege for processes of the caller's own
 * user, but short threads are missed (see own_events.c).
 */
#include "own_events.h"
#include "perf_reader.h"
#include "switch_watch.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

struct perf_tick {
        struct sampler *sampler;
        struct perf_reader **readers; /* by CPU; NULL: it is offline */
        size_t n_readers;             /* places for them */
        uint64_t lost;                /* ticks, of readers that have ended */
        sem_t ready;                  /* posted by each reader */
        bool machine;                 /* watches every CPU, not the targets' threads */
        bool user_only;               /* ticks in the kernel are refused */
        struct jitter jitter;         /* of the thread that adds targets */
        struct switch_watch *watch;   /* mode wall; NULL: in other modes, or it could not be started anew */
};

static void stop_perf(void *state)
{
        struct perf_tick *tick = state;

        switch_watch_stop(tick->watch);
        for (size_t i = 0; i < tick->n_readers; i++)
                perf_reader_close(tick->readers[i]);
        sem_destroy(&tick->ready);
        free(tick->readers);
        free(tick);
}

static int open_reader(struct perf_tick *tick, int cpu)
{
        const struct perf_reader how = { .sampler = tick->sampler, .machine = tick->machine, .ready = &tick->ready };

        return perf_reader_open(&how, cpu, &tick->readers[cpu]);
}

static void relieve_reader_of(void *state, pid_t tid)
{
        struct perf_tick *tick = state;

        switch_watch_relieve(&tick->watch, tid);
        for (size_t i = 0; i < tick->n_readers; i++)
                if (tick->readers[i] && atomic_load(&tick->readers[i]->post.tid) == tid) {
                        perf_reader_relieve(&tick->readers[i]);
                        return;
                }
}

static void check_perf(void *state, struct sampler_health *ret)
{
        struct perf_tick *tick = state;

        *ret = (struct sampler_health){ .stalled = switch_watch_check(tick->watch) };
        for (size_t i = 0; i < tick->n_readers; i++) {
                struct perf_reader *r = tick->readers[i];
                if (r && tick->machine && perf_reader_has_stopped(r)) {
                        tick->lost += perf_reader_close(r);
                        tick->readers[i] = NULL;
                        switch_watch_reopen(tick->watch);
                }
                if (!tick->readers[i] && open_reader(tick, (int)i) != 0)
                        continue; /* offline, most likely */
                r = tick->readers[i];
                perf_reader_check(r);
                ret->lost += atomic_load(&r->lost);
                ret->stalled = r->stalled > ret->stalled ? r->stalled : ret->stalled;
        }
        ret->lost += tick->lost;
        double limit = tick->sampler->config.switch_share, cost = switch_watch_cost(tick->watch);
        double losses = switch_watch_losses(tick->watch);
        ret->too_costly = cost > (limit > 0 ? limit : SAMPLE_SWITCH_SHARE) ? cost : 0;
        ret->too_many = losses > SAMPLE_SWITCH_LOSSES ? losses : 0;
}

static void set_period(void *state)
{
        struct perf_tick *tick = state;

        for (size_t i = 0; i < tick->n_readers; i++)
                if (tick->readers[i])
                        perf_set_period(tick->readers[i]->fd, atomic_load(&tick->sampler->period_ns));
}

/* ---- targets ------------------------------------------------------------------------ */

static int add_perf_target(void *state, struct target *t)
{
        struct perf_tick *tick = state;
        struct own_ring *rings;
        size_t n = 0;

        if (tick->machine)
                return 0;
        rings = calloc(tick->n_readers, sizeof *rings);
        if (!rings)
                return -ENOMEM;
        for (size_t i = 0; i < tick->n_readers; i++)
                if (tick->readers[i])
                        rings[n++] = (struct own_ring){ .cpu = tick->readers[i]->cpu, .fd = tick->readers[i]->fd };
        int e = own_events_open(t, rings, n, atomic_load(&tick->sampler->period_ns), &tick->jitter, &tick->user_only);
        free(rings);
        return e == NSUTIL_E_GONE ? 0 : e;
}

/* ---- starting -------------------------------------------------------------------- */

static void describe_readers(struct perf_tick *tick)
{
        struct sampler *s = tick->sampler;
        bool pinned = true, realtime = true, holds = true;
        size_t n = 0;

        for (size_t i = 0; i < tick->n_readers; i++) {
                while (tick->readers[i] && sem_wait(&tick->ready) < 0)
                        ;
        }
        for (size_t i = 0; i < tick->n_readers; i++) {
                if (!tick->readers[i])
                        continue;
                n++;
                pinned = pinned && tick->readers[i]->pinned;
                realtime = realtime && tick->readers[i]->realtime;
                holds = holds && tick->readers[i]->holds;
        }
        s->realtime = realtime;
        s->holds = holds;
        snprintf(s->description, sizeof s->description, "perf tick%s on %zu CPU%s, %s%s%s%s",
                 tick->watch ? " and switches" : "", n, n == 1 ? "" : "s", reader_realtime_text(realtime),
                 pinned ? "" : ", some readers not pinned (cpuset)",
                 tick->machine ? "" : ", events of the target's threads only",
                 tick->user_only ? ", user space only (CAP_PERFMON)" : "");
}

static int refuse_perf(int error, char *reason, size_t reason_size)
{
        if (error == -EACCES || error == -EPERM)
                snprintf(reason, reason_size, "perf events are refused: %s", nsutil_perf_denial());
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
        tick->machine = s->config.scope != SAMPLE_SCOPE_TARGETS || s->by_switches || s->config.native;
        jitter_init(&tick->jitter);
        sem_init(&tick->ready, 0, 0);
        tick->n_readers = (size_t)get_nprocs_conf();
        tick->readers = calloc(tick->n_readers, sizeof *tick->readers);
        if (tick->readers)
                return tick;
        free(tick);
        return NULL;
}

static int open_readers(struct perf_tick *tick)
{
        int e = tick->machine ? 0 : probe_own(tick);

        for (int cpu = 0; e == 0 && cpu < (int)tick->n_readers; cpu++) {
                e = open_reader(tick, cpu);
                if (e == -ENODEV)
                        e = 0; /* offline */
        }
        return e;
}

static int start_perf(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        s->by_switches = s->config.mode == PROFILE_MODE_WALL;
        struct perf_tick *tick = new_tick(s);
        int e;

        if (!tick)
                return -ENOMEM;
        e = open_readers(tick);
        if (e == 0 && s->by_switches)
                e = switch_watch_start(s, &tick->watch);
        if ((e == -EACCES || e == -EPERM) && s->config.scope == SAMPLE_SCOPE_BEST && !s->by_switches &&
            !s->config.native) {
                tick->machine = false;
                e = open_readers(tick);
        }
        if (e < 0) {
                stop_perf(tick);
                s->by_switches = false;
                return refuse_perf(e, reason, reason_size);
        }
        describe_readers(tick);
        s->meets_all = tick->machine;
        *ret = tick;
        return 0;
}

const struct tick tick_perf = {
        .name = "perf",
        .engine = SAMPLE_ENGINE_PERF,
        .start = start_perf,
        .stop = stop_perf,
        .relieve = relieve_reader_of,
        .check = check_perf,
        .set_period = set_period,
        .add = add_perf_target,
};
