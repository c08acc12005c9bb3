/* SPDX-License-Identifier: Apache-2.0 */
/* podflame: finds the subcommand and runs it, or answers to Pyflame's name. */
#include "agent/command/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void print_usage(FILE *out)
{
        fputs("Usage: podflame COMMAND [OPTION]...\n"
              "Shows where the Python processes of this machine spend their time, container by container,\n"
              "from outside and without stopping them.\n\n",
              out);
        for (size_t i = 0; i < command_table_n; i++)
                fprintf(out, "  %-11s %s\n", command_table[i].name, command_table[i].summary);
        fputs("\n`podflame COMMAND -h` or `podflame help COMMAND` tells more of each one; `podflame -V` the version.\n",
              out);
}

/* NULL, when a message has been printed: there is none of that name. */
static const struct command *look_up_command(const char *name)
{
        for (size_t i = 0; i < command_table_n; i++)
                if (strcmp(name, command_table[i].name) == 0)
                        return &command_table[i];
        fprintf(stderr, "podflame: there is no command '%s'; `podflame -h` lists them\n", name);
        return NULL;
}

static bool is_one_of(const char *word, const char *const *words)
{
        while (*words && strcmp(word, *words) != 0)
                words++;
        return *words;
}

static int print_all(void)
{
        print_usage(stdout);
        return EXIT_OK;
}

static int print_version(void)
{
        puts("podflame " PODFLAME_VERSION);
        return EXIT_OK;
}

/* What is asked of podflame itself. */
static const struct {
        const char *words[4];
        int (*answer)(void);
} questions[] = {
        { { "-h", "--help", "help" }, print_all },
        { { "-V", "-v", "--version" }, print_version },
};

/* podflame help COMMAND: what the command says of itself. */
static int print_command_help(char *name)
{
        const struct command *command = look_up_command(name);
        char option[] = "-h", *words[] = { name, option, NULL };

        return command ? command->run(2, words) : EXIT_USAGE;
}

static int run_command_line(int argc, char **argv)
{
        if (argc < 2) {
                print_usage(stderr);
                return EXIT_USAGE;
        }
        if (argc > 2 && strcmp(argv[1], "help") == 0)
                return print_command_help(argv[2]);
        for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
                if (is_one_of(argv[1], questions[i].words))
                        return questions[i].answer();
        const struct command *command = look_up_command(argv[1]);
        return command ? command->run(argc - 1, argv + 1) : EXIT_USAGE;
}

int main(int argc, char **argv)
{
        const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

        if (argc > 0 && strcmp(slash ? slash + 1 : argv[0], "pyflame") == 0)
                return pyflame_run(argc, argv);
        return command_end(run_command_line(argc, argv));
}
