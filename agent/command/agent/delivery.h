/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DELIVERY_H
#define AGENT_DELIVERY_H

/*
 * A thread that encodes the profiles of a window and hands them to all destinations. A spool's disk may take seconds
 * for that (fsync(2)); the agent's own thread searches for processes meanwhile.
 */

#include "destinations.h"

#include "agent/profile/profile.h"

#include <stdbool.h>

struct delivery;

/* Starts the thread. @destinations stay the caller's and must live longer. 0 or negative errno. */
int delivery_open(struct destinations *destinations, struct delivery **ret);

/* Waits until the last window is handed over, and ends the thread. Accepts NULL. */
void delivery_close(struct delivery *delivery);

/* Hands @set to the thread, which frees the profiles; @set is empty afterwards. Waits while delivery_is_busy(). */
void delivery_begin(struct delivery *delivery, struct profile_set *set);

/* Whether the window before is not handed over yet. */
bool delivery_is_busy(struct delivery *delivery);

/* Readable once a window has been handed over, until delivery_take_result(). */
int delivery_fd(const struct delivery *delivery);

/* False: no window has been handed over since the last call. *@ret is 0 or the negative errno of one that has. */
bool delivery_take_result(struct delivery *delivery, int *ret);

/* Waits until nothing is being handed over. */
void delivery_wait(struct delivery *delivery);

#endif
