/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_SWITCH_RECORDS_H
#define SAMPLE_SWITCH_RECORDS_H

/* The kernel's records of switches, of all CPUs, as far as they are of targets. */

#include "perf_event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sampler;

struct switch_ring {
        int fd; /* -1: the CPU is offline */
        struct perf_ring ring;
};

struct switch_rings {
        struct switch_ring *items; /* by CPU */
        size_t n;
};

/* The caller owns what it gets, until switch_rings_close(). 0 or negative errno. */
int switch_rings_open(struct switch_rings *ret);
void switch_rings_close(struct switch_rings *rings); /* accepts {0} */
/* CPUs may have come or gone. What is in the rings is lost. */
void switch_rings_reopen(struct switch_rings *rings);

/* Records that were taken from the rings. {0} has none. */
struct switch_records {
        struct perf_switch *items;
        size_t n, cap;
        bool lost; /* some are missing. The user sets this to false */
};

void switch_records_deinit(struct switch_records *records);

/* Takes the records of targets from the rings, and throws the others away. */
void switch_records_take(struct switch_records *records, const struct switch_rings *rings, struct sampler *sampler);

/* Moves records of after @now to the end. Sorts the others by PID, TID and time, and returns their number. */
size_t switch_records_sort(struct switch_records *records, uint64_t now);

/* The index of the first of the @n sorted records that is of @pid or a later one. */
size_t switch_records_find(const struct switch_records *records, size_t n, uint32_t pid);

/* Drops the first @n. */
void switch_records_drop(struct switch_records *records, size_t n);

#endif
