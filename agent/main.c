/* SPDX-License-Identifier: Apache-2.0 */
/* podflame: finds the subcommand and runs it, or answers to Pyflame's name. */
#include "agent/command/command.h"

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
        fputs("\n`podflame COMMAND -h` tells more of each one.\n", out);
}

int main(int argc, char **argv)
{
        const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

        if (argc > 0 && strcmp(slash ? slash + 1 : argv[0], "pyflame") == 0)
                return pyflame_run(argc, argv);
        if (argc < 2) {
                print_usage(stderr);
                return EXIT_USAGE;
        }
        if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
                print_usage(stdout);
                return EXIT_OK;
        }
        if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
                puts("podflame " PODFLAME_VERSION);
                return EXIT_OK;
        }
        for (size_t i = 0; i < command_table_n; i++)
                if (strcmp(argv[1], command_table[i].name) == 0)
                        return command_table[i].run(argc - 1, argv + 1);
        fprintf(stderr, "podflame: there is no command '%s'; `podflame -h` lists them\n", argv[1]);
        return EXIT_USAGE;
}
