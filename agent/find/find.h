/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_H
#define FIND_H

/*
 * find: who on this machine is Python, and whose is it? Follows births, execs
 * and deaths, and gives each process its identity: (pid, start time), the
 * container it is in, that container's name and image, a service name.
 *
 * Errors: negative -errno, positive find_error. A struct find is for one thread.
 */

#include "nsutil/nsutil.h"
#include "pystack/pystack.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum find_error {
        FIND_E_UNKNOWN = 1, /* no container of that name or id */
        FIND_E_AMBIGUOUS,   /* several: see the candidates */
};

#define FIND_NAME_SIZE 256

struct find_process {
        pid_t pid;
        uint64_t start_time; /* clock ticks since boot; with pid, the identity */
        char exe[FIND_NAME_SIZE];
        char cmdline[FIND_NAME_SIZE];
        char container_id[NSUTIL_CONTAINER_ID_SIZE]; /* "": of the host */
        char container_name[FIND_NAME_SIZE];         /* "": not known */
        char image[FIND_NAME_SIZE];                  /* "": not known */
        char service[FIND_NAME_SIZE];                /* never empty */
        int status;               /* 0, or why pystack_open() failed */
        struct pystack_info info; /* version, file; detail when status is not 0 */
};

struct find;

struct find_config {
        const char *docker_root; /* NULL: /var/lib/docker, also seen through PID 1's root */
};

/* @config may be NULL. Holds a descriptor for each process that is reported born, where there are enough. */
int find_open(const struct find_config *config, struct find **ret);
void find_close(struct find *find); /* accepts NULL */

struct find_events {
        void *ctx;
        /*
         * A Python process has appeared: by birth, by exec, or because its
         * interpreter has started by now. @py is consumed; it is NULL where the
         * process is Python but cannot be read (@process->status says why).
         */
        void (*born)(void *ctx, const struct find_process *process, struct pystack *py);
        /* One that was reported born has ended, or has become another by exec. */
        void (*ended)(void *ctx, pid_t pid, uint64_t start_time);
};

/*
 * Looks at the machine once and reports what has changed since the last time.
 * A process that was not Python is looked at again while it is young, since it
 * may exec, and now and then afterwards.
 */
int find_scan(struct find *find, const struct find_events *events);

/* A descriptor that becomes readable when a process that was reported born has ended: time to scan. */
int find_fd(const struct find *find);

/*
 * Makes the next scan look at @pid anew, since it may have become another program
 * by exec: otherwise that of an old process is noticed within half a minute.
 */
void find_recheck(struct find *find, pid_t pid);

/*
 * Who is process @pid? Fills all but status and info. NSUTIL errors as in
 * nsutil.h are positive, too: NSUTIL_E_GONE.
 */
int find_identify(struct find *find, pid_t pid, struct find_process *ret);

struct find_candidate {
        char id[NSUTIL_CONTAINER_ID_SIZE];
        char name[FIND_NAME_SIZE];
};

/*
 * The processes of the container called @name: its name, its id, or the
 * beginning of one id. @ret_pids is allocated, ascending. On FIND_E_AMBIGUOUS
 * and FIND_E_UNKNOWN @ret_candidates are the containers that match, or all that
 * there are; allocated as well (may be NULL with 0 entries).
 */
int find_container(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
                   struct find_candidate **ret_candidates, size_t *ret_n_candidates);

#endif
