/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_DICTIONARY_H
#define FORMAT_DICTIONARY_H

#include "agent/profile/profile.h"

/*
 * The functions, frames and stacks of all profiles of a set, with common ids. Formats with one set of tables for all
 * profiles need this. Equal things have one id.
 */
struct dictionary {
        struct profile *all; /* holds functions, frames and stacks; no samples */
        profile_id **stacks; /* indexed by profile of the set, then by stack id: the id in @all */
        size_t n;            /* number of profiles of the set */
};

/* Fills a dictionary. -ENOMEM, -ENOSPC. */
int dictionary_init(struct dictionary *dictionary, const struct profile_set *set);
void dictionary_deinit(struct dictionary *dictionary); /* accepts {0} */

#endif
