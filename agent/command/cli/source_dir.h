/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SOURCE_DIR_H
#define CLI_SOURCE_DIR_H

/*
 * --source DIR[=PREFIX]: the folder in which the source of a profile's files lies. With PREFIX, /app for example, the
 * file /app/a.py is DIR/a.py, and files of other folders have no source; without it, it is DIR/app/a.py, and the file
 * a.py is DIR/a.py. Nothing else is tried. Links do not lead out of DIR.
 */

#include "options.h"

#include "agent/profile/profile.h"

struct source_dir {
        int fd;             /* of the folder; -1: none was given */
        const char *prefix; /* with a slash at its beginning and none at its end; "": none */
};

#define SOURCE_DIR_NONE  \
        {                \
                .fd = -1 \
        }

#define SOURCE_DIR_OPTION(type, member)                                                                    \
        {                                                                                                  \
                .name = "source", .kind = OPTION_TEXT, .field = offsetof(type, member), .argument = "DIR", \
                .help = "where the source lies: DIR/app/a.py is /app/a.py; as DIR=/app, DIR/a.py is"       \
        }

/* Opens the folder, before privileges are given up. @text: the option's; NULL: none. GO_ON, or an exit status. */
int source_dir_open(const struct usage *usage, const char *text, struct source_dir *ret);

/* Reads the source of the files of @set into set->texts, the hottest files first. 0, -ENOMEM or -ENOSPC. */
int source_dir_read(const struct source_dir *dir, struct profile_set *set);

void source_dir_close(struct source_dir *dir);

#endif
