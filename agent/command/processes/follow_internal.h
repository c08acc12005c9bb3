/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_FOLLOW_INTERNAL_H
#define PROCESSES_FOLLOW_INTERNAL_H

/* What the files of follow share. */

#include "appear.h"
#include "family.h"
#include "follow.h"
#include "missed.h"
#include "watched.h"

struct followed {
        struct watched watched; /* the first member: see followed_of() */
        int pidfd;
        /* named by the user, or the command: named.c looks at it, and what find reports of it is ignored */
        bool named;
        bool asked;           /* named by -p, or the command: it is a failure if it gives no profile */
        bool command;         /* podflame has started it */
        bool adopted;         /* the sampler has added it, and find has not reported it yet */
        bool profiled;        /* it was sampled at some time */
        bool foreign;         /* a message has said that its program is not Python */
        int reported;         /* the error that a message has named; 0: none */
        uint64_t ticks;       /* CPU time that it had used before it was sampled, in clock ticks */
        struct appear appear; /* only if it is named */
};

/* NULL gives NULL. */
static inline struct followed *followed_of(struct watched *watched)
{
        return (struct followed *)watched;
}

struct kinship;

struct follow {
        struct follow_config config;
        struct watch_list list; /* of struct followed */
        struct family *family;
        struct kinship *kinship; /* NULL: only named processes are followed, or the mode is not cpu */
        uint64_t foreign_ns;     /* see follow_foreign_ns() */
        int epoll_fd;            /* waits for the pidfds of all followed processes */
        struct profile_set done; /* profiles that are finished and not taken yet */
        struct missed_list missed;
        uint64_t unsampled_ticks; /* clock ticks of CPU time: see follow_unsampled_ms() */
        pid_t stopped;            /* see follow_stopped() */
        uint64_t scan_ns;         /* when to call find_scan() next */
        uint64_t check_ns;        /* when to call sampler_check() next */
        int error;                /* the first error in handling what a scan has found */
};

struct followed *follow_get(const struct follow *follow, pid_t pid);

/* The process that counts as the parent of what @pid has forked. It is podflame for children of the starter. */
pid_t follow_parent(const struct follow *follow, pid_t pid);

/*
 * Begins to follow @process, with the flags of @how. *@ret is NULL if the process has ended: then it is noted as
 * missed. @error is why it could not be opened before; 0: it was not tried. Returns 0, or an error for
 * nsutil_strerror().
 */
int follow_begin(struct follow *follow, const struct find_process *process, const struct followed *how, int error,
                 struct followed **ret);

/* Samples the process from now on. @py is consumed. 0, or an error of sampler_add(). */
int follow_sample(struct follow *follow, struct followed *item, struct pystack *py);

/* Notes that the process is a target of the sampler from now on. */
void follow_note_sampled(struct follow *follow, struct followed *item);

/*
 * Describes a finished profile as one of @process, and keeps it for follow_take(). @profile is consumed. 0 or negative
 * errno.
 */
int follow_keep(struct follow *follow, const struct find_process *process, struct profile *profile);

/* Follows the copies that the sampler has added by itself (adopted.c). 0 or negative errno. */
int adopted_take(struct follow *follow);

/*
 * Call this when a process has executed another program. If the process was adopted, it is no longer followed, until
 * find reports it.
 */
void adopted_executed(struct follow *follow, pid_t pid);

/*
 * Stops sampling a process whose program was replaced, or that has ended. Its profile is finished, described and kept.
 * 0 or negative errno.
 */
int follow_stop(struct follow *follow, struct followed *item);

/* Stops following a process that has ended, or at the end of the recording. @item is freed. 0 or negative errno. */
int follow_end(struct follow *follow, struct followed *item);

/* ---- processes that were named (named.c) -------------------------------------------------------- */

/* Looks at a named process if it is time to, and handles what it has become. 0 or negative errno. */
int named_look(struct follow *follow, struct followed *item);

/* Prints what is left to say about a process that ends. */
void named_end(struct follow *follow, struct followed *item);

/* ---- descendants and newcomers (newcomers.c) ------------------------------------------------ */

/* Looks for descendants and newcomers if it is time to. 0 or negative errno. */
int newcomers_scan(struct follow *follow);
int newcomers_delay_ms(const struct follow *follow); /* -1: never */

/* ---- the time of descendants (kinship.c) ------------------------------------------------------ */

/* These do nothing if @kinship is NULL. */

/* @follow->config is set. *@ret stays NULL if the time of descendants is not accounted. 0 or negative errno. */
int kinship_open(struct follow *follow, struct kinship **ret);
void kinship_close(struct kinship *kinship); /* accepts NULL */

/* Adds a process of the family. @parent is its present parent; 0: look it up. */
void kinship_meet(struct kinship *kinship, pid_t pid, pid_t parent);
void kinship_complete(struct kinship *kinship); /* all processes that were there at the beginning have been added */
bool kinship_has(const struct kinship *kinship, pid_t pid);
pid_t kinship_parent(const struct kinship *kinship, pid_t pid); /* the process that has forked it; 0: not known */

/*
 * kinship_opened(): the process is sampled from now on. kinship_booked(): a part of its time is in @profile.
 * kinship_stopped(): it is sampled no longer.
 */
void kinship_opened(struct kinship *kinship, pid_t pid);
void kinship_booked(struct kinship *kinship, pid_t pid, const struct profile *profile);
void kinship_stopped(struct kinship *kinship, pid_t pid);

/* Reads what the kernel has reported. Call it now and then. */
void kinship_step(struct kinship *kinship);

/*
 * Adds a profile to @set of the time that is in no other profile, if there is any. Adds the time of programs that are
 * not Python to *@ret_foreign, in ns. @all: also the time of living processes. 0 or negative errno.
 */
int kinship_take(struct kinship *kinship, bool all, struct profile_set *set, uint64_t *ret_foreign);

#endif
