/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_FOLLOW_H
#define PROCESSES_FOLLOW_H

/*
 * The processes of a recording: those that were named, and, if they are to be
 * followed, their descendants and newcomers of their container or pod. One that was
 * named is followed as long as it lives, whatever programs it executes; each program
 * of a process that is Python ends as a profile of its own.
 */

#include "agent/profile/profile.h"
#include "agent/sample/sample.h"
#include "target.h"

struct follow;

struct follow_config {
        struct sampler *sampler; /* must live longer, like find */
        struct find *find;
        uint32_t abi; /* of pystack_open(), for those that are named */
        bool subprocesses;
        const char *container_id; /* whose newcomers are followed with the subprocesses; NULL: none's */
        const char *pod;          /* likewise, as find_pod() takes it */
        enum profile_mode mode;   /* of the sampler */
        pid_t starter; /* starts our commands in our name; 0: there are none. Our own children are orphans of theirs */
        bool quiet;    /* a word about what fails only */
};

/* 0 or negative errno. */
int follow_open(const struct follow_config *config, struct follow **ret);
void follow_close(struct follow *follow); /* accepts NULL */

/* Follows the processes of @choice, or says why not: GO_ON, or an exit status. Their interpreters are consumed. */
int follow_choice(struct follow *follow, struct choice *choice);

/* Follows a command that has just been started, whose interpreter is yet to appear. 0 or negative errno. */
int follow_command(struct follow *follow, pid_t pid);

/* Sees to what has happened: who has ended, who has become another program, who was born. 0 or negative errno. */
int follow_step(struct follow *follow);

/* When to call it again, in ms; -1: never. Also once follow_fd(), or, with subprocesses, find_fd() is readable. */
int follow_delay_ms(const struct follow *follow);
int follow_fd(const struct follow *follow);

/* How many processes are being sampled now. */
size_t follow_sampled(const struct follow *follow);

/* Whether anybody lives who may be sampled: those that were named; with subprocesses any of theirs. */
bool follow_lives(const struct follow *follow);

/*
 * Adds what was sampled since the last time to @set; the processes are followed on. The time of
 * descendants that ended before they were opened is in a profile of its own, without a PID. 0 or negative errno.
 */
int follow_take(struct follow *follow, struct profile_set *set);

/* Finishes all that are left, and adds every profile since the last time to @set. 0 or negative errno. */
int follow_finish(struct follow *follow, struct profile_set *set);

/*
 * Once it is finished: names each process that gave no profile, with the reason. @profiled: others gave one.
 * Returns how many of these the user had named.
 */
size_t follow_say_missed(struct follow *follow, bool profiled);

/* What CPU time the processes used while they were followed that gave no sample, as far as is known, in ms. */
uint64_t follow_unsampled_ms(const struct follow *follow);

/* What CPU time children used that are not Python, as far as is known, in ns. */
uint64_t follow_foreign_ns(const struct follow *follow);

/* A process that was stopped (SIGSTOP, ^Z, a debugger) when it was finished without a sample; 0: none was. */
pid_t follow_stopped(const struct follow *follow);

#endif
