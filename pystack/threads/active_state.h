/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_ACTIVE_STATE_H
#define PYSTACK_ACTIVE_STATE_H

/*
 * A thread of the operating system has a thread state in each interpreter that it has entered. It is in one of these
 * states at a time: that is its active state.
 */

#include "pystack/internal.h"

/*
 * Whether the state whose first bytes are @bytes is the one that its thread entered last. True if that does not show
 * (up to 3.11).
 */
bool active_state_is_entered(const struct layout *layout, const uint8_t *bytes);

/* Removes from @py's list all states but the active one of each thread. 0, -ENOMEM, or an error of reading. */
int active_state_filter(struct pystack *py);

/*
 * To be called before @t is read: finds its active state, if the states themselves do not tell which one that is. 0
 * or an error of reading.
 */
int active_state_choose(struct pystack_thread *t);

/*
 * To be called if @t is not in its state any more: finds its active state. 0, PYSTACK_E_GONE if it has none, or an
 * error of reading.
 */
int active_state_follow(struct pystack_thread *t);

#endif
