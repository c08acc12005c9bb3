/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_COVERAGE_H
#define RECORD_COVERAGE_H

/* What record says of its books: how much of the accounted time the samples stand for. */

#include "agent/profile/profile.h"

/*
 * A sentence about all profiles together where their coverage is low, or if @verbose; and one about each process whose
 * own is low, those that lost most, if there are several processes.
 */
void coverage_say(const struct profile_set *set, bool verbose);

/* Why there is not one sample: nothing ran, or what ran was not met by a tick. */
void coverage_say_no_samples(const struct profile_set *set);

#endif
