/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

/*
 * Options as tables. A command describes each option once, and gets parsing, PODFLAME_… environment variables, and
 * usage text from that.
 */

#include "agent/command/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kind of a value, which determines the type of its field. */
enum option_kind {
        OPTION_FLAG,    /* bool */
        OPTION_TEXT,    /* const char * */
        OPTION_NUMBER,  /* uint64_t, within min and max */
        OPTION_SECONDS, /* double: 0.5, 10, 10s, 5m, 1h, 7d; within min and max */
        OPTION_PERCENT, /* double: 2, 0.5, 1.5%; within min and max */
        OPTION_BYTES,   /* uint64_t: 64M, 1G; within min and max */
        OPTION_PIDS,    /* struct pid_list: may be given several times, or as a list with commas */
        OPTION_LIST,    /* struct option_list: may be given several times; in the environment, one on each line */
        OPTION_WORDS,   /* the same, and each time it takes all words up to the next option */
        OPTION_REAL,    /* double, within min and max */
};

struct pid_list {
        int pids[64];
        size_t n;
};

/* The longest lists are the agent's rules (--rules FILE accepts more) and the profiles of `check` (200 are many). */
#define OPTION_LIST_MAX 256

/* A list of values. Several options may share one, which keeps the order of all of them. */
struct option_list {
        struct option_item {
                const struct option_spec *option;
                char *text; /* the list's */
                bool from_environment;
        } items[OPTION_LIST_MAX];
        size_t n;
};
void option_list_deinit(struct option_list *list); /* accepts {0} */

struct option_spec {
        const char *name; /* the long option, without the dashes */
        char letter;      /* the short option; 0: none */
        enum option_kind kind;
        size_t field;         /* offsetof() in the command's configuration */
        const char *argument; /* name of its value in the usage text */
        const char *help;
        double min, max; /* bounds of a number; both 0: none */
};

struct usage {
        const char *command;
        const char *synopsis; /* the text behind "podflame COMMAND" */
        const char *text;     /* says what the command does */
        const struct option_spec *options;
        size_t n;
        bool anywhere; /* options may also follow arguments */
};

/*
 * Fills @config, which has the defaults already, from the environment, then from the command line. The command line
 * replaces the environment's values of the same option. @ret_rest is the index of the first argument that is no option.
 * GO_ON, or an exit status: after -h, or after a message.
 */
int options_parse(const struct usage *usage, int argc, char **argv, void *config, int *ret_rest);

/*
 * Refuses an argument that is no option, and says what the user may have meant: -p, --pod or -c, by how the word looks,
 * if the command has that option; and @hint if it is not NULL. EXIT_USAGE.
 */
int options_wrong_word(const struct usage *usage, const char *word, const char *hint);

/* Prints what is wrong with the command line, and returns EXIT_USAGE. */
int options_wrong(const struct usage *usage, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
