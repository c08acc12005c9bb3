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
        bool named;           /* we look at it ourselves, and do not listen to what find says of it */
        bool asked;           /* by -p: that it gives no profile is a failure */
        bool command;         /* podflame has started it */
        bool adopted;         /* the sampler has added it, and find has not told of it yet */
        bool profiled;        /* it has been, ever */
        bool foreign;         /* that its program is no Python was said */
        int reported;         /* the error that was said of it */
        uint64_t ticks;       /* CPU time before it was sampled, in clock ticks */
        struct appear appear; /* of one that is named */
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
        struct kinship *kinship; /* NULL: nobody is followed but those that were named, or time is not accounted */
        uint64_t foreign_ns;
        int epoll_fd; /* of their pidfds */
        struct profile_set done;
        struct missed_list missed;
        uint64_t unsampled_ticks;
        pid_t stopped;     /* of those without a sample */
        uint64_t scan_ns;  /* when to scan next */
        uint64_t check_ns; /* when to look after the readers next */
        int error;         /* of handling what a scan has found */
};

struct followed *follow_get(const struct follow *follow, pid_t pid);

/* Who counts as the parent of what @pid has forked: of what is started in our name, we. */
pid_t follow_parent(const struct follow *follow, pid_t pid);

/*
 * Begins to follow @process. *@ret is NULL if it has ended, which is noted: @error is why it could not be opened until
 * then. 0, or the error of nsutil_strerror().
 */
int follow_begin(struct follow *follow, const struct find_process *process, const struct followed *how, int error,
                 struct followed **ret);

/* Samples it from now on. @py is consumed. What prevents it is noted, and 0. */
int follow_sample(struct follow *follow, struct followed *item, struct pystack *py);

/* It is in the sampler from now on. */
void follow_note_sampled(struct follow *follow, struct followed *item);

/* Puts a profile that is finished, of @process, to those that are done. 0 or negative errno; @profile is consumed. */
int follow_keep(struct follow *follow, const struct find_process *process, struct profile *profile);

/* Takes in those whom the sampler has added by itself (adopted.c). 0 or negative errno. */
int adopted_take(struct follow *follow);

/* The process has executed another program: if it was adopted, it is followed no more, until find tells of it. */
void adopted_executed(struct follow *follow, pid_t pid);

/* Its program is replaced, or it has ended: the profile is finished, and has its name. 0 or negative errno. */
int follow_stop(struct follow *follow, struct followed *item);

/* It has ended, or the recording: @item is freed. 0 or negative errno. */
int follow_end(struct follow *follow, struct followed *item);

/* ---- those that were named (named.c) -------------------------------------------------------- */

/* Looks at one if it is time to: what it has become by now. 0 or negative errno. */
int named_look(struct follow *follow, struct followed *item);

/* A last word about one that ends. */
void named_end(struct follow *follow, struct followed *item);

/* ---- descendants and newcomers (newcomers.c) ------------------------------------------------ */

/* Looks for them if it is time to. 0 or negative errno. */
int newcomers_scan(struct follow *follow);
int newcomers_delay_ms(const struct follow *follow); /* -1: never */

/* ---- the time of descendants (kinship.c) ------------------------------------------------------ */

/* These do nothing where @kinship is NULL. */

/* @follow has its configuration. 0 or negative errno. */
int kinship_open(struct follow *follow, struct kinship **ret);
void kinship_close(struct kinship *kinship); /* accepts NULL */

/* A process of the family is there; @parent of now. */
void kinship_meet(struct kinship *kinship, pid_t pid, pid_t parent);
void kinship_complete(struct kinship *kinship); /* all that were there at the beginning have been met */
bool kinship_has(const struct kinship *kinship, pid_t pid);
pid_t kinship_parent(const struct kinship *kinship, pid_t pid); /* who has forked it; 0: not known */

/* It is sampled; a part of its time is in @profile; it is sampled no more. */
void kinship_opened(struct kinship *kinship, pid_t pid);
void kinship_booked(struct kinship *kinship, pid_t pid, const struct profile *profile);
void kinship_stopped(struct kinship *kinship, pid_t pid);

/* To be called now and then: hears what the kernel tells. */
void kinship_step(struct kinship *kinship);

/*
 * Adds a profile of the time that is in no other to @set, if there is such, and what foreign programs used to
 * @ret_foreign. @all: also of those that live. 0 or negative errno.
 */
int kinship_take(struct kinship *kinship, bool all, struct profile_set *set, uint64_t *ret_foreign);

#endif
