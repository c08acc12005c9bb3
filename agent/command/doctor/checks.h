/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

/* What podflame needs of a machine, as one table: what for, what is lost without, who grants it, and how to try. */

#include "agent/find/find.h"
#include "agent/sample/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What has been tried out once, for all checks. */
struct doctor_host {
        struct find *find;
        struct sample_probe sample;
        int own;               /* of nsutil_may_read() of a child of ours */
        size_t processes;      /* others than ourselves, with memory of their own */
        size_t readable;       /* of these */
        pid_t refused;         /* one that is not; 0: none */
        size_t foreign;        /* those of other users */
        size_t environs;       /* of these, whose environment can be read */
        bool contained;        /* we are in a container */
        const char *collector; /* these three NULL: not asked for */
        const char *protocol;
        const char *token_file;
};

/* nsutil_may_read() of a child of ours, which is started for it: nobody who is confined can. */
int doctor_try_child(void);

/* Fills all but find, own and the collector, which are the caller's. -errno. */
int doctor_examine_host(struct doctor_host *host);

enum doctor_verdict {
        DOCTOR_FINE,
        DOCTOR_LESS,    /* something is lost */
        DOCTOR_BLOCKED, /* nothing can be profiled */
        DOCTOR_FAILED,  /* profiles do not arrive: what was asked for does not work, profiling does */
        DOCTOR_UNASKED, /* not to be shown */
};

#define DOCTOR_STATE_SIZE 1024

struct doctor_check {
        const char *name;    /* of a capability: as it is called */
        const char *purpose; /* what it is for */
        const char *without;
        const char *on_host;      /* the command or the setting that grants it; NULL: as all capabilities, */
        const char *in_container; /* likewise in a container */
        enum doctor_verdict (*check)(const struct doctor_host *host, char *ret_state);
};

extern const struct doctor_check doctor_checks[];
extern const size_t doctor_checks_n;

/* How what is missing can be granted where we are. */
void doctor_grant(const struct doctor_check *check, const struct doctor_host *host, char *ret, size_t size);

#endif
