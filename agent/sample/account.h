/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_ACCOUNT_H
#define SAMPLE_ACCOUNT_H

/*
 * The CPU time of a process as the kernel accounts it, in nanoseconds. It includes the time of threads that have ended.
 * podflame compares its samples with it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct account {
        pid_t pid;
        uint64_t start_time;    /* when the process started, in clock ticks since boot; 0: not known */
        uint64_t cpu_ns;        /* the CPU time of the process since it started, at the last reading */
        uint64_t booked_ns;     /* the part of @cpu_ns that account_book() has returned, or that account_open() found */
        int count_fd;           /* a counter of the kernel's that outlives the process; -1: none */
        uint64_t count_from_ns; /* the CPU time of the process when that counter began */
        uint64_t read_at_ns;    /* when account_read_at_tick() last read the clock (CLOCK_MONOTONIC) */
};

/*
 * Begins the account of a process with the CPU time that it has used by now. If the process may end soon (@short_lived)
 * and has only one thread yet, a counter is kept open that can still be read when the process is gone. The counter
 * costs a descriptor.
 */
void account_open(struct account *ret, pid_t pid, bool short_lived);
void account_close(struct account *account); /* accepts { .count_fd = -1 } */

/* Reads the clock, and returns @cpu_ns. Once the process is gone, the last time that is known stays. */
uint64_t account_read(struct account *account);

/* Reads the clock at a tick at @now_ns (CLOCK_MONOTONIC), at most every 5 ms. Returns whether it has read the clock. */
bool account_read_at_tick(struct account *account, uint64_t now_ns);

/* Reads the clock, and returns the CPU time used since the last account_book(), or since account_open(). */
uint64_t account_book(struct account *account);

#endif
