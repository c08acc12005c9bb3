/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DELIVERY_H
#define AGENT_DELIVERY_H

/*
 * A thread that encodes the profiles of a window and hands them to all destinations. The disk of a spool may take
 * seconds for that (fsync(2)). Meanwhile the agent's own thread searches for processes.
 */

#include "destinations.h"

#include "agent/profile/profile.h"

#include <stdbool.h>

struct delivery;

/* Starts the thread. @destinations is borrowed, and must live longer. 0 or negative errno. */
int delivery_open(struct destinations *destinations, struct delivery **ret);

/* Waits until the last window is handed over, and ends the thread. Accepts NULL. */
void delivery_close(struct delivery *delivery);

/* Hands @set to the thread, which frees the profiles; @set is empty afterwards. Waits while delivery_is_busy(). */
void delivery_begin(struct delivery *delivery, struct profile_set *set);

/* Whether a window is still being handed over. */
bool delivery_is_busy(struct delivery *delivery);

/* The descriptor is readable once a window has been handed over, until delivery_take_result() is called. */
int delivery_fd(const struct delivery *delivery);

/*
 * False if no window has been handed over since the last call. Otherwise *@ret is 0, or the negative errno by which
 * handing it over failed.
 */
bool delivery_take_result(struct delivery *delivery, int *ret);

/* Waits until nothing is being handed over. */
void delivery_wait(struct delivery *delivery);

#endif
