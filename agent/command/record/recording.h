/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_RECORDING_H
#define RECORD_RECORDING_H

/*
 * One recording, and the file that it becomes. It records processes that are there, for a time; or a command, from its
 * first moments to its end, once or several times.
 */

#include "agent/command/processes/children.h"
#include "agent/command/processes/follow.h"
#include "agent/command/processes/grouping.h"
#include "agent/command/processes/launch.h"
#include "environment.h"
#include "sources.h"

#include "agent/command/cli/output.h"
#include "agent/command/processes/target.h"

struct recording_config {
        struct sample_config sampling; /* the recording chooses its scope */
        char **command;                /* the command and its arguments; NULL: the chosen processes are recorded */
        uint64_t repeat;               /* how many times the command is run */
        double duration;               /* seconds */
        uint32_t abi;                  /* what pystack_open() takes */
        bool subprocesses;             /* follow children, and newcomers of the container or pod */
        bool container;                /* the processes are those of a container */
        const char *pod;               /* the processes are those of this pod; NULL: of no pod */
        enum grouping by;              /* which processes are one in the file */
        bool quiet, verbose;
        bool source; /* read source files */
};

struct recording {
        struct recording_config config;
        struct output output;
        struct find *find;    /* reports births if subprocesses are followed */
        struct choice choice; /* the processes to record; none if there is a command */
        struct sampler *sampler;
        struct follow *follow;
        struct environment environment;
        struct launch launch;    /* open if there is a command */
        struct outside outside;  /* the helper process that starts the command */
        unsigned run;            /* number of runs of the command that are over */
        bool seen;               /* its last run gave a profile */
        int signals;             /* signalfd */
        bool told_to_stop;       /* a signal has asked podflame to stop; only without a command */
        struct children before;  /* the processes at the beginning; empty if children are followed */
        struct sources *sources; /* NULL: they are not asked for */
        struct follow_watcher watcher;
        struct profile_set done; /* the profiles of all runs so far */
};

#define RECORDING_NONE                                                                               \
        {                                                                                            \
                .output = OUTPUT_NONE, .outside = OUTSIDE_NONE, .launch = LAUNCH_NONE, .signals = -1 \
        }

/*
 * Records, and writes the result. @recording has its configuration, an open output and, where they are needed, find and
 * choice. Returns an exit status. Messages have told all that went wrong.
 */
int recording_run(struct recording *recording);

/* Releases everything that @recording holds. */
void recording_deinit(struct recording *recording);

#endif
