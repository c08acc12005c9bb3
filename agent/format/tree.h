/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TREE_H
#define FORMAT_TREE_H

#include "agent/profile/profile.h"

#include <stdio.h>

/*
 * Writes the tree of two sides. Nodes have a "base" beside their "value", which belongs to the new side. @counts is
 * indexed by ids of @stacks; each entry has the count of the base, then that of the new side. Stacks
 * without any are left out.
 */
int tree_write_compared(struct profile *stacks, const uint64_t (*counts)[2], FILE *out);

#endif
