/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_INTERNAL_H
#define COMPARE_INTERNAL_H

/* What the files of this room share. */

#include "compare.h"

/*
 * Which of @leaves has most of what @function grew in all, if they together have
 * nearly all of it; 0: they have not.
 */
int compare_growth_leaf(const struct compare_result *comparison, profile_id function, const profile_id *leaves,
                        size_t n, profile_id *ret);

/* Fills the causes of what @comparison calls a regression, those that grew most first. -ENOMEM. */
int compare_find_causes(const struct compare_result *comparison, struct compare_judgement *judgement);

#endif
