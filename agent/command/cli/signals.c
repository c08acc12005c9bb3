/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that end the program, as a descriptor to wait for. */
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(void)
{
        sigset_t set;

        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

int signals_take(int fd)
{
        struct signalfd_siginfo info;

        return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int signals_wait(int fd, int timeout_ms)
{
        struct pollfd poller = { .fd = fd, .events = POLLIN };

        return poll(&poller, 1, timeout_ms) > 0;
}
