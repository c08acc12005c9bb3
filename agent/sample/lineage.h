/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_LINEAGE_H
#define SAMPLE_LINEAGE_H

/*
 * What the kernel reports about all descendants of a process, also about those that end before they are looked at. It
 * needs no privilege for one's own processes, if kernel.perf_event_paranoid is 2 or less and perf events are not
 * refused altogether.
 */

#include <stdint.h>
#include <sys/types.h>

struct lineage;

enum lineage_kind {
        LINEAGE_BORN,     /* a process was forked */
        LINEAGE_THREAD,   /* a thread was started in it */
        LINEAGE_EXECUTED, /* it has become another program */
        LINEAGE_MAPPED,   /* it has mapped a file that it may execute */
        LINEAGE_ENDED,    /* a thread of it has ended */
        LINEAGE_USED,     /* CPU time that an ended thread has used; for each end there are lineage_parts() of these */
        LINEAGE_LOST,     /* the kernel has lost events */
};

struct lineage_event {
        enum lineage_kind kind;
        pid_t pid;        /* the process, by its PID in podflame's PID namespace */
        pid_t parent;     /* of LINEAGE_BORN: the process that has forked it */
        uint64_t at;      /* CLOCK_MONOTONIC, ns */
        uint64_t ns;      /* of LINEAGE_USED: CPU time in ns */
        const char *file; /* of LINEAGE_MAPPED: the file; valid during the call */
};

/* 0 or negative errno. */
int lineage_open(struct lineage **ret);
void lineage_close(struct lineage *lineage); /* accepts NULL */

/*
 * Begins to listen to the descendants of @pid. @ret_threads is the number of threads that the process has so far. Call
 * it once for a process, and not for its descendants. 0, NSUTIL_E_GONE or negative errno.
 */
int lineage_add(struct lineage *lineage, pid_t pid, unsigned *ret_threads);

/* The number of LINEAGE_USED events that come for each thread that ends. */
unsigned lineage_parts(const struct lineage *lineage);

/* Calls @each with every event since the last call. Only events of one CPU are in the order of time. */
typedef void (*lineage_fn)(const struct lineage_event *event, void *ctx);
void lineage_hear(struct lineage *lineage, lineage_fn each, void *ctx);

#endif
