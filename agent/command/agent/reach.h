/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_REACH_H
#define AGENT_REACH_H

/* Whether there is anything that this user may read at all. */

#include <stdbool.h>

/*
 * True: no process but ourselves can be read, and none of another program is likely to
 * be, since we are an ordinary user who has no other process. Of root's processes and
 * of those of a user who has some, the next one may be readable.
 */
bool reach_is_nothing(void);

#endif
