/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_LINEAGE_H
#define SAMPLE_LINEAGE_H

/*
 * What the kernel tells of all that descends from a process, be it so short-lived that
 * nobody ever looks at it. Needs no privilege for one's own processes, where
 * kernel.perf_event_paranoid is 2 or less and perf events are not refused altogether.
 */

#include <stdint.h>
#include <sys/types.h>

struct lineage;

enum lineage_kind {
        LINEAGE_BORN,     /* a process */
        LINEAGE_THREAD,   /* a thread was started in it */
        LINEAGE_EXECUTED, /* it has become another program */
        LINEAGE_MAPPED,   /* it has mapped a file that it may execute */
        LINEAGE_ENDED,    /* a thread of it has ended */
        LINEAGE_USED,     /* what an ended thread has used; for each end there are lineage_parts() of these */
        LINEAGE_LOST,     /* something was not told */
};

struct lineage_event {
        enum lineage_kind kind;
        pid_t pid;        /* the process's, in our PID namespace */
        pid_t parent;     /* of one that is born: who has forked */
        uint64_t at;      /* CLOCK_MONOTONIC, ns */
        uint64_t ns;      /* of CPU time used */
        const char *file; /* that was mapped; valid during the call */
};

/* 0 or negative errno. */
int lineage_open(struct lineage **ret);
void lineage_close(struct lineage *lineage); /* accepts NULL */

/*
 * Listens to what descends from @pid, whose threads so far are counted in @ret_threads.
 * To be called once for a process, and not for one that descends from such. 0, NSUTIL_E_GONE or negative errno.
 */
int lineage_add(struct lineage *lineage, pid_t pid, unsigned *ret_threads);

/* How many LINEAGE_USED come of a thread. */
unsigned lineage_parts(const struct lineage *lineage);

/* Tells what has happened. The order is that of time only for events of one CPU. */
typedef void (*lineage_fn)(const struct lineage_event *event, void *ctx);
void lineage_hear(struct lineage *lineage, lineage_fn each, void *ctx);

#endif
