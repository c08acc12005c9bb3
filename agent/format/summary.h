/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_SUMMARY_H
#define FORMAT_SUMMARY_H

#include "agent/profile/profile.h"

/* What can be said of a set as a whole. */
struct summary {
        struct profile_settings settings; /* of the first profile; the time span of all */
        struct profile_counters counters; /* of all */
        uint64_t samples;
};

void summary_of(const struct profile_set *set, struct summary *ret);

/* The counters by name, in the order in which they are told: first numbers of ticks, then times. */
#define SUMMARY_COUNTERS 16
extern const struct summary_counter {
        const char *name;
        size_t offset; /* in struct profile_counters */
        bool is_time;  /* in nanoseconds */
} summary_counters[SUMMARY_COUNTERS];

/* Whether files tell it: numbers always, times only where the time was accounted and there was some. */
bool summary_counter_is_told(const struct profile_counters *counters, size_t i);

uint64_t summary_counter_get(const struct profile_counters *counters, size_t i);
void summary_counter_set(struct profile_counters *counters, size_t i, uint64_t value);

/* What @text counts, of a file that may be a stranger's: 0 instead of a negative number, at most INT64_MAX. */
uint64_t summary_number(const char *text);

/* "samples that stand for time on a CPU": the period type, "cpu" or "wall". */
const char *summary_period_type(enum profile_mode mode);

#endif
