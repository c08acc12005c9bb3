/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_TIMELINE_H
#define PROFILE_TIMELINE_H

/* When each sample was taken. It is a part of profile.h, which includes it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sample with its time. It stands for the @nanoseconds before @end_ns. */
struct profile_moment {
        uint64_t end_ns; /* since the start of the profile */
        uint64_t nanoseconds;
        uint64_t count;
        profile_id stack, thread;
        uint32_t mark; /* 0 once it is settled */
        enum profile_state state;
};

/*
 * From now on profile_add_moment() keeps what it gets, up to so many bytes: 0 is no timeline. A timeline belongs to one
 * profile: what is made of several, or by profile_view(), has none.
 */
void profile_keep_timeline(struct profile *p, size_t bytes);
bool profile_has_timeline(const struct profile *p);

/*
 * Appends a moment of a sample that was added. Its stack and its mark are settled with those of samples. Without a
 * timeline it does nothing. What finds no room is counted.
 */
void profile_add_moment(struct profile *p, const struct profile_moment *moment);

/* Counts a moment that its maker has no room for. */
void profile_lose_moment(struct profile *p, const struct profile_moment *moment);

/* The moments in the order in which they were added. Those beyond the bound, or without memory, are @ret_dropped. */
const struct profile_moment *profile_moments(const struct profile *p, size_t *ret_n, uint64_t *ret_dropped);

#endif
