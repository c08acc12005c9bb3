/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_TARGET_H
#define PROCESSES_TARGET_H

/* A TARGET on the command line: -p PID, -c CONTAINER, --pod [NAMESPACE/]POD[/CONTAINER]. */

#include "agent/command/cli/options.h"
#include "agent/find/find.h"

struct target_options {
        struct pid_list pids;
        const char *container;
        const char *pod;
        const char *abi; /* NULL: each process is read as the version that it seems to be */
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

/* A process that a TARGET names: opened, or to be opened later. */
struct chosen {
        struct find_process process;
        struct pystack *py;   /* NULL: it is not opened, or another owner has got it */
        int status;           /* 0, or the error of pystack_open() if it was not opened */
        uint64_t start_stack; /* start_stack of nsutil_stat, read before it was opened */
        bool asked;           /* named by -p, not only as a process of its container or pod */
};

struct choice {
        struct chosen *items;
        size_t n;
        size_t refused; /* number of processes that -p names and that were left out, with a message */
};

/* What to do with processes that cannot be opened now. */
enum target_patience {
        TARGET_NOW,        /* wait a second for an interpreter that is starting, and leave out the rest */
        TARGET_WAITED_FOR, /* choose those as well that may be opened later */
        TARGET_FOLLOWED,   /* and those that are not Python, since their children are meant */
};

/* Turns --abi into what pystack_open() takes. GO_ON, or an exit status, after a message. */
int target_abi(const struct target_options *target, const struct usage *usage, uint32_t *ret);

/* Whether @target names anything. */
bool target_is_named(const struct target_options *target);

/* The process that @pid is a thread of. @pid itself if it is a process, or does not exist. */
pid_t target_process(pid_t pid);

/* Opens @pid like pystack_open(), but waits a second for an interpreter that is still starting. */
int target_open(pid_t pid, uint32_t abi, struct pystack **ret, struct pystack_info *info);

/*
 * Counts the threads of the process's interpreters, in bounded time: @ret_n all of them, @ret_named those whose TID is
 * known by now. Errors of pystack_threads(); PYSTACK_E_HANGS if it took too long: then *@py is NULL, and another thread
 * closes it.
 */
int target_count_threads(pid_t pid, struct pystack **py, size_t *ret_n, size_t *ret_named);

/*
 * Calls @each with the processes, Python or not, of the container and of the pod that @target names. A status of @each
 * other than GO_ON ends that, and is returned. GO_ON, or an exit status, after a message if a group does not exist.
 */
int target_find_groups(struct find *find, const struct target_options *target,
                       int (*each)(void *ctx, const pid_t *pids, size_t n), void *ctx);

/*
 * Opens the processes that @target names, each once. GO_ON with at least one process, or an exit status, after a
 * message. Processes of a container or pod that are not Python are passed over. A process that -p names must be Python,
 * unless its children are followed. Otherwise it is counted as refused.
 */
int target_choose(struct find *find, const struct target_options *target, const struct usage *usage,
                  enum target_patience patience, struct choice *ret);
void choice_deinit(struct choice *choice);

/*
 * Opens those descendants of the processes that are Python as well, and drops processes that are not: TARGET_FOLLOWED
 * has kept them for this. GO_ON with at least one process, or an exit status, after a message.
 */
int target_add_descendants(struct find *find, uint32_t abi, struct choice *choice);

/* What the processes of @choice are called at the head of a view: "container web", "process 7: python app.py". */
#define TARGET_SUBJECT_SIZE 768
void target_subject(const struct target_options *options, const struct choice *choice,
                    char ret[static TARGET_SUBJECT_SIZE]);

#endif
