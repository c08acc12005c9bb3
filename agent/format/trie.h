/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TRIE_H
#define FORMAT_TRIE_H

#include "agent/profile/profile.h"

#include <stdbool.h>

/*
 * The stacks of a profile as a tree of frames. Siblings are told apart by function and line. A parent comes before its
 * children, and all of a child's descendants before the next child: the child with the most weight first. That is the
 * order of a view that is called "left heavy".
 */
struct trie_node {
        uint32_t parent; /* the root's is the root itself */
        uint32_t depth;  /* 0: the root, which is no frame */
        profile_id frame;
        uint64_t self, weight; /* of itself, and with all of its descendants */
        uint64_t self_count;   /* samples of itself */
        uint64_t count;        /* samples, with all of its descendants */
};

struct trie {
        struct trie_node *nodes; /* nodes[0] is the root */
        size_t n;
        uint32_t *of_stack; /* by stack id: its node */
};

/* The nodes of a tree are at most so many: 4 million take some 400 MB while it is made. */
#define TRIE_NODES_MAX (1u << 22)

/* Weights are times if @timed, otherwise counts. -ENOMEM; -ENOSPC: there are too many nodes. */
int trie_init(struct trie *trie, const struct profile *p, bool timed);
void trie_deinit(struct trie *trie); /* accepts {0} */

#endif
