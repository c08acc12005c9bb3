/* SPDX-License-Identifier: Apache-2.0 */
/* See perf_wait.h. */
#include "perf_wait.h"

#include "agent/base/base.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#define NS_PER_MS 1000000u

enum { WAIT_TICKS, WAIT_STOP };

/* The ticks' event is edge-triggered: then the kernel does not look at it a second time when a wait ends. */
int perf_wait_open(int fd, int stop_fd)
{
        struct epoll_event ticks = { .events = EPOLLIN | EPOLLET, .data.u32 = WAIT_TICKS };
        struct epoll_event stop = { .events = EPOLLIN, .data.u32 = WAIT_STOP };
        int wait_fd = epoll_create1(EPOLL_CLOEXEC);

        if (wait_fd < 0)
                return -errno;
        if (epoll_ctl(wait_fd, EPOLL_CTL_ADD, fd, &ticks) == 0 &&
            epoll_ctl(wait_fd, EPOLL_CTL_ADD, stop_fd, &stop) == 0)
                return wait_fd;
        int e = -errno;
        close(wait_fd);
        return e;
}

/* The milliseconds until @until_ns, rounded up. 0: it is over. */
static int left_ms(uint64_t until_ns)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        return now >= until_ns ? 0 : (int)((until_ns - now + NS_PER_MS - 1) / NS_PER_MS);
}

/*
 * Linux ends an epoll_wait() with EINTR when the process is stopped and continued (signal(7)). A process to which that
 * happens more often than its timeout would never see the end of one that begins anew each time.
 */
enum perf_woken perf_wait(int wait_fd, int timeout_ms)
{
        uint64_t until = timeout_ms < 0 ? 0 : clock_ns(CLOCK_MONOTONIC) + (uint64_t)timeout_ms * NS_PER_MS;
        struct epoll_event found;
        int n;

        while ((n = epoll_wait(wait_fd, &found, 1, timeout_ms)) < 0 && errno == EINTR)
                timeout_ms = timeout_ms < 0 ? timeout_ms : left_ms(until);
        if (n == 0)
                return PERF_NOTHING;
        return n == 1 && found.data.u32 == WAIT_TICKS && !(found.events & (EPOLLERR | EPOLLHUP)) ? PERF_TICKS
                                                                                                 : PERF_END;
}
