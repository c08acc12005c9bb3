/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYFLAME_PYFLAME_H
#define PYFLAME_PYFLAME_H

/* What the files of Pyflame's command line share: its options, how it samples, and its output. */

#include "pystack/pystack.h"

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* ---- options (command_line.c) --------------------------------------------------------- */

struct pyflame_options {
        pid_t pid;          /* 0: a command is run */
        char **command;     /* the command and its arguments; NULL: a process is sampled */
        double seconds;     /* 0: one sample; not used with a command */
        double interval;    /* seconds between two samples */
        const char *output; /* NULL: standard output */
        uint32_t abi;       /* what pystack_open() takes; 0: not given */
        bool exclude_idle;
        bool no_lines;
        bool threads;
        bool dump;
        bool flamechart;
};

/* GO_ON, or the exit status, after -h, after -v, or after an error that has been printed. */
int pyflame_parse(int argc, char **argv, struct pyflame_options *ret);

/* ---- reading stacks (reader.c) -------------------------------------------------------- */

struct pyflame_reader;

/* What reading one thread has given. */
struct pyflame_reading {
        int error;                               /* of sample_now() */
        const struct pystack_thread_ref *thread; /* set only if all threads are read */
        bool holds_gil;                          /* set only if all threads are read */
        struct pystack_stack stack;
};

/* Called with each thread that was read. @reading is valid during the call. */
typedef void (*pyflame_take_fn)(void *ctx, struct pystack *py, const struct pyflame_reading *reading);

/* @py is borrowed, and must live longer. NULL: out of memory. */
struct pyflame_reader *pyflame_reader_new(pid_t pid, struct pystack *py);
void pyflame_reader_free(struct pyflame_reader *reader); /* accepts NULL */

/*
 * Reads the thread that holds the GIL. @ret_idle: no thread holds it. 0, or an error of pystack: PYSTACK_E_GONE if the
 * process has ended.
 */
int pyflame_read_holder(struct pyflame_reader *reader, pyflame_take_fn take, void *ctx, bool *ret_idle);

/*
 * Reads every thread, in the order in which the interpreter lists them. Errors as pyflame_read_holder(), and -ENOMEM.
 */
int pyflame_read_threads(struct pyflame_reader *reader, pyflame_take_fn take, void *ctx);

/* ---- errors (errors.c) ---------------------------------------------------------------- */

/*
 * Print why process @pid cannot be read, by @error of pystack_open(); and which error has ended the program. Both
 * return EXIT_FAILED.
 */
int pyflame_refuse(pid_t pid, int error, const struct pystack_info *info);
int pyflame_fail(int error);

/* ---- counting and printing (tally.c) ---------------------------------------------------- */

/* A sample of the flame chart. */
struct pyflame_moment {
        uint64_t time_us; /* since the epoch */
        profile_id stack; /* the stack, PYFLAME_IDLE or PYFLAME_FAILED */
};
#define PYFLAME_IDLE ((profile_id)0)
#define PYFLAME_FAILED ((profile_id)UINT32_MAX)

struct pyflame_tally {
        const struct pyflame_options *options;
        struct profile *stacks;
        uint64_t idle, failed;
        struct pyflame_moment *moments; /* only with --flamechart: all samples, in their order */
        size_t n, size;                 /* entries of @moments, and room for them */
};

/* These return 0, -ENOMEM or -ENOSPC. @time_us is in microseconds since the epoch. */
int pyflame_tally_init(struct pyflame_tally *ret, const struct pyflame_options *options);
int pyflame_tally_stack(struct pyflame_tally *tally, uint64_t time_us, struct pystack *py,
                        const struct pystack_stack *stack);
int pyflame_tally_idle(struct pyflame_tally *tally, uint64_t time_us);
int pyflame_tally_failed(struct pyflame_tally *tally, uint64_t time_us);
void pyflame_tally_deinit(struct pyflame_tally *tally);

/* Prints folded stacks, or the flame chart. ferror() tells errors. */
void pyflame_print(const struct pyflame_tally *tally, FILE *out);

/*
 * Prints one thread's part of a dump. @first: it is the first one that is printed. Returns whether there was anything
 * to print.
 */
bool pyflame_print_thread(struct pystack *py, const struct pyflame_reading *reading, bool first, FILE *out);

#endif
