/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_WATCHED_H
#define PROCESSES_WATCHED_H

/*
 * Processes that a command watches, each by its PID, and their targets in one or more samplers. The agent's fleet and the
 * followers of record and top share this. They decide themselves which processes to watch, and what to do with a
 * profile.
 */

#include "sampling.h"

#include <uthash.h>

/* The first member of the struct that its owner keeps about the process. The owner allocates and frees that struct. */
struct watched {
        pid_t pid;
        struct find_process process;
        struct sample_target target; /* in every sampler of the list; pid 0: it is not sampled */
        struct sampling_said said;
        UT_hash_handle hh;
};

/* The most samplers of a list. */
#define WATCHED_SAMPLERS_MAX 3

struct watch_list {
        struct sampler *samplers[WATCHED_SAMPLERS_MAX]; /* each samples every process; they must live longer */
        size_t n_samplers;
        struct watched *items; /* by PID */
        size_t n_sampled;
};

/* NULL: none is watched. */
struct watched *watched_get(const struct watch_list *list, pid_t pid);

/* Takes over names that have come late. All samples that are taken from now on have them. */
void watched_name(const struct watch_list *list, const struct find_process *process);

/* Adds a process that is in no list yet. @watched->process is set. 0 or -ENOMEM. */
int watched_insert(struct watch_list *list, struct watched *watched);

/* Takes a process that is not sampled out of the list. */
void watched_remove(struct watch_list *list, struct watched *watched);

bool watched_is_sampled(const struct watched *watched);

/*
 * Samples the process from now on: in all samplers, or in none. @py is consumed in any case. 0 also if the sampler has
 * adopted the process before. Otherwise errors of sampler_add().
 */
int watched_sample(struct watch_list *list, struct watched *watched, struct pystack *py);

/* Notes that the process is a target of the sampler by now, since it was adopted. */
void watched_note_sampled(struct watch_list *list, struct watched *watched, const struct sample_target *target);

/*
 * Takes what was sampled since the last call. @ret gets a profile for each sampler of the list, in their order; NULL:
 * that sampler gave none. The caller owns the profiles. The process must be sampled. 0 or the first error, as those of
 * sampler_take().
 */
int watched_take(struct watch_list *list, struct watched *watched, struct profile *ret[]);

/* Stops sampling the process, and takes its last profiles. As watched_take(), with the errors of sampler_remove(). */
int watched_stop(struct watch_list *list, struct watched *watched, struct profile *ret[]);

/* Prints, once each, what is unusual in how the process is sampled: see sampling_say_exceptions(). */
void watched_say_exceptions(struct watch_list *list, struct watched *watched);

#endif
