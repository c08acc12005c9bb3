/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event's first period is drawn between nothing and a whole one: if it were
 * whole, what a thread uses before would never be sampled. A thread that starts
 * later inherits events whose first period is whole all the same; the kernel
 * offers nothing else, and the coverage tells what that misses.
 */
#include "own_events.h"

#include "perf_event.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* To draw a period costs a system call, so at high rates it is not done for each tick. */
#define VARY_NS 4000000u

static int open_event(struct own_event *event, int cpu, uint64_t period_ns, bool *user_only)
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
        int e = open_event(&event, ring->cpu, period_ns, user_only);
        if (event.fd >= 0)
                t->events[t->n_events++] = event;
        if (e < 0)
                return e == -ESRCH ? 0 : e; /* the thread has ended */
        return perf_redirect(event.fd, ring->fd);
}

static bool is_listed(const struct nsutil_thread *threads, size_t n, pid_t tid)
{
        for (size_t i = 0; i < n; i++)
                if (threads[i].tid == tid)
                        return true;
        return false;
}

/*
 * A thread that was started while the list was made may have been missed, so the
 * list is made until it holds nothing new.
 */
int own_events_open(struct target *t, const struct own_ring *rings, size_t n_rings, uint64_t period_ns,
                    struct jitter *jitter, bool *user_only)
{
        struct nsutil_thread *before = NULL, *threads;
        size_t n_before = 0, n, added = 1;
        int e = 0;

        while (e == 0 && added > 0) {
                added = 0;
                e = nsutil_threads_read(t->pid, &threads, &n);
                if (e != 0)
                        break;
                for (size_t i = 0; i < n; i++) {
                        if (is_listed(before, n_before, threads[i].tid))
                                continue;
                        for (size_t k = 0; e == 0 && k < n_rings; k++)
                                e = add_event(t, threads[i].tid, &rings[k], jitter_phase(jitter, period_ns), user_only);
                        added++;
                }
                free(before);
                before = threads;
                n_before = n;
        }
        free(before);
        return e;
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
