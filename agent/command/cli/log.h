/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_H
#define CLI_LOG_H

/* Lines on stderr: for people, or, from a command that runs for months, for a log. May be called from any thread. */

#include "options.h"

#include <stdbool.h>
#include <stdint.h>

struct log_options {
        const char *format; /* NULL: text */
};

/* The rows of an option table for a configuration that has a struct log_options as its member @member. */
#define LOG_OPTIONS(type, member)                                                                  \
        {                                                                                          \
                .name = "log-format", .kind = OPTION_TEXT, .field = offsetof(type, member.format), \
                .argument = "FORMAT", .help = "text, or json: an object for each line (text)"      \
        }

/*
 * From now on lines are written as @options say, and the number of lines of one kind is bounded. GO_ON, or an exit
 * status after a message.
 */
int log_setup(const struct log_options *options, const struct usage *usage);

/* Writes a line. @kind names the kind of event: the address of its format string. */
void log_line(const char *level, const char *kind, const char *text);

/* Logs how many lines were left out, for kinds with an expired interval; if @all, for every kind. */
void log_flush(bool all);

/* The number of lines left out so far. */
uint64_t log_suppressed(void);

#endif
