/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_COVERAGE_H
#define RECORD_COVERAGE_H

/* What record prints about its books: which part of the accounted time the samples stand for. */

#include "agent/profile/profile.h"

/*
 * Prints a sentence about all profiles together, if their coverage is low or if @verbose. If there are several
 * processes, also prints one about each process of low coverage, those that lost most first.
 */
void coverage_say(const struct profile_set *set, bool verbose);

/* Prints why there is no sample: nothing ran, or no tick met what ran. */
void coverage_say_no_samples(const struct profile_set *set);

#endif
