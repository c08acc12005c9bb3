/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYFLAME_PYFLAME_H
#define PYFLAME_PYFLAME_H

/* What the files of Pyflame's command line share: its options, its way of sampling, its output. */

#include "pystack/pystack.h"

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* ---- options (command_line.c) --------------------------------------------------------- */

struct pyflame_options {
        pid_t pid;          /* 0: a command */
        char **command;     /* NULL: a process */
        double seconds;     /* 0: one sample; of a process only */
        double interval;    /* seconds between two samples */
        const char *output; /* NULL: standard output */
        uint32_t abi;       /* of pystack_open() */
        bool exclude_idle;
        bool no_lines;
        bool threads;
        bool dump;
        bool flamechart;
};

/* Returns GO_ON, or the exit status: after -h and -v, or after an error that has been printed. */
int pyflame_parse(int argc, char **argv, struct pyflame_options *ret);

/* ---- reading stacks (reader.c) -------------------------------------------------------- */

struct pyflame_reader;

/* What a reading of one thread has found. */
struct pyflame_reading {
        int error;                               /* of sample_now() */
        const struct pystack_thread_ref *thread; /* only while all threads are read */
        bool holds_gil;                          /* likewise */
        struct pystack_stack stack;
};

typedef void (*pyflame_take_fn)(void *ctx, struct pystack *py, const struct pyflame_reading *reading);

/* @py stays the caller's and must live longer. NULL: out of memory. */
struct pyflame_reader *pyflame_reader_new(pid_t pid, struct pystack *py);
void pyflame_reader_free(struct pyflame_reader *reader); /* accepts NULL */

/*
 * Reads the thread that holds the GIL; @ret_idle: nobody does. 0 or pystack's
 * errors, PYSTACK_E_GONE if the process has ended.
 */
int pyflame_read_holder(struct pyflame_reader *reader, pyflame_take_fn take, void *ctx, bool *ret_idle);

/* Reads every thread, in the order in which the interpreter lists them. */
int pyflame_read_threads(struct pyflame_reader *reader, pyflame_take_fn take, void *ctx);

/* ---- errors (errors.c) ---------------------------------------------------------------- */

/* Says why process @pid is not read, by an error of pystack_open(), or what has ended the program. EXIT_FAILED. */
int pyflame_refuse(pid_t pid, int error, const struct pystack_info *info);
int pyflame_fail(int error);

/* ---- counting and printing (tally.c) ---------------------------------------------------- */

/* A moment of the flame chart. */
struct pyflame_moment {
        uint64_t time_us;
        profile_id stack; /* or one of these */
};
#define PYFLAME_IDLE ((profile_id)0)
#define PYFLAME_FAILED ((profile_id)UINT32_MAX)

struct pyflame_tally {
        const struct pyflame_options *options;
        struct profile *stacks;
        uint64_t idle, failed;
        struct pyflame_moment *moments; /* --flamechart: in order */
        size_t n, size;
};

/* All of these: 0, -ENOMEM or -ENOSPC. @time_us: since the epoch. */
int pyflame_tally_init(struct pyflame_tally *ret, const struct pyflame_options *options);
int pyflame_tally_stack(struct pyflame_tally *tally, uint64_t time_us, struct pystack *py,
                        const struct pystack_stack *stack);
int pyflame_tally_idle(struct pyflame_tally *tally, uint64_t time_us);
int pyflame_tally_failed(struct pyflame_tally *tally, uint64_t time_us);
void pyflame_tally_deinit(struct pyflame_tally *tally);

/* Folded stacks, or the flame chart. Errors stay in ferror(). */
void pyflame_print(const struct pyflame_tally *tally, FILE *out);

/* One thread's part of a dump; @first: of this dump. Returns whether there was anything to print. */
bool pyflame_print_thread(struct pystack *py, const struct pyflame_reading *reading, bool first, FILE *out);

#endif
