/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TRACKS_H
#define FORMAT_TRACKS_H

#include "agent/profile/profile.h"

#include <stdbool.h>

/*
 * A set of profiles for formats with an axis of time. If a profile has a timeline, there is a track for each thread,
 * and each moment has its time. Otherwise there is one track of merged stacks: each stands once, one beside the other,
 * in the order of struct trie, which says nothing of when they ran.
 */
struct track_moment {
        uint64_t start, length; /* nanoseconds; samples if the times are not known. Moments do not overlap. */
        uint64_t count;         /* samples */
        profile_id stack;       /* of tracks.all */
};

struct track {
        char *name;        /* of the thread */
        char *process;     /* "": not known */
        uint64_t pid, tid; /* numbers that tell tracks apart; those of the process if they are known */
        struct track_moment *moments;
        size_t n, capacity;
};

struct tracks {
        struct profile *all; /* frames and stacks of all tracks */
        struct track *items;
        size_t n;
        bool in_time;       /* moments stand where they were */
        bool timed;         /* lengths are nanoseconds */
        uint64_t start_ns;  /* CLOCK_REALTIME of 0; 0: not known */
        uint64_t period_ns; /* of the first profile; 0: not known */
        uint64_t dropped;   /* samples without a moment, since the timeline was full */
};

/* -ENOMEM, -ENOSPC. */
int tracks_init(struct tracks *tracks, const struct profile_set *set);
void tracks_deinit(struct tracks *tracks); /* accepts {0} */

/* What a file says of its order: merged stacks, or a timeline, which may lack samples. It is cut at @size. */
void tracks_describe(const struct tracks *tracks, char *ret, size_t size);

/* The first moment behind the last one, or 0. */
uint64_t track_end(const struct track *track);

#endif
