/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_RECORDING_H
#define RECORD_RECORDING_H

/*
 * One recording: of processes that are there, for a time, or of a command, from
 * its first moments to its end, once or several times; and the file that it becomes.
 */

#include "agent/command/processes/children.h"
#include "agent/command/processes/follow.h"
#include "agent/command/processes/launch.h"
#include "environment.h"

#include "agent/command/cli/output.h"
#include "agent/command/processes/target.h"

struct recording_config {
        struct sample_config sampling; /* its scope is chosen by the recording */
        char **command;                /* NULL: the processes chosen */
        uint64_t repeat;               /* how often COMMAND is run */
        double duration;               /* seconds */
        uint32_t abi;                  /* of pystack_open() */
        bool subprocesses;             /* follow children, and newcomers of the container or pod */
        bool container;                /* the processes are a container's */
        const char *pod;               /* or this pod's; NULL: none's */
        bool quiet, verbose;
};

struct recording {
        struct recording_config config;
        struct output output;
        struct find *find; /* follows births if subprocesses are */
        struct choice choice;
        struct sampler *sampler;
        struct follow *follow;
        struct environment environment;
        struct launch launch;   /* open, if there is a command */
        struct outside outside; /* what starts it */
        unsigned run;           /* how many times the command has been run before */
        bool seen;              /* Python was in its last run */
        int signals;
        bool told_to_stop;
        struct children before; /* when it began, where children are not followed */
        struct profile_set done;
};

#define RECORDING_NONE                                                                               \
        {                                                                                            \
                .output = OUTPUT_NONE, .outside = OUTSIDE_NONE, .launch = LAUNCH_NONE, .signals = -1 \
        }

/*
 * Records and writes, @recording having its configuration, an open output, and find
 * and choice where they are needed. Returns an exit status. All that went wrong has been
 * told by messages.
 */
int recording_run(struct recording *recording);

/* Releases all of it. */
void recording_deinit(struct recording *recording);

#endif
