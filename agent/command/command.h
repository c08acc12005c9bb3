/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_H
#define COMMAND_H

/* command: one file per subcommand, all of them in one table. */

#include <stddef.h>

/* What a command returns to the shell. */
enum {
        EXIT_OK = 0,
        EXIT_FAILED = 1, /* it did not work; a sentence on stderr says why */
        EXIT_USAGE = 2,  /* it was called wrongly */
};

/*
 * What a step of a command returns that another one follows; else it returns the exit status, when a message has been
 * printed.
 * A variable that holds either is called status, and never holds an errno.
 */
enum { GO_ON = -1 };

struct command {
        const char *name;
        const char *summary;               /* a line for the list of commands */
        int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct command command_table[];
extern const size_t command_table_n;

/*
 * What the program returns after a command returned @status: a result that could not be written is a failure, after a
 * word about it. If its reader has closed the pipe, the program ends by SIGPIPE, as others do.
 */
int command_end(int status);

/* The program's name is pyflame: then it is called like that one. */
int pyflame_run(int argc, char **argv);

#endif
