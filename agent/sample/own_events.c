/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event's first period is drawn between nothing and a whole period. If the first period were whole, the time before
 * the first tick would never be sampled. A thread that starts later inherits events whose first period is whole: the
 * kernel offers nothing else. The coverage tells the time that is missed so.
 */
#include "own_events.h"

#include "each_thread.h"
#include "perf_event.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The least time between two draws of a period. A draw costs a system call. */
#define VARY_NS 4000000u

static int open_own_event(struct own_event *event, int cpu, uint64_t period_ns, bool *user_only)
{
        int fd = perf_open_thread(event->tid, cpu, period_ns, *user_only);

        if (fd == -EACCES && !*user_only) {
                *user_only = true;
                fd = perf_open_thread(event->tid, cpu, period_ns, true);
        }
        if (fd < 0)
                return fd;
        event->fd = fd;
        return perf_event_id(fd, &event->id);
}

static int add_event(struct target *t, pid_t tid, const struct own_ring *ring, uint64_t period_ns, bool *user_only)
{
        struct own_event *events = realloc(t->events, (t->n_events + 1) * sizeof *events);
        struct own_event event = { .fd = -1, .tid = tid };

        if (!events)
                return -ENOMEM;
        t->events = events;
        int e = open_own_event(&event, ring->cpu, period_ns, user_only);
        if (event.fd >= 0)
                t->events[t->n_events++] = event;
        if (e < 0)
                return e == -ESRCH ? 0 : e; /* the thread has ended */
        return perf_redirect(event.fd, ring->fd);
}

struct opening {
        struct target *target;
        const struct own_ring *rings;
        size_t n;
        uint64_t period_ns;
        struct jitter *jitter;
        bool *user_only;
};

static int add_thread(pid_t tid, void *ctx)
{
        const struct opening *o = ctx;
        int e = 0;

        for (size_t i = 0; e == 0 && i < o->n; i++)
                e = add_event(o->target, tid, &o->rings[i], jitter_phase(o->jitter, o->period_ns), o->user_only);
        return e;
}

int own_events_open(struct target *t, const struct own_ring *rings, size_t n_rings, uint64_t period_ns,
                    struct jitter *jitter, bool *user_only)
{
        struct opening opening = { t, rings, n_rings, period_ns, jitter, user_only };
        unsigned n;

        return each_thread(t->pid, add_thread, &opening, &n);
}

void own_events_close(struct target *t)
{
        for (size_t i = 0; i < t->n_events; i++)
                close(t->events[i].fd);
        free(t->events);
}

void own_events_vary(struct target *t, uint64_t id, pid_t tid, uint64_t at_ns, uint64_t period_ns,
                     struct jitter *jitter)
{
        size_t i = 0;

        while (i < t->n_events && t->events[i].id != id)
                i++;
        /* An inherited event bears its parent's id, but its period can't be changed. */
        if (i == t->n_events || t->events[i].tid != tid || at_ns < t->events[i].vary_at_ns)
                return;
        perf_set_period(t->events[i].fd, jitter_interval(jitter, period_ns));
        t->events[i].vary_at_ns = at_ns + VARY_NS;
}
