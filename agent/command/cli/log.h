/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_H
#define CLI_LOG_H

/*
 * Lines on stderr: for people, or, of a command that runs for months, for
 * whatever keeps its log. From any thread.
 */

#include "options.h"

#include <stdbool.h>
#include <stdint.h>

struct log_options {
        const char *format; /* NULL: text */
};

/* The rows of an option table for a configuration whose member @member is a struct log_options. */
#define LOG_OPTIONS(type, member)                                                                  \
        {                                                                                          \
                .name = "log-format", .kind = OPTION_TEXT, .field = offsetof(type, member.format), \
                .argument = "FORMAT", .help = "text, or json: an object for each line (text)"      \
        }

/*
 * From now on lines are written as @options say, and of one kind only so many in
 * so many seconds. GO_ON, or an exit status, when a message has been printed.
 */
int log_setup(const struct log_options *options, const struct usage *usage);

/* Writes a line. @kind names the kind of event: the address of its format string. */
void log_line(const char *level, const char *kind, const char *text);

/* Says how many lines were left out, of kinds whose time is over; @all: of every kind. */
void log_flush(bool all);

/* Lines left out so far. */
uint64_t log_suppressed(void);

#endif
