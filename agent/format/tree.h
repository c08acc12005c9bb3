/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TREE_H
#define FORMAT_TREE_H

#include "agent/profile/profile.h"

#include <stdio.h>

/* The tree of both sides: nodes have a "base" beside their "value", which is of the new side. */
int tree_write_compared(const struct profile_comparison *c, FILE *out);

#endif
