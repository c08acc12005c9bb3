/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of profiles as a whole: the time that it covers, and the sums of its counters. The counters are in a table, so
 * that no format forgets one.
 */
#include "summary.h"

#include <stdlib.h>
#include <string.h>

#define COUNTER(field)                                                             \
        {                                                                          \
                .name = #field, .offset = offsetof(struct profile_counters, field) \
        }
#define TIME(field)                                                                                 \
        {                                                                                           \
                .name = #field, .offset = offsetof(struct profile_counters, field), .is_time = true \
        }
#define MIXED(field)                                                                                 \
        {                                                                                            \
                .name = #field, .offset = offsetof(struct profile_counters, field), .is_mixed = true \
        }

const struct summary_counter summary_counters[SUMMARY_COUNTERS] = {
        COUNTER(ticks),   COUNTER(ok),     COUNTER(retried),  COUNTER(torn),     COUNTER(late),
        COUNTER(gone),    COUNTER(failed), MIXED(mixed),      MIXED(unmerged),   TIME(accounted_ns),
        TIME(sampled_ns), TIME(native_ns), TIME(left_out_ns), TIME(unopened_ns), TIME(torn_ns),
        TIME(late_ns),    TIME(gone_ns),   TIME(failed_ns),   TIME(unmerged_ns),
};

_Static_assert(sizeof(struct profile_counters) == SUMMARY_COUNTERS * sizeof(uint64_t), "every counter is in the table");

uint64_t summary_counter_get(const struct profile_counters *counters, size_t i)
{
        uint64_t value;

        memcpy(&value, (const char *)counters + summary_counters[i].offset, sizeof(value));
        return value;
}

bool summary_counter_is_told(const struct profile_counters *counters, size_t i)
{
        if (summary_counters[i].is_mixed)
                return counters->mixed > 0;
        return !summary_counters[i].is_time || summary_counter_get(counters, i) > 0;
}

void summary_counter_set(struct profile_counters *counters, size_t i, uint64_t value)
{
        memcpy((char *)counters + summary_counters[i].offset, &value, sizeof(value));
}

uint64_t summary_number(const char *text)
{
        long long number = strtoll(text, NULL, 10);

        return number > 0 ? (uint64_t)number : 0;
}

void summary_counter_read(struct profile_counters *counters, const char *name, const char *value)
{
        for (size_t i = 0; i < SUMMARY_COUNTERS; i++) {
                if (strcmp(summary_counters[i].name, name) == 0)
                        summary_counter_set(counters, i, summary_number(value));
        }
}

uint64_t summary_count(uint64_t nanoseconds, uint64_t period_ns)
{
        uint64_t count = nanoseconds / period_ns;

        count += nanoseconds % period_ns >= period_ns - period_ns / 2;
        return count + (nanoseconds > 0 && count == 0);
}

const char *summary_period_type(enum profile_mode mode)
{
        static const char *const types[PROFILE_MODES] = {
                [PROFILE_MODE_CPU] = "cpu",
                [PROFILE_MODE_WALL] = "wall",
                [PROFILE_MODE_GIL] = "gil",
                [PROFILE_MODE_BLAME] = "gil_wait",
        };

        return types[mode];
}

/* Extends @all's time by @one's. A profile without a start is ignored. */
static void unite_times(struct profile_settings *all, const struct profile_settings *one)
{
        if (one->start_ns == 0)
                return;
        if (all->start_ns == 0) {
                all->start_ns = one->start_ns;
                all->duration_ns = one->duration_ns;
                return;
        }
        uint64_t end = all->start_ns + all->duration_ns;
        uint64_t other_end = one->start_ns + one->duration_ns;

        if (one->start_ns < all->start_ns)
                all->start_ns = one->start_ns;
        all->duration_ns = (other_end > end ? other_end : end) - all->start_ns;
}

void summary_of(const struct profile_set *set, struct summary *ret)
{
        struct summary s = { 0 };

        for (size_t i = 0; i < set->n; i++) {
                const struct profile *p = set->items[i];

                if (i == 0)
                        s.settings = *profile_settings(p);
                else
                        unite_times(&s.settings, profile_settings(p));
                s.samples += profile_total(p);
                for (size_t k = 0; k < SUMMARY_COUNTERS; k++) {
                        uint64_t value = summary_counter_get(profile_counters_of(p), k);

                        summary_counter_set(&s.counters, k, summary_counter_get(&s.counters, k) + value);
                }
        }
        *ret = s;
}
