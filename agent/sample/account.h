/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_ACCOUNT_H
#define SAMPLE_ACCOUNT_H

/*
 * The CPU time of a process as the kernel accounts it, threads that have ended
 * included, in nanoseconds. It is what samples are held against.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct account {
        pid_t pid;
        uint64_t start_time;    /* of the process, in clock ticks since boot; 0: not known */
        uint64_t cpu_ns;        /* of all its life, at the last reading */
        uint64_t booked_ns;     /* of it, what account_book() has told */
        int count_fd;           /* a count of the kernel's that outlives the process, -1: none */
        uint64_t count_from_ns; /* CPU time when that count began */
        uint64_t read_at_ns;    /* when account_read_at_tick() last read it, CLOCK_MONOTONIC */
};

/*
 * Begins the account of a process with what it has used by now. For a process that
 * has one thread yet and may end soon (@short_lived), a count is kept open that can
 * still be read when the process is gone; it costs a descriptor.
 */
void account_open(struct account *ret, pid_t pid, bool short_lived);
void account_close(struct account *account); /* accepts { .count_fd = -1 } */

/* Reads the clock. Once the process is gone it stays at the last that is known. */
uint64_t account_read(struct account *account);

/* Reads the clock at a tick at @now_ns, unless that was done a short while ago. Whether it did. */
bool account_read_at_tick(struct account *account, uint64_t now_ns);

/* Reads the clock, and returns what was used since the last time it was booked, or since account_open(). */
uint64_t account_book(struct account *account);

#endif
