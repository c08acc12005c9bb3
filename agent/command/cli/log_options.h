/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_OPTIONS_H
#define CLI_LOG_OPTIONS_H

/* The option of commands whose messages are a log. */

#include "options.h"

struct log_options {
        const char *format; /* NULL: text */
};

/* The rows of an option table for a configuration that has a struct log_options as its member @member. */
#define LOG_OPTIONS(type, member)                                                                  \
        {                                                                                          \
                .name = "log-format", .kind = OPTION_TEXT, .field = offsetof(type, member.format), \
                .argument = "FORMAT", .help = "text, or json: an object for each line (text)"      \
        }

/* Begins a log as @options say. GO_ON, or an exit status after a message. */
int log_setup(const struct log_options *options, const struct usage *usage);

#endif
