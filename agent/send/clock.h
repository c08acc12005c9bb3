/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_CLOCK_H
#define SEND_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC, for waiting. */
static inline int64_t send_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Nanoseconds of CLOCK_REALTIME, for the creation of a batch: that time must outlive the process. */
static inline uint64_t send_wall_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
