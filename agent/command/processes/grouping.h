/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_GROUPING_H
#define PROCESSES_GROUPING_H

/* The option --by: which processes of a recording are one, and what each group is called. */

#include "agent/command/cli/options.h"
#include "agent/profile/profile.h"

enum grouping {
        GROUPING_PROCESS,   /* each process is a group */
        GROUPING_PROGRAM,   /* processes of one script or module in one container */
        GROUPING_CONTAINER, /* processes of one container; those of none together */
        GROUPINGS,
};

/* The attribute of a profile that names the script or module of its process. */
#define GROUPING_ATTRIBUTE "podflame.program"

#define GROUPING_OPTION(type, member, text)                                                              \
        {                                                                                                \
                .name = "by", .kind = OPTION_TEXT, .field = offsetof(type, member), .argument = "GROUP", \
                .help = "process, program, container: " text " (process)"                                \
        }

/* Parses the option's word; NULL: process. GO_ON, or an exit status after a message. */
int grouping_parse(const struct usage *usage, const char *word, enum grouping *ret);

#define GROUPING_NAME_SIZE 320

/* What the profile's group is called: "app.py (pid 7)", "app.py", "web". */
void grouping_name(const struct profile *profile, enum grouping by, char ret[static GROUPING_NAME_SIZE]);

/*
 * Makes a profile of each group and run: it has no PID, and that of a container no program either. Profiles without a
 * PID stay as they are. The caller owns @ret. 0 or negative errno, after which @ret is empty.
 */
int grouping_merge(const struct profile_set *set, enum grouping by, struct profile_set *ret);

#endif
