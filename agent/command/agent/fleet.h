/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_FLEET_H
#define AGENT_FLEET_H

/*
 * The processes that the agent watches. find's events come in, and a profile of each group goes out at the end of each
 * window.
 */

#include "modes.h"

#include "agent/find/find.h"
#include "agent/profile/profile.h"

struct fleet;

/*
 * The samplers of @modes are borrowed, and must live longer. Their configuration says whether threads are told apart in
 * the profiles. NULL: out of memory.
 */
struct fleet *fleet_new(const struct modes *modes);
void fleet_free(struct fleet *fleet); /* accepts NULL */

/* The events for find_scan(). */
struct find_events fleet_events(struct fleet *fleet);

/* Call this after each find_scan(). Prints how many processes the scan has found that are not selected. */
void fleet_end_scan(struct fleet *fleet);

/* The number of processes that podflame may not read, if no process is sampled; 0 if one is. */
uint64_t fleet_refused(const struct fleet *fleet);

/* How many processes are in a state; @reason says why they are not sampled, "" if they are. Strings are static. */
struct fleet_kind {
        const char *state, *reason;
        uint64_t n;
};
const struct fleet_kind *fleet_kinds(const struct fleet *fleet, size_t *ret_n);

/* The number of watched processes whose cgroup has the name of a container that is in another cgroup. */
uint64_t fleet_disbelieved(const struct fleet *fleet);

/* The sum of the counters of all processes in the @i'th mode, up to the end of the last window. */
const struct profile_counters *fleet_counters(const struct fleet *fleet, size_t i);

/*
 * Ends the window. For each mode, appends one profile to @ret for each service of each container, and for each service
 * outside of containers, processes that have ended included. A group gets a profile if it has samples, or if it ran without a
 * sample for so long that this is no chance. 0 or negative errno.
 */
int fleet_take(struct fleet *fleet, struct profile_set *ret);

#endif
