/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_INTERNAL_H
#define COMPARE_INTERNAL_H

/* What the files of compare share. */

#include "compare.h"

/*
 * Finds which of @leaves has most of the total growth of @function, if they together have nearly all of it; otherwise
 * @ret is 0.
 */
int compare_growth_leaf(const struct compare_result *comparison, profile_id function, const profile_id *leaves,
                        size_t n, profile_id *ret);

/* Fills the causes of the regressions, those that grew most first. -ENOMEM. */
int compare_find_causes(const struct compare_result *comparison, struct compare_judgement *judgement);

#endif
