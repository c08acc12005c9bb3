/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_WATCHED_H
#define PROCESSES_WATCHED_H

/*
 * Processes that a command watches, each by its PID, and their targets in a sampler. What the agent's fleet and the
 * followers of record and top have in common; whom to watch, and what becomes of a profile, is theirs.
 */

#include "sampling.h"

#include <uthash.h>

/* The first member of what its owner knows of the process; the owner allocates and frees that. */
struct watched {
        pid_t pid;
        struct find_process process;
        struct sample_target target; /* pid 0: it is not sampled */
        struct sampling_said said;
        UT_hash_handle hh;
};

struct watch_list {
        struct sampler *sampler; /* must live longer */
        struct watched *items;   /* by PID */
        size_t n_sampled;
};

/* NULL: none is watched. */
struct watched *watched_get(const struct watch_list *list, pid_t pid);

/* Adds one that is in no list; its process is set. 0 or -ENOMEM. */
int watched_insert(struct watch_list *list, struct watched *watched);

/* Takes one that is not sampled out of the list. */
void watched_remove(struct watch_list *list, struct watched *watched);

bool watched_is_sampled(const struct watched *watched);

/* Samples it from now on; @py is consumed in any case. If the sampler has adopted it, it is sampled already: 0 as well. */
int watched_sample(struct watch_list *list, struct watched *watched, struct pystack *py);

/* It is a target of the sampler by now: it was adopted. */
void watched_note_sampled(struct watch_list *list, struct watched *watched, const struct sample_target *target);

/* Takes what was sampled since the last time; the caller owns it. Only of one that is sampled. As sampler_take(). */
int watched_take(struct watch_list *list, struct watched *watched, struct profile **ret);

/* Samples it no more; its last profile is the caller's. Only of one that is sampled. As sampler_remove(). */
int watched_stop(struct watch_list *list, struct watched *watched, struct profile **ret);

/* Says, once each, what is unusual in how it is sampled: see sampling_say_exceptions(). */
void watched_say_exceptions(struct watch_list *list, struct watched *watched);

#endif
