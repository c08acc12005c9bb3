/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

/*
 * The needs of podflame as one table: what each is for, what is lost without it, how to grant it, and how to test it.
 */

#include "agent/find/find.h"
#include "agent/sample/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The results of tests that serve several checks. */
struct doctor_host {
        struct find *find;
        struct sample_probe sample;
        int own;               /* result of nsutil_may_read() for a child of podflame */
        size_t processes;      /* number of other processes that have memory */
        size_t readable;       /* how many of those can be read */
        pid_t refused;         /* a process that cannot be read; 0: none */
        size_t foreign;        /* number of processes of other users */
        size_t environs;       /* how many of those have a readable environment */
        bool contained;        /* podflame is in a container */
        const char *collector; /* this and the next two are NULL if not asked for */
        const char *protocol;
        const char *token_file;
};

/* Starts a child, and returns nsutil_may_read() for it. A confined process cannot start one. */
int doctor_try_child(void);

/* Fills all members except find, own and the collector, which the caller fills. -errno. */
int doctor_examine_host(struct doctor_host *host);

enum doctor_verdict {
        DOCTOR_FINE,
        DOCTOR_LESS,    /* something is lost */
        DOCTOR_BLOCKED, /* nothing can be profiled */
        DOCTOR_FAILED,  /* profiling works, but the collector that was named gets no profiles */
        DOCTOR_UNASKED, /* the check is not shown */
};

#define DOCTOR_STATE_SIZE 1024

struct doctor_check {
        const char *name;    /* the name of the capability, or of the check */
        const char *purpose; /* what podflame needs it for */
        const char *without;
        const char *on_host;      /* the command or the setting that grants it; NULL: as all capabilities are granted */
        const char *in_container; /* the same in a container */
        enum doctor_verdict (*check)(const struct doctor_host *host, char *ret_state);
};

extern const struct doctor_check doctor_checks[];
extern const size_t doctor_checks_n;

/* Says how to grant what is missing in the present environment. */
void doctor_grant(const struct doctor_check *check, const struct doctor_host *host, char *ret, size_t size);

#endif
