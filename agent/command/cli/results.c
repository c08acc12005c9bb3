/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results on standard output. A result that could not be written is a failure. If the reader has closed the pipe, there
 * is no message, since nobody waits for one.
 */
#include "results.h"

#include "agent/command/command.h"
#include "messages.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* An earlier write failed, and stdio does not keep the reason. */
#define UNKNOWN (-EIO)

int results_flush(void)
{
        static int failure;

        errno = 0;
        if ((fflush(stdout) != 0 || ferror(stdout)) && failure == 0)
                failure = errno != 0 ? -errno : UNKNOWN;
        return failure;
}

int command_end(int status)
{
        int failure = results_flush();

        if (failure == -EPIPE) {
                signal(SIGPIPE, SIG_DFL);
                raise(SIGPIPE);
        }
        if (failure == 0)
                return status;
        return failure == UNKNOWN ? say_error("standard output cannot be written")
                                  : say_error("standard output cannot be written: %s", strerror(-failure));
}
