/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUTSIDE_H
#define CLI_OUTSIDE_H

/*
 * A child of ours that stays outside of the confinement, and does for us the few things
 * that we cannot do inside. What it does them to is settled when it starts, before
 * anything hostile is read: an order is a number, and so is the answer.
 */

#include <sys/types.h>

enum outside_deed {
        OUTSIDE_START,  /* the command */
        OUTSIDE_SIGNAL, /* the command: the signal of that number */
        OUTSIDE_REMOVE, /* a file that was made for nothing: of that index */
        OUTSIDE_KEEP,   /* a good profile */
        OUTSIDE_DEEDS,
};

/* How a deed is done: in the child, with the memory of the moment in which it was started. 0 or more, or negative errno. */
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
 * Starts it, if there is anything to do; @duties by deed, those without a function are refused. It takes no signal, and
 * ends when we do. To be called before there are threads. Descriptors that are closed on exec are closed in it. 0 or
 * negative errno.
 */
int outside_open(const struct outside_duty duties[static OUTSIDE_DEEDS], struct outside *ret);

/* Has it do a deed, and returns what that returned; -ESRCH if it has ended, or was not started. */
int outside_ask(const struct outside *outside, enum outside_deed deed, int argument);

/* Has it end. Accepts OUTSIDE_NONE. */
void outside_close(struct outside *outside);

#endif
