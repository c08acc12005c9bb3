/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_SELECTION_H
#define PROCESSES_SELECTION_H

/* The options that select processes, which agent and ps share, and the rules that they make. */

#include "agent/command/cli/options.h"

#include "agent/find/find.h"

struct selection_options {
        struct option_list rules; /* --select, --drop, --native-for and --send-label, in their order */
        const char *file;         /* --rules; NULL: none */
        double min_age;           /* seconds */
};

/* The rows of an option table for a configuration whose member @member is a struct selection_options. */
#define SELECTION_OPTIONS(type, member)                                                                             \
        { .name = "select",                                                                                         \
          .kind = OPTION_LIST,                                                                                      \
          .field = offsetof(type, member.rules),                                                                    \
          .argument = "RULE",                                                                                       \
          .help = "take what matches KEY=GLOB[,KEY=GLOB]...: namespace, pod, container, image, service,\n"          \
                  "exe, cmdline, cgroup, label=NAME=VALUE, pid; the last rule that matches decides" },              \
                { .name = "drop",                                                                                   \
                  .kind = OPTION_LIST,                                                                              \
                  .field = offsetof(type, member.rules),                                                            \
                  .argument = "RULE",                                                                               \
                  .help = "leave what matches alone: its memory is never read" },                                   \
                { .name = "rules",                                                                                  \
                  .kind = OPTION_TEXT,                                                                              \
                  .field = offsetof(type, member.file),                                                             \
                  .argument = "FILE",                                                                               \
                  .help = "lines of `select RULE`, `drop RULE`, `native RULE`, `send-label GLOB`, before those of " \
                          "the command line" },                                                                     \
        {                                                                                                           \
                .name = "min-age", .kind = OPTION_SECONDS, .field = offsetof(type, member.min_age),                 \
                .argument = "TIME", .help = "leave processes alone until they are this old (0)", .min = 0,          \
                .max = 86400                                                                                        \
        }

void selection_deinit(struct selection_options *options);

/* Makes rules of the options. *@ret is NULL if there are no rules. GO_ON, or an exit status, after a message. */
int selection_rules(const struct selection_options *options, const struct usage *usage, struct find_rules **ret);

/*
 * Reads the file again, and makes the new rules *@rules and those of @find. If they are wrong, prints why, leaves
 * everything as it was, and returns false.
 */
bool selection_reload(const struct selection_options *options, struct find *find, struct find_rules **rules);

#endif
