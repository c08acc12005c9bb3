/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_REACH_H
#define AGENT_REACH_H

/* Whether this user may read any process at all. */

#include <stdbool.h>

/*
 * True if podflame can read no process but itself, and is not likely to read one later: it runs as an ordinary user who
 * has no other process. False for root, and for a user who has other processes, since the next process may be readable.
 */
bool reach_is_nothing(void);

#endif
