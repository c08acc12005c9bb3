/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GIL_WAITS_H
#define AGENT_GIL_WAITS_H

/*
 * How much of the time for which the threads of a container ran or waited for the GIL they waited for it, from the
 * profiles of mode wall. Threads that are ready to run and have no CPU count for neither: it is not known what they want.
 */

#include "agent/health/health.h"
#include "agent/profile/profile.h"

/* The ratio of a container is told if the time of unknown waits is at most this part of that time. */
#define GIL_WAITS_UNKNOWN_PART 0.1

/*
 * Fills @ret from the profiles of one window. Those of other modes than wall are passed over. Containers with the same
 * names are one, as those of a pod before and after a restart. 0 or -ENOMEM; then @ret has no row.
 */
int gil_waits_read(const struct profile_set *set, struct health_gil_waits *ret);

#endif
