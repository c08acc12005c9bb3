/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_VISIT_H
#define SAMPLE_VISIT_H

/*
 * The targets that a thread with a post is to read, one after the other: see post.h. Each has a user for the thread that
 * takes it from here. The table's lock is held while targets are added, and not while they are read.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target;

struct visited {
        _Atomic(struct target *) target; /* NULL: it is taken */
        uint64_t weight;                 /* whatever the thread wants to know of it */
};

struct visit {
        struct visited *items;
        size_t n, cap;
};

/* Empties @visit, and makes room for @n targets. False: there is no memory. */
bool visit_begin(struct visit *visit, size_t n);
void visit_add(struct visit *visit, struct target *target, uint64_t weight);

/* Takes the target @i, for target_put(). NULL: the thread was relieved. */
struct target *visit_take(struct visit *visit, size_t i);

/* Takes what is left away from a thread that was relieved. */
void visit_drop(struct visit *visit);

void visit_deinit(struct visit *visit);

#endif
