/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SUMMARY_H
#define RECORD_SUMMARY_H

/* The lines on stderr that say what a recording is worth. */

#include "agent/profile/profile.h"
#include "agent/sample/sample.h"

/*
 * Prints the number of samples, what the processes used of CPU time if the mode accounts it, and what became of ticks that gave none, if there are any. @runs is the number of runs
 * of a command; it is printed if it is more than 1. @engine is what sampler_describe() returns, or NULL. If it is not
 * NULL, it is printed, as well as counters that are 0.
 */
void summary_say(const struct profile_set *set, unsigned runs, const char *engine);

/* Prints the engine, and why a better one was refused. */
void summary_say_engine(const struct sampler *sampler);

/* Prints how many stacks have no native frames although these were asked for, and why; nothing if they were not. */
void summary_say_unmerged(const struct profile_set *set, const struct sampler *sampler);

/* Says of how many stacks it was not certain which task runs them, if there are any. */
void summary_say_without_task(const struct sampler *sampler);

/* Prints what podflame itself has cost so far, without the command. */
void summary_say_cost(void);

#endif
