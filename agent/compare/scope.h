/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_SCOPE_H
#define COMPARE_SCOPE_H

/*
 * What is judged of a program: which functions, and which samples. A stack is cut to its judged functions. So the time
 * of what they call, and what is not judged itself, is theirs.
 */

#include "compare.h"

struct scope {
        const struct compare_scope *asked;
        struct compare_scoped found;
        unsigned char *flags; /* by function id of both sides' common profile */
        size_t n;
};

/*
 * Learns the functions of one run of @side. @map has all of its frames, and leads to the common profile. A function that
 * is the project's own on one side is so on both. -ENOMEM.
 */
int scope_learn(struct scope *scope, enum compare_side side, const struct profile_map *map);

/* Decides what the scope is, after all runs were learned. */
void scope_decide(struct scope *scope);

/*
 * Cuts a stack of the run that @map translates. @ret has room for all of its frames, and gets those that are judged, leaf
 * first, as ids of the common profile. Returns their number. If it is 0, @ret_why says why the sample is left out.
 */
size_t scope_cut(const struct scope *scope, const struct profile_map *map, profile_id stack, profile_id *ret,
                 enum compare_left_out *ret_why);

void scope_deinit(struct scope *scope); /* accepts {0} */

#endif
