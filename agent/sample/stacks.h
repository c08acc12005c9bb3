/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_STACKS_H
#define SAMPLE_STACKS_H

/*
 * The cache from pystack's raw stacks to the stacks of a profile. A stack that was seen before costs one hash of its
 * code serials and positions. No string and no line table is read for it.
 */

#include "backlog.h"

struct stacks_slot {
        uint64_t hash[2]; /* 128 bits, so two stacks practically never have the same hash */
        profile_id id;    /* the stack in the profile; 0: the slot is free */
};

struct stacks {
        struct stacks_slot *slots;
        size_t mask; /* the number of slots - 1 */
        size_t used; /* the number of slots that are not free */

        struct backlog backlog; /* stacks whose names and lines are to be decoded */
        size_t lent;            /* the bytes of the stacks that are being decoded */
};

void stacks_deinit(struct stacks *stacks);

/* Empties the cache. The backlog stays. */
void stacks_trim(struct stacks *stacks);

/* Replaces each reserved id in the cache by the id that it is linked with in @profile. The reserved ids end then. */
void stacks_renumber(struct stacks *stacks, const struct profile *profile);

/* The bytes of memory that the cache, the backlog and the stacks that are being decoded take. */
size_t stacks_bytes(const struct stacks *stacks);

/* Forgets all ids. To be called when the target has got a new profile. */
void stacks_clear(struct stacks *stacks);

/*
 * The id by which the stack in @view, of @py, is counted in @profile. A new stack gets a reserved id and goes to the
 * backlog. If the backlog is full, and decoding the stack takes little work, a stack of Python alone is decoded at once.
 * The errors are those of backlog_add(); then @ret is 0.
 */
int stacks_find(struct stacks *stacks, struct profile *profile, struct pystack *py, const struct backlog_view *view,
                profile_id *ret);

/* The id of a frame called @name that is not a Python frame. 0 on failure. */
profile_id stacks_pseudo_frame(struct profile *profile, const char *name);

/* The frames that a stack of pystack's has in a profile at most. */
#define STACKS_FRAMES_MAX (BACKLOG_FRAMES_MAX + 2 + BACKLOG_OUTSIDE)

/*
 * Adds "(truncated)" and "<GC>" to the frames of a stack, if it has them: see struct pystack_stack. @ids are the @n frames
 * of a stack, leaf first. Returns their new number. An id that cannot be had is 0: no stack has such a frame.
 */
size_t stacks_add_pseudo_frames(struct profile *profile, profile_id ids[static STACKS_FRAMES_MAX], size_t n,
                                bool truncated, bool gc, size_t gc_at);

/* The id of a stack of one frame called @name that is not a Python frame. 0 on failure. */
profile_id stacks_pseudo(struct profile *profile, const char *name);

/* The frames of a thread called @name that runs no Python: "(native)" below its name. An id is 0 on failure. */
void stacks_native_frames(struct profile *profile, const char *name, profile_id ret[static BACKLOG_OUTSIDE]);
/* The id of the stack of these frames. 0 on failure. */
profile_id stacks_native(struct profile *profile, const char *name);

#endif
