/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUTSIDE_H
#define CLI_OUTSIDE_H

/*
 * A child that stays outside of the confinement, and does a few deeds for podflame that podflame cannot do inside.
 * Their objects are fixed when the child starts, before anything hostile is read. An order is a number, and so is its
 * answer.
 */

#include <sys/types.h>

enum outside_deed {
        OUTSIDE_START,  /* the command */
        OUTSIDE_SIGNAL, /* sends the command the signal with that number */
        OUTSIDE_REMOVE, /* removes a file with no content: the one with that index */
        OUTSIDE_KEEP,   /* a good profile */
        OUTSIDE_DEEDS,
};

/*
 * The function that does a deed. It runs in the child, with the memory of the moment at which the child was started. It
 * returns 0 or more, or a negative errno.
 */
struct outside_duty {
        int (*perform)(void *ctx, int argument);
        void *ctx;
};

struct outside {
        pid_t pid; /* 0: not started */
        int fd;
};

#define OUTSIDE_NONE     \
        {                \
                .fd = -1 \
        }

/*
 * Starts the child if there is any duty. @duties is indexed by deed; deeds without a function are refused. The child
 * takes no signals, and ends when podflame does. Call this before there are threads. Descriptors that are closed on
 * exec are closed in the child. 0 or negative errno.
 */
int outside_open(const struct outside_duty duties[static OUTSIDE_DEEDS], struct outside *ret);

/* Orders a deed, and returns its result. -ESRCH if the child has ended, or was not started. */
int outside_ask(const struct outside *outside, enum outside_deed deed, int argument);

/* Ends the child. Accepts OUTSIDE_NONE. */
void outside_close(struct outside *outside);

#endif
