/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_GECKO_H
#define FORMAT_GECKO_H

/* The tables of one thread in the Firefox Profiler's format: each thread has its own, of what it uses. */

#include "tracks.h"
#include "trie.h"

#include <stdio.h>

#define GECKO_GC "<GC>" /* the frame of a collection of garbage */

/* A wait, or a collection of garbage, in nanoseconds. */
struct gecko_span {
        uint64_t start, end;
        profile_id frame;
        bool wait;
};

struct gecko {
        const struct tracks *tracks;
        const struct trie *trie;
        FILE *out;

        /* Of the chosen track: what it uses, and the index of each thing that it uses. */
        const struct track *track;
        uint32_t *nodes, *node_index; /* nodes of the trie */
        profile_id *frames, *functions;
        uint32_t *frame_index, *function_index; /* by id */
        size_t nodes_n, frames_n, functions_n;
        struct gecko_span *spans; /* none without a timeline */
        size_t spans_n, spans_capacity;
        struct trie own;
};

/* @tracks must outlive it. -ENOMEM, -ENOSPC. It is to be deinitialised also on failure. */
int gecko_init(struct gecko *gecko, const struct tracks *tracks, FILE *out);
void gecko_deinit(struct gecko *gecko);

/* Chooses the track that is written next. -ENOMEM. */
int gecko_choose(struct gecko *gecko, const struct track *track);

#endif
