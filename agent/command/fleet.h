/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_FLEET_H
#define COMMAND_FLEET_H

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

/* How many processes are watched, and how many cannot be read. */
void fleet_count(const struct fleet *fleet, size_t *ret_watched, size_t *ret_unreadable);

/*
 * Ends the window: one profile for each container, and for each service outside
 * of containers, that had samples; those of processes that ended meanwhile
 * included. Appends to @ret. 0 or negative errno.
 */
int fleet_take(struct fleet *fleet, struct profile_set *ret);

#endif
