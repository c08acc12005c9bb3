/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_CLOCK_H
#define SEND_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC: what every moment in this room is measured in. */
static inline int64_t send_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
