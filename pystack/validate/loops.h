/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LOOPS_H
#define PYSTACK_LOOPS_H

/*
 * The evaluation loops of a thread, one inside of the other. Each runs the Python code that C has called at one
 * place. Only 3.11 and 3.12 have cframes for them. In other versions the thread state itself points to the running
 * frame.
 */

#include "pystack/decode/walk.h"

struct loops {
        uint64_t cframe;   /* of the loop whose frames are being followed; 0: there are no cframes */
        uint64_t previous; /* the cframe of the loop outside */
};

/* Finds the running frame. Returns what walk_frames() does; @walk says what is missing. */
enum walk_result loops_begin(struct loops *ret, struct pystack_thread *thread, struct snapshot *snapshot,
                             uint64_t *ret_frame, struct walk *walk);

/*
 * To be called when the frames of a loop have been followed to where C has called it: @edge is the shim, or in 3.11
 * the frame that C has called. @outer is the frame behind it. WALK_CUT if that is not the frame that runs in the loop
 * outside.
 */
enum walk_result loops_leave(struct loops *loops, struct pystack_thread *thread, struct snapshot *snapshot,
                             uint64_t edge, uint64_t outer, struct walk *walk);

#endif
