/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SUMMARY_H
#define RECORD_SUMMARY_H

/* The line on stderr that says what a recording is worth. */

#include "agent/profile/profile.h"
#include "agent/sample/sample.h"

/*
 * How many samples, and what became of the ticks that are none, where there are such. @runs: of a command; 0 or 1: no
 * word about it. @engine: of sampler_describe(), for who wants to know all: then counters of 0 are told, too; or NULL.
 */
void summary_say(const struct profile_set *set, unsigned runs, const char *engine);

/* Which engine was chosen, and why no better one. */
void summary_say_engine(const struct sampler *sampler);

/* What the recording has cost so far: ours alone, not a command's. */
void summary_say_cost(void);

#endif
