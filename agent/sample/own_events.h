/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_OWN_EVENTS_H
#define SAMPLE_OWN_EVENTS_H

/*
 * A target's own clock events: one for each of its threads and each CPU, for those
 * who may not watch every CPU. Events are inherited by what a thread starts.
 */

#include "internal.h"
#include "jitter.h"

struct own_event {
        int fd;
        pid_t tid;
        uint64_t id;         /* of perf_event_id() */
        uint64_t vary_at_ns; /* when its period is to be drawn anew, CLOCK_MONOTONIC */
};

/* Where ticks of a CPU go. */
struct own_ring {
        int cpu;
        int fd; /* of an event of that CPU that has a ring */
};

/*
 * Opens events for all threads of @target. *@user_only is set where ticks in the
 * kernel are refused. 0, NSUTIL_E_GONE or negative errno.
 */
int own_events_open(struct target *target, const struct own_ring *rings, size_t n_rings, uint64_t period_ns,
                    struct jitter *jitter, bool *user_only);
void own_events_close(struct target *target);

/* After a tick of event @id by thread @tid at @at_ns: draws that event's next period, if it is time. */
void own_events_vary(struct target *target, uint64_t id, pid_t tid, uint64_t at_ns, uint64_t period_ns,
                     struct jitter *jitter);

#endif
