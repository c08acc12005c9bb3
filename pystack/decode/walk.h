/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_WALK_H
#define PYSTACK_WALK_H

/* From a snapshot and a layout to raw frames. */

#include "pystack/memory/snapshot.h"

enum walk_result {
        WALK_DONE,
        WALK_MISSING, /* the snapshot does not hold what lies at @missing */
        WALK_CHANGED, /* the two readings differ: the thread was running */
        WALK_CUT,     /* the chain does not hold together: the thread is at work on it */
};

struct walk {
        size_t n;        /* frames found, leaf first, in the pystack's raw[] */
        bool truncated;  /* PYSTACK_MAX_FRAMES reached */
        size_t n_pieces; /* in the pystack's pieces[], innermost first; 0 up to 3.10, or if they are not wanted */
        uint64_t missing;
        uint32_t missing_len; /* 0: it is a frame, and the frames behind it may be missing, too */
};

/* Follows the frames from the running one outwards. */
enum walk_result walk_frames(struct pystack_thread *thread, struct snapshot *snapshot, struct walk *ret);

/* The byte offset of a raw frame's position in its bytecode, which lies at @bytecode; -1: the frame has not begun. */
int32_t walk_instruction(const struct layout *layout, const struct raw_frame *frame, uint64_t bytecode);

#endif
