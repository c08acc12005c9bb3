/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_ACTIVE_STATE_H
#define PYSTACK_ACTIVE_STATE_H

/*
 * A thread of the operating system has a thread state in each interpreter that it
 * has entered, and is in one of them: the others are on hold.
 */

#include "pystack/internal.h"

/* Whether the state @bytes is the one that its thread entered last; true where that does not show (up to 3.11). */
bool active_state_is_entered(const struct layout *layout, const uint8_t *bytes);

/* Leaves of each thread in @py's list the state that it is in, where there are several interpreters. */
int active_state_filter(struct pystack *py);

/*
 * Before @t is read: sees to it that it is read in the right one of its states, where
 * these do not tell so by themselves. 0 or an error of reading.
 */
int active_state_choose(struct pystack_thread *t);

/*
 * @t is not in its state any more. Moves it to the one that it is in: 0, or
 * PYSTACK_E_GONE if there is none, or an error of reading.
 */
int active_state_follow(struct pystack_thread *t);

#endif
