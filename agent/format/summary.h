/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_SUMMARY_H
#define FORMAT_SUMMARY_H

#include "agent/profile/profile.h"

/* A set as a whole. */
struct summary {
        struct profile_settings settings; /* those of the first profile; the time covers all profiles */
        struct profile_counters counters; /* sums over all profiles */
        uint64_t samples;
};

void summary_of(const struct profile_set *set, struct summary *ret);

/* The counters by name, in the order in which they are written: numbers of ticks first, then times. */
#define SUMMARY_COUNTERS 19
extern const struct summary_counter {
        const char *name;
        size_t offset; /* in struct profile_counters */
        bool is_time;  /* in nanoseconds */
        bool is_mixed; /* of stacks with native frames */
} summary_counters[SUMMARY_COUNTERS];

/*
 * Whether files have counter @i: numbers always, times only if the time was accounted and is not 0, what is counted of
 * native stacks only if there were some.
 */
bool summary_counter_is_told(const struct profile_counters *counters, size_t i);

uint64_t summary_counter_get(const struct profile_counters *counters, size_t i);
void summary_counter_set(struct profile_counters *counters, size_t i, uint64_t value);
/* Sets the counter of that name, if there is one, to an untrusted number: see summary_number(). */
void summary_counter_read(struct profile_counters *counters, const char *name, const char *value);

/* Parses a count in an untrusted file. A negative number becomes 0. The result is at most INT64_MAX. */
uint64_t summary_number(const char *text);

/* The number of samples that stand for @nanoseconds, at @period_ns: rounded, but not to 0. */
uint64_t summary_count(uint64_t nanoseconds, uint64_t period_ns);

/* The period type that says what time samples stand for: "cpu", "wall", "gil" or "gil_wait". */
const char *summary_period_type(enum profile_mode mode);

#endif
