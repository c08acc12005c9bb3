/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_FOLLOW_H
#define COMMAND_FOLLOW_H

/*
 * The processes of a recording: those that were named, and, if they are to be
 * followed, their descendants and newcomers of their container or pod. Each of them ends
 * as a profile of its own.
 */

#include "agent/command/target.h"
#include "agent/profile/profile.h"
#include "agent/sample/sample.h"

struct follow;

struct follow_config {
        struct sampler *sampler; /* must live longer, like find */
        struct find *find;
        bool subprocesses;
        const char *container_id; /* whose newcomers are followed with the subprocesses; NULL: none's */
        const char *pod;          /* likewise, as find_pod() takes it */
        bool adopted;             /* our own children are orphans of descendants */
};

/* 0 or negative errno. */
int follow_open(const struct follow_config *config, struct follow **ret);
void follow_close(struct follow *follow); /* accepts NULL */

/*
 * Names a process whose descendants are to be followed, while it is not Python
 * itself. What find says of it is not listened to: it is added by hand.
 */
void follow_command(struct follow *follow, pid_t pid, uint64_t start_time);

/*
 * Adds a process. @py is consumed in any case. One that is there already, or has
 * ended by now, is passed over. 0, or the error of nsutil_strerror().
 */
int follow_add(struct follow *follow, const struct find_process *process, struct pystack *py);

/* Adds all of them, or says why not: -1, or an exit status. Their interpreters are consumed as far as it got. */
int follow_choice(struct follow *follow, struct choice *choice);

/* The process has ended, or has become another program: its profile is finished. 0 or negative errno. */
int follow_drop(struct follow *follow, pid_t pid);

/* Readable when a process has ended: call follow_reap(). */
int follow_fd(const struct follow *follow);
int follow_reap(struct follow *follow); /* 0 or negative errno */

/* Looks for descendants and newcomers if it is time to. 0 or negative errno. */
int follow_scan(struct follow *follow);

/* When to call it again, in ms; -1: never. Where find follows, also once find_fd() is readable. */
int follow_scan_delay_ms(const struct follow *follow);

/* How many processes are being sampled now. */
size_t follow_alive(const struct follow *follow);

/* Adds what was sampled since the last time to @set; the processes are followed on. 0 or negative errno. */
int follow_take(struct follow *follow, struct profile_set *set);

/* Finishes all that are left, and adds every profile since the last time to @set. 0 or negative errno. */
int follow_finish(struct follow *follow, struct profile_set *set);

#endif
