/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_H
#define COMMAND_H

/* command: one file or folder for each subcommand, and one table of them. */

#include <stddef.h>

/* Exit statuses of commands. */
enum {
        EXIT_OK = 0,
        EXIT_FAILED = 1, /* it failed; a sentence on stderr says why */
        EXIT_USAGE = 2,  /* it was called wrongly */
};

/*
 * A step of a command returns GO_ON if the next step follows; otherwise it returns the exit status, after a message. A
 * variable that holds either is called status, and never holds an errno.
 */
enum { GO_ON = -1 };

struct command {
        const char *name;
        const char *summary;               /* one line for the list of commands */
        int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct command command_table[];
extern const size_t command_table_n;

/*
 * The program's exit status after a command returned @status. A result that could not be written is a failure, with a
 * message. If its reader has closed the pipe, the program ends by SIGPIPE, as others do.
 */
int command_end(int status);

/* Runs the program as pyflame, if pyflame is its name. */
int pyflame_run(int argc, char **argv);

#endif
