/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_FOLLOW_H
#define PROCESSES_FOLLOW_H

/*
 * The processes of a recording: those that were named and, if they are to be followed, their descendants and newcomers
 * of their container or pod. A process that was named is followed as long as it lives, whatever programs it executes.
 * Each Python program of a process gives a profile of its own.
 */

#include "agent/profile/profile.h"
#include "agent/sample/sample.h"
#include "target.h"

struct follow;

struct follow_watcher {
        void (*sampled)(void *ctx, const struct find_process *process);
        void (*finished)(void *ctx, const struct find_process *process, struct profile *profile);
        void *ctx;
};

struct follow_config {
        struct sampler *sampler; /* @sampler and @find must live longer than the struct follow */
        struct find *find;
        uint32_t abi;      /* what pystack_open() takes, for processes that were named */
        bool subprocesses; /* follow descendants */
        /* the container whose newcomers are followed as well, with @subprocesses; NULL: none */
        const char *container_id;
        const char *pod;        /* the pod whose newcomers are followed, as find_pod() takes it; NULL: none */
        enum profile_mode mode; /* of the sampler */
        /*
         * the process that starts the commands, which become podflame's children; 0: there are no commands. Other
         * children of podflame are orphans of the commands
         */
        pid_t starter;
        bool quiet; /* print only what fails */
        /*
         * Who is told that a process is about to be sampled, and that a profile of it is finished, which follow_take()
         * or follow_finish() will give. NULL: nobody
         */
        const struct follow_watcher *watcher;
};

/* 0 or negative errno. */
int follow_open(const struct follow_config *config, struct follow **ret);
void follow_close(struct follow *follow); /* accepts NULL */

/* Follows the processes of @choice. Consumes their interpreters. GO_ON, or an exit status, after a message. */
int follow_choice(struct follow *follow, struct choice *choice);

/* Follows a command that has just been started. Its interpreter is yet to appear. 0 or negative errno. */
int follow_command(struct follow *follow, pid_t pid);

/* Handles what has happened since the last call: ends, execs and births. 0 or negative errno. */
int follow_step(struct follow *follow);

/*
 * When to call follow_step() next, in ms; -1: never. Call it also once follow_fd() is readable or, with subprocesses,
 * find_fd().
 */
int follow_delay_ms(const struct follow *follow);
int follow_fd(const struct follow *follow);

/* The number of processes that are sampled now. */
size_t follow_sampled(const struct follow *follow);

/* Whether a process lives that may be sampled: one that was named or, with subprocesses, one of its descendants. */
bool follow_lives(const struct follow *follow);

/*
 * Adds what was sampled since the last call to @set; each profile says whose it is. The processes remain followed. The
 * CPU time of descendants that ended before they were opened is in a profile of its own, without a PID. 0 or negative
 * errno.
 */
int follow_take(struct follow *follow, struct profile_set *set);

/* Stops following all processes, and adds every profile that was not taken yet to @set. 0 or negative errno. */
int follow_finish(struct follow *follow, struct profile_set *set);

/*
 * After follow_finish(): prints each process that gave no profile, with the reason. @profiled: others gave one. Then
 * processes that are not Python are left out, since their children were meant. Returns how many of the processes
 * without a profile the user had named by -p, or are the command.
 */
size_t follow_say_missed(struct follow *follow, bool profiled);

/* CPU time that processes used whose profiles have no sample, as far as it is known, in ms. */
uint64_t follow_unsampled_ms(const struct follow *follow);

/* CPU time that children used that are not Python, as far as it is known, in ns. */
uint64_t follow_foreign_ns(const struct follow *follow);

/*
 * A process that was stopped (SIGSTOP, ^Z, a debugger) when its profile was finished without a sample; 0: there is
 * none.
 */
pid_t follow_stopped(const struct follow *follow);

#endif
