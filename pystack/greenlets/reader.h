/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GREENLET_READER_H
#define PYSTACK_GREENLET_READER_H

/*
 * Reads greenlets and the stacks of those that are suspended. All that is read of one moment goes through one trail: the
 * caller begins it, and shows at the end that it was of one moment, by trail_confirm() or since no thread could run.
 */

#include "places.h"
#include "pystack/validate/proved.h"

/* A greenlet as it stands in the target. */
struct greenlet_object {
        uint64_t address;
        uint64_t type;
        uint64_t top;    /* its innermost frame object; 0: it is not suspended */
        uint64_t parent; /* 0: none */
        uint64_t home;   /* the main greenlet of its thread; 0: it has not begun */
        uint64_t state;  /* of a main greenlet: its ThreadState; 0: the thread has ended */
        bool main;
        bool begun;
        bool active; /* it has begun and not ended */
};

/* What was read of a thread's greenlets: the next time, it is read at once. */
#define GREENLET_PLAN_SPANS 256
#define GREENLET_PLANS 16 /* a power of two */

struct greenlet_plan {
        uint64_t tstate; /* 0: none */
        size_t n;
        struct iovec spans[GREENLET_PLAN_SPANS];
};

struct greenlet_reader {
        struct pystack *py;
        const struct greenlet_places *places;
        struct trail trail;
        struct proved_reading reading;
        struct greenlet_plan plans[GREENLET_PLANS];
};

/* What is known of the greenlets of a process. */
struct pystack_greenlets_state {
        struct greenlet_places places;
        struct greenlet_reader *reader; /* NULL: not used yet */
};

/* The reader, empty. NULL: no memory. */
struct greenlet_reader *greenlets_reader(struct pystack *py);

/* Reads the greenlet at @addr. PYSTACK_E_CORRUPT if there is none. */
int greenlet_read(struct greenlet_reader *reader, uint64_t addr, struct greenlet_object *ret);

/*
 * Reads the greenlet that the thread with @pthread runs; its address is 0 if the thread has not used greenlet. If it has
 * a @top, the thread is switching to another one.
 */
int greenlet_read_current(struct greenlet_reader *reader, uint64_t pthread, struct greenlet_object *ret);

/* Reads the frames of a suspended greenlet, innermost first, at most @max. @ret_more: there are further ones outside. */
int greenlet_read_frames(struct greenlet_reader *reader, uint64_t top, struct raw_frame *ret, size_t max, size_t *ret_n,
                         bool *ret_more);

#endif
