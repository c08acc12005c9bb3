/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_TARGET_H
#define PROCESSES_TARGET_H

/* TARGET on the command line: -p PID, -c CONTAINER, --pod [NAMESPACE/]POD[/CONTAINER]. */

#include "agent/command/cli/options.h"
#include "agent/find/find.h"

struct target_options {
        struct pid_list pids;
        const char *container;
        const char *pod;
        const char *abi; /* NULL: what the processes seem to be */
};

/* The rows of an option table for a configuration whose member @member is a struct target_options. */
#define TARGET_OPTIONS(type, member)                                                                            \
        { .name = "pid",                                                                                        \
          .letter = 'p',                                                                                        \
          .kind = OPTION_PIDS,                                                                                  \
          .field = offsetof(type, member.pids),                                                                 \
          .argument = "PID",                                                                                    \
          .help = "a process, by its PID on this machine; may be given several times" },                        \
                { .name = "container",                                                                          \
                  .letter = 'c',                                                                                \
                  .kind = OPTION_TEXT,                                                                          \
                  .field = offsetof(type, member.container),                                                    \
                  .argument = "CONTAINER",                                                                      \
                  .help = "a container's processes: its name, id, or the beginning of its id" },                \
                { .name = "pod",                                                                                \
                  .kind = OPTION_TEXT,                                                                          \
                  .field = offsetof(type, member.pod),                                                          \
                  .argument = "POD",                                                                            \
                  .help = "a pod's processes: [NAMESPACE/]POD[/CONTAINER]" },                                   \
        {                                                                                                       \
                .name = "abi", .kind = OPTION_TEXT, .field = offsetof(type, member.abi), .argument = "VERSION", \
                .help = "read the process as this Python version, e.g. 3.11, not as the one that was found"     \
        }

/* A process named by a TARGET, opened, or to be opened later. */
struct chosen {
        struct find_process process;
        struct pystack *py;   /* NULL: not opened, or handed on */
        int status;           /* 0, or why it was not opened: an error of pystack_open() */
        uint64_t start_stack; /* of nsutil_stat, before it was opened */
        bool asked;           /* named by -p, not only its container or pod */
};

struct choice {
        struct chosen *items;
        size_t n;
        size_t refused; /* named by -p and left out, with a message */
};

/* What is to be done with processes that cannot be opened now. */
enum target_patience {
        TARGET_NOW,        /* an interpreter that is starting is waited for, a second */
        TARGET_WAITED_FOR, /* those that may be opened later are chosen as well */
        TARGET_FOLLOWED,   /* and those that are no Python, since their children are meant */
};

/* What --abi means to pystack_open(): GO_ON, or an exit status, when a message has been printed. */
int target_abi(const struct target_options *target, const struct usage *usage, uint32_t *ret);

/* Whether it names anything. */
bool target_is_named(const struct target_options *target);

/* The process that @pid is a thread of; @pid itself if it is a process, or nothing. */
pid_t target_process(pid_t pid);

/* Opens @pid like pystack_open(), but waits a second for an interpreter that is still starting. */
int target_open(pid_t pid, uint32_t abi, struct pystack **ret, struct pystack_info *info);

/*
 * Counts the threads that the process's interpreters have, in time: all, and those whose TID is known by now. Errors of
 * pystack_threads(); *@py is NULL after PYSTACK_E_HANGS.
 */
int target_count_threads(pid_t pid, struct pystack **py, size_t *ret_n, size_t *ret_named);

/*
 * Calls @each with the processes of the container, and of the pod, that @target names,
 * Python or not: GO_ON, or an exit status, which ends it. An exit status of its
 * own after a word about what is not there.
 */
int target_find_groups(struct find *find, const struct target_options *target,
                       int (*each)(void *ctx, const pid_t *pids, size_t n), void *ctx);

/*
 * Opens the processes that @target names, each once. Says what is wrong and returns an
 * exit status, or GO_ON with at least one process. Processes of a container or
 * pod that are no Python are passed over; one named by -p must be Python, unless its
 * children are followed, and is counted as refused if it is not.
 */
int target_choose(struct find *find, const struct target_options *target, const struct usage *usage,
                  enum target_patience patience, struct choice *ret);
void choice_deinit(struct choice *choice);

#endif
