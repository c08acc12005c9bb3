/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to look at a known process again. A process becomes what it will be early: a shell executes the program that it
 * was started for, an interpreter starts. So a process is looked at again when its age has grown by half, and every 30
 * s at the latest. A few per cent of each interval depend on the PID. Otherwise all processes that were there from the
 * start would come due together.
 *
 * A check for an exec costs microseconds. Opening a process costs up to milliseconds. Opening again is needed for
 * programs that load an interpreter late, and so its intervals grow further, up to 600 s.
 *
 * An interpreter that starts may be stopped or throttled for any length of time. It is tried at least every 2 s as long
 * as it lives.
 *
 * If the kernel reports births and execs, a process is young for 2 s after the last of them. It is opened early: after
 * 5, 40 and 320 ms. An interpreter takes 10 to 30 ms to start; one that starts is tried after 5, 10, 15, 22, 33 ms and
 * so on.
 */
#include "agent/find/internal.h"

#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define MAX_LOOK_INTERVAL (30 * NS_PER_S)
#define MAX_OPEN_INTERVAL (600 * NS_PER_S)
#define MAX_STARTING_INTERVAL (2 * NS_PER_S)

/* A process that is not Python by then has probably become what it was started for. */
#define YOUNG_NS (2 * NS_PER_S)

uint64_t find_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t find_ticks_to_ns(uint64_t ticks)
{
        return ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t spread_next_look(pid_t pid, uint64_t since, uint64_t now, uint64_t max)
{
        uint64_t age = now > since ? now - since : 0;
        uint64_t interval = age / 2 < max ? age / 2 : max;
        /* 2^64 over the golden ratio spreads neighbouring PIDs evenly. */
        uint64_t spread = ((uint64_t)pid * UINT64_C(0x9e3779b97f4a7c15)) >> 48;

        return now + interval - interval / 4 * spread / UINT16_MAX;
}

uint64_t find_next_look(pid_t pid, uint64_t since, uint64_t now)
{
        return spread_next_look(pid, since, now, MAX_LOOK_INTERVAL);
}

uint64_t find_next_open(pid_t pid, uint64_t since, uint64_t now)
{
        return spread_next_look(pid, since, now, MAX_OPEN_INTERVAL);
}

uint64_t find_next_starting(pid_t pid, uint64_t since, uint64_t now)
{
        return spread_next_look(pid, since, now, MAX_STARTING_INTERVAL);
}

bool find_is_young(uint64_t since, uint64_t now)
{
        return now < since + YOUNG_NS;
}

uint64_t find_next_young(bool starting, uint64_t since, uint64_t now)
{
        uint64_t age = now > since ? now - since : 0;
        uint64_t interval = starting ? age / 2 : age * 7;

        return now + (interval > FIND_FIRST_LOOK_NS ? interval : FIND_FIRST_LOOK_NS);
}
