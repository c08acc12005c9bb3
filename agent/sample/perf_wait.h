/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_PERF_WAIT_H
#define SAMPLE_PERF_WAIT_H

/* Waiting for the ticks of a perf event. */

/* Opens a descriptor for perf_wait(). It waits for ticks of @fd, and for a write to @stop_fd, an eventfd. */
int perf_wait_open(int fd, int stop_fd);

/* What perf_wait() has seen. */
enum perf_woken {
        PERF_TICKS,
        PERF_NOTHING, /* @timeout_ms have passed */
        PERF_END,     /* there will be no more ticks: @stop_fd was written to, or the CPU has gone offline */
};

/* Waits for at most @timeout_ms, stops of the process included; -1: without end. */
enum perf_woken perf_wait(int wait_fd, int timeout_ms);

#endif
