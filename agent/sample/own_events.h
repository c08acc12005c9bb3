/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_OWN_EVENTS_H
#define SAMPLE_OWN_EVENTS_H

/*
 * A target's own clock events: one for each of its threads and each CPU. They serve a sampler that may not watch every
 * CPU. A thread that a thread starts inherits its events.
 */

#include "internal.h"
#include "jitter.h"

struct own_event {
        int fd;
        pid_t tid;
        uint64_t id;         /* perf_event_id()'s */
        uint64_t vary_at_ns; /* when to draw the event's period anew (CLOCK_MONOTONIC) */
};

/* The ring to which the ticks of a CPU go. */
struct own_ring {
        int cpu;
        int fd; /* the event of that CPU that has the ring */
};

/*
 * Opens events for all threads of @target. Sets *@user_only if ticks in the kernel are refused. 0, NSUTIL_E_GONE or
 * negative errno.
 */
int own_events_open(struct target *target, const struct own_ring *rings, size_t n_rings, uint64_t period_ns,
                    struct jitter *jitter, bool *user_only);
void own_events_close(struct target *target);

/*
 * To be called after event @id has ticked at @at_ns (CLOCK_MONOTONIC) in thread @tid. Draws the event's next period, if
 * it is time to.
 */
void own_events_vary(struct target *target, uint64_t id, pid_t tid, uint64_t at_ns, uint64_t period_ns,
                     struct jitter *jitter);

#endif
