/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

/*
 * Options as tables: a command describes each of its options once, and gets
 * parsing, PODFLAME_… environment variables and usage text of it.
 */

#include "agent/command/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a value is, and so the type of the field that it goes to. */
enum option_kind {
        OPTION_FLAG,    /* bool */
        OPTION_TEXT,    /* const char * */
        OPTION_NUMBER,  /* uint64_t, within min and max */
        OPTION_SECONDS, /* double: 0.5, 10, 10s, 5m, 1h, 7d; within min and max */
        OPTION_PERCENT, /* double: 2, 0.5, 1.5%; within min and max */
        OPTION_BYTES,   /* uint64_t: 64M, 1G; within min and max */
        OPTION_PIDS,    /* struct pid_list: may be given several times, or as a list with commas */
        OPTION_LIST,    /* struct option_list: may be given several times; in the environment, one a line */
        OPTION_WORDS,   /* the same, and each time it takes all words up to the next option */
        OPTION_REAL,    /* double, within min and max */
};

struct pid_list {
        int pids[64];
        size_t n;
};

/* The longest lists are the agent's rules (--rules FILE takes more) and the profiles of `check` (200 are many). */
#define OPTION_LIST_MAX 256

/* Several options may share a list, which keeps the order of all of them. */
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
        char letter;      /* the short one, 0: none */
        enum option_kind kind;
        size_t field;         /* offsetof() in the command's configuration */
        const char *argument; /* what its value is called in the usage text */
        const char *help;
        double min, max; /* of numbers; both 0: no bounds */
};

struct usage {
        const char *command;
        const char *synopsis; /* behind "podflame COMMAND" */
        const char *text;     /* what it does */
        const struct option_spec *options;
        size_t n;
        bool anywhere; /* options may stand behind arguments, too */
};

/*
 * Fills @config (defaults already in it) from the environment, then from the
 * command line, which replaces what the environment says of the same option.
 * @ret_rest is the index of the first argument that is no option.
 * Returns GO_ON, or the exit status: after -h, or after an error that has
 * been printed.
 */
int options_parse(const struct usage *usage, int argc, char **argv, void *config, int *ret_rest);

/* Refuses an argument that is no option, with what may have been meant: @hint, or NULL; of digits, -p. EXIT_USAGE. */
int options_wrong_word(const struct usage *usage, const char *word, const char *hint);

/* Prints how the command is called wrongly, and returns EXIT_USAGE. */
int options_wrong(const struct usage *usage, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
