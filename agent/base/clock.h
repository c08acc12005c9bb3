/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock. Whatever waits uses CLOCK_MONOTONIC. */
static inline uint64_t clock_ns(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The moment of that clock which is @ns from now. */
static inline struct timespec clock_after(clockid_t clock, uint64_t ns)
{
        uint64_t at = clock_ns(clock) + ns;

        return (struct timespec){ .tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u) };
}

#endif
