/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_FLEET_H
#define AGENT_FLEET_H

/* The processes that the agent watches: from find's events to windows of profiles. */

#include "agent/find/find.h"
#include "agent/profile/profile.h"
#include "agent/sample/sample.h"

struct fleet;

/* @sampler stays the caller's and must live longer. NULL: out of memory. */
struct fleet *fleet_new(struct sampler *sampler, bool keep_threads);
void fleet_free(struct fleet *fleet); /* accepts NULL */

/* The events to be handed to find_scan(). */
struct find_events fleet_events(struct fleet *fleet);

/* To be called after each find_scan(): says how many processes it has found that are not selected. */
void fleet_end_scan(struct fleet *fleet);

/* How many processes are refused to us while none is sampled; 0 if one is. */
uint64_t fleet_refused(const struct fleet *fleet);

/* Processes by state, and those that are not sampled by the reason. Strings are static. */
struct fleet_kind {
        const char *state, *reason;
        uint64_t n;
};
const struct fleet_kind *fleet_kinds(const struct fleet *fleet, size_t *ret_n);

/* How many processes are watched whose cgroup has the name of a container that is elsewhere. */
uint64_t fleet_disbelieved(const struct fleet *fleet);

/* What became of all ticks so far, ended windows only. */
const struct profile_counters *fleet_counters(const struct fleet *fleet);

/*
 * Ends the window: one profile for each service of each container, and for each
 * service outside of containers, that had samples, or that ran without one for so
 * long that it is no chance; those of processes that ended meanwhile included. Appends to @ret. 0 or negative errno.
 */
int fleet_take(struct fleet *fleet, struct profile_set *ret);

#endif
