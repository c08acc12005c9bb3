/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TREE_H
#define FORMAT_TREE_H

#include "agent/profile/profile.h"

#include <stdio.h>

/*
 * The tree of two sides: nodes have a "base" beside their "value", which is of the new side. @counts of each of
 * @stacks by its id: of the base, then of the new side.
 */
int tree_write_compared(struct profile *stacks, const uint64_t (*counts)[2], FILE *out);

#endif
