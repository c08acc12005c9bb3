/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_LAUNCH_H
#define PROCESSES_LAUNCH_H

/*
 * A command of the user's, run in our place: with our stdin, stdout and stderr,
 * in our process group, told what we are told, and its exit status becomes ours.
 */

#include "agent/command/cli/outside.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* What shells, and programs that run others, return instead of a command's status, or add to its signal. */
enum {
        LAUNCH_UNKNOWN = 125, /* that of podflame's own: the command's status is lost */
        LAUNCH_NOT_RUNNABLE = 126,
        LAUNCH_NOT_FOUND = 127,
        LAUNCH_SIGNALLED = 128,
};

struct launch {
        char **argv;                   /* found in PATH */
        const struct outside *outside; /* who starts it */
        pid_t pid;                     /* 0: not started */
        int signals;                   /* signalfd of those that are passed on: readable when one has come */
        int ended_fd;                  /* pidfd: readable once the command has ended */
        bool ended;
        bool told_to_stop; /* it, or we, were sent a signal that means so */
        int status;        /* of an ended one, as a shell would say it */
        sigset_t mask;     /* ours before launch_open(): the command's */
        bool pipe_kills;   /* SIGPIPE was not ignored before: nor will the command ignore it */
};

#define LAUNCH_NONE                           \
        {                                     \
                .signals = -1, .ended_fd = -1 \
        }

/*
 * To be called before any thread is started, and before privileges are given up, which the command is to have: signals
 * wait in @ret->signals from now on. @adopt: become the parent of the command's orphans, so that they can still be
 * told to be its descendants. @argv must live as long as @ret. 0 or negative errno.
 */
int launch_open(struct launch *ret, char **argv, bool adopt);

/* Adds what @outside, which is to be started then, and must live as long as @launch, does for it. */
void launch_duties(struct launch *launch, const struct outside *outside,
                   struct outside_duty duties[static OUTSIDE_DEEDS]);

/*
 * Runs the command; again, once the one before has ended. It has executed its program
 * on return, and is our child. 0, or the errno of what prevented it, positive: then it
 * counts as ended, with the status that shells give it.
 */
int launch_start(struct launch *launch);

/* Passes on the signals that have come. One from the terminal has reached the command already. */
void launch_forward(struct launch *launch);

/* Collects what has ended. Returns whether the command has. */
bool launch_reap(struct launch *launch);

/* Waits for the command's end, signals being passed on. Returns its status. */
int launch_wait(struct launch *launch);

void launch_close(struct launch *launch); /* accepts LAUNCH_NONE */

#endif
