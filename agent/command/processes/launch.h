/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_LAUNCH_H
#define PROCESSES_LAUNCH_H

/*
 * A command of the user, run as if it were podflame: it has podflame's stdin, stdout, stderr and process group, and
 * gets the signals that podflame gets. podflame ends with its exit status.
 */

#include "agent/command/cli/outside.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Exit statuses that shells, and programs that run others, return if a command has none. LAUNCH_SIGNALLED is added to
 * the number of the signal that has ended the command.
 */
enum {
        LAUNCH_UNKNOWN = 125, /* podflame's own: the command's status is lost */
        LAUNCH_NOT_RUNNABLE = 126,
        LAUNCH_NOT_FOUND = 127,
        LAUNCH_SIGNALLED = 128,
};

struct launch {
        char **argv;                   /* the program, looked for in PATH, and its arguments */
        const struct outside *outside; /* the helper process that starts the command */
        pid_t pid;                     /* 0: not started */
        int signals;                   /* signalfd of the signals that are passed on; readable once a signal has come */
        int ended_fd;                  /* pidfd of the command, readable once it has ended; -1: none */
        bool ended;
        bool told_to_stop; /* the command or podflame was sent a signal that asks it to stop */
        int status;        /* of the command once it has ended, as a shell would report it */
        sigset_t mask;     /* the signal mask before launch_open(), which the command gets */
        bool pipe_kills;   /* SIGPIPE was not ignored before launch_open(); the command will not ignore it either */
};

#define LAUNCH_NONE                           \
        {                                     \
                .signals = -1, .ended_fd = -1 \
        }

/*
 * Call this before any thread is started, and before privileges are given up, since the command is to have them. From
 * then on signals wait in @ret->signals. @adopt: podflame becomes the parent of the command's orphans, so that they can
 * still be recognised as its descendants. @argv must live as long as @ret. 0 or negative errno.
 */
int launch_open(struct launch *ret, char **argv, bool adopt);

/*
 * Adds to @duties what @outside does for @launch. @outside is started with @duties afterwards, and must live as long as
 * @launch.
 */
void launch_duties(struct launch *launch, const struct outside *outside,
                   struct outside_duty duties[static OUTSIDE_DEEDS]);

/*
 * Runs the command, or runs it again after it has ended. On return it has executed its program, and is a child of
 * podflame. 0, or the errno of what prevented it, positive. After an error it counts as ended, with the status that
 * shells give.
 */
int launch_start(struct launch *launch);

/* Passes the signals that have come on to the command. A signal from the terminal has reached the command already. */
void launch_forward(struct launch *launch);

/*
 * Collects children that have ended: the command, and orphans that were adopted. Returns whether the command has ended.
 */
bool launch_reap(struct launch *launch);

/* Waits for the command's end, and passes signals on until then. Returns its status. */
int launch_wait(struct launch *launch);

void launch_close(struct launch *launch); /* accepts LAUNCH_NONE */

#endif
