/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LOOPS_H
#define PYSTACK_LOOPS_H

/*
 * The evaluation loops of a thread, one inside of the other: each runs the Python
 * that C has called at one place. Up to 3.10, and from 3.13 on, the thread state
 * itself points to the running frame, and there is nothing to be followed.
 */

#include "pystack/decode/walk.h"

struct loops {
        uint64_t cframe;   /* of the loop whose frames are being followed; 0: there are none */
        uint64_t previous; /* of the one outside */
};

/* The running frame. Anything but WALK_DONE as of walk_frames(); @walk says what is missing. */
enum walk_result loops_begin(struct loops *ret, struct pystack_thread *thread, struct snapshot *snapshot,
                             uint64_t *ret_frame, struct walk *walk);

/*
 * The frames of a loop have been followed to where it was called, at @edge: the shim,
 * or of 3.11 the frame that C has called. @outer is the frame behind that. WALK_CUT if
 * it is not the one that runs in the loop outside.
 */
enum walk_result loops_leave(struct loops *loops, struct pystack_thread *thread, struct snapshot *snapshot,
                             uint64_t edge, uint64_t outer, struct walk *walk);

#endif
